-- Live events: what a transaction changed among resources is told once, as it commits, on the channel ccr_changes: a notification a
-- workspace, kind and platform, however many rows, with a few names at most. PostgreSQL takes 8000 bytes.
--
--     <workspace id> <user id, or -> {"kind", "platform", "change": insert|update|delete, "count", "names", "revision", "generation"}
--
-- The ids are made names by who listens: a write does not wait for that.
--
-- Whoever may connect to the database may listen: it says what every member of the workspace may see, and no value of anything.

-- Notes it for the commit in a setting of the transaction, "workspace kind platform" -> [change, count, revision, names]: no table is
-- written for it, and it stays short however many statements there are.
CREATE FUNCTION ccr_resources_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted jsonb := coalesce(nullif(current_setting('ccr.told', true), ''), '{}')::jsonb;
    part record;
    place text;
    earlier jsonb;
BEGIN
    FOR part IN SELECT workspace_id, kind, platform, count(*) AS rows, max(revision) AS revision, (array_agg(name))[1:8] AS names
                FROM changed GROUP BY workspace_id, kind, platform ORDER BY workspace_id LOOP
        PERFORM ccr_note_change(part.workspace_id);
        place := part.workspace_id || ' ' || part.kind || ' ' || part.platform;
        earlier := noted -> place;
        IF earlier IS NOT NULL THEN
            part.rows := part.rows + (earlier ->> 1)::bigint;
            part.revision := greatest(part.revision, (earlier ->> 2)::bigint);
            part.names := ARRAY(SELECT jsonb_array_elements_text(earlier -> 3)) || part.names;
        END IF;
        IF part.rows > 8 THEN
            part.names := '{}';
        END IF;
        noted := noted || jsonb_build_object(place, jsonb_build_array(lower(TG_OP), part.rows, part.revision, part.names));
    END LOOP;
    PERFORM set_config('ccr.told', noted::text, true);
    RETURN NULL;
END $$;

-- Called while committing.
CREATE FUNCTION ccr_tell_changes(workspace uuid, generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    noted text := nullif(current_setting('ccr.told', true), '');
    place text;
    what jsonb;
    told text;
BEGIN
    IF noted IS NULL THEN
        RETURN;
    END IF;
    FOR place, what IN SELECT key, value FROM jsonb_each(noted::jsonb) WHERE starts_with(key, workspace::text) LOOP
        FOR names IN 1..2 LOOP -- without them where they are too long
            told := jsonb_build_object('kind', split_part(place, ' ', 2), 'platform', split_part(place, ' ', 3), 'change', what -> 0,
                                       'count', what -> 1, 'revision', what -> 2,
                                       'names', CASE names WHEN 1 THEN what -> 3 ELSE '[]' END, 'generation', generation);
            EXIT WHEN octet_length(told) <= 7000;
        END LOOP;
        PERFORM pg_notify('ccr_changes', workspace || ' ' || coalesce(nullif(current_setting('ccr.user', true), ''), '-') || ' ' || told);
    END LOOP;
END $$;

-- As in 0003, and tells.
CREATE OR REPLACE FUNCTION ccr_next_generation() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
        PERFORM pg_notify('ccr_generation', changed || '.' || next), ccr_tell_changes(changed, next);
    END LOOP;
    DELETE FROM generation_changes WHERE transaction = pg_current_xact_id();
    PERFORM set_config('ccr.maintenance', before, true), set_config('ccr.told', '', true);
    RETURN NULL;
END $$;

DO $$
DECLARE
    sort text[];
BEGIN
    FOREACH sort SLICE 1 IN ARRAY ARRAY[['inserted', 'INSERT', 'NEW'], ['updated', 'UPDATE', 'NEW'], ['deleted', 'DELETE', 'OLD']] LOOP
        EXECUTE format('DROP TRIGGER resources_%s ON resources', sort[1]);
        EXECUTE format('CREATE TRIGGER resources_%s AFTER %s ON resources REFERENCING %s TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_resources_changed()', sort[1], sort[2], sort[3]);
    END LOOP;
END $$;
