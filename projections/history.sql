-- schema: one row a fact: by what it is found, and no word of what it says, which stays in the log alone
CREATE TABLE history (
    position bigint PRIMARY KEY,
    type text COLLATE "C" NOT NULL,
    commitment_id uuid,
    order_id text COLLATE "C",
    customer_id text COLLATE "C",
    actor text COLLATE "C" NOT NULL,
    on_behalf_of text COLLATE "C",
    recipient text COLLATE "C",
    channel bytea,
    conversation bytea,
    recorded_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    revision bigint
);

-- indexes: what its queries look rows up by
-- None on recorded_at: it never falls as the position rises, so that a span of time is a span of positions.
CREATE INDEX history_type_idx ON history (type, position);
CREATE INDEX history_commitment_id_idx ON history (commitment_id, position) WHERE commitment_id IS NOT NULL;
CREATE INDEX history_order_id_idx ON history (order_id, position) WHERE order_id IS NOT NULL;
CREATE INDEX history_customer_id_idx ON history (customer_id, position) WHERE customer_id IS NOT NULL;
CREATE INDEX history_actor_idx ON history (actor, position);
CREATE INDEX history_on_behalf_of_idx ON history (on_behalf_of, position) WHERE on_behalf_of IS NOT NULL;
CREATE INDEX history_recipient_idx ON history (recipient, position) WHERE recipient IS NOT NULL;
CREATE INDEX history_channel_idx ON history (channel, position) WHERE channel IS NOT NULL;
CREATE INDEX history_conversation_idx ON history (conversation, position) WHERE conversation IS NOT NULL;

-- forget: take out what these streams led to
DELETE FROM history h USING streams s
WHERE s.id = ANY(%(streams)s)
  AND (h.commitment_id = s.id OR s.category = 'order' AND h.order_id = s.order_id AND h.commitment_id IS NULL
       OR s.category = 'customer' AND h.customer_id = s.customer_id AND h.commitment_id IS NULL
          AND h.position BETWEEN s.first_position AND s.last_position);

-- insert: what is found of the facts of a page
INSERT INTO history (position, type, commitment_id, order_id, customer_id, actor, on_behalf_of, recipient, channel,
                     conversation, recorded_at, occurred_at, revision)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                     %b::bytea[], %b::bytea[], %b::timestamptz[], %b::timestamptz[], %b::bigint[]);

-- erase: these commitments are found by no word any more, not even by its hash
UPDATE history SET channel = NULL, conversation = NULL
WHERE commitment_id = ANY(%s) AND (channel IS NOT NULL OR conversation IS NOT NULL);

-- matching: the first facts that match, or the last
(SELECT * FROM history h WHERE {filters} ORDER BY h.position {direction} LIMIT %(limit)s);

-- at: the facts at some positions
SELECT * FROM history h WHERE h.position = ANY(%(positions)s);

-- page: the first of the facts that match, or the last, and what the log holds of them; limited first, so that only those are looked up
SELECT h.position, h.type, h.commitment_id, h.order_id, h.customer_id, h.actor, h.on_behalf_of, h.recorded_at,
       h.occurred_at, h.revision, e.originator_id, e.originator_version, e.state, s.key
FROM (SELECT * FROM ({matching}) AS m ORDER BY m.position {direction} LIMIT %(limit)s) AS h
JOIN stored_events e ON e.notification_id = h.position
JOIN streams s ON s.id = e.originator_id
ORDER BY h.position {direction};

-- last: the last position that is in the history
SELECT coalesce(max(position), 0) FROM history
