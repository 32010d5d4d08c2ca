-- What CCR UI's page of commands keeps for each user: command lines that are wanted again, and those that were run from it.

CREATE TABLE ui_favorites (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    command      text NOT NULL,
    args         text NOT NULL CHECK (json_typeof(args::json) = 'array'), -- of texts; masked where one may be a secret
    display_name text,
    module       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (workspace_id, user_id, command, args)
);

CREATE TABLE ui_history (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    command      text NOT NULL,
    args         text NOT NULL CHECK (json_typeof(args::json) = 'array'), -- likewise
    success      boolean NOT NULL,
    duration_ms  integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ui_history_user_idx ON ui_history (workspace_id, user_id, created_at DESC, id);
CREATE INDEX ui_history_created_at_idx ON ui_history USING brin (created_at) WITH (autosummarize = on);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ui_favorites', 'ui_history'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING ((workspace_id = (SELECT ccr_workspace())'
                       ' AND user_id = (SELECT ccr_user())) OR (SELECT ccr_maintenance()))', t || '_user', t);
    END LOOP;
END $$;
