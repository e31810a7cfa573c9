-- message: what is still to be told in a message, and to whom
SELECT number, category, recipient, commitment_id, about, anchor, at, revision, role, addressee, level, cause
FROM notices WHERE message = %(message)s AND (done_at IS NULL OR %(told_too)s) ORDER BY number;

-- listeners: whose browsers asked for messages
SELECT DISTINCT actor FROM push_subscriptions WHERE actor = ANY(%s);

-- done: these were told, or could not be, or need not be any more
UPDATE notices SET done_at = %s WHERE number = ANY(%s);

-- untold: nothing was told after all; whatever comes next need not wait
DELETE FROM tellings WHERE message = %s;

-- reached: whether the last message to somebody reached him
UPDATE tellings SET reached = %s WHERE category = %s AND recipient = %s AND reached <> %s;

-- stalled: the jobs of whoever carried messages before us
SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = %s
