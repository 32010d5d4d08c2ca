-- All workspaces, with how much is in each, for a site administrator, who is a member of few: nothing of what is in them.
CREATE FUNCTION ccr_site_workspaces() RETURNS TABLE (slug text, name text, owner text, members bigint, resources bigint,
                                                     created_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('ccr.maintenance', true), '');
BEGIN
    IF EXISTS (SELECT 1 FROM users WHERE id = ccr_user() AND site_role = 'admin' AND disabled_at IS NULL) THEN
        PERFORM set_config('ccr.maintenance', 'on', true);
        RETURN QUERY SELECT w.slug, w.name, u.username,
            (SELECT count(*) FROM memberships m WHERE m.workspace_id = w.id),
            (SELECT coalesce(sum(c.total), 0)::bigint FROM resource_counts c WHERE c.workspace_id = w.id), w.created_at
            FROM workspaces w LEFT JOIN users u ON u.id = w.personal_user_id;
        PERFORM set_config('ccr.maintenance', before, true);
    END IF;
END $$;
