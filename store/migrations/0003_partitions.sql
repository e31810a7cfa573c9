-- The log in partitions by position, and in streams where each one stands.
--
-- PostgreSQL wants the partition's key in every unique key, so that no key of the log can keep the versions of a
-- stream apart any more: append_events does, which looks at streams under the lock of the log.

ALTER TABLE streams
    ADD COLUMN version        bigint,
    ADD COLUMN first_position bigint,
    ADD COLUMN last_position  bigint;
UPDATE streams s
SET version = e.version, first_position = e.first_position, last_position = e.last_position
FROM (SELECT originator_id, max(originator_version) AS version,
             min(notification_id) AS first_position, max(notification_id) AS last_position
      FROM stored_events GROUP BY originator_id) AS e
WHERE e.originator_id = s.id;
-- A stream of which nothing was recorded is no stream.
DELETE FROM streams WHERE version IS NULL;
ALTER TABLE streams
    ALTER COLUMN version SET NOT NULL,
    ALTER COLUMN first_position SET NOT NULL,
    ALTER COLUMN last_position SET NOT NULL,
    -- Every append moves the version on; with room in its page the row needs no new index entries.
    SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
-- Streams in the order in which they began: a rebuild reads them so.
CREATE UNIQUE INDEX streams_first_position_idx ON streams (first_position);

-- The table that there was becomes the first partition. Each holds 10,000,000 positions and is named as pg_partman
-- names them, which may take them over where it is installed; nothing here needs it.
ALTER TABLE stored_events RENAME TO stored_events_p0;
ALTER TABLE stored_events_p0 DROP CONSTRAINT stored_events_pkey;
DROP INDEX stored_events_notification_id_idx;
-- "The last position up to this instant" is found by halving: recorded_at never falls as the position rises.
DROP INDEX stored_events_recorded_at_idx;
CREATE TABLE stored_events (
    originator_id      uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic              text,
    state              bytea,
    notification_id    bigint NOT NULL DEFAULT nextval('stored_events_notification_id_seq'),
    recorded_at        timestamptz NOT NULL,
    PRIMARY KEY (notification_id)
) PARTITION BY RANGE (notification_id);
ALTER SEQUENCE stored_events_notification_id_seq OWNED BY stored_events.notification_id;
CREATE INDEX stored_events_originator_id_idx ON stored_events (originator_id, originator_version);
ALTER TABLE stored_events ATTACH PARTITION stored_events_p0 FOR VALUES FROM (0) TO (10000000);

-- Makes sure that there is a partition for a position.
CREATE FUNCTION make_partition_for("position" bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    size  constant bigint := 10000000;
    first bigint := "position" / size * size;
    name  text := 'stored_events_p' || first;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Attaching, unlike creating in place, lets the readers of the log go on. Rows are only added, so that vacuum
    -- follows insertions, whose thresholds are left as they are.
    EXECUTE format(
        'CREATE TABLE %I (LIKE stored_events INCLUDING DEFAULTS) WITH (
             autovacuum_vacuum_threshold = 100000000, autovacuum_vacuum_scale_factor = 0.5,
             autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.01)', name);
    EXECUTE format(
        'ALTER TABLE stored_events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, first, first + size);
END
$$;

-- The last position recorded before an instant, 0 where there is none.
CREATE FUNCTION last_position_before(instant timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low    bigint := 0;   -- recorded before the instant, or nothing
    high   bigint := coalesce((SELECT max(notification_id) FROM stored_events), 0) + 1;  -- not before it
    middle record;
BEGIN
    WHILE high - low > 1 LOOP
        -- Positions have gaps: the first event from the middle on stands for the middle.
        SELECT notification_id AS "position", recorded_at INTO middle
        FROM stored_events WHERE notification_id >= (low + high) / 2 ORDER BY notification_id LIMIT 1;
        IF NOT FOUND OR middle."position" >= high OR middle.recorded_at >= instant THEN
            high := (low + high) / 2;
        ELSE
            low := middle."position";
        END IF;
    END LOOP;
    RETURN low;
END
$$;

-- Appends many commands at once: for each (numbered `by`) the streams it expects and their versions, the streams
-- that it begins, its events. Those whose streams moved on are refused, and told; the others are written together.
-- One call is one transaction: whoever calls never holds the lock while he thinks, or stands still.
CREATE FUNCTION append_events(
    now timestamptz, ticking boolean,
    expected_by integer[], expected_stream uuid[], expected_version bigint[],
    begun_stream uuid[], begun_category text[], begun_order_id text[], begun_customer_id text[], begun_key bytea[],
    event_by integer[], event_stream uuid[], event_version bigint[], event_topic text[], event_state bytea[],
    OUT refused integer[], OUT positions bigint[], OUT recorded timestamptz
)
LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    LOCK TABLE ONLY stored_events IN EXCLUSIVE MODE;
    SELECT array_agg(DISTINCT e.by) INTO refused
    FROM unnest(expected_by, expected_stream, expected_version) AS e (by, stream, version)
    LEFT JOIN streams s ON s.id = e.stream
    WHERE coalesce(s.version, 0) <> e.version;
    SELECT e.notification_id, e.recorded_at INTO last FROM stored_events e ORDER BY e.notification_id DESC LIMIT 1;
    PERFORM make_partition_for(coalesce(last.notification_id, 0) + 1000000);
    -- The clock of the process, and the time that it waited for the lock; or the test's clock. It never falls.
    recorded := greatest(
        coalesce(
            (SELECT t.now FROM test_clock t),
            append_events.now + CASE WHEN ticking THEN clock_timestamp() - statement_timestamp() ELSE '0' END),
        last.recorded_at);
    WITH written AS (
        INSERT INTO stored_events (originator_id, originator_version, topic, state, recorded_at)
        SELECT e.stream, e.version, e.topic, e.state, recorded
        FROM unnest(event_by, event_stream, event_version, event_topic, event_state) WITH ORDINALITY
             AS e (by, stream, version, topic, state, nth)
        WHERE refused IS NULL OR e.by <> ALL (refused)
        ORDER BY e.nth
        RETURNING originator_id, originator_version, notification_id
    ), heads AS (
        SELECT originator_id AS id, max(originator_version) AS version,
               min(notification_id) AS first_position, max(notification_id) AS last_position
        FROM written GROUP BY originator_id
    ), moved AS (
        UPDATE streams s SET version = h.version, last_position = h.last_position FROM heads h WHERE s.id = h.id
    ), begun AS (
        INSERT INTO streams (id, category, order_id, customer_id, key, version, first_position, last_position)
        SELECT b.id, b.category, b.order_id, b.customer_id, b.key, h.version, h.first_position, h.last_position
        FROM unnest(begun_stream, begun_category, begun_order_id, begun_customer_id, begun_key)
             AS b (id, category, order_id, customer_id, key)
        JOIN heads h ON h.id = b.id
    )
    SELECT array_agg(w.notification_id ORDER BY w.notification_id) INTO positions FROM written w;
    IF positions IS NOT NULL THEN
        NOTIFY stored_events;
    END IF;
END
$$;
