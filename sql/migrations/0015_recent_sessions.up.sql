-- A login looks at its account's newest sessions; however many it had, these are found without reading the others.
CREATE INDEX sessions_recent_idx ON sessions (user_id, created_at DESC);
DROP INDEX sessions_user_id_idx;
