-- How far each webhook has come in the log, by its address. The log is the queue: no message is kept anywhere.
CREATE TABLE webhook_endpoints (
    url           text COLLATE "C" PRIMARY KEY,
    position      bigint NOT NULL,
    failures      integer NOT NULL DEFAULT 0,  -- one after another, since something was received
    failing_since timestamptz,                 -- since when the address as a whole rests between attempts
    next_at       timestamptz,                 -- until when it rests
    disabled_at   timestamptz,                 -- since when it is gone, by its own word
    last_error    text
) WITH (fillfactor = 50);

-- Events behind its position that it did not receive: the next attempt at each, or none where that was given up.
CREATE TABLE webhook_retries (
    url             text COLLATE "C" NOT NULL REFERENCES webhook_endpoints,
    position        bigint NOT NULL,
    attempts        integer NOT NULL,
    first_failed_at timestamptz NOT NULL,
    next_at         timestamptz,
    error           text NOT NULL,
    PRIMARY KEY (url, position)
);
CREATE INDEX webhook_retries_next_at_idx ON webhook_retries (url, next_at) WHERE next_at IS NOT NULL;
