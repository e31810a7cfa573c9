-- The keys by which programs, and people who have no browser, say who they are. The secret of a key is nowhere:
-- `secret_hash` binds it, under the master key, to whose it is and until when, so that no row can be made or altered
-- into a key by whoever can write here.
CREATE TABLE api_keys (
    prefix       text COLLATE "C" PRIMARY KEY,
    secret_hash  bytea NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    label        text,
    created_at   timestamptz NOT NULL,
    created_by   text COLLATE "C" NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text COLLATE "C"
);

-- How often somebody tried in vain to be let in, since when; by the keyed hash of where he came from, or of what he tried.
-- After a crash everybody begins anew, which is worth less than writing each attempt twice.
CREATE UNLOGGED TABLE attempts (
    subject bytea PRIMARY KEY,
    number  integer NOT NULL,
    ends_at timestamptz NOT NULL
);
CREATE INDEX attempts_ends_idx ON attempts (ends_at);
