ALTER POLICY user_platforms_user ON user_platforms USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
ALTER POLICY workspace_platforms_workspace ON workspace_platforms
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
ALTER POLICY resource_counts_workspace ON resource_counts USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
