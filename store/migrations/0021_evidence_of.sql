-- A photo belongs to the promise that names it first: no other can name it, nor take it along when it is erased.
ALTER TABLE evidence ADD COLUMN commitment_id uuid;
