-- How people are reached: of the staff and of customers, each row encrypted under a key of its own, which goes with it.
CREATE TABLE contact_points (
    category text COLLATE "C" NOT NULL,  -- person, customer
    id       text COLLATE "C" NOT NULL,  -- of a person the actor, as in courier:li
    key      bytea NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (category, id)
);

-- What became of them: who changed which row when, and what it said from then on, readable as long as its key is there.
CREATE TABLE contact_changes (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category   text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    document   bytea  -- NULL where it was deleted
);
