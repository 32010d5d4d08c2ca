-- Members are invited and accept. Who invites learns nothing about the name: an invitation to nobody's name is kept like any other
-- (user_id NULL), and one that was declined stays in the list until it expires.
CREATE TABLE workspace_invitations (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id   uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    username       text NOT NULL, -- as typed
    user_id        uuid REFERENCES users (id) ON DELETE SET NULL,
    role           text NOT NULL CHECK (role IN ('viewer', 'editor', 'admin', 'owner')),
    invited_by     uuid REFERENCES users (id) ON DELETE SET NULL,
    inviter        text NOT NULL, -- the name at that time
    workspace_slug text NOT NULL, -- both for the invited, who cannot read the workspace yet
    workspace_name text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX workspace_invitations_name_key ON workspace_invitations (workspace_id, lower(username));
CREATE INDEX workspace_invitations_user_id_idx ON workspace_invitations (user_id);
CREATE INDEX workspace_invitations_expires_at_idx ON workspace_invitations (expires_at);

ALTER TABLE workspace_invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspace_invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace_invitations_workspace ON workspace_invitations
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
CREATE POLICY workspace_invitations_received ON workspace_invitations FOR SELECT USING (user_id = (SELECT ccr_user()));

DO $$
BEGIN
    EXECUTE 'CREATE TRIGGER workspace_invitations_inserted AFTER INSERT ON workspace_invitations REFERENCING NEW TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()';
    EXECUTE 'CREATE TRIGGER workspace_invitations_updated AFTER UPDATE ON workspace_invitations REFERENCING NEW TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()';
    EXECUTE 'CREATE TRIGGER workspace_invitations_deleted AFTER DELETE ON workspace_invitations REFERENCING OLD TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()';
END $$;
CREATE TRIGGER workspace_invitations_truncated AFTER TRUNCATE ON workspace_invitations
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated();

-- A personal workspace is called like its user, so the slug of a shared one must not tell whether there is such a user: the two no
-- longer have to differ. Each is unique among its kind; a member of both is refused when he would become one.
ALTER TABLE workspaces DROP CONSTRAINT workspaces_slug_key;
CREATE UNIQUE INDEX workspaces_shared_slug_key ON workspaces (slug) WHERE personal_user_id IS NULL;
CREATE UNIQUE INDEX workspaces_personal_slug_key ON workspaces (slug) WHERE personal_user_id IS NOT NULL;
CREATE FUNCTION ccr_personal_slug(of_user uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
    found_slug text;
BEGIN
    PERFORM set_config('ccr.maintenance', 'on', true);
    SELECT slug INTO found_slug FROM workspaces WHERE personal_user_id = of_user;
    PERFORM set_config('ccr.maintenance', before, true);
    RETURN found_slug;
END $$;
