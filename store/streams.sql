-- Whoever reads a stream from the log names its first and its last position, so that only the partitions between them
-- are looked at; the inner ORDER BY keeps the planner from taking them for a condition on what was found.

-- load: the events of a stream behind a version, up to a version and to an instant of recording, with the stream's key
SELECT e.originator_version, e.topic, e.state, s.key
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.originator_version > %s AND e.originator_version <= %s AND e.recorded_at <= %s
    ORDER BY e.originator_version
) AS e
WHERE s.id = %s;

-- position: where a version of a stream stands in the log
SELECT e.notification_id
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.originator_version = %s
    ORDER BY e.originator_version
) AS e
WHERE s.id = %s;

-- on_orders: the commitments of some orders, closed ones too
SELECT id FROM streams WHERE order_id = ANY(%s) AND category = 'commitment' ORDER BY id;

-- known: which of these streams there are
SELECT id FROM streams WHERE id = ANY(%s);

-- knows_order: whether anything was ever recorded about an order
SELECT 1 FROM streams WHERE order_id = %s LIMIT 1;

-- load_all: of those of these streams that are of a category, the events up to an instant of recording, with the keys
SELECT s.id, e.originator_version, e.topic, e.state, s.key
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.recorded_at <= %s
    ORDER BY e.originator_version
) AS e
WHERE s.id = ANY(%s) AND s.category = %s;

-- reached: where the last that was recorded of some orders stands, their commitments included
SELECT coalesce(max(last_position), 0) FROM streams WHERE order_id = ANY(%s);

-- lives_of: the streams of a customer himself: each but the last one ended when he was erased
SELECT id FROM streams WHERE customer_id = %s AND category = 'customer' ORDER BY first_position;

-- lives: the last such stream of each of some customers
SELECT DISTINCT ON (customer_id) id FROM streams WHERE customer_id = ANY(%s) AND category = 'customer'
ORDER BY customer_id, first_position DESC
