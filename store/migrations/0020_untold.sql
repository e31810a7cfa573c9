-- Which customers a job could not tell of what it moved: somebody calls them.
ALTER TABLE job_items ADD COLUMN is_untold boolean NOT NULL DEFAULT false;
CREATE INDEX job_items_untold_idx ON job_items (job, customer_id) WHERE is_untold;
