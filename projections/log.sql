-- page: the next facts of the log, in order, with the keys of their streams
SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at, s.category, s.key
FROM (SELECT * FROM stored_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s) AS e
JOIN streams s ON s.id = e.originator_id
ORDER BY e.notification_id;

-- earlier: what was recorded of some streams before the version given for each
SELECT e.notification_id, s.id, e.originator_version, e.topic, e.state, e.recorded_at, s.category, s.key
FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (id, version)
JOIN streams s ON s.id = wanted.id
CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.originator_version < wanted.version
    ORDER BY e.originator_version
) AS e
ORDER BY s.id, e.originator_version;

-- stream: all that was recorded of a stream, up to a position
SELECT e.notification_id, s.id, e.originator_version, e.topic, e.state, e.recorded_at, s.category, s.key
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.notification_id <= %s
    ORDER BY e.originator_version
) AS e
WHERE s.id = %s
ORDER BY e.originator_version;

-- streams: all that was recorded, up to a position, of the next streams of some categories behind another one
SELECT e.notification_id, s.id, e.originator_version, e.topic, e.state, e.recorded_at, s.category, s.key, s.first_position
FROM (
    SELECT * FROM streams
    WHERE first_position > %(after)s AND first_position <= %(target)s AND category = ANY(%(categories)s)
    ORDER BY first_position LIMIT %(limit)s
) AS s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.notification_id <= %(target)s
    ORDER BY e.originator_version
) AS e
ORDER BY s.first_position, e.originator_version;

-- head: the last position in the log
SELECT coalesce(max(notification_id), 0) FROM stored_events;

-- wait_for_appends: until whoever appends now is done; what comes later is recorded later
LOCK TABLE ONLY stored_events IN ROW SHARE MODE;

-- end_at: the last position recorded until an instant
SELECT last_position_before(%s + interval '1 microsecond')
