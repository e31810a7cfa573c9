-- A photo waits until a promise names it. Of those that were taken before this was noted nobody knows: they wait for nothing.
ALTER TABLE evidence ADD COLUMN waits boolean NOT NULL DEFAULT false;
