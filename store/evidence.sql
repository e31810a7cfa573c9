-- put: a photo that waits for a promise to name it, unless its id is taken
INSERT INTO evidence (id, taken_at, taken_by, body_hash, key, document, waits) VALUES (%s, %s, %s, %s, %s, %s, true)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- body_hash: of what the photo of an id was made
SELECT body_hash FROM evidence WHERE id = %s;

-- find: a photo
SELECT key, document FROM evidence WHERE id = %s;

-- taken_by: who added a photo
SELECT taken_by FROM evidence WHERE id = %s;

-- bind: which of these photos are this promise's: those that are nobody's yet are from now on
UPDATE evidence SET commitment_id = %(commitment_id)s, waits = false
WHERE id = ANY(%(ids)s) AND (commitment_id IS NULL OR commitment_id = %(commitment_id)s)
AND (%(taken_by)s::text IS NULL OR taken_by = %(taken_by)s) RETURNING id;

-- forget_unnamed: what was taken until then and still waits is kept no more
DELETE FROM evidence WHERE waits AND taken_at <= %s;

-- delete: these photos are kept no more
DELETE FROM evidence WHERE id = ANY(%s);

-- about: when and by whom these photos were taken
SELECT id, taken_at, taken_by FROM evidence WHERE id = ANY(%s) ORDER BY taken_at, id
