-- lock_tables: one process at a time prepares the tables
SELECT pg_advisory_xact_lock(7355607);

-- versions: which projections there are, and in which version
SELECT name, version FROM checkpoints;

-- begin: a projection whose tables stand ready at the beginning of the log
INSERT INTO checkpoints (name, version, tables) VALUES (%s, %s, %s);

-- tables: which tables there are in the schema that tables are made in
SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema();

-- read: how far a projection has come
SELECT version, position, parkings FROM checkpoints WHERE name = %s;

-- lock: the same, and nobody moves it until this transaction ends
SELECT version, position, parkings FROM checkpoints WHERE name = %s FOR UPDATE;

-- parked: the streams of which a projection takes in nothing more
SELECT stream FROM parked WHERE projection = %s AND building = %s;

-- move: move a checkpoint from where it was read, or not at all
UPDATE checkpoints SET position = %s, recorded_at = %s
WHERE name = %s AND version = %s AND position = %s AND parkings = %s
RETURNING 1;

-- count_parking: whoever moves the checkpoint must look again which streams are parked
UPDATE checkpoints SET parkings = parkings + 1 WHERE name = %s;

-- park: from this fact on a projection takes in nothing of a stream
INSERT INTO parked (projection, building, stream, position, error, parked_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (projection, building, stream) DO UPDATE SET
    position = excluded.position, error = excluded.error, parked_at = excluded.parked_at;

-- release: a stream is no longer parked
DELETE FROM parked WHERE projection = %s AND building = %s AND stream = %s;

-- list_parked: what is parked, the longest waiting first, and how many facts wait
SELECT p.projection, p.stream, s.category, s.order_id, p.position, p.error, p.parked_at,
       (SELECT count(*) FROM stored_events e
        WHERE e.originator_id = p.stream AND e.notification_id BETWEEN p.position AND s.last_position)
FROM parked p JOIN streams s ON s.id = p.stream
WHERE NOT p.building AND (p.projection = ANY(%(names)s) OR %(names)s::text[] IS NULL)
ORDER BY p.position, p.projection
