DROP TRIGGER access_tokens_removed ON access_tokens;
DROP TRIGGER access_tokens_identity ON access_tokens;
CREATE TRIGGER access_tokens_identity AFTER DELETE OR UPDATE OF scopes, expires_at, workspace_id
    ON access_tokens FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
DROP INDEX command_runs_created_at_idx, audit_log_created_at_idx, refresh_tokens_spent_idx, sessions_ended_idx;
DROP TABLE housekeeping_jobs;
