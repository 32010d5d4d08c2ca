DO $$
DECLARE
    sort text[];
BEGIN
    FOREACH sort SLICE 1 IN ARRAY ARRAY[['inserted', 'INSERT', 'NEW'], ['updated', 'UPDATE', 'NEW'], ['deleted', 'DELETE', 'OLD']] LOOP
        EXECUTE format('DROP TRIGGER resources_%s ON resources', sort[1]);
        EXECUTE format('CREATE TRIGGER resources_%s AFTER %s ON resources REFERENCING %s TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed()', sort[1], sort[2], sort[3]);
    END LOOP;
END $$;
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
        PERFORM pg_notify('ccr_generation', changed || '.' || next);
    END LOOP;
    DELETE FROM generation_changes WHERE transaction = pg_current_xact_id();
    PERFORM set_config('ccr.maintenance', before, true);
    RETURN NULL;
END $$;
DROP FUNCTION ccr_tell_changes(uuid, bigint);
DROP FUNCTION ccr_resources_changed();
