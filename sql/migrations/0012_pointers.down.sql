-- The program before this one knows neither copies nor renames.
UPDATE profile_revisions SET operation = CASE operation WHEN 'copy' THEN 'create' ELSE 'update' END
    WHERE operation IN ('rename', 'copy');
ALTER TABLE profile_revisions DROP CONSTRAINT profile_revisions_operation_check;
ALTER TABLE profile_revisions ADD CONSTRAINT profile_revisions_operation_check CHECK (operation IN
    ('create', 'update', 'delete', 'import', 'enable', 'disable', 'rollback'));
ALTER TABLE backups DROP COLUMN pointers;
CREATE POLICY user_platforms_seen ON user_platforms FOR SELECT USING (workspace_id = (SELECT ccr_workspace()));
ALTER POLICY user_platforms_user ON user_platforms
    USING ((workspace_id = (SELECT ccr_workspace()) AND user_id = (SELECT ccr_user())) OR (SELECT ccr_maintenance()));
