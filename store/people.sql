-- find: how one of them is reached
SELECT key, document FROM contact_points WHERE category = %s AND id = %s;

-- lock: the same, while it is being changed; one that is not there cannot be locked
SELECT key, document FROM contact_points WHERE category = %s AND id = %s FOR UPDATE;

-- take_turns: whoever changes this one comes after us
SELECT pg_advisory_xact_lock(hashtextextended(%s, 7067));

-- put: how one of them is reached from now on
INSERT INTO contact_points (category, id, key, document) VALUES (%s, %s, %s, %s)
ON CONFLICT (category, id) DO UPDATE SET document = excluded.document;

-- delete: nobody is reached by it any more; without the key nobody reads what it said before
DELETE FROM contact_points WHERE category = %s AND id = %s RETURNING id;

-- note: who changed it when, and what it said from then on
INSERT INTO contact_changes (category, id, changed_at, changed_by, document) VALUES (%s, %s, %s, %s, %s);

-- tell: every process reads who is at work anew
SELECT pg_notify('contact_points', %s);

-- find_all: how some of them are reached
SELECT id, key, document FROM contact_points WHERE category = %s AND id = ANY(%s);

-- page: the next of a category
SELECT id, key, document FROM contact_points WHERE category = %s AND id > %s ORDER BY id LIMIT %s;

-- all: everybody of a category
SELECT id, key, document FROM contact_points WHERE category = %s;

-- changes: who changed one of them when, and whether it was deleted
SELECT changed_at, changed_by, document IS NULL FROM contact_changes WHERE category = %s AND id = %s ORDER BY number
