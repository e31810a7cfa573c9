-- append: write many commands at once, and tell which were refused, where the others stand, and when it was
SELECT refused, positions, recorded
FROM append_events(
    %b::timestamptz, %b::boolean, %b::integer[], %b::uuid[], %b::bigint[],
    %b::uuid[], %b::text[], %b::text[], %b::text[], %b::bytea[],
    %b::integer[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[]);

-- find_own: what stands at some versions of a stream, to recognise an append whose answer was lost
SELECT e.notification_id, e.recorded_at, e.state
FROM streams s CROSS JOIN LATERAL (
    SELECT * FROM stored_events e
    WHERE e.originator_id = s.id AND e.notification_id BETWEEN s.first_position AND s.last_position
      AND e.originator_version = ANY(%s)
    ORDER BY e.originator_version
) AS e
WHERE s.id = %s
