DELETE FROM login_failures;
ALTER TABLE login_failures DROP COLUMN user_id;
COMMENT ON COLUMN login_failures.subject IS NULL;
