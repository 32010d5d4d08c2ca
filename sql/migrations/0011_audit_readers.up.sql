-- Rows of the site can be read by site administrators, and by nobody else, whatever the program asks for.
ALTER POLICY audit_log_workspace ON audit_log
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance())
           OR (workspace_id IS NULL AND (SELECT EXISTS (SELECT 1 FROM users
               WHERE id = ccr_user() AND site_role = 'admin' AND disabled_at IS NULL))));

-- Which workspace a slug names, for a site administrator who reads its audit trail without being a member.
CREATE FUNCTION ccr_workspace_named(wanted text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
    found_id uuid;
BEGIN
    IF EXISTS (SELECT 1 FROM users WHERE id = ccr_user() AND site_role = 'admin' AND disabled_at IS NULL) THEN
        PERFORM set_config('ccr.maintenance', 'on', true);
        SELECT id INTO found_id FROM workspaces WHERE slug = wanted;
        PERFORM set_config('ccr.maintenance', before, true);
    END IF;
    RETURN found_id;
END $$;
