-- What the feeding of projections remembers beside its position.

-- `parkings` counts how often streams were parked or taken back: whoever moves the checkpoint names the count that
-- he knows, so that he never skips what was taken back meanwhile. `tables` are those that the live version filled.
ALTER TABLE checkpoints
    ADD COLUMN parkings bigint NOT NULL DEFAULT 0,
    ADD COLUMN tables   text[] NOT NULL DEFAULT '{}';

-- Streams of which a projection (or its next version, being built) could not take in a fact, from that fact on.
CREATE TABLE parked (
    projection text COLLATE "C" NOT NULL,
    building   boolean NOT NULL,
    stream     uuid NOT NULL,
    position   bigint NOT NULL,
    error      text NOT NULL,
    parked_at  timestamptz NOT NULL,
    PRIMARY KEY (projection, building, stream)
);

-- Projections that are being built anew, in tables of the schema `building`: up to `target` stream by stream, those
-- that began up to `folded` being done; then onwards event by event, up to `position`.
CREATE SCHEMA building;
CREATE TABLE builds (
    name     text COLLATE "C" PRIMARY KEY,
    version  integer NOT NULL,
    tables   text[] NOT NULL,
    target   bigint NOT NULL,
    folded   bigint NOT NULL DEFAULT 0,
    position bigint
);
