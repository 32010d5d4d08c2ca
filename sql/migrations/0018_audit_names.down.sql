DROP FUNCTION ccr_workspace_named(text, text);
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
