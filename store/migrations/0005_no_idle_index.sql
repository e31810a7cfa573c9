-- No question looks for the streams of a customer: the index cost every creation, and answered nothing.
DROP INDEX streams_customer_id_idx;
