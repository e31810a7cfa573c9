-- schema: one row a commitment: how it ended and what it cost; and one row a hand-off: whether it was received in time
CREATE TABLE scorecard (
    commitment_id uuid PRIMARY KEY,
    made_at timestamptz NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    shortfall text COLLATE "C" NOT NULL,
    contacts bigint NOT NULL,
    postponements bigint NOT NULL,
    reopened bigint NOT NULL,
    kept_after double precision,
    amount numeric,
    currency text COLLATE "C"
) WITH (fillfactor = 80);
CREATE TABLE scorecard_handoffs (
    commitment_id uuid NOT NULL,
    role text COLLATE "C" NOT NULL,
    recipient text COLLATE "C",
    depot text COLLATE "C",
    counts_from timestamptz,
    in_time boolean NOT NULL,
    seconds double precision,
    PRIMARY KEY (commitment_id, role)
);

-- indexes: what its queries look rows up by
CREATE INDEX scorecard_made_at_idx ON scorecard (made_at);

-- forget: take out what these streams led to
WITH forgotten AS (DELETE FROM scorecard WHERE commitment_id = ANY(%(streams)s))
DELETE FROM scorecard_handoffs WHERE commitment_id = ANY(%(streams)s);

-- upsert: the newest state of each commitment that a page touched
INSERT INTO scorecard
    (commitment_id, made_at, made_by, kind, outcome, due_at, shortfall, contacts, postponements, reopened,
     kept_after, amount, currency)
SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[],
                     %b::bigint[], %b::bigint[], %b::bigint[], %b::float8[], %b::numeric[], %b::text[])
ON CONFLICT (commitment_id) DO UPDATE SET
    outcome = excluded.outcome, due_at = excluded.due_at, shortfall = excluded.shortfall, contacts = excluded.contacts,
    postponements = excluded.postponements, reopened = excluded.reopened, kept_after = excluded.kept_after,
    amount = excluded.amount, currency = excluded.currency;

-- delete_handoffs: forget the hand-offs of the commitments that a page touched
DELETE FROM scorecard_handoffs WHERE commitment_id = ANY(%b::uuid[]);

-- insert_handoffs: their hand-offs as they are now
INSERT INTO scorecard_handoffs (commitment_id, role, recipient, depot, counts_from, in_time, seconds)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::boolean[], %b::float8[]);

-- members: which commitment is in which groups, where its hand-offs say so; one that is in none is in the group NULL
LEFT JOIN (
    SELECT DISTINCT h.commitment_id, h.{column} AS name
    FROM counted m JOIN scorecard_handoffs h ON h.commitment_id = m.commitment_id
    WHERE h.{column} IS NOT NULL
) AS m ON m.commitment_id = c.commitment_id;

-- groups: the figures of each group; a group is an array of one, since arrays that hold NULL are equal
WITH counted AS (
    SELECT c.*, CASE WHEN c.outcome = 'open' AND c.due_at <= %(now)s THEN 'broken' ELSE c.outcome END AS outcome_now
    FROM scorecard c
    WHERE c.outcome <> 'mistake' AND {filters}
), grouped AS (
    SELECT ARRAY[{group}] AS "group", c.commitment_id, c.outcome_now AS outcome, c.shortfall, c.contacts,
           c.postponements, c.reopened, c.kept_after, c.amount, c.currency
    FROM counted c {members}
), kept AS (
    SELECT "group", count(*) AS made,
           count(*) FILTER (WHERE outcome = 'kept') AS kept,
           count(*) FILTER (WHERE outcome = 'kept_moved') AS kept_moved,
           count(*) FILTER (WHERE outcome = 'kept_late') AS kept_late,
           count(*) FILTER (WHERE outcome = 'broken') AS broken,
           count(*) FILTER (WHERE outcome = 'withdrawn') AS withdrawn,
           count(*) FILTER (WHERE outcome = 'open') AS open,
           sum(contacts)::bigint AS contacts,
           sum(postponements)::bigint AS postponements,
           sum(reopened)::bigint AS reopened,
           count(*) FILTER (WHERE outcome = 'broken' AND shortfall = 'never_received') AS never_received,
           count(*) FILTER (WHERE outcome = 'broken' AND shortfall = 'declined') AS declined,
           count(*) FILTER (WHERE outcome = 'broken' AND shortfall = 'received_not_done') AS received_not_done,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY kept_after) AS kept_after
    FROM grouped GROUP BY "group"
), received AS (
    SELECT g."group",
           count(*) FILTER (WHERE h.counts_from <= %(now)s) AS fell_due,
           count(*) FILTER (WHERE h.counts_from <= %(now)s AND h.in_time) AS in_time,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY h.seconds) AS seconds
    FROM grouped g JOIN scorecard_handoffs h ON h.commitment_id = g.commitment_id AND {own}
    GROUP BY g."group"
), worth AS (
    SELECT "group", jsonb_object_agg(currency, total::text) AS value
    FROM (SELECT "group", currency, sum(amount) AS total FROM grouped WHERE currency IS NOT NULL
          GROUP BY "group", currency) AS totals
    GROUP BY "group"
)
SELECT k."group"[1], k.made, k.kept, k.kept_moved, k.kept_late, k.broken, k.withdrawn, k.open, k.contacts,
       k.postponements, k.reopened, k.never_received, k.declined, k.received_not_done,
       coalesce(r.fell_due, 0), coalesce(r.in_time, 0), r.seconds[1], r.seconds[2], k.kept_after[1], k.kept_after[2],
       coalesce(w.value, jsonb_build_object())
FROM kept k LEFT JOIN received r USING ("group") LEFT JOIN worth w USING ("group")
ORDER BY k."group"[1] NULLS LAST
