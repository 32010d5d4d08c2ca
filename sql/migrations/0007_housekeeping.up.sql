-- Housekeeping: what removes by age finds it by an index, tells nobody without need, and says here what it did.

CREATE TABLE housekeeping_jobs (
    job          text PRIMARY KEY,
    succeeded_at timestamptz, -- the newest run that came to its end
    duration_ms  bigint NOT NULL DEFAULT 0, -- of that run
    removed      bigint NOT NULL DEFAULT 0, -- rows it removed or mended
    total        bigint NOT NULL DEFAULT 0, -- rows of all runs
    failures     integer NOT NULL DEFAULT 0, -- since then
    failed_at    timestamptz,
    failure      text
);

-- Sessions and tokens are found by when they ended. The logs grow at their end and are looked through by time once a day, for
-- which the smallest kind of index does: it costs a write next to nothing.
CREATE INDEX sessions_ended_idx ON sessions (least(expires_at, revoked_at));
CREATE INDEX refresh_tokens_spent_idx ON refresh_tokens (spent_at) WHERE spent_at IS NOT NULL;
CREATE INDEX audit_log_created_at_idx ON audit_log USING brin (created_at) WITH (autosummarize = on);
CREATE INDEX command_runs_created_at_idx ON command_runs USING brin (created_at) WITH (autosummarize = on);

-- A token that had expired anyhow gave nobody any rights: that it goes is no news to the workers.
DROP TRIGGER access_tokens_identity ON access_tokens;
CREATE TRIGGER access_tokens_identity AFTER UPDATE OF scopes, expires_at, workspace_id
    ON access_tokens FOR EACH STATEMENT EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER access_tokens_removed AFTER DELETE ON access_tokens FOR EACH ROW
    WHEN (OLD.expires_at IS NULL OR OLD.expires_at > now())
    EXECUTE FUNCTION ccr_identity_changed();
