-- count: how many promises that can be amended match
SELECT count(*) FROM commitments c WHERE c.status IN ('open', 'broken') AND {filters};

-- first: some of them, in the order in which they will be amended
SELECT c.id FROM commitments c WHERE c.status IN ('open', 'broken') AND {filters} ORDER BY c.position LIMIT %(limit)s;

-- begin: a job that is to be done; one that is known already stays as it is
INSERT INTO jobs (id, begun_at, body_hash, key, document, state, matched)
VALUES (%(id)s, %(now)s, %(body_hash)s, %(key)s, %(document)s, 'queued', 0) ON CONFLICT (id) DO NOTHING RETURNING id;

-- select: fix what it is to touch, and tell how many those are
WITH chosen AS (
    INSERT INTO job_items (job, number, commitment_id, customer_id)
    SELECT %(id)s, row_number() OVER (ORDER BY c.position), c.id, c.customer_id
    FROM commitments c WHERE c.status IN ('open', 'broken') AND {filters}
    RETURNING 1)
UPDATE jobs SET matched = (SELECT count(*) FROM chosen) WHERE id = %(id)s RETURNING matched;

-- tell: whoever does jobs looks what there is to do
SELECT pg_notify('jobs', '');

-- find: how far a job has come
SELECT state, matched, done, not_informed, error, body_hash FROM jobs WHERE id = %(id)s;

-- skipped: what a job left as it was, and why
SELECT commitment_id, code, detail FROM job_items WHERE job = %(id)s AND code IS NOT NULL ORDER BY number
LIMIT %(limit)s;

-- untold: which customers could not be told of what a job moved
SELECT DISTINCT customer_id FROM job_items WHERE job = %(id)s AND is_untold ORDER BY customer_id LIMIT %(limit)s;

-- miss: these customers cannot be told
UPDATE job_items SET is_untold = true WHERE job = %(job)s AND customer_id = ANY(%(customers)s) AND code IS NULL;

-- next: the job that waits the longest
SELECT id, body_hash, key, document FROM jobs WHERE state IN ('queued', 'running') ORDER BY number LIMIT 1;

-- items: what is next to be done of a job
SELECT number, commitment_id FROM job_items WHERE job = %s AND NOT is_done ORDER BY number LIMIT %s;

-- note: what became of some items of a job
WITH outcome AS (
    UPDATE job_items i SET is_done = true, code = o.code, detail = o.detail
    FROM unnest(%(numbers)s::integer[], %(codes)s::text[], %(details)s::text[]) AS o (number, code, detail)
    WHERE i.job = %(job)s AND i.number = o.number AND NOT i.is_done RETURNING 1)
UPDATE jobs SET state = 'running', done = done + (SELECT count(*) FROM outcome) WHERE id = %(job)s;

-- touched: the next customers of a job, each with the promises that it did not skip
SELECT customer_id, array_agg(commitment_id ORDER BY number) FROM job_items
WHERE job = %s AND code IS NULL AND customer_id > %s GROUP BY customer_id ORDER BY customer_id LIMIT %s;

-- end: all of it is done, and whoever can be told of it will be; its words are of no use any more
UPDATE jobs SET state = 'done', not_informed = %(not_informed)s, key = NULL, document = NULL WHERE id = %(job)s;

-- fail: it cannot be done
UPDATE jobs SET state = 'failed', error = %(error)s, key = NULL, document = NULL WHERE id = %(job)s
