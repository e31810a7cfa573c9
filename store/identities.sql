-- bind: whoever this is at the provider has this id here from now on; neither is bound twice
INSERT INTO identities (subject_hash, id) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- find: which id he has
SELECT id FROM identities WHERE subject_hash = %s;

-- free: the id is nobody's
DELETE FROM identities WHERE id = %s
