-- schema: the next instants at which the clock has something to say about each live commitment
CREATE TABLE clock_instants (
    commitment_id uuid PRIMARY KEY,
    at timestamptz NOT NULL
);

-- indexes: what its queries look rows up by
CREATE INDEX clock_instants_at_idx ON clock_instants (at);

-- forget: take out what these streams led to
DELETE FROM clock_instants WHERE commitment_id = ANY(%(streams)s);

-- insert: the next instant of each of them that is live
INSERT INTO clock_instants (commitment_id, at) SELECT * FROM unnest(%b::uuid[], %b::timestamptz[]);

-- wait: what is due of these must wait for somebody to be at work
UPDATE clock_instants c SET at = w.at FROM unnest(%b::uuid[], %b::timestamptz[]) AS w (id, at)
WHERE c.commitment_id = w.id;

-- due: the commitments whose instant has come, the longest waiting first
SELECT commitment_id FROM clock_instants
WHERE at <= %(now)s AND NOT commitment_id = ANY(%(resting)s) ORDER BY at LIMIT %(limit)s;

-- any_due: whether the clock still has something to say
SELECT EXISTS (SELECT 1 FROM clock_instants WHERE at <= %(now)s);

-- next: when the clock has something to say again
SELECT min(at) FROM clock_instants;
