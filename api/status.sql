-- is_there: whether there is a log
SELECT to_regclass('parked') IS NOT NULL;

-- standing: where each projection and policy stands; positions have few gaps, so that far behind their number will do
SELECT c.name, c.position,
       CASE WHEN head.position - c.position > 10000 THEN head.position - c.position
            ELSE (SELECT count(*) FROM stored_events e WHERE e.notification_id > c.position) END AS events,
       coalesce(extract(epoch FROM head.recorded_at - next.recorded_at), 0)::float8 AS seconds,
       (SELECT count(*) FROM parked p WHERE p.projection = c.name AND NOT p.building) AS parked
FROM checkpoints c
LEFT JOIN LATERAL (
    SELECT notification_id AS position, recorded_at FROM stored_events ORDER BY notification_id DESC LIMIT 1
) AS head ON true
LEFT JOIN LATERAL (
    SELECT recorded_at FROM stored_events WHERE notification_id > c.position ORDER BY notification_id LIMIT 1
) AS next ON true
ORDER BY c.name
