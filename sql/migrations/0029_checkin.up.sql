-- What came of check-ins at providers, and what they said of balances. Providers and accounts are resources; these rows belong to an
-- account and go with it. Names are as they were then.

CREATE TABLE checkin_records (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id  uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    account_id    uuid NOT NULL,
    provider_id   uuid NOT NULL,
    account_name  text NOT NULL,
    provider_name text NOT NULL,
    status        text NOT NULL CHECK (status IN ('success', 'already_checked_in', 'failed')),
    message       text CHECK (char_length(message) <= 300),
    reward        text CHECK (char_length(reward) <= 100),
    checked_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX checkin_records_workspace_idx ON checkin_records (workspace_id, checked_at DESC);
CREATE INDEX checkin_records_account_idx ON checkin_records (account_id, checked_at DESC);

CREATE TABLE checkin_balances (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    account_id      uuid NOT NULL,
    used_quota      numeric(20, 6) NOT NULL,
    remaining_quota numeric(20, 6) NOT NULL,
    currency        text NOT NULL DEFAULT 'USD',
    recorded_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX checkin_balances_workspace_idx ON checkin_balances (workspace_id);
CREATE INDEX checkin_balances_account_idx ON checkin_balances (account_id, recorded_at DESC);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['checkin_records', 'checkin_balances'] LOOP
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
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated()',
                       t || '_truncated', t);
    END LOOP;
END $$;
