-- Who is signed in: people by their provider, phones by a code. The token is in the cookie alone; what a browser calls
-- itself, and what the provider wrote, are encrypted under a key of the row's own. It is over at `over_at`, unless it is
-- used before, and at `ends_at` at the latest.
CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    id         uuid NOT NULL UNIQUE,
    actor      text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    over_at    timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    key        bytea NOT NULL,
    document   bytea NOT NULL
);
CREATE INDEX sessions_actor_idx ON sessions (actor, created_at);
CREATE INDEX sessions_over_idx ON sessions (over_at);

-- The code by which a phone becomes somebody's: one for each person, and only its keyed hash.
CREATE TABLE pairings (
    actor      text COLLATE "C" PRIMARY KEY,
    code_hash  bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL
);

-- Who at the provider has which id here: a name that is given to somebody else there does not make him this one.
CREATE TABLE identities (
    subject_hash bytea PRIMARY KEY,
    id           text COLLATE "C" NOT NULL UNIQUE,
    role         text COLLATE "C"  -- in which he signed in last
);
