-- Generations: a number a workspace that grows with every transaction which changed anything in it. Whoever kept an answer
-- under a number knows by the number alone whether it still holds.
--
-- (NOTIFY lets one transaction of the whole cluster commit at a time, which is of no weight for as little as is written here.)
--
-- A generation is microseconds since the epoch, and more than the one before: unlike a count it is never given twice, not even
-- after a database was restored from a backup. It is set while the transaction commits, so that generations grow in the order
-- of commits, and writers of one workspace wait for each other only for that moment. The row of the nil UUID is the site's:
-- it grows when it changed who may do what.

CREATE TABLE workspace_generations (
    workspace_id uuid PRIMARY KEY, -- no foreign key: the number of a deleted workspace goes on saying that all is out of date
    generation   bigint NOT NULL
);

-- What the transactions in progress have changed; each sees its own rows, and leaves none behind.
CREATE UNLOGGED TABLE generation_changes (
    transaction  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    workspace_id uuid NOT NULL,
    PRIMARY KEY (transaction, workspace_id)
);

-- A transaction may change several workspaces (a user is deleted), whichever of them it acts in.
CREATE FUNCTION ccr_note_change(workspace uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    noted text := coalesce(current_setting('ccr.changed', true), '');
    before text := coalesce(current_setting('ccr.maintenance', true), '');
BEGIN
    IF strpos(noted, workspace::text) = 0 THEN
        PERFORM set_config('ccr.changed', noted || workspace::text, true), set_config('ccr.maintenance', 'on', true);
        INSERT INTO generation_changes (workspace_id) VALUES (workspace) ON CONFLICT DO NOTHING;
        PERFORM set_config('ccr.maintenance', before, true);
    END IF;
END $$;

-- Called for each row at commit; the first call sees to all of them, in one order for all transactions, so that two never wait
-- for each other. By the index: rows of earlier transactions lie dead in the table until it is vacuumed.
CREATE FUNCTION ccr_next_generation() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    clock bigint;
    before text := coalesce(current_setting('ccr.maintenance', true), '');
    changed uuid;
    next bigint;
BEGIN
    PERFORM set_config('ccr.maintenance', 'on', true);
    FOR changed IN SELECT workspace_id FROM generation_changes WHERE transaction = pg_current_xact_id()
                   ORDER BY workspace_id LOOP
        clock := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
        INSERT INTO workspace_generations AS g VALUES (changed, clock)
            ON CONFLICT (workspace_id) DO UPDATE SET generation = greatest(g.generation + 1, clock)
            RETURNING generation INTO next;
        PERFORM pg_notify('ccr_generation', changed || '.' || next);
    END LOOP;
    DELETE FROM generation_changes WHERE transaction = pg_current_xact_id();
    PERFORM set_config('ccr.maintenance', before, true);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER generation_changes_commit AFTER INSERT ON generation_changes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ccr_next_generation();

-- For tables with a workspace_id; `changed` holds the statement's rows.
CREATE FUNCTION ccr_content_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ccr_note_change(workspace_id)
        FROM (SELECT DISTINCT workspace_id FROM changed WHERE workspace_id IS NOT NULL ORDER BY workspace_id) w;
    RETURN NULL;
END $$;

CREATE FUNCTION ccr_workspace_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ccr_note_change(OLD.id);
    RETURN NULL;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['workspace_generations', 'generation_changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = ccr_workspace() OR ccr_maintenance())',
                       t || '_workspace', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['profiles', 'profile_revisions', 'workspace_platforms', 'user_platforms', 'backups',
                             'command_runs', 'memberships', 'audit_log'] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_inserted', t);
        EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_updated', t);
        EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', t || '_deleted', t);
    END LOOP;
END $$;

CREATE TRIGGER workspaces_changed AFTER UPDATE OR DELETE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION ccr_workspace_changed();

-- What a worker remembers about who may do what ends with the site's generation, too. The old notification is for programs
-- that have not been updated yet.
CREATE OR REPLACE FUNCTION ccr_identity_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ccr_note_change('00000000-0000-0000-0000-000000000000'), pg_notify('ccr_identity', '');
    RETURN NULL;
END $$;

-- Only what takes something away: a login that is renewed, or one that had ended anyhow, changes nobody's rights.
DROP TRIGGER sessions_identity ON sessions;
CREATE TRIGGER sessions_ended AFTER UPDATE OF revoked_at, expires_at ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at OR NEW.expires_at < OLD.expires_at)
    EXECUTE FUNCTION ccr_identity_changed();
CREATE TRIGGER sessions_removed AFTER DELETE ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION ccr_identity_changed();

-- Every workspace has a number from the beginning, also when this is applied to an older backup once more.
INSERT INTO workspace_generations
    SELECT id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    FROM (SELECT id FROM workspaces UNION SELECT '00000000-0000-0000-0000-000000000000') w;
