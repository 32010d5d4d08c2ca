-- Whose failures they are is a keyed hash from now on: what was typed as a user name may have been a password. The old rows hold it
-- in clear; forgetting a day of failures is the smaller harm.
DELETE FROM login_failures;
-- The account, where the name was one's, so that a reset can forget all of its counters. No foreign key: a login that counts must not
-- wait for an account that is being deleted.
ALTER TABLE login_failures ADD COLUMN user_id uuid;
CREATE INDEX login_failures_user_id_idx ON login_failures (user_id) WHERE user_id IS NOT NULL;
COMMENT ON COLUMN login_failures.subject IS 'keyed hash of the name, account, address, browser or session';
