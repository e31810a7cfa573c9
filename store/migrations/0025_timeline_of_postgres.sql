-- Which timeline PostgreSQL was in when the newest timeline of this log began; no row where that was never asked. That
-- it is in another one says that a replica took over, or that it was recovered up to an instant: the log may be shorter
-- than it was, and nothing in it tells by how much.
CREATE TABLE timeline_of_postgres (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    number  bigint NOT NULL
);
