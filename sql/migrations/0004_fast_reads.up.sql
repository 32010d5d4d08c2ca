-- What is read most often, read without looking at every row.

-- A policy's function is asked once a statement, not once a row, when it stands in a subselect.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'backups', 'audit_log',
                             'workspace_generations', 'generation_changes'] LOOP
        EXECUTE format('ALTER POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['user_platforms', 'command_runs'] LOOP
        EXECUTE format('ALTER POLICY %I ON %I USING ((workspace_id = (SELECT ccr_workspace())'
                       ' AND user_id = (SELECT ccr_user())) OR (SELECT ccr_maintenance()))', t || '_user', t);
    END LOOP;
END $$;
ALTER POLICY user_platforms_seen ON user_platforms USING (workspace_id = (SELECT ccr_workspace()));

-- Lists come in the file's order.
CREATE INDEX profiles_order_idx ON profiles (workspace_id, platform, position, name COLLATE "C");

-- GET /api/history, newest first, however much else was audited.
CREATE INDEX audit_log_profiles_idx ON audit_log (workspace_id, created_at DESC, id) WHERE action LIKE 'profile.%';
