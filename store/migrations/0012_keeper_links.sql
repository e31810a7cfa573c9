-- The links by which keepers see their tasks of a day, without an account: which one is good, and until when.
-- The link itself is nowhere: it follows from this row and the master key.
CREATE TABLE keeper_links (
    actor      text COLLATE "C" PRIMARY KEY,
    generation integer NOT NULL,
    ends_at    timestamptz NOT NULL,
    is_open    boolean NOT NULL,
    token_hash bytea NOT NULL
);
CREATE UNIQUE INDEX keeper_links_token_idx ON keeper_links (token_hash);
