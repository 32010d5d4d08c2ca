-- TRUNCATE is a change, too.

-- It names no rows, so every workspace may have lost some. Those that have a number are all that anything can be kept of, also
-- when the workspaces themselves are what was emptied.
CREATE FUNCTION ccr_content_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
BEGIN
    PERFORM set_config('ccr.maintenance', 'on', true);
    INSERT INTO generation_changes (workspace_id)
        SELECT workspace_id FROM workspace_generations WHERE workspace_id <> '00000000-0000-0000-0000-000000000000'
        ORDER BY workspace_id
        ON CONFLICT DO NOTHING;
    PERFORM set_config('ccr.maintenance', before, true);
    RETURN NULL;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'user_platforms', 'backups',
                             'command_runs', 'memberships', 'audit_log', 'workspaces'] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_content_truncated()', t || '_truncated', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['users', 'workspaces', 'memberships', 'sessions', 'access_tokens'] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_identity_changed()', t || '_identity_truncated', t);
    END LOOP;
END $$;
