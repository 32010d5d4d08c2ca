ALTER TABLE housekeeping_jobs DROP COLUMN days;
