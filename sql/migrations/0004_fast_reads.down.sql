DROP INDEX audit_log_profiles_idx, profiles_order_idx;
ALTER POLICY user_platforms_seen ON user_platforms USING (workspace_id = ccr_workspace());
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'backups', 'audit_log',
                             'workspace_generations', 'generation_changes'] LOOP
        EXECUTE format('ALTER POLICY %I ON %I USING (workspace_id = ccr_workspace() OR ccr_maintenance())',
                       t || '_workspace', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['user_platforms', 'command_runs'] LOOP
        EXECUTE format('ALTER POLICY %I ON %I USING ((workspace_id = ccr_workspace() AND user_id = ccr_user())'
                       ' OR ccr_maintenance())', t || '_user', t);
    END LOOP;
END $$;
