ALTER TABLE audit_log DROP COLUMN token;
COMMENT ON COLUMN access_tokens.scopes IS NULL;
