DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'user_platforms', 'backups',
                             'command_runs', 'memberships', 'audit_log', 'workspaces'] LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', t || '_truncated', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['users', 'workspaces', 'memberships', 'sessions', 'access_tokens'] LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', t || '_identity_truncated', t);
    END LOOP;
END $$;
DROP FUNCTION ccr_content_truncated();
