-- The name of the personal access token that something was done with; NULL for a session or a command.
ALTER TABLE audit_log ADD COLUMN token text;
COMMENT ON COLUMN access_tokens.scopes IS 'bits: 1 read, 2 write, 4 admin, 8 secrets';
