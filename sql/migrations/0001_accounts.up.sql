-- Accounts, workspaces, sessions, tokens, audit.
-- Row-level security keys on two session settings that the program sends with a request's first statement:
-- ccr.workspace and ccr.user. Unset or empty, they match no row. ccr.maintenance opens every workspace and is set by
-- subcommands and backups only.

CREATE FUNCTION ccr_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('ccr.workspace', true), '')::uuid $$;
CREATE FUNCTION ccr_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('ccr.user', true), '')::uuid $$;
CREATE FUNCTION ccr_maintenance() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(current_setting('ccr.maintenance', true) = 'on', false) $$;

CREATE TABLE users (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username             text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 100),
    display_name         text,
    password_hash        text NOT NULL,
    site_role            text NOT NULL DEFAULT 'user' CHECK (site_role IN ('user', 'admin')),
    current_workspace_id uuid,
    disabled_at          timestamptz,
    last_login_at        timestamptz,
    password_changed_at  timestamptz NOT NULL DEFAULT now(),
    created_at           timestamptz NOT NULL DEFAULT now(),
    revision             bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

CREATE TABLE workspaces (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug             text NOT NULL CONSTRAINT workspaces_slug_key UNIQUE CHECK (char_length(slug) BETWEEN 1 AND 100),
    name             text NOT NULL,
    personal_user_id uuid UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    default_platform text NOT NULL DEFAULT 'claude',
    registry         json NOT NULL DEFAULT '{}', -- CCR's config.toml as imported, order kept
    created_at       timestamptz NOT NULL DEFAULT now(),
    revision         bigint NOT NULL DEFAULT 1
);
ALTER TABLE users ADD CONSTRAINT users_current_workspace_id_fkey
    FOREIGN KEY (current_workspace_id) REFERENCES workspaces (id) ON DELETE SET NULL;

CREATE TABLE memberships (
    workspace_id     uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id          uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role             text NOT NULL CHECK (role IN ('viewer', 'editor', 'admin', 'owner')),
    current_platform text NOT NULL DEFAULT 'claude',
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_user_id_idx ON memberships (user_id);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT now(), -- when the password was last typed
    revoked_at   timestamptz,
    user_agent   text,
    address      text
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- Every refresh token a session ever had: presenting a spent one ends the session.
CREATE TABLE refresh_tokens (
    token_hash text PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    spent_at   timestamptz
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE access_tokens (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id uuid REFERENCES workspaces (id) ON DELETE CASCADE, -- NULL: any the user is a member of
    name         text NOT NULL,
    token_hash   text NOT NULL UNIQUE,
    scopes       integer NOT NULL, -- bits: 1 read, 2 write, 4 admin
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    CONSTRAINT access_tokens_name_key UNIQUE (user_id, name)
);

CREATE TABLE login_failures (
    subject        text PRIMARY KEY, -- 'user:<name>' or 'address:<ip>'
    failures       integer NOT NULL,
    last_failed_at timestamptz NOT NULL,
    blocked_until  timestamptz NOT NULL
);

CREATE TABLE audit_log (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid REFERENCES workspaces (id) ON DELETE CASCADE, -- NULL: the site's own
    user_id      uuid REFERENCES users (id) ON DELETE SET NULL,
    actor        text NOT NULL, -- the name at that time
    action       text NOT NULL,
    platform     text,
    target       text,
    from_config  text,
    to_config    text,
    changes      json NOT NULL DEFAULT '[]',
    address      text,
    request_id   text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_log_workspace_id_created_at_idx ON audit_log (workspace_id, created_at DESC, id);

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY workspaces_members ON workspaces
    USING (id = ccr_workspace() OR ccr_maintenance()
           OR EXISTS (SELECT 1 FROM memberships m WHERE m.workspace_id = id AND m.user_id = ccr_user()));

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY memberships_workspace ON memberships
    USING (workspace_id = ccr_workspace() OR user_id = ccr_user() OR ccr_maintenance())
    WITH CHECK (workspace_id = ccr_workspace() OR ccr_maintenance());

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_log_workspace ON audit_log
    USING (workspace_id = ccr_workspace() OR ccr_maintenance())
    WITH CHECK (workspace_id = ccr_workspace() OR workspace_id IS NULL OR ccr_maintenance());

-- Workers remember who a token belongs to; whatever changes that tells them to forget.
CREATE FUNCTION ccr_identity_changed() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_notify('ccr_identity', ''); RETURN NULL; END $$;

CREATE TRIGGER users_identity AFTER DELETE OR UPDATE OF username, site_role, disabled_at, current_workspace_id, password_hash
    ON users FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER workspaces_identity AFTER DELETE OR UPDATE OF slug
    ON workspaces FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER memberships_identity AFTER INSERT OR DELETE OR UPDATE
    ON memberships FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER sessions_identity AFTER DELETE OR UPDATE OF revoked_at, expires_at
    ON sessions FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER access_tokens_identity AFTER DELETE OR UPDATE OF scopes, expires_at, workspace_id
    ON access_tokens FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
