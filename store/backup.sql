-- facts: what a backup is of
SELECT (SELECT fingerprint FROM keyring),
       (SELECT name FROM schema_migrations ORDER BY number DESC LIMIT 1),
       coalesce((SELECT max(notification_id) FROM stored_events), 0),
       (SELECT recorded_at FROM stored_events ORDER BY notification_id DESC LIMIT 1);

-- is_there: whether there is a log
SELECT to_regclass('stored_events') IS NOT NULL AND to_regclass('keyring') IS NOT NULL;

-- tables: what stands in a database already
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid IS DISTINCT FROM to_regclass('unfinished_restore');

-- shut_out: whoever was signed in when the backup was made may have been shut out since
WITH forgotten AS (DELETE FROM pairings)
DELETE FROM sessions;

-- still_loading: whether a program loads a dump into this database
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pg_restore' LIMIT 1;
