-- note: one attempt more, or the first of a new time; some that nobody asks about any more go along
WITH gone AS (
    DELETE FROM attempts WHERE subject IN (
        SELECT subject FROM attempts WHERE ends_at <= %(now)s AND subject <> %(subject)s
        ORDER BY ends_at LIMIT 2 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO attempts AS known (subject, number, ends_at) VALUES (%(subject)s, 1, %(ends_at)s)
ON CONFLICT (subject) DO UPDATE SET
    number = CASE WHEN known.ends_at <= %(now)s THEN 1 ELSE least(known.number, %(most)s) + 1 END,
    ends_at = CASE WHEN known.ends_at <= %(now)s THEN excluded.ends_at ELSE known.ends_at END
RETURNING number, ends_at
