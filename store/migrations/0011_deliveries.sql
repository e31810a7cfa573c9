-- What other systems sent and what could not be carried out, for some days. All of it is encrypted under a key of its own.
CREATE TABLE kept_deliveries (
    id          uuid PRIMARY KEY,  -- follows from the hook and from what tells one delivery from another
    hook        text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    key         bytea NOT NULL,
    document    bytea NOT NULL
);
CREATE INDEX kept_deliveries_received_at_idx ON kept_deliveries (received_at);
