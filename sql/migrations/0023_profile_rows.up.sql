-- Profiles become resources. What a resource shows is made when it is written, by the program that has the keys: it takes these rows
-- apart in the same transaction (src/kinds/profile_migration.c), and the next migration drops them.
CREATE TABLE profile_rows (
    n            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    history      boolean NOT NULL, -- a row of profile_revisions
    id           uuid NOT NULL,
    workspace_id uuid NOT NULL,
    platform     text NOT NULL,
    name         text NOT NULL,
    revision     bigint NOT NULL,
    position     integer,
    uses         bigint NOT NULL,
    enabled      boolean NOT NULL,
    auth_token   text,
    extra        json NOT NULL,
    content      json NOT NULL, -- the other columns
    operation    text,
    actor        text,
    at           timestamptz NOT NULL
);
ALTER TABLE profile_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY profile_rows_maintenance ON profile_rows USING ((SELECT ccr_maintenance()));

INSERT INTO profile_rows (history, id, workspace_id, platform, name, revision, position, uses, enabled, auth_token, extra, content, at)
    SELECT false, id, workspace_id, platform, name, revision, position, usage_count, enabled, auth_token, extra,
           json_build_object('description', description, 'base_url', base_url, 'model', model, 'small_fast_model', small_fast_model,
                             'provider', provider, 'provider_type', provider_type, 'account', account, 'tags', tags,
                             'key_order', key_order), updated_at
    FROM profiles;
INSERT INTO profile_rows (history, id, workspace_id, platform, name, revision, position, uses, enabled, auth_token, extra, content,
                          operation, actor, at)
    SELECT true, profile_id, workspace_id, platform, name, revision, (content->>'position')::integer,
           coalesce((content->>'usage_count')::bigint, 0), (content->>'enabled')::boolean, auth_token, extra, content, operation, actor,
           created_at
    FROM profile_revisions;
