-- leaves: what a seal covers of each event from one position to another, in order: its position, stream, version,
-- instant (microseconds since 2000, as PostgreSQL sends it), type and stored bytes; numbers with the highest byte first.
-- No function of ours is asked: whoever can change the log can change that as well.
SELECT e.notification_id,
    pg_catalog.int8send(e.notification_id) || pg_catalog.uuid_send(e.originator_id)
    || pg_catalog.int8send(e.originator_version) || pg_catalog.timestamptz_send(e.recorded_at)
    || pg_catalog.int4send(pg_catalog.octet_length(coalesce(e.topic, '')))
    || pg_catalog.convert_to(coalesce(e.topic, ''), 'UTF8') || coalesce(e.state, '')
FROM stored_events e WHERE e.notification_id BETWEEN %s AND %s ORDER BY e.notification_id LIMIT %s;

-- head: the newest seal
SELECT number, first_position, last_position, size, root, previous, sealed_at, key, signature
FROM seals ORDER BY number DESC LIMIT 1;

-- page: the next seals behind a number, in order
SELECT number, first_position, last_position, size, root, previous, sealed_at, key, signature
FROM seals WHERE number > %s ORDER BY number LIMIT %s;

-- marked: the next seals behind a number, with their marks
SELECT number, first_position, last_position, size, root, previous, sealed_at, key, signature, marks
FROM seals WHERE number > %s ORDER BY number LIMIT %s;

-- over: the seal that covers a position
SELECT number, first_position, last_position, size, root, previous, sealed_at, key, signature
FROM seals WHERE last_position >= %(position)s AND first_position <= %(position)s ORDER BY last_position LIMIT 1;

-- unpublished: seals that nobody but the database has
SELECT number, first_position, last_position, size, root, previous, sealed_at, key, signature
FROM seals WHERE number > coalesce((SELECT number FROM seals WHERE published ORDER BY number DESC LIMIT 1), 0)
ORDER BY number LIMIT %s;

-- set_published: they were given away
UPDATE seals SET published = true WHERE number = ANY(%s);

-- put: a seal behind the newest one
INSERT INTO seals (number, first_position, last_position, size, root, previous, sealed_at, key, signature, marks)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- keys: the keys that sign, the oldest first
SELECT id, number, public, private, voucher, begun_at FROM seal_keys ORDER BY number;

-- put_key: a key that signs from now on
INSERT INTO seal_keys (id, number, public, private, voucher, begun_at) VALUES (%s, %s, %s, %s, %s, %s);

-- unsealed: how many positions lie behind the newest seal
SELECT coalesce((SELECT max(notification_id) FROM stored_events), 0) - coalesce((SELECT max(last_position) FROM seals), 0);

-- end_of_the_log: the last position in the log
SELECT coalesce(max(notification_id), 0) FROM stored_events;

-- strays: streams that do not say of themselves what the log says of them, each with the position where that begins
SELECT coalesce(s.id, e.originator_id), coalesce(
    (SELECT min(x.notification_id) FROM stored_events x
     WHERE x.originator_id = s.id AND (x.originator_version > s.version OR x.notification_id > s.last_position)),
    e.first_position, s.first_position)
FROM streams s FULL JOIN (
    SELECT originator_id, max(originator_version) AS version, min(notification_id) AS first_position,
           max(notification_id) AS last_position, count(*) AS events
    FROM stored_events GROUP BY originator_id
) AS e ON e.originator_id = s.id
LEFT JOIN LATERAL (
    SELECT convert_from(substring(b.state FOR
        coalesce(nullif(position('\x00'::bytea IN b.state), 0) - 1, octet_length(b.state))), 'UTF8')::jsonb AS open
    FROM stored_events b WHERE b.notification_id = e.first_position
) AS begun ON true
WHERE (s.version, s.first_position, s.last_position) IS DISTINCT FROM (e.version, e.first_position, e.last_position)
   OR e.events <> e.version
   OR s.category IS DISTINCT FROM CASE substring(begun.open ->> 'originator_topic' FROM 'Order|Route|Customer|Commitment')
           WHEN 'Order' THEN 'order' WHEN 'Route' THEN 'route' WHEN 'Customer' THEN 'customer'
           WHEN 'Commitment' THEN 'commitment' ELSE s.category END
   OR (s.order_id, s.customer_id) IS DISTINCT FROM (begun.open ->> 'order_id', begun.open ->> 'customer_id')
ORDER BY 2;

-- wrapped: the keys of all streams, and whether the log says that they were destroyed
SELECT s.id, s.key, s.first_position, e.originator_id IS NOT NULL
FROM streams s LEFT JOIN (
    SELECT DISTINCT originator_id FROM stored_events
    WHERE topic IN ('CommitmentErased', 'OrderErased', 'CustomerErased')
) AS e ON e.originator_id = s.id;

-- unlisted: streams that the log says were erased, and the list of erasures does not; each with the position of that
SELECT e.originator_id, e.notification_id FROM stored_events e
LEFT JOIN (SELECT DISTINCT l.id FROM erasures x CROSS JOIN unnest(x.streams) AS l (id)) AS listed
    ON listed.id = e.originator_id
LEFT JOIN erasures of_all ON of_all.position = e.notification_id AND of_all.customer_id IS NOT NULL
WHERE e.topic IN ('CommitmentErased', 'OrderErased', 'CustomerErased')
  AND CASE WHEN e.topic = 'CustomerErased' THEN of_all.position IS NULL ELSE listed.id IS NULL END
ORDER BY e.notification_id;

-- disguised: of the tables that are read here, and the parts of the log, those that are not plain tables by now, or that
-- something else works beside. We make no trigger, rule or policy on any of them.
WITH read AS (
    SELECT name, kind, pg_catalog.to_regclass(name) AS id
    FROM (VALUES ('stored_events', 'p'), ('streams', 'r'), ('seals', 'r'), ('seal_keys', 'r'), ('erasures', 'r'))
        AS made (name, kind)
    UNION ALL
    SELECT i.inhrelid::regclass::text, 'r', i.inhrelid
    FROM pg_catalog.pg_inherits i WHERE i.inhparent = pg_catalog.to_regclass('stored_events')
)
SELECT r.name FROM read r LEFT JOIN pg_catalog.pg_class c ON c.oid = r.id
WHERE c.relkind::text IS DISTINCT FROM r.kind OR c.relrowsecurity
   OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
   OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid)
ORDER BY r.name
