-- find: how far a build has come, if it was begun
SELECT version, tables, target, folded, position FROM builds WHERE name = %s;

-- begin: tables for it stand ready
INSERT INTO builds (name, version, tables, target) VALUES (%s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, tables = excluded.tables, target = excluded.target, folded = 0, position = NULL;

-- discard_parked: what an earlier build of it left out
DELETE FROM parked WHERE projection = %s AND building;

-- fold: the streams that began up to here are folded
UPDATE builds SET folded = %s WHERE name = ANY(%s);

-- follow: the facts up to here are taken in
UPDATE builds SET position = %s WHERE name = ANY(%s);

-- recorded_at: when what stands at a position was recorded
SELECT recorded_at FROM stored_events WHERE notification_id <= %s ORDER BY notification_id DESC LIMIT 1;

-- old_tables: the tables that the version which stands has filled
SELECT tables FROM checkpoints WHERE name = %s;

-- stand: from now on this version stands
INSERT INTO checkpoints (name, version, position, recorded_at, tables) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, position = excluded.position, recorded_at = excluded.recorded_at,
    tables = excluded.tables, parkings = checkpoints.parkings + 1;

-- take_back: what the version before had left out
DELETE FROM parked WHERE projection = %s AND NOT building;

-- keep_parked: what this one has left out
UPDATE parked SET building = false WHERE projection = %s AND building;

-- end: the build is over
DELETE FROM builds WHERE name = %s
