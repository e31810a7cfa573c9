-- of_postgres: the timeline that PostgreSQL is in, and the one that it was in before, NULL where that was never asked
SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint,
       (SELECT number FROM timeline_of_postgres);

-- note: the timeline that PostgreSQL is in
INSERT INTO timeline_of_postgres (number) VALUES (%s)
ON CONFLICT (one_row) DO UPDATE SET number = excluded.number;

-- begin: the log goes on so far behind what it kept that no position means two events
INSERT INTO timelines (number, kept, begins, begun_at)
SELECT coalesce((SELECT max(number) FROM timelines), 1) + 1, last.kept,
       greatest(last.kept, (SELECT coalesce(max(begins), 0) FROM timelines)) + %(ahead)s + 1, %(now)s
FROM (SELECT coalesce(max(notification_id), 0) AS kept FROM stored_events) AS last
RETURNING kept, begins;

-- all: what was lost between, of each timeline that was begun
SELECT kept, begins FROM timelines ORDER BY number;
