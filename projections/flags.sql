-- schema: the flags that the clock raises by itself on every commitment that is open or broken
CREATE TABLE flags (
    commitment_id uuid NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz,
    reason text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    rescue_by timestamptz NOT NULL,
    role text COLLATE "C" NOT NULL,
    recipient text COLLATE "C",
    depot text COLLATE "C",
    receipt_due_at timestamptz,
    due_at timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    order_id text COLLATE "C",
    PRIMARY KEY (commitment_id, begins_at)
);

-- indexes: what its queries look rows up by
CREATE INDEX flags_rescue_by_idx ON flags (rescue_by, commitment_id);
CREATE INDEX flags_recipient_idx ON flags (recipient, rescue_by);

-- forget: take out what these streams led to
DELETE FROM flags WHERE commitment_id = ANY(%(streams)s);

-- delete: forget what was foreseen for the commitments that a page touched
DELETE FROM flags WHERE commitment_id = ANY(%b::uuid[]);

-- insert: what the clock will raise on them, if nothing more happens
INSERT INTO flags (commitment_id, begins_at, ends_at, reason, since, rescue_by, role, recipient, depot, receipt_due_at,
                   due_at, kind, made_by, order_id)
SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::timestamptz[], %b::timestamptz[],
                     %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[],
                     %b::text[]);

-- page: the flags that hold now and match, most urgent first, with the commitment's encrypted words
SELECT f.commitment_id, f.order_id, f.kind, f.reason, f.since, f.role, f.recipient, f.made_by, f.due_at,
       f.receipt_due_at, f.rescue_by, c.document, c.personal, s.key
FROM flags f JOIN streams s ON s.id = f.commitment_id LEFT JOIN commitments c ON c.id = f.commitment_id
WHERE f.begins_at <= %(now)s AND (f.ends_at IS NULL OR f.ends_at > %(now)s) AND {filters}
ORDER BY f.rescue_by, f.commitment_id LIMIT %(limit)s;

-- total: how many flags hold now and match, counted no further than a limit
SELECT count(*) FROM (
    SELECT 1 FROM flags f
    WHERE f.begins_at <= %(now)s AND (f.ends_at IS NULL OR f.ends_at > %(now)s) AND {filters}
    LIMIT %(most)s) AS counted
