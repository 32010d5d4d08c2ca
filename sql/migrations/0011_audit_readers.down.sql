DROP FUNCTION ccr_workspace_named(text);
ALTER POLICY audit_log_workspace ON audit_log
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
