-- lock_tables: one process at a time prepares the tables
SELECT pg_advisory_xact_lock(7355607);

-- versions: which projections there are, and in which version
SELECT name, version FROM checkpoints;

-- begin: start a projection from the beginning of the log
INSERT INTO checkpoints (name, version) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = 0, recorded_at = NULL;

-- positions: how far each projection has come
SELECT name, position FROM checkpoints WHERE name = ANY(%s);

-- page: the next facts of the log, in order, with the keys of their streams
SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at, s.key
FROM stored_events e JOIN streams s ON s.id = e.originator_id
WHERE e.notification_id > %s ORDER BY e.notification_id LIMIT %s;

-- earlier: what was recorded of some streams before the version given for each
SELECT e.originator_id, e.originator_version, e.topic, e.state, s.key
FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (id, version)
JOIN stored_events e ON e.originator_id = wanted.id AND e.originator_version < wanted.version
JOIN streams s ON s.id = wanted.id
ORDER BY e.originator_id, e.originator_version;

-- move: move a checkpoint from where it was read, or not at all
UPDATE checkpoints SET position = %s, recorded_at = %s WHERE name = %s AND position = %s;
