-- The links by which customers see one promise: which generation of a link is good, and whether it is open now.
-- The link itself is nowhere: it follows from this row and the master key.
CREATE TABLE customer_links (
    commitment_id uuid PRIMARY KEY,
    generation    integer NOT NULL,
    is_open       boolean NOT NULL
);
