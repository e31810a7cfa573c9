-- has_contacts: whether anybody said how somebody is reached
SELECT EXISTS (SELECT 1 FROM contact_points);

-- reached: who of these can be told, by category and id
SELECT c.category, c.id FROM unnest(%s::text[], %s::text[]) AS wanted (category, id)
JOIN contact_points c USING (category, id);

-- note: what somebody is to be told; what was noted before is not noted again
INSERT INTO notices (key, category, recipient, commitment_id, about, anchor, at, revision, role, addressee, level, cause)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::timestamptz[],
                     %b::integer[], %b::text[], %b::text[], %b::integer[], %b::text[])
ON CONFLICT (key) DO NOTHING;

-- remind: when whoever has them is reminded of these promises
INSERT INTO reminders (commitment_id, at) SELECT * FROM unnest(%b::uuid[], %b::timestamptz[])
ON CONFLICT (commitment_id) DO UPDATE SET at = excluded.at;

-- forget: these promises need no reminder
DELETE FROM reminders WHERE commitment_id = ANY(%s);

-- reminders: the promises of which somebody is reminded now
DELETE FROM reminders WHERE commitment_id IN (SELECT commitment_id FROM reminders WHERE at <= %s ORDER BY at LIMIT %s)
RETURNING commitment_id;

-- form: what those are told who are due, all that waits for one of them in one message; nobody twice in a minute, and
-- nobody soon again while the last message to him is still on its way
WITH due AS (
    SELECT n.category, n.recipient
    FROM (SELECT category, recipient, at FROM notices WHERE message IS NULL AND at <= %(now)s ORDER BY at OFFSET 0) AS n
    LEFT JOIN tellings t USING (category, recipient)
    WHERE t.told_at IS NULL OR t.told_at <= %(now)s - %(patience)s OR (t.told_at <= %(now)s - %(gather)s
        AND NOT EXISTS (SELECT 1 FROM notices o WHERE o.message = t.message AND o.done_at IS NULL))
    GROUP BY n.category, n.recipient ORDER BY min(n.at) LIMIT %(limit)s
), told AS (
    INSERT INTO tellings (category, recipient, message, told_at)
    SELECT category, recipient, gen_random_uuid(), %(now)s FROM due
    ON CONFLICT (category, recipient) DO UPDATE SET message = excluded.message, told_at = excluded.told_at
    RETURNING category, recipient, message
), formed AS (
    UPDATE notices n SET message = t.message FROM told t
    WHERE n.message IS NULL AND n.category = t.category AND n.recipient = t.recipient
      AND n.at <= %(now)s + %(gather)s
    RETURNING n.message, n.category, n.recipient
)
SELECT DISTINCT message, category, recipient FROM formed;

-- any_due: whether somebody is to be told something now
SELECT EXISTS (SELECT 1 FROM reminders WHERE at <= %(now)s)
    OR EXISTS (SELECT 1 FROM notices n LEFT JOIN tellings t USING (category, recipient)
               WHERE n.message IS NULL AND n.at <= %(now)s
                 AND (t.told_at IS NULL OR t.told_at <= %(now)s - %(patience)s OR (t.told_at <= %(now)s - %(gather)s
                     AND NOT EXISTS (SELECT 1 FROM notices o WHERE o.message = t.message AND o.done_at IS NULL))));

-- purge: what was done long ago cannot come again
DELETE FROM notices WHERE done_at < %s;

-- unreached: which of the staff the last message did not reach
SELECT recipient FROM tellings WHERE category = 'person' AND NOT reached;

-- try_again: somebody is reached by other channels now
UPDATE tellings SET reached = true WHERE category = 'person' AND recipient = %s AND NOT reached;

-- waiting_for: what a customer is to be told, and was told lately
SELECT commitment_id, about, at, done_at FROM notices WHERE category = 'customer' AND recipient = %s ORDER BY number
