-- Profiles ("configs"): one row per workspace, platform and name; pointers to them are names, because a pointer to a
-- profile that does not exist is normal in CCR's files.

CREATE TABLE profiles (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id      uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform          text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    position          integer NOT NULL, -- order in the file, from 0
    description       text,
    base_url          text,
    auth_token        text, -- sealed; associated data is workspace and row id
    model             text,
    small_fast_model  text,
    provider          text,
    provider_type     text CHECK (provider_type IN ('official_relay', 'third_party_model')),
    account           text,
    tags              json, -- array of strings
    usage_count       bigint NOT NULL DEFAULT 0 CHECK (usage_count >= 0),
    enabled           boolean NOT NULL DEFAULT true,
    extra             json NOT NULL DEFAULT '{}', -- keys this program does not know, in the file's order; when one of
                                                  -- them is a secret: {"$sealed": ...}, all of them sealed together
    key_order         json NOT NULL DEFAULT '[]', -- every key in the file's order
    revision          bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT profiles_name_key UNIQUE (workspace_id, platform, name)
);

-- What a profile was at each revision, also after it was deleted; auth_token stays sealed for profile_id.
CREATE TABLE profile_revisions (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform     text NOT NULL,
    name         text NOT NULL,
    revision     bigint NOT NULL,
    profile_id   uuid NOT NULL,
    operation    text NOT NULL CHECK (operation IN ('create', 'update', 'delete', 'import', 'enable', 'disable', 'rollback')),
    actor        text NOT NULL,
    auth_token   text,
    extra        json NOT NULL, -- as in profiles
    content      json NOT NULL, -- every other column
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, platform, name, revision)
);

-- A platform's part of a workspace: the file's own top level.
CREATE TABLE workspace_platforms (
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform        text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    default_profile text,
    extra           json NOT NULL DEFAULT '{}', -- [settings] and every other top-level key that is no profile
    key_order       json NOT NULL DEFAULT '[]', -- top-level keys, profiles included, in the file's order
    PRIMARY KEY (workspace_id, platform)
);

CREATE TABLE user_platforms (
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    platform        text NOT NULL CHECK (platform IN ('claude', 'codex', 'gemini', 'qwen', 'iflow', 'droid')),
    current_profile text NOT NULL,
    last_used_at    timestamptz,
    PRIMARY KEY (workspace_id, user_id, platform)
);

-- What a replacing import replaced: the whole TOML file, sealed.
CREATE TABLE backups (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    platform     text NOT NULL,
    content      text NOT NULL, -- sealed
    profiles     integer NOT NULL,
    size_bytes   bigint NOT NULL,
    actor        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX backups_workspace_id_idx ON backups (workspace_id, created_at DESC);

CREATE TABLE command_runs (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    command      text NOT NULL,
    args         json NOT NULL,
    exit_code    integer NOT NULL,
    duration_ms  integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX command_runs_user_idx ON command_runs (workspace_id, user_id, created_at DESC);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'backups'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = ccr_workspace() OR ccr_maintenance())',
                       t || '_workspace', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['user_platforms', 'command_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING ((workspace_id = ccr_workspace() AND user_id = ccr_user())'
                       ' OR ccr_maintenance())', t || '_user', t);
    END LOOP;
END $$;

-- Which profile is somebody's current one is seen by the whole workspace, so that nobody deletes it under them.
CREATE POLICY user_platforms_seen ON user_platforms FOR SELECT USING (workspace_id = ccr_workspace());
