-- take_back: whatever was on its way to somebody, or should have been by now
UPDATE notices SET done_at = %(now)s WHERE done_at IS NULL AND (message IS NOT NULL OR at <= %(now)s);

-- forget_reminders: of what somebody should have been reminded by now
DELETE FROM reminders WHERE at <= %(now)s;

-- empty_queue: the jobs that would have carried it
DELETE FROM procrastinate_jobs WHERE queue_name = 'messages';

-- skip: what was recorded in the last moment, of which nobody had decided yet who is told
UPDATE checkpoints SET position = head.position, recorded_at = head.recorded_at
FROM (SELECT notification_id AS position, recorded_at FROM stored_events ORDER BY notification_id DESC LIMIT 1) AS head
WHERE name = 'telling' AND checkpoints.position < head.position;
