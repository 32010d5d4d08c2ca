CREATE OR REPLACE FUNCTION ccr_identity_changed() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_notify('ccr_identity', ''); RETURN NULL; END $$;
DROP TRIGGER workspaces_changed ON workspaces;
DROP TRIGGER sessions_ended ON sessions;
DROP TRIGGER sessions_removed ON sessions;
CREATE TRIGGER sessions_identity AFTER DELETE OR UPDATE OF revoked_at, expires_at
    ON sessions FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
DO $$
DECLARE t text; e text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'user_platforms', 'backups',
                             'command_runs', 'memberships', 'audit_log'] LOOP
        FOREACH e IN ARRAY ARRAY['_inserted', '_updated', '_deleted'] LOOP
            EXECUTE format('DROP TRIGGER %I ON %I', t || e, t);
        END LOOP;
    END LOOP;
END $$;
DROP TABLE generation_changes, workspace_generations;
DROP FUNCTION ccr_workspace_changed();
DROP FUNCTION ccr_content_changed();
DROP FUNCTION ccr_next_generation();
DROP FUNCTION ccr_note_change(uuid);
