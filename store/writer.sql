-- last_recorded: when the newest event was recorded; nothing is recorded before it any more
SELECT recorded_at FROM stored_events ORDER BY notification_id DESC LIMIT 1;

-- heads: the version at which each of these streams stands, 0 for one that has not begun
SELECT wanted.id, coalesce((SELECT originator_version FROM stored_events
                            WHERE originator_id = wanted.id ORDER BY originator_version DESC LIMIT 1), 0)
FROM unnest(%b::uuid[]) AS wanted (id);

-- insert_streams: streams that begin, with their wrapped keys
INSERT INTO streams (id, category, order_id, customer_id, key)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::bytea[]);

-- insert_events: events in the order given, all recorded at one instant; answers their positions
INSERT INTO stored_events (originator_id, originator_version, topic, state, recorded_at)
SELECT id, version, topic, state, %b::timestamptz
FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) WITH ORDINALITY AS e (id, version, topic, state, nth)
ORDER BY nth
RETURNING notification_id;

-- find_own: what stands at some versions of a stream, to recognise an append whose answer was lost
SELECT notification_id, recorded_at, state FROM stored_events
WHERE originator_id = %b AND originator_version = ANY(%b::bigint[]) ORDER BY originator_version
