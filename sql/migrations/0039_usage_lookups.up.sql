-- A batch of usage, and a step that prices calls anew, look up the few rows that they mean, however many there are: these statements took every
-- conversation, sum, group or facet of all workspaces together with theirs, since a join that has no nested loop reads its tables whole. So what a
-- batch costs no longer grows with what others have. "= ANY (ARRAY(...))" names the rows to the index.
DO $do$
DECLARE
    change text[]; -- a function of 0035_usage, a regular expression of what stood in it, what stands there now
    body text;
BEGIN
    FOREACH change SLICE 1 IN ARRAY ARRAY[
        ['ccr_usage_take', 'grown AS \((.*?)FROM \((SELECT session_id, min.*?)\) t\s+WHERE s\.id = t\.session_id\)',
         $now$by_session AS MATERIALIZED (\2),
grown AS (\1FROM by_session t WHERE s.id = t.session_id AND s.id = ANY (ARRAY(SELECT session_id FROM by_session)))$now$],
        ['ccr_usage_reprice', '\s+AND c\.ctid >= [^:]+::tid AND c\.ctid < [^:]+::tid\),\s+summed', $now$),
        summed$now$],
        ['ccr_usage_reprice', '[ ]+summed AS .*?s\.sources = d\.sources\),', $now$        quarters AS MATERIALIZED (SELECT date_bin(interval '15 minutes', at, timestamptz 'epoch') AS start, group_id, sources,
                sum(coalesce(new, 0) - coalesce(cost, 0)) AS cost, sum((new IS NULL)::integer - (cost IS NULL)::integer) AS unpriced
            FROM other GROUP BY 1, 2, 3),
        summed AS (UPDATE usage_sums s SET cost = s.cost + d.cost, unpriced = s.unpriced + d.unpriced
            FROM (SELECT w.workspace_id, 'q'::"char" AS grain, q.* FROM quarters q JOIN wanted w ON w.id = q.group_id
                UNION ALL SELECT w.workspace_id, 'd', date_trunc('day', q.start, w.time_zone), q.group_id, q.sources, sum(q.cost), sum(q.unpriced)
                FROM quarters q JOIN wanted w ON w.id = q.group_id GROUP BY 1, 3, 4, 5) d
            CROSS JOIN LATERAL (SELECT t.ctid AS row FROM usage_sums t WHERE t.workspace_id = d.workspace_id AND t.grain = d.grain
                AND t.start = d.start AND t.group_id = d.group_id AND t.sources = d.sources LIMIT 1) t
            WHERE s.ctid = t.row),$now$],
        ['ccr_usage_reprice', 'WHERE s\.id = d\.session_id\)', 'WHERE s.id = d.session_id AND s.id = ANY (ARRAY(SELECT session_id FROM other)))']] LOOP
        body := pg_get_functiondef(change[1]::regproc);
        IF body ~ change[2] THEN
            EXECUTE regexp_replace(body, change[2], change[3]);
        ELSIF strpos(body, '= ANY (ARRAY(') = 0 THEN
            RAISE EXCEPTION '% is not what 0035_usage made', change[1];
        END IF;
    END LOOP;
END $do$;

CREATE OR REPLACE FUNCTION ccr_usage_groups_added() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO usage_facets (workspace_id, hash, facet, user_id, machine, platform, provider, profile, price_model, tier, project, branch)
        SELECT DISTINCT ON (f.hash) g.workspace_id, f.* FROM usage_groups g CROSS JOIN LATERAL ccr_usage_facets_of(g) f
        WHERE g.id = ANY (ARRAY(SELECT a.id FROM added a)) ORDER BY f.hash
        ON CONFLICT (hash, workspace_id) DO NOTHING;
    WITH told AS MATERIALIZED (SELECT g.id, g.workspace_id, f.hash FROM usage_groups g CROSS JOIN LATERAL ccr_usage_facets_of(g) f
            WHERE g.id = ANY (ARRAY(SELECT a.id FROM added a))),
        found AS MATERIALIZED (SELECT f.id, f.hash, f.workspace_id FROM usage_facets f WHERE f.hash = ANY (ARRAY(SELECT t.hash FROM told t)))
    UPDATE usage_groups g SET facets = n.facets
        FROM (SELECT t.id, array_agg(f.id) AS facets FROM told t JOIN found f USING (hash, workspace_id) GROUP BY t.id) n
        WHERE g.id = n.id AND g.id = ANY (ARRAY(SELECT a.id FROM added a));
    RETURN NULL;
END $$;

-- What was is taken from what is before it is told to the eighteen facets of its group, and what did not change is told to none.
DO $do$
DECLARE
    sort text[];
    counts text[] := ARRAY['calls', 'input', 'output', 'cache_read', 'cache_write', 'cache_write_1h', 'reasoning', 'cost', 'unpriced'];
    list text := array_to_string(counts, ', ');
    sums text := (SELECT string_agg(format(CASE c WHEN 'cost' THEN 'sum(s.%1$s) AS %1$s' ELSE 'sum(s.%1$s)::bigint AS %1$s' END, c), ', ')
                  FROM unnest(counts) c);
    plus text := format('SELECT start, group_id, sources, %s FROM now_there WHERE grain = ''d''', list);
    minus text := format('SELECT start, group_id, sources, -%s FROM was_there WHERE grain = ''d''', array_to_string(counts, ', -'));
BEGIN
    FOREACH sort SLICE 1 IN ARRAY ARRAY[['inserted', plus], ['updated', plus || ' UNION ALL ' || minus], ['deleted', minus]] LOOP
        EXECUTE format($sql$
CREATE OR REPLACE FUNCTION ccr_usage_sums_%1$s() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET enable_mergejoin = off AS $f$
BEGIN
    INSERT INTO usage_facet_days AS d (workspace_id, facet, start, facet_id, sources, %3$s)
        WITH changed AS MATERIALIZED (SELECT s.start, s.group_id, s.sources, %4$s
            FROM (%2$s) s (start, group_id, sources, %3$s) GROUP BY 1, 2, 3),
        told AS MATERIALIZED (SELECT s.start, u.id, s.sources, %4$s
            FROM changed s JOIN usage_groups g ON g.id = s.group_id AND g.id = ANY (ARRAY(SELECT c.group_id FROM changed c))
            CROSS JOIN LATERAL unnest(g.facets) AS u (id) WHERE %5$s GROUP BY 1, 2, 3)
        SELECT f.workspace_id, f.facet, s.start, f.id, CASE WHEN f.facet IN ('s', 'S') THEN s.sources ELSE 0 END, %4$s
        FROM told s JOIN usage_facets f ON f.id = s.id AND f.id = ANY (ARRAY(SELECT t.id FROM told t))
        WHERE EXISTS (SELECT FROM workspaces w WHERE w.id = f.workspace_id)
        GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT (workspace_id, facet, start, facet_id, sources) DO UPDATE SET %6$s;
    RETURN NULL;
END $f$ $sql$, sort[1], sort[2], list, sums, (SELECT '(' || string_agg(format('s.%s <> 0', c), ' OR ') || ')' FROM unnest(counts) c),
            (SELECT string_agg(format('%1$s = d.%1$s + excluded.%1$s', c), ', ') FROM unnest(counts) c));
    END LOOP;
END $do$;
