DELETE FROM workspace_invitations WHERE username IS NULL;
ALTER TABLE workspace_invitations
    DROP COLUMN accounts,
    DROP COLUMN link_hash,
    ALTER username SET NOT NULL;
