-- schema: who had which promise to keep, from when until when, and who carries which order
CREATE TABLE tasks (
    commitment_id uuid NOT NULL,
    role text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz
);
CREATE INDEX tasks_commitment_id_idx ON tasks (commitment_id);
CREATE TABLE stops (
    order_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    stream uuid NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    departs_at timestamptz,
    planned_start timestamptz,
    planned_end timestamptz,
    stop integer,
    depot text COLLATE "C",
    address bytea,
    PRIMARY KEY (order_id, role)
);

-- indexes: what its queries look rows up by
CREATE INDEX tasks_live_idx ON tasks (recipient) WHERE ends_at IS NULL;
CREATE INDEX tasks_past_idx ON tasks (recipient, ends_at, begins_at, commitment_id) WHERE ends_at IS NOT NULL;
CREATE INDEX stops_departs_at_idx ON stops (departs_at) WHERE departs_at IS NOT NULL;

-- forget: take out what these streams led to
WITH forgotten AS (DELETE FROM tasks WHERE commitment_id = ANY(%(streams)s))
DELETE FROM stops WHERE stream = ANY(%(streams)s);

-- live: who has the commitments that a page touched
SELECT commitment_id, role, recipient FROM tasks WHERE commitment_id = ANY(%b::uuid[]) AND ends_at IS NULL;

-- end: whoever had these, has them no longer
UPDATE tasks t SET ends_at = e.ends_at
FROM unnest(%b::uuid[], %b::text[], %b::timestamptz[]) AS e (commitment_id, role, ends_at)
WHERE t.commitment_id = e.commitment_id AND t.role = e.role AND t.ends_at IS NULL;

-- begin: these have them now, or had them for a while within the page
INSERT INTO tasks (commitment_id, role, recipient, begins_at, ends_at)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[]);

-- delete_stops: the assignments of these orders, to be written anew
DELETE FROM stops WHERE order_id = ANY(%b::text[]);

-- insert_stops: the assignments of the orders that a page touched
INSERT INTO stops (order_id, role, stream, recipient, departs_at, planned_start, planned_end, stop, depot, address)
SELECT * FROM unnest(%b::text[], %b::text[], %b::uuid[], %b::text[], %b::timestamptz[], %b::timestamptz[],
                     %b::timestamptz[], %b::bigint[], %b::text[], %b::bytea[]);

-- position: up to which event it is known who has what to do, and what was promised
SELECT coalesce(min(position), 0) FROM checkpoints WHERE name IN ('tasks', 'commitments');

-- touched: what was recorded about in a stretch of the log, and in whose tasks it is, or was until then
WITH touched AS (
    SELECT s.id, s.category, s.order_id, max(e.notification_id) AS position, min(e.recorded_at) AS since
    FROM stored_events e JOIN streams s ON s.id = e.originator_id
    WHERE e.notification_id > %(after)s AND e.notification_id <= %(until)s
    GROUP BY s.id
), concerned AS (
    SELECT o.position, o.id AS commitment_id, o.order_id, t.recipient
    FROM touched o JOIN tasks t ON t.commitment_id = o.id AND (t.ends_at IS NULL OR t.ends_at >= o.since)
    UNION ALL
    SELECT o.position, NULL, o.order_id, t.recipient
    FROM touched o JOIN commitments c ON c.order_id = o.order_id
    JOIN tasks t ON t.commitment_id = c.id AND t.ends_at IS NULL
    WHERE o.category = 'order'
)
SELECT position, commitment_id, order_id, array_agg(DISTINCT recipient) FROM concerned
GROUP BY position, commitment_id, order_id ORDER BY position;

-- keepers: who has something to do now, teams left out, and how much
SELECT recipient, count(DISTINCT commitment_id) FROM tasks
WHERE ends_at IS NULL AND NOT starts_with(recipient, 'team:')
GROUP BY recipient ORDER BY count(DISTINCT commitment_id) DESC, recipient LIMIT %(limit)s;

-- of_recipients: the commitments that these recipients have now
SELECT DISTINCT commitment_id FROM tasks WHERE recipient = ANY(%(recipients)s) AND ends_at IS NULL;

-- of_recipients_at: the commitments that these recipients had at an instant
SELECT commitment_id FROM tasks
WHERE recipient = ANY(%(recipients)s) AND begins_at <= %(at)s AND ends_at IS NULL
UNION
SELECT commitment_id FROM tasks
WHERE recipient = ANY(%(recipients)s) AND begins_at <= %(at)s AND ends_at > %(at)s;

-- stops: who carries these orders
SELECT t.order_id, t.role, t.stream, t.recipient, t.departs_at, t.planned_start, t.planned_end, t.stop, t.depot,
       t.address, s.key
FROM stops t JOIN streams s ON s.id = t.stream
WHERE t.order_id = ANY(%(orders)s) ORDER BY t.order_id, t.role
