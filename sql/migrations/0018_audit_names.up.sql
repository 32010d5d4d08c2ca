-- A shared workspace may be called like somebody's personal one: whoever reads an audit trail says which of the two he means.
DROP FUNCTION ccr_workspace_named(text);
-- The shared workspace of the slug `wanted`; with `owner`, a user's name, his personal one. For site administrators only.
CREATE FUNCTION ccr_workspace_named(wanted text, owner text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
    owner_id uuid := (SELECT id FROM users WHERE lower(username) = lower(owner));
    found_id uuid;
BEGIN
    IF (owner IS NULL OR owner_id IS NOT NULL)
       AND EXISTS (SELECT 1 FROM users WHERE id = ccr_user() AND site_role = 'admin' AND disabled_at IS NULL) THEN
        PERFORM set_config('ccr.maintenance', 'on', true);
        SELECT id INTO found_id FROM workspaces
            WHERE (wanted IS NULL OR slug = wanted) AND personal_user_id IS NOT DISTINCT FROM owner_id;
        PERFORM set_config('ccr.maintenance', before, true);
    END IF;
    RETURN found_id;
END $$;
