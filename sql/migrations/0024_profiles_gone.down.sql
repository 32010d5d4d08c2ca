-- The tables of profiles as they were, and what the next step backwards fills them from.
CREATE TABLE profiles (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id      uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform          text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    position          integer NOT NULL,
    description       text,
    base_url          text,
    auth_token        text,
    model             text,
    small_fast_model  text,
    provider          text,
    provider_type     text CHECK (provider_type IN ('official_relay', 'third_party_model')),
    account           text,
    tags              json,
    usage_count       bigint NOT NULL DEFAULT 0 CHECK (usage_count >= 0),
    enabled           boolean NOT NULL DEFAULT true,
    extra             json NOT NULL DEFAULT '{}',
    key_order         json NOT NULL DEFAULT '[]',
    revision          bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT profiles_name_key UNIQUE (workspace_id, platform, name)
);
CREATE INDEX profiles_order_idx ON profiles (workspace_id, platform, position, name COLLATE "C");

CREATE TABLE profile_revisions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform     text NOT NULL,
    name         text NOT NULL,
    revision     bigint NOT NULL,
    profile_id   uuid NOT NULL,
    operation    text NOT NULL CHECK (operation IN
        ('create', 'update', 'delete', 'import', 'enable', 'disable', 'rollback', 'rename', 'copy')),
    actor        text NOT NULL,
    auth_token   text,
    extra        json NOT NULL,
    content      json NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, platform, name, revision)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_inserted', t);
        EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_updated', t);
        EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_deleted', t);
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_content_truncated()', t || '_truncated', t);
    END LOOP;
END $$;

CREATE TABLE profile_rows (
    n            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    history      boolean NOT NULL,
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
    content      json NOT NULL,
    operation    text,
    actor        text,
    at           timestamptz NOT NULL
);
ALTER TABLE profile_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY profile_rows_maintenance ON profile_rows USING ((SELECT ccr_maintenance()));
