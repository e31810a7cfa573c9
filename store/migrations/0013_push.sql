-- The browsers that asked for messages, each row encrypted under a key of its own. One browser is one person's: who
-- subscribes with it last.
CREATE TABLE push_subscriptions (
    endpoint_hash bytea PRIMARY KEY,
    number        bigint GENERATED ALWAYS AS IDENTITY,
    actor         text COLLATE "C" NOT NULL,
    key           bytea NOT NULL,
    document      bytea NOT NULL
);
CREATE INDEX push_subscriptions_actor_idx ON push_subscriptions (actor, number);

-- The key that every message is signed with, so that push services know the sender again. Encrypted by the master key.
CREATE TABLE push_key (
    is_it boolean PRIMARY KEY DEFAULT true CHECK (is_it),
    key   bytea NOT NULL
);
