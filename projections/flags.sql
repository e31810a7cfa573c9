-- schema: what the clock raises by itself on every commitment that is open or broken, and what was over by a fact
CREATE TABLE flags (
    commitment_id uuid NOT NULL,
    begins_at timestamptz NOT NULL,
    known_from timestamptz NOT NULL,
    ends_at timestamptz,
    reason text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    rescue_by timestamptz NOT NULL,
    role text COLLATE "C" NOT NULL,
    recipient text COLLATE "C",
    depot text COLLATE "C",
    receipt_due_at timestamptz,
    due_at timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    order_id text COLLATE "C",
    PRIMARY KEY (commitment_id, begins_at)
);
CREATE TABLE flags_held (LIKE flags, PRIMARY KEY (commitment_id, known_from));

-- indexes: what its queries look rows up by
CREATE INDEX flags_rescue_by_idx ON flags (rescue_by, commitment_id);
CREATE INDEX flags_recipient_idx ON flags (recipient, rescue_by);
CREATE INDEX flags_known_from_idx ON flags (known_from);
CREATE INDEX flags_held_during_idx ON flags_held USING gist (tstzrange(known_from, ends_at));

-- forget: take out what these streams led to
WITH forgotten AS (DELETE FROM flags WHERE commitment_id = ANY(%(streams)s))
DELETE FROM flags_held WHERE commitment_id = ANY(%(streams)s);

-- foreseen: what the clock was to raise on the commitments that a page touched
SELECT commitment_id, begins_at, known_from, ends_at, reason, since, rescue_by, role, recipient, depot, receipt_due_at,
       due_at, kind, made_by, order_id
FROM flags WHERE commitment_id = ANY(%b::uuid[]) ORDER BY commitment_id, begins_at;

-- delete: what is foreseen no longer
DELETE FROM flags f USING unnest(%b::uuid[], %b::timestamptz[]) AS gone (commitment_id, begins_at)
WHERE f.commitment_id = gone.commitment_id AND f.begins_at = gone.begins_at;

-- insert: what the clock will raise, if nothing more happens; or what held, and was ended by a fact
INSERT INTO {table} (commitment_id, begins_at, known_from, ends_at, reason, since, rescue_by, role, recipient, depot,
                     receipt_due_at, due_at, kind, made_by, order_id)
SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::timestamptz[],
                     %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[],
                     %b::text[], %b::text[], %b::text[]);

-- page: the flags that hold now and match, most urgent first, with the commitment's encrypted words; where it is not
-- projected yet, with the fact that last said them
SELECT f.commitment_id, f.order_id, f.kind, f.reason, f.since, f.role, f.recipient, f.made_by, f.due_at,
       f.receipt_due_at, f.rescue_by, f.depot, c.document, c.personal,
       said.originator_version, said.topic, said.state, s.key
FROM flags f JOIN streams s ON s.id = f.commitment_id LEFT JOIN commitments c ON c.id = f.commitment_id
LEFT JOIN LATERAL (
    SELECT e.originator_version, e.topic, e.state FROM stored_events e
    WHERE c.id IS NULL AND e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.topic IN ('CommitmentMade', 'CommitmentAmended')
    ORDER BY e.originator_version DESC LIMIT 1) AS said ON true
WHERE f.begins_at <= %(now)s AND (f.ends_at IS NULL OR f.ends_at > %(now)s) AND {filters}
ORDER BY f.rescue_by, f.commitment_id LIMIT %(limit)s;

-- raised_between: the commitments on which the clock raised a flag, or another one, in a stretch of time
SELECT DISTINCT commitment_id FROM flags WHERE known_from > %(after)s AND known_from <= %(until)s;

-- position: up to which event they are known, with what their promises say and who deals with them
SELECT coalesce(min(position), 0) FROM checkpoints WHERE name IN ('flags', 'commitments');

-- touched: what was recorded about in a stretch of the log, where the last of it stands, and whether it was erased
SELECT e.originator_id, max(e.notification_id), bool_or(s.key IS NULL)
FROM stored_events e JOIN streams s ON s.id = e.originator_id
WHERE e.notification_id > %(after)s AND e.notification_id <= %(until)s GROUP BY e.originator_id;

-- total: how many flags hold now and match, counted no further than a limit
SELECT count(*) FROM (
    SELECT 1 FROM flags f
    WHERE f.begins_at <= %(now)s AND (f.ends_at IS NULL OR f.ends_at > %(now)s) AND {filters}
    LIMIT %(most)s) AS counted;

-- groups: the flags that hold now and match, counted by what they have in common, the most urgent group first
SELECT {column}, count(*), min(f.rescue_by) FROM flags f
WHERE f.begins_at <= %(now)s AND (f.ends_at IS NULL OR f.ends_at > %(now)s) AND {filters}
GROUP BY {column} ORDER BY min(f.rescue_by), {column} NULLS FIRST LIMIT %(limit)s;

-- page_at: the flags that held at an instant and match, most urgent first, with the fact that last said the words
SELECT f.commitment_id, f.order_id, f.kind, f.reason, f.since, f.role, f.recipient, f.made_by, f.due_at,
       f.receipt_due_at, f.rescue_by, f.depot, said.originator_version, said.topic, said.state, s.key
FROM (
    (SELECT f.* FROM flags f
     WHERE f.known_from <= {at} AND (f.ends_at IS NULL OR f.ends_at > {at}) AND {filters}
     ORDER BY f.rescue_by, f.commitment_id LIMIT %(limit)s)
    UNION ALL
    (SELECT f.* FROM flags_held f WHERE tstzrange(f.known_from, f.ends_at) @> {at} AND {filters}
     ORDER BY f.rescue_by, f.commitment_id LIMIT %(limit)s)
    ORDER BY rescue_by, commitment_id LIMIT %(limit)s) AS f
JOIN streams s ON s.id = f.commitment_id
CROSS JOIN LATERAL (
    SELECT e.originator_version, e.topic, e.state FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.recorded_at <= {at} AND e.topic IN ('CommitmentMade', 'CommitmentAmended')
    ORDER BY e.originator_version DESC LIMIT 1) AS said
ORDER BY f.rescue_by, f.commitment_id;

-- total_at: how many flags held at an instant and match, counted no further than a limit
SELECT count(*) FROM (
    SELECT 1 FROM flags f WHERE f.known_from <= {at} AND (f.ends_at IS NULL OR f.ends_at > {at}) AND {filters}
    UNION ALL
    SELECT 1 FROM flags_held f WHERE tstzrange(f.known_from, f.ends_at) @> {at} AND {filters}
    LIMIT %(most)s) AS counted
