-- The timelines of this log: it begins another one whenever a backup of it was restored. What the one before had
-- recorded behind `kept` is lost; this one goes on at `begins`, so far ahead that no position means two events.
CREATE TABLE timelines (
    number   integer PRIMARY KEY CHECK (number > 1),
    kept     bigint NOT NULL,
    begins   bigint NOT NULL CHECK (begins > kept),
    begun_at timestamptz NOT NULL
);
