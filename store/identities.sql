-- bind: whoever this is at the provider has this id here from now on; neither is bound twice
INSERT INTO identities (subject_hash, id) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- find: which id he has
SELECT id FROM identities WHERE subject_hash = %s;

-- note: in which role he has signed in
UPDATE identities SET role = %s WHERE subject_hash = %s AND role IS DISTINCT FROM %s;

-- free: the id is nobody's, where whoever had it came in this role
DELETE FROM identities WHERE id = %s AND role = %s
