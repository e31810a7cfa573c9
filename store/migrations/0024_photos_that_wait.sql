-- A photo waits until a promise that counts names it. Of those that were taken before this was noted nobody knows: they
-- wait for nothing. Meanwhile it is claimed for the promise of which it is not decided yet whether it counts.
ALTER TABLE evidence ADD COLUMN waits boolean NOT NULL DEFAULT false;
ALTER TABLE evidence ADD COLUMN claimed_at timestamptz;

-- Photos that were erased, and of which promise they were: whoever sends one again is told that it was taken, and it is
-- kept no more.
CREATE TABLE erased_evidence (
    id            uuid PRIMARY KEY,
    commitment_id uuid
);
