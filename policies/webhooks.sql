-- begin: an address that is seen for the first time begins at the end of the log
INSERT INTO webhook_endpoints (url, position)
SELECT url, (SELECT coalesce(max(notification_id), 0) FROM stored_events) FROM unnest(%s::text[]) AS url
ON CONFLICT (url) DO NOTHING;

-- read: where a webhook stands, up to where the history can be asked, which is None where there is none yet, and the
-- next event: positions have gaps, of ten million behind a restored backup
SELECT e.position, e.failures, e.failing_since, e.next_at, e.disabled_at IS NOT NULL,
       (SELECT position FROM checkpoints WHERE name = 'history'),
       (SELECT coalesce(max(notification_id), 0) FROM stored_events),
       (SELECT min(notification_id) FROM stored_events WHERE notification_id > e.position)
FROM webhook_endpoints e WHERE e.url = %s;

-- wanted: the next events in a stretch of the log that the webhook is told of
-- What was past when it was imported is no news to anybody. What the history leaves out is told later.
SELECT e.notification_id FROM stored_events e
JOIN streams s ON s.id = e.originator_id
LEFT JOIN history h ON h.position = e.notification_id
WHERE e.notification_id > %(after)s AND e.notification_id <= %(last)s AND s.category = ANY(%(categories)s)
  AND (e.topic = ANY(%(types)s) OR %(types)s::text[] IS NULL) AND h.actor IS DISTINCT FROM %(importer)s
ORDER BY e.notification_id LIMIT %(limit)s;

-- due: the events whose next attempt is due
SELECT position, attempts, first_failed_at FROM webhook_retries
WHERE url = %(url)s AND next_at <= %(now)s ORDER BY next_at LIMIT %(limit)s;

-- move: move the position from where it was read, or not at all
UPDATE webhook_endpoints
SET position = %(reached)s, failures = %(failures)s, failing_since = %(failing_since)s, next_at = %(next_at)s,
    disabled_at = %(disabled_at)s, last_error = %(last_error)s
WHERE url = %(url)s AND position = %(after)s AND disabled_at IS NULL
RETURNING 1;

-- note: events that were not received while the position goes on, or not received again; None is no next attempt
INSERT INTO webhook_retries (url, position, attempts, first_failed_at, next_at, error)
SELECT %(url)s::text, * FROM unnest(%(positions)s::bigint[], %(attempts)s::integer[], %(first_failed_at)s::timestamptz[],
                              %(next_at)s::timestamptz[], %(errors)s::text[])
ON CONFLICT (url, position) DO UPDATE
SET attempts = excluded.attempts, next_at = excluded.next_at, error = excluded.error;

-- forget: events that were received at last
DELETE FROM webhook_retries WHERE url = %(url)s AND position = ANY(%(positions)s);

-- enable: send again, at once
UPDATE webhook_endpoints
SET failures = 0, failing_since = NULL, next_at = NULL, disabled_at = NULL, last_error = NULL
WHERE url = %(url)s RETURNING position;

-- replay: go back; what is sent again anyway needs no attempt of its own
WITH forgotten AS (
    DELETE FROM webhook_retries WHERE url = %(url)s AND position > %(position)s)
UPDATE webhook_endpoints SET position = %(position)s WHERE url = %(url)s;

-- standing: where every webhook stands that there ever was
-- Positions have few gaps, so that far behind their number will do.
SELECT e.url, e.position,
       CASE WHEN head.position - e.position > 10000 THEN head.position - e.position
            ELSE (SELECT count(*) FROM stored_events s WHERE s.notification_id > e.position) END,
       coalesce(greatest(extract(epoch FROM %(now)s - next.recorded_at), 0), 0)::float8,
       e.failing_since, e.disabled_at,
       coalesce(e.last_error, (SELECT r.error FROM webhook_retries r WHERE r.url = e.url ORDER BY r.position LIMIT 1)),
       (SELECT count(*) FROM webhook_retries r WHERE r.url = e.url AND r.next_at IS NOT NULL),
       (SELECT count(*) FROM webhook_retries r WHERE r.url = e.url AND r.next_at IS NULL)
FROM webhook_endpoints e CROSS JOIN (SELECT coalesce(max(notification_id), 0) AS position FROM stored_events) AS head
LEFT JOIN LATERAL (
    SELECT recorded_at FROM stored_events WHERE notification_id > e.position ORDER BY notification_id LIMIT 1
) AS next ON true
ORDER BY e.url
