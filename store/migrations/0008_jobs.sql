-- What is done to many commitments at once, and how far it has come. What is to be done is encrypted under a key of its own.
CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY,
    begun_at     timestamptz NOT NULL,
    body_hash    text,
    key          bytea NOT NULL,
    document     bytea NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    matched      integer NOT NULL,
    done         integer NOT NULL DEFAULT 0,
    not_informed integer NOT NULL DEFAULT 0,
    error        text
);
CREATE INDEX jobs_unfinished_idx ON jobs (number) WHERE state IN ('queued', 'running');

-- The commitments that a job was to touch when it was begun, and what became of each.
CREATE TABLE job_items (
    job           uuid NOT NULL REFERENCES jobs,
    number        integer NOT NULL,
    commitment_id uuid NOT NULL,
    customer_id   text COLLATE "C" NOT NULL,
    is_done       boolean NOT NULL DEFAULT false,
    code          text,  -- why it was skipped, if it was
    detail        text,
    PRIMARY KEY (job, number)
);
