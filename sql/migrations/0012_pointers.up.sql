-- Pointers to profiles follow them: whoever renames or removes one takes the pointers of all members along, so that they are
-- the workspace's, as every other row in it.
ALTER POLICY user_platforms_user ON user_platforms
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
DROP POLICY user_platforms_seen ON user_platforms;

-- Where each member stood when a file was replaced, by user: restoring the backup brings it back.
ALTER TABLE backups ADD COLUMN pointers json NOT NULL DEFAULT '{}';

ALTER TABLE profile_revisions DROP CONSTRAINT profile_revisions_operation_check;
ALTER TABLE profile_revisions ADD CONSTRAINT profile_revisions_operation_check CHECK (operation IN
    ('create', 'update', 'delete', 'import', 'enable', 'disable', 'rollback', 'rename', 'copy'));
