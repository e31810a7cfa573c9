-- Which seals are unpublished is told by the newest that is not; and what a seal covers is asked of no function.
DROP INDEX seals_unpublished_idx;
DROP FUNCTION sealed_bytes;
