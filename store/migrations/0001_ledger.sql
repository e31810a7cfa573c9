-- What the log is made of. Nothing in stored_events is ever updated; forgetting destroys keys in streams.

-- One row a stream: what it is about, and the wrapped key of its personal fields, NULL once erased.
-- "C" compares bytes: the same order on every machine, and no index depends on the system's collations.
CREATE TABLE streams (
    id          uuid PRIMARY KEY,
    category    text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C",
    customer_id text COLLATE "C",
    key         bytea
);
CREATE INDEX streams_order_id_idx ON streams (order_id, category) WHERE order_id IS NOT NULL;
CREATE INDEX streams_customer_id_idx ON streams (customer_id) WHERE customer_id IS NOT NULL;

-- The log: the table of eventsourcing's PostgresApplicationRecorder, its settings included, and recorded_at.
-- Rows are only added, so vacuum follows insertions, whose thresholds are left as they are.
CREATE TABLE stored_events (
    originator_id      uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic              text,
    state              bytea,
    notification_id    bigserial,
    recorded_at        timestamptz NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    autovacuum_enabled = true,
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id);
-- "The last position up to this instant" reads one entry of a btree, and the position from the entry itself.
-- A BRIN index would be smaller, but cannot be read backwards: it would visit all of the log before the instant.
CREATE INDEX stored_events_recorded_at_idx ON stored_events (recorded_at, notification_id);

-- The instant at which the clock of all processes stands; no row unless UPHELD_TEST_CLOCK is on.
CREATE TABLE test_clock (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    now     timestamptz NOT NULL
);

-- Which master key wraps the keys in streams: a fingerprint that says nothing about the key itself.
CREATE TABLE keyring (
    one_row     boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    fingerprint bytea NOT NULL
);
