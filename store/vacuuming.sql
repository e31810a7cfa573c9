-- not_vacuumed: up to where keys were destroyed whose bytes may still be there, and whether some were until an instant
SELECT max(position), coalesce(bool_or(erased_at <= %s), false) FROM erasures WHERE NOT is_vacuumed;

-- vacuumed: of what was erased until an instant nothing is left
UPDATE erasures SET is_vacuumed = true WHERE NOT is_vacuumed AND erased_at <= %s;

-- has_dead_rows: whether rows about people were deleted or changed since they were last vacuumed
SELECT coalesce(sum(n_dead_tup), 0) > 0 FROM pg_stat_user_tables
WHERE relname IN ('contact_points', 'evidence', 'kept_deliveries', 'push_subscriptions')
