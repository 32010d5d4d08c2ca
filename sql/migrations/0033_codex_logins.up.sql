-- Logins of Codex: the content of a person's ~/.codex/auth.json, sealed. They belong to that person, whatever workspace he is in, and
-- no other member is told of them, not even by a name.
CREATE TABLE codex_logins (
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         text COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z0-9_-]{1,32}$'), -- 'default': brought, and not saved under a name yet
    id           uuid NOT NULL, -- what the content is sealed for
    content      text NOT NULL,
    description  text CHECK (char_length(description) <= 1000),
    account_id   text CHECK (char_length(account_id) <= 200),
    email        text CHECK (char_length(email) <= 400), -- as it is shown: masked
    last_refresh timestamptz,
    expires_at   timestamptz,
    is_current   boolean NOT NULL,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, name)
);
CREATE UNIQUE INDEX codex_logins_current_key ON codex_logins (user_id) WHERE is_current;

ALTER TABLE codex_logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE codex_logins FORCE ROW LEVEL SECURITY;
CREATE POLICY codex_logins_user ON codex_logins USING (user_id = (SELECT ccr_user()) OR (SELECT ccr_maintenance()));
