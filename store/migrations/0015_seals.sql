-- Seals over the log: the root of a Merkle tree over what is stored from one position to another, signed, each one
-- with the hash of the one before.

-- The keys that sign, the newest being in use; the private half is wrapped by the master key. A later one is vouched
-- for by the one before it.
CREATE TABLE seal_keys (
    id       uuid PRIMARY KEY,
    number   integer NOT NULL UNIQUE CHECK (number > 0),
    public   bytea NOT NULL UNIQUE,
    private  bytea NOT NULL,
    voucher  bytea,
    begun_at timestamptz NOT NULL
);

-- `marks` tell which event is not as it was, where a root does not hold: of each event eight bytes, how far its
-- position lies behind the first one, and the beginning of its hash.
CREATE TABLE seals (
    number         bigint PRIMARY KEY CHECK (number > 0),
    first_position bigint NOT NULL UNIQUE,
    last_position  bigint NOT NULL UNIQUE,
    size           integer NOT NULL CHECK (size > 0),
    root           bytea NOT NULL,
    previous       bytea NOT NULL,
    sealed_at      timestamptz NOT NULL,
    key            uuid NOT NULL REFERENCES seal_keys (id),
    signature      bytea NOT NULL,
    marks          bytea NOT NULL,
    published      boolean NOT NULL DEFAULT false
);
CREATE INDEX seals_unpublished_idx ON seals (number) WHERE NOT published;

-- What a seal covers of an event: its position, stream, version, instant (microseconds since 2000, as PostgreSQL sends
-- it), type and stored bytes; numbers with the highest byte first.
CREATE FUNCTION sealed_bytes(event stored_events) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN int8send(event.notification_id) || uuid_send(event.originator_id) || int8send(event.originator_version)
    || timestamptz_send(event.recorded_at)
    || int4send(octet_length(coalesce(event.topic, ''))) || convert_to(coalesce(event.topic, ''), 'UTF8')
    || coalesce(event.state, '');
