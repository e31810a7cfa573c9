-- What somebody is to be told of a promise: not before an instant, and each thing once. What goes out together has
-- the same `message`, by which whoever gets it twice recognises it. What is done stays for a week, to be told once.
CREATE TABLE notices (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text COLLATE "C" NOT NULL UNIQUE,
    category      text COLLATE "C" NOT NULL,  -- person, customer
    recipient     text COLLATE "C" NOT NULL,
    commitment_id uuid NOT NULL,
    about         text NOT NULL,
    anchor        text NOT NULL,
    at            timestamptz NOT NULL,
    revision      integer NOT NULL,
    role          text,
    addressee     text,
    level         integer NOT NULL,
    cause         text,
    message       uuid,
    done_at       timestamptz
);
CREATE INDEX notices_waiting_idx ON notices (at) WHERE message IS NULL;
CREATE INDEX notices_of_recipient_idx ON notices (category, recipient) WHERE message IS NULL;
CREATE INDEX notices_message_idx ON notices (message) WHERE message IS NOT NULL;
CREATE INDEX notices_done_idx ON notices (done_at) WHERE done_at IS NOT NULL;

-- When somebody was last told something: not again within a minute; and whether that reached him.
CREATE TABLE tellings (
    category  text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    message   uuid NOT NULL,
    told_at   timestamptz NOT NULL,
    reached   boolean NOT NULL DEFAULT true,
    PRIMARY KEY (category, recipient)
);

-- When whoever has a promise is reminded that it falls due.
CREATE TABLE reminders (
    commitment_id uuid PRIMARY KEY,
    at            timestamptz NOT NULL
);
CREATE INDEX reminders_at_idx ON reminders (at);

-- What happened before is told to nobody.
INSERT INTO checkpoints (name, version, position)
SELECT 'telling', 1, coalesce(max(notification_id), 0) FROM stored_events;

-- The customers of a job, one after another.
CREATE INDEX job_items_customer_idx ON job_items (job, customer_id) WHERE code IS NULL;
