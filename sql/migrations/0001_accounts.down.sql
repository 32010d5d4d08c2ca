ALTER TABLE users DROP CONSTRAINT users_current_workspace_id_fkey;
DROP TABLE audit_log, login_failures, access_tokens, refresh_tokens, sessions, memberships, workspaces, users;
DROP FUNCTION ccr_identity_changed();
DROP FUNCTION ccr_workspace();
DROP FUNCTION ccr_user();
DROP FUNCTION ccr_maintenance();
