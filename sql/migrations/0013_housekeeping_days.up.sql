-- After how many days the last run removed things: where the setting says otherwise by now, the job is due at once.
ALTER TABLE housekeeping_jobs ADD COLUMN days integer NOT NULL DEFAULT 0;
