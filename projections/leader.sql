-- try_lock: take those of these locks that are free
SELECT lock, pg_try_advisory_lock(%s, lock) FROM unnest(%s::integer[]) AS lock;

-- unlock: give one back
SELECT pg_advisory_unlock(%s, %s);

-- depose: end the connections that hold these locks and have been silent for a while
SELECT pg_terminate_backend(l.pid)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s::bigint::oid
  AND l.objid = ANY(ARRAY(SELECT lock::bigint::oid FROM unnest(%s::integer[]) AS lock))
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.application_name = 'upheld-leader' AND a.state = 'idle'
  AND a.state_change < clock_timestamp() - %s::interval
