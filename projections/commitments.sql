-- schema: one row a commitment; its personal fields are encrypted, and findable by keyed hashes alone
CREATE TABLE commitments (
    id uuid PRIMARY KEY,
    position bigint NOT NULL,
    order_id text COLLATE "C",
    customer_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    keepers text[] COLLATE "C" NOT NULL,
    channel bytea,
    conversation bytea,
    document bytea NOT NULL,
    personal bytea,
    forgettable_since timestamptz  -- since when it is closed, while its words are there
);

-- indexes: what its queries look rows up by
CREATE UNIQUE INDEX commitments_position_idx ON commitments (position);
CREATE INDEX commitments_order_id_idx ON commitments (order_id, position) WHERE order_id IS NOT NULL;
CREATE INDEX commitments_customer_id_idx ON commitments (customer_id, position);
CREATE INDEX commitments_made_by_idx ON commitments (made_by, position);
CREATE INDEX commitments_kind_idx ON commitments (kind, position);
CREATE INDEX commitments_channel_idx ON commitments (channel, position) WHERE channel IS NOT NULL;
CREATE INDEX commitments_due_at_idx ON commitments (due_at);
CREATE INDEX commitments_live_due_at_idx ON commitments (due_at) WHERE status IN ('open', 'broken');
CREATE INDEX commitments_forgettable_idx ON commitments (forgettable_since, id) WHERE forgettable_since IS NOT NULL;
CREATE INDEX commitments_keepers_idx ON commitments USING gin (keepers);
CREATE INDEX commitments_conversation_idx ON commitments (conversation, position) WHERE conversation IS NOT NULL;

-- forget: take out what these streams led to
DELETE FROM commitments WHERE id = ANY(%(streams)s);

-- upsert: the newest state of each commitment that a page touched
INSERT INTO commitments AS c
    (id, position, order_id, customer_id, kind, status, made_by, due_at, keepers, channel, conversation, document, personal,
     forgettable_since)
SELECT id, position, order_id, customer_id, kind, status, made_by, due_at, string_to_array(keepers, ' '),
       channel, conversation, document, personal, forgettable_since
FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[],
            %b::text[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::timestamptz[])
     AS row (id, position, order_id, customer_id, kind, status, made_by, due_at, keepers, channel, conversation,
             document, personal, forgettable_since)
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, due_at = excluded.due_at, keepers = excluded.keepers, channel = excluded.channel,
    conversation = excluded.conversation, document = excluded.document, personal = excluded.personal,
    forgettable_since = excluded.forgettable_since;

-- forgettable: the next commitments that were closed until an instant and are not erased
SELECT c.forgettable_since, c.id, c.customer_id FROM commitments c
WHERE c.forgettable_since <= %(before)s AND (c.forgettable_since, c.id) > (%(at)s, %(id)s)
ORDER BY c.forgettable_since, c.id LIMIT %(limit)s;

-- one: a commitment by its id
SELECT c.position, c.id, c.document, c.personal, s.key
FROM commitments c JOIN streams s ON s.id = c.id
WHERE c.id = %(id)s;

-- some: commitments by their ids
SELECT c.position, c.id, c.document, c.personal, s.key
FROM commitments c JOIN streams s ON s.id = c.id
WHERE c.id = ANY(%(ids)s);

-- makers: who promised a customer anything
SELECT DISTINCT c.made_by FROM commitments c WHERE c.customer_id = %(customer_id)s;

-- reached: up to which event it is known how commitments stand, what is wrong with them, and what happened
SELECT coalesce(min(position), 0) FROM checkpoints WHERE name IN ('commitments', 'flags', 'history');

-- touched: the commitments that were recorded about in a stretch of the log, and who made them
SELECT max(e.notification_id), c.id, c.made_by
FROM stored_events e JOIN commitments c ON c.id = e.originator_id
WHERE e.notification_id > %(after)s AND e.notification_id <= %(until)s
GROUP BY c.id ORDER BY max(e.notification_id);

-- page: the newest commitments that match, before a position
SELECT c.position, c.id, c.document, c.personal, s.key
FROM commitments c JOIN streams s ON s.id = c.id
WHERE {filters}
ORDER BY c.position DESC LIMIT %(limit)s
