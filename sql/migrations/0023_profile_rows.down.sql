-- The program has filled profile_rows from the resources, in this transaction.
INSERT INTO profiles (id, workspace_id, platform, name, position, description, base_url, auth_token, model, small_fast_model, provider,
                      provider_type, account, tags, usage_count, enabled, extra, key_order, revision, created_at, updated_at)
    SELECT id, workspace_id, platform, name, position, content->>'description', content->>'base_url', auth_token, content->>'model',
           content->>'small_fast_model', content->>'provider', content->>'provider_type', content->>'account',
           CASE WHEN json_typeof(content->'tags') = 'array' THEN content->'tags' END, uses, enabled, extra,
           CASE WHEN json_typeof(content->'key_order') = 'array' THEN content->'key_order' ELSE '[]' END, revision, at, at
    FROM profile_rows WHERE NOT history;
INSERT INTO profile_revisions (workspace_id, platform, name, revision, profile_id, operation, actor, auth_token, extra, content, created_at)
    SELECT workspace_id, platform, name, revision, id,
           CASE WHEN operation IN ('create', 'update', 'delete', 'import', 'enable', 'disable', 'rollback', 'rename', 'copy')
                THEN operation ELSE 'update' END, -- those that the table knows
           actor, auth_token, extra,
           json_build_object('position', coalesce(position, 0), 'description', content->>'description', 'base_url', content->>'base_url',
                             'model', content->>'model', 'small_fast_model', content->>'small_fast_model',
                             'provider', content->>'provider', 'provider_type', content->>'provider_type',
                             'account', content->>'account',
                             'tags', CASE WHEN json_typeof(content->'tags') = 'array' THEN content->'tags' END, 'usage_count', uses,
                             'enabled', enabled, 'key_order', CASE WHEN json_typeof(content->'key_order') = 'array' THEN content->'key_order' ELSE '[]' END), at
    FROM profile_rows WHERE history;

DROP TABLE profile_rows;
DELETE FROM resources WHERE kind = 'profile';
DELETE FROM resource_revisions WHERE kind = 'profile';
DELETE FROM resource_counts WHERE kind = 'profile';
