-- Photos that show that a promise was kept, or could not be; each encrypted under a key of its own.
CREATE TABLE evidence (
    id        uuid PRIMARY KEY,
    taken_at  timestamptz NOT NULL,
    taken_by  text NOT NULL,
    body_hash text NOT NULL,
    key       bytea NOT NULL,
    document  bytea NOT NULL
);
