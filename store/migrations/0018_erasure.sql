-- Erasure: keys are destroyed, rows deleted, and that it was is recorded, all of it or nothing.

-- What was ordered about a customer himself stands in streams of his own; there are few.
CREATE INDEX streams_customer_idx ON streams (customer_id, first_position) WHERE category = 'customer';

-- What was erased when, to be done again where an older backup is restored; `customer_id` where it was all of his.
-- The bytes of a destroyed key stay in the table until it is vacuumed.
CREATE TABLE erasures (
    position    bigint PRIMARY KEY,  -- of the last fact that tells of it
    customer_id text COLLATE "C",
    cause       text NOT NULL,
    erased_at   timestamptz NOT NULL,
    streams     uuid[] NOT NULL,
    is_vacuumed boolean NOT NULL DEFAULT false
);
CREATE INDEX erasures_customer_id_idx ON erasures (customer_id, position) WHERE customer_id IS NOT NULL;
CREATE INDEX erasures_not_vacuumed_idx ON erasures (position) WHERE NOT is_vacuumed;

-- What values are hashed with outlives the master key that it was derived from: links, and keys of commands that stand
-- in the log, follow from it. From the first change on it is wrapped by the new one. `rotating_to` is the fingerprint
-- of the one that keys are being wrapped by now.
ALTER TABLE keyring ADD COLUMN secrets bytea, ADD COLUMN rotating_to bytea;

-- The words of a job are of no use once it is done.
ALTER TABLE jobs ALTER COLUMN key DROP NOT NULL, ALTER COLUMN document DROP NOT NULL;
UPDATE jobs SET key = NULL, document = NULL WHERE state IN ('done', 'failed');

-- Erases commitments, those of the customer included that began behind `customer_known_until`; the orders on which nobody
-- else's words are left (those of the commitments, and those that are wanted themselves); and, where `customer` is given,
-- all else of him. `wanted` come with the versions up to which it is known which photos they name (`looked_at`), and
-- `others` hold no order's words. The customer's own fact is appended to `customer_stream`, which had `customer_version`.
-- Where a photo was named since, or the customer was put on hold, nothing is done (`is_stale`); where nothing is left to
-- erase, nothing is recorded.
CREATE FUNCTION erase_streams(
    now timestamptz, ticking boolean,
    wanted uuid[], looked_at bigint[], others uuid[], commitment_state bytea, order_state bytea,
    customer text, customer_known_until bigint, customer_stream uuid, customer_version bigint, customer_state bytea,
    changed_by text, photos uuid[], deliveries uuid[], cause text, at timestamptz,
    OUT is_stale boolean, OUT erased uuid[], OUT "position" bigint
)
LANGUAGE plpgsql AS $$
DECLARE
    newer    uuid[];
    orders   uuid[];
    contacts integer;
    facts    record;
BEGIN
    -- Nobody appends until this ends, so that no word is recorded under a key that is on its way out.
    LOCK TABLE ONLY stored_events IN EXCLUSIVE MODE;
    newer := ARRAY(
        SELECT s.id FROM streams s
        WHERE s.first_position > customer_known_until AND s.customer_id = customer AND s.category = 'commitment'
          AND s.id <> ALL (wanted));
    wanted := wanted || newer;
    looked_at := looked_at || array_fill(0::bigint, ARRAY[cardinality(newer)]);
    is_stale := (customer IS NOT NULL AND customer_version <> coalesce(
        (SELECT s.version FROM streams s WHERE s.id = customer_stream), 0)
    ) OR EXISTS (
        SELECT FROM unnest(wanted, looked_at) AS w (id, version) JOIN streams s ON s.id = w.id AND s.version > w.version
        CROSS JOIN LATERAL (
            SELECT FROM stored_events e
            WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
              AND e.originator_version > w.version AND e.topic IN ('CommitmentKept', 'FulfilmentAttempted')) AS e
    );
    IF is_stale THEN
        RETURN;
    END IF;
    orders := ARRAY(
        SELECT o.id FROM streams o
        WHERE o.category = 'order' AND o.key IS NOT NULL
          AND o.order_id IN (SELECT c.order_id FROM streams c WHERE c.id = ANY (wanted))
          AND NOT EXISTS (
              SELECT FROM streams c
              WHERE c.order_id = o.order_id AND c.category = 'commitment' AND c.key IS NOT NULL
                AND c.id <> ALL (wanted) AND c.id <> ALL (others)));
    erased := ARRAY(
        SELECT s.id FROM streams s
        WHERE (s.id = ANY (wanted) AND s.category = 'commitment' OR s.id = ANY (orders)) AND s.key IS NOT NULL
        ORDER BY s.first_position);

    DELETE FROM evidence WHERE id = ANY (photos);
    DELETE FROM kept_deliveries WHERE id = ANY (deliveries);
    UPDATE customer_links SET is_open = false, generation = generation + 1
    WHERE commitment_id = ANY (wanted) AND is_open;
    DELETE FROM notices n WHERE n.category = 'customer' AND n.recipient = customer;
    DELETE FROM tellings t WHERE t.category = 'customer' AND t.recipient = customer;
    WITH gone AS (
        DELETE FROM contact_points c WHERE c.category = 'customer' AND c.id = customer RETURNING c.id)
    INSERT INTO contact_changes (category, id, changed_at, changed_by)
    SELECT 'customer', g.id, at, erase_streams.changed_by FROM gone g;
    GET DIAGNOSTICS contacts = ROW_COUNT;
    IF contacts > 0 THEN
        PERFORM pg_notify('contact_points', 'customer');
    END IF;

    IF erased = '{}' AND contacts = 0 AND (customer IS NULL OR customer_version = 0) THEN
        RETURN;
    END IF;
    SELECT array_agg(f.id ORDER BY f.nth) AS ids, array_agg(f.version ORDER BY f.nth) AS versions,
           array_agg(f.topic ORDER BY f.nth) AS topics, array_agg(f.state ORDER BY f.nth) AS states,
           array_agg(0) AS commands
    INTO facts
    FROM (
        SELECT e.nth, s.id, s.version + 1 AS version,
               CASE s.category WHEN 'order' THEN 'OrderErased' ELSE 'CommitmentErased' END AS topic,
               CASE s.category WHEN 'order' THEN order_state ELSE commitment_state END AS state
        FROM unnest(erased) WITH ORDINALITY AS e (id, nth) JOIN streams s ON s.id = e.id
        UNION ALL
        SELECT cardinality(erased) + 1, customer_stream, customer_version + 1, 'CustomerErased', customer_state
        WHERE customer IS NOT NULL) AS f;
    SELECT a.positions[cardinality(a.positions)] INTO "position"
    FROM append_events(
        erase_streams.now, ticking, '{}', '{}', '{}',
        CASE WHEN customer_version = 0 THEN ARRAY[customer_stream] END, ARRAY['customer'], ARRAY[NULL::text],
        ARRAY[customer], ARRAY[NULL::bytea],
        facts.commands, facts.ids, facts.versions, facts.topics, facts.states) AS a;
    UPDATE streams s SET key = NULL WHERE s.id = ANY (erased || customer_stream);
    INSERT INTO erasures (position, customer_id, cause, erased_at, streams)
    VALUES (erase_streams."position", customer, erase_streams.cause, at, erased);
    NOTIFY erasures;
END
$$;
