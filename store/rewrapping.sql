-- keyring: which master key wraps the keys, and which one is to
SELECT fingerprint, secrets, rotating_to FROM keyring;

-- others: how many connections of other processes of ours there are
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'upheld-%%' AND pid <> pg_backend_pid();

-- begin: from now on nobody starts with the old master key
UPDATE keyring SET rotating_to = %s;

-- end: the new master key is the one
UPDATE keyring SET fingerprint = rotating_to, secrets = %s, rotating_to = NULL;

-- count: how many rows a table has
SELECT count(*) FROM {table};

-- next: the next wrapped keys of a table
SELECT {places}, {key} FROM {table} WHERE ({places}) > ({after}) ORDER BY {places} LIMIT %(limit)s;

-- first: the first wrapped keys of a table
SELECT {places}, {key} FROM {table} ORDER BY {places} LIMIT %(limit)s;

-- put: a key of a table as the new master key wraps it
UPDATE {table} SET {key} = %(new)s WHERE {key} = %(old)s AND ({places}) = ({at})
