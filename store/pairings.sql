-- make: the code by which a phone becomes somebody's; the one before is good no more
INSERT INTO pairings (actor, code_hash, expires_at) VALUES (%s, %s, %s)
ON CONFLICT (actor) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at;

-- owner: whose a code is
SELECT actor FROM pairings WHERE code_hash = %s;

-- redeem: a code is spent; answers whose it was, to one of those who bring it at once
DELETE FROM pairings WHERE code_hash = %s RETURNING actor, expires_at;

-- forget: nobody becomes this one by a code that was made before
DELETE FROM pairings WHERE actor = %s
