DROP TABLE workspace_invitations;
DROP FUNCTION ccr_personal_slug(uuid);
DROP INDEX workspaces_shared_slug_key, workspaces_personal_slug_key;
SELECT set_config('ccr.maintenance', 'on', true);
UPDATE workspaces w SET slug = w.slug || '-' || left(w.id::text, 8) WHERE w.personal_user_id IS NULL
    AND EXISTS (SELECT 1 FROM workspaces p WHERE p.slug = w.slug AND p.personal_user_id IS NOT NULL);
ALTER TABLE workspaces ADD CONSTRAINT workspaces_slug_key UNIQUE (slug);
