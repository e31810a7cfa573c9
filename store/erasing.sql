-- of_customer: the commitments of a customer, with their versions, their orders, and whether their words are there
SELECT id, version, order_id, key IS NOT NULL, first_position FROM streams
WHERE customer_id = %s AND category = 'commitment' ORDER BY first_position;

-- of_streams: the same of some commitments and orders
SELECT id, version, order_id, key IS NOT NULL, first_position FROM streams
WHERE id = ANY(%s) AND category IN ('commitment', 'order') ORDER BY first_position;

-- idle_orders: of the next streams that began until an instant those orders of which nothing was recorded since, and on
-- which no promise has any words; and where the next stretch begins, nowhere where this was the last
WITH stretch AS (
    SELECT * FROM streams WHERE first_position > %(after)s AND first_position <= last_position_before(%(until)s)
    ORDER BY first_position LIMIT %(limit)s
), idle AS (
    SELECT o.id FROM stretch o
    WHERE o.category = 'order' AND o.key IS NOT NULL AND o.last_position <= last_position_before(%(until)s)
      AND NOT EXISTS (
          SELECT FROM streams c WHERE c.order_id = o.order_id AND c.category = 'commitment' AND c.key IS NOT NULL)
)
SELECT ARRAY(SELECT id FROM idle), (SELECT max(first_position) FROM stretch);

-- head: the last position in the log
SELECT coalesce(max(notification_id), 0) FROM stored_events;

-- is_known: whether anything is or was known of a customer
SELECT EXISTS (SELECT FROM streams WHERE customer_id = %(customer_id)s)
    OR EXISTS (SELECT FROM contact_points WHERE category = 'customer' AND id = %(customer_id)s)
    OR EXISTS (SELECT FROM contact_changes WHERE category = 'customer' AND id = %(customer_id)s);

-- bound: the photos that were meant for some commitments, whether one names them in the end or was refused
SELECT id FROM evidence WHERE commitment_id = ANY(%s);

-- photos: these photos are erased, and are kept no more when they are sent again
INSERT INTO erased_evidence SELECT id, commitment_id FROM evidence WHERE id = ANY(%s) ON CONFLICT (id) DO NOTHING;

-- photographed: the facts of some commitments that may name photos, with the keys
SELECT s.id, e.originator_version, e.topic, e.state, s.key
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.topic IN ('CommitmentKept', 'FulfilmentAttempted')
    ORDER BY e.originator_version
) AS e
WHERE s.id = ANY(%s) AND s.key IS NOT NULL;

-- erase: erase streams, and all of a customer where one is named
SELECT is_stale, erased, position FROM erase_streams(
    now => %(now)s, ticking => %(ticking)s,
    wanted => %(wanted)s::uuid[], looked_at => %(looked_at)s::bigint[], others => %(others)s::uuid[],
    commitment_state => %(commitment_state)s, order_state => %(order_state)s,
    customer => %(customer)s, customer_known_until => %(known_until)s, customer_stream => %(customer_stream)s,
    customer_version => %(customer_version)s, customer_state => %(customer_state)s,
    changed_by => %(by)s, photos => %(photos)s::uuid[], deliveries => %(deliveries)s::uuid[],
    cause => %(cause)s, at => %(at)s);

-- last_of: where the last erasure of a customer stands
SELECT position FROM erasures WHERE customer_id = %s ORDER BY position DESC LIMIT 1;

-- all: what was erased, in order
SELECT customer_id, cause, erased_at, streams FROM erasures ORDER BY position;

-- is_done: whether an erasure is one of this log's: that of a whole customer, or the one of these very streams
SELECT 1 FROM erasures WHERE customer_id IS NOT DISTINCT FROM %s AND erased_at = %s
    AND (customer_id IS NOT NULL OR streams = %s)
