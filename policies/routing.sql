-- begin: the policy starts at the beginning of the log
INSERT INTO checkpoints (name, version) VALUES ('routing', 1) ON CONFLICT (name) DO NOTHING;

-- stretch: how far the policy has come, where the log ends, and the next event: positions have gaps, of ten million
-- behind a restored backup
SELECT position, (SELECT coalesce(max(notification_id), 0) FROM stored_events),
       coalesce((SELECT min(notification_id) FROM stored_events WHERE notification_id > position), position)
FROM checkpoints WHERE name = 'routing';

-- assigned: the orders whose assignment changed within a stretch of the log
SELECT min(e.notification_id) AS position, s.order_id FROM stored_events e JOIN streams s ON s.id = e.originator_id
WHERE e.notification_id > %(after)s AND e.notification_id <= %(last)s AND s.category = 'order'
GROUP BY s.order_id ORDER BY position;

-- move: move the checkpoint from where it was read, or not at all
UPDATE checkpoints SET position = %(last)s WHERE name = 'routing' AND position = %(after)s
