-- put: a photo that waits for a promise to name it, unless its id is taken, or was until it was erased
INSERT INTO evidence (id, taken_at, taken_by, body_hash, key, document, waits)
SELECT %(id)s, %(taken_at)s, %(taken_by)s, %(body_hash)s, %(key)s, %(document)s, true
WHERE NOT EXISTS (SELECT FROM erased_evidence WHERE id = %(id)s)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- body_hash: of what the photo of an id was made
SELECT body_hash FROM evidence WHERE id = %s;

-- find: a photo
SELECT key, document FROM evidence WHERE id = %s;

-- taken_by: who added a photo
SELECT taken_by FROM evidence WHERE id = %s;

-- claim: which of these photos are this promise's, those that were erased included; none that another one has, or that
-- was claimed for it a moment ago
WITH claimed AS (
    UPDATE evidence SET commitment_id = %(commitment_id)s, claimed_at = clock_timestamp()
    WHERE id = ANY(%(ids)s) AND (%(taken_by)s::text IS NULL OR taken_by = %(taken_by)s)
      AND (commitment_id IS NULL OR commitment_id = %(commitment_id)s
           OR waits AND claimed_at < clock_timestamp() - interval '1 minute')
    RETURNING id
)
SELECT id FROM claimed
UNION SELECT id FROM erased_evidence WHERE id = ANY(%(ids)s) AND commitment_id = %(commitment_id)s;

-- keep: these photos are this promise's for good
UPDATE evidence SET waits = false WHERE id = ANY(%s) AND commitment_id = %s;

-- erase: these photos are kept no more, nor when they are sent again
WITH gone AS (DELETE FROM evidence WHERE id = ANY(%s) RETURNING id, commitment_id)
INSERT INTO erased_evidence SELECT id, commitment_id FROM gone ON CONFLICT (id) DO NOTHING;

-- forget_unnamed: what was taken until then and was never named is kept no more
DELETE FROM evidence WHERE waits AND commitment_id IS NULL AND taken_at <= %s;

-- about: when and by whom these photos were taken
SELECT id, taken_at, taken_by FROM evidence WHERE id = ANY(%s) ORDER BY taken_at, id
