-- keep: a delivery that could not be carried out; one that comes again is kept once
INSERT INTO kept_deliveries (id, hook, received_at, key, document)
VALUES (%(id)s, %(hook)s, %(now)s, %(key)s, %(document)s)
ON CONFLICT (id) DO UPDATE SET key = excluded.key, document = excluded.document;

-- purge: forget what is older than that
DELETE FROM kept_deliveries WHERE received_at <= %s;

-- list: what is kept, the oldest first
SELECT id, hook, received_at, key, document FROM kept_deliveries ORDER BY received_at, id;

-- remove: it was carried out
DELETE FROM kept_deliveries WHERE id = %s
