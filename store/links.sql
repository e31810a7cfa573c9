-- open: the link of a commitment is good from now on, if it was not
INSERT INTO customer_links (commitment_id, generation, is_open) VALUES (%s, 1, true)
ON CONFLICT (commitment_id) DO UPDATE SET is_open = true RETURNING generation;

-- close: the link of a commitment is good no more; the next one is another
UPDATE customer_links SET is_open = false, generation = generation + 1 WHERE commitment_id = %s AND is_open
RETURNING generation;

-- is_open: whether this generation of the link of a commitment is good
SELECT 1 FROM customer_links WHERE commitment_id = %s AND generation = %s AND is_open;

-- standing: which of these commitments have or had a link, and whether it is good
SELECT commitment_id, is_open FROM customer_links WHERE commitment_id = ANY(%s)
