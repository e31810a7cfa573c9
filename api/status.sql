-- is_there: whether there is a log, and whether this version was started on it
SELECT to_regclass('builds') IS NOT NULL, to_regclass('webhook_endpoints') IS NOT NULL;

-- test_clock: what time it is where a test's clock stands still
SELECT now FROM test_clock;

-- standing: where each projection and policy stands, and how far building it anew has come
-- Positions have few gaps, so that far behind their number will do. What is folded is counted by where streams begin.
WITH head AS (
    SELECT coalesce(max(notification_id), 0) AS position FROM stored_events
), rebuilding AS (
    SELECT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = %(locks)s::bigint::oid AND objid = %(lock)s::bigint::oid
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS running
), follower AS (
    SELECT name, coalesce(c.position, 0) AS position, b.name IS NOT NULL AS is_built, b.folded, b.position AS followed,
           (SELECT max(s.first_position) FROM streams s WHERE s.first_position <= b.target) AS to_fold
    FROM checkpoints c FULL JOIN builds b USING (name)
)
SELECT f.name, f.position,
       CASE WHEN head.position - f.position > 10000 THEN head.position - f.position
            ELSE (SELECT count(*) FROM stored_events e WHERE e.notification_id > f.position) END AS events,
       coalesce(greatest(extract(epoch FROM %(now)s - next.recorded_at), 0), 0)::float8 AS seconds,
       (SELECT count(*) FROM parked p WHERE p.projection = f.name AND NOT p.building) AS parked,
       CASE WHEN NOT f.is_built THEN NULL WHEN f.followed IS NOT NULL THEN 'following'
            WHEN f.folded < f.to_fold THEN 'folding' ELSE 'indexing' END AS step,
       coalesce(CASE WHEN f.followed IS NOT NULL THEN f.followed / nullif(head.position, 0)::float8
                     ELSE f.folded / nullif(f.to_fold, 0)::float8 END, 1) AS done,
       rebuilding.running
FROM follower f CROSS JOIN head CROSS JOIN rebuilding
LEFT JOIN LATERAL (
    SELECT recorded_at FROM stored_events WHERE notification_id > f.position ORDER BY notification_id LIMIT 1
) AS next ON true
ORDER BY f.name
