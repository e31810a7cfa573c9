-- How far each projection and each policy has come in the log, and in which version of itself.
CREATE TABLE checkpoints (
    name        text COLLATE "C" PRIMARY KEY,
    version     integer NOT NULL,
    position    bigint NOT NULL DEFAULT 0,
    recorded_at timestamptz
);
