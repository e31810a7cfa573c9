-- take_turns: whoever changes the subscriptions of this one comes after us
SELECT pg_advisory_xact_lock(hashtextextended(%s, 8030));

-- put: a browser listens for somebody from now on
INSERT INTO push_subscriptions (endpoint_hash, actor, key, document) VALUES (%s, %s, %s, %s)
ON CONFLICT (endpoint_hash) DO UPDATE SET
    number = DEFAULT, actor = excluded.actor, key = excluded.key, document = excluded.document;

-- prune: of too many, the oldest go
DELETE FROM push_subscriptions WHERE actor = %(actor)s AND number <= (
    SELECT number FROM push_subscriptions WHERE actor = %(actor)s ORDER BY number DESC OFFSET %(most)s LIMIT 1
);

-- of: the browsers that listen for somebody
SELECT number, endpoint_hash, key, document FROM push_subscriptions WHERE actor = %s ORDER BY number;

-- delete: a browser of somebody listens no more; answers whether it did
DELETE FROM push_subscriptions WHERE endpoint_hash = %s AND actor = %s RETURNING actor;

-- drop: the same, by what we call it; one that has subscribed again since stays
DELETE FROM push_subscriptions WHERE actor = %s AND number = %s;

-- forget: nobody listens for somebody any more
DELETE FROM push_subscriptions WHERE actor = %s;

-- begin: the key to sign with, unless there is one
INSERT INTO push_key (key) VALUES (%s) ON CONFLICT DO NOTHING;

-- key: the key to sign with
SELECT key FROM push_key
