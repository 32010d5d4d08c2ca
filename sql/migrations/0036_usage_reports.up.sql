-- Reports: sums by one thing at a time, groups by workspace, and windows of five hours, as providers limit subscriptions by.
CREATE INDEX usage_groups_workspace_idx ON usage_groups (workspace_id);

-- What people look at most is days by one thing: by model, by project, or by nothing. Facets are groups of calls of which only that one is told,
-- everybody's (capital letters) and each user's (small ones), and their sums of days follow usage_sums by triggers, whoever changes those. So what a
-- report reads does not grow with what a team's people combine. A model is told with its tier, as both are asked for together.
CREATE TABLE usage_facets (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    hash         uuid NOT NULL,   -- of all that follows
    facet        "char" NOT NULL, -- t total, k machine, l platform, v provider, f profile, m model and tier, p project, b branch, s source
    user_id      uuid,            -- of small letters
    machine      text NOT NULL,
    platform     text COLLATE "C" NOT NULL,
    provider     text NOT NULL,
    profile      text NOT NULL,
    price_model  text COLLATE "C" NOT NULL,
    tier         text COLLATE "C" NOT NULL,
    project      text NOT NULL,
    branch       text NOT NULL,
    CONSTRAINT usage_facets_hash_key UNIQUE (hash, workspace_id)
);
CREATE INDEX usage_facets_facet_idx ON usage_facets (workspace_id, facet);

CREATE TABLE usage_facet_days (
    workspace_id   uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    facet          "char" NOT NULL,
    start          timestamptz NOT NULL,
    facet_id       bigint NOT NULL,
    sources        smallint NOT NULL, -- of s and S; else 0
    calls          bigint NOT NULL,
    input          bigint NOT NULL,
    output         bigint NOT NULL,
    cache_read     bigint NOT NULL,
    cache_write    bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    reasoning      bigint NOT NULL,
    cost           numeric NOT NULL,
    unpriced       bigint NOT NULL,
    PRIMARY KEY (workspace_id, facet, start, facet_id, sources)
) WITH (fillfactor = 70);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_facets', 'usage_facet_days'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
    END LOOP;
END $$;

ALTER TABLE usage_groups ADD COLUMN facets bigint[] NOT NULL DEFAULT '{}'; -- that its calls count for

CREATE FUNCTION ccr_usage_facets_of(g usage_groups)
    RETURNS TABLE (hash uuid, facet "char", user_id uuid, machine text, platform text, provider text, profile text, price_model text, tier text,
                   project text, branch text) LANGUAGE sql STABLE ROWS 18 AS $$
    SELECT md5(json_build_array(g.workspace_id, f.facet, f.user_id, f.value, f.tier)::text)::uuid, f.facet, f.user_id,
        CASE f.what WHEN 'k' THEN f.value ELSE '' END, CASE f.what WHEN 'l' THEN f.value ELSE '' END,
        CASE f.what WHEN 'v' THEN f.value ELSE '' END, CASE f.what WHEN 'f' THEN f.value ELSE '' END,
        CASE f.what WHEN 'm' THEN f.value ELSE '' END, f.tier,
        CASE f.what WHEN 'p' THEN f.value ELSE '' END, CASE f.what WHEN 'b' THEN f.value ELSE '' END
    FROM (SELECT v.what, (CASE WHEN own THEN v.what ELSE upper(v.what) END)::"char" AS facet, CASE WHEN own THEN g.user_id END AS user_id, v.value, v.tier
          FROM (VALUES (true), (false)) o (own)
          CROSS JOIN (VALUES ('t', '', ''), ('k', g.machine, ''), ('l', g.platform, ''), ('v', g.provider, ''), ('f', g.profile, ''),
                             ('m', g.price_model, g.tier), ('p', g.project, ''), ('b', g.branch, ''), ('s', '', '')) v (what, value, tier)) f $$;

CREATE FUNCTION ccr_usage_groups_added() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO usage_facets (workspace_id, hash, facet, user_id, machine, platform, provider, profile, price_model, tier, project, branch)
        SELECT DISTINCT ON (f.hash) g.workspace_id, f.* FROM added a JOIN usage_groups g ON g.id = a.id CROSS JOIN LATERAL ccr_usage_facets_of(g) f
        ORDER BY f.hash
        ON CONFLICT (hash, workspace_id) DO NOTHING;
    UPDATE usage_groups g SET facets = ARRAY(SELECT f.id FROM ccr_usage_facets_of(g) o
                                             JOIN usage_facets f ON f.hash = o.hash AND f.workspace_id = g.workspace_id)
        FROM added a WHERE g.id = a.id;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_groups_added AFTER INSERT ON usage_groups REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_usage_groups_added();

-- What changed in days of usage_sums, in those of their facets. A workspace that is deleted has none any more.
DO $do$
DECLARE
    sort text[];
    counts text[] := ARRAY['calls', 'input', 'output', 'cache_read', 'cache_write', 'cache_write_1h', 'reasoning', 'cost', 'unpriced'];
    plus text := format('SELECT start, group_id, sources, %s FROM now_there WHERE grain = ''d''', array_to_string(counts, ', '));
    minus text := format('SELECT start, group_id, sources, -%s FROM was_there WHERE grain = ''d''', array_to_string(counts, ', -'));
BEGIN
    FOREACH sort SLICE 1 IN ARRAY ARRAY[['inserted', 'INSERT', 'NEW TABLE AS now_there', plus],
                                        ['updated', 'UPDATE', 'NEW TABLE AS now_there OLD TABLE AS was_there', plus || ' UNION ALL ' || minus],
                                        ['deleted', 'DELETE', 'OLD TABLE AS was_there', minus]] LOOP
        EXECUTE format($sql$
CREATE FUNCTION ccr_usage_sums_%1$s() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET enable_mergejoin = off AS $f$
BEGIN
    INSERT INTO usage_facet_days AS d (workspace_id, facet, start, facet_id, sources, %3$s)
        SELECT f.workspace_id, f.facet, s.start, f.id, CASE WHEN f.facet IN ('s', 'S') THEN s.sources ELSE 0 END, %4$s
        FROM (%2$s) s (start, group_id, sources, %3$s) JOIN usage_groups g ON g.id = s.group_id CROSS JOIN LATERAL unnest(g.facets) AS u (id) JOIN usage_facets f ON f.id = u.id
        WHERE EXISTS (SELECT FROM workspaces w WHERE w.id = g.workspace_id)
        GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT (workspace_id, facet, start, facet_id, sources) DO UPDATE SET %5$s;
    RETURN NULL;
END $f$ $sql$, sort[1], sort[4], array_to_string(counts, ', '), (SELECT string_agg(format('sum(s.%1$s)', c), ', ') FROM unnest(counts) c),
            (SELECT string_agg(format('%1$s = d.%1$s + excluded.%1$s', c), ', ') FROM unnest(counts) c));
        EXECUTE format('CREATE TRIGGER usage_sums_%1$s AFTER %2$s ON usage_sums REFERENCING %3$s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ccr_usage_sums_%1$s()', sort[1], sort[2], sort[3]);
    END LOOP;
END $do$;

-- Which window each hour with calls is in, by user and platform. A window begins with the hour (UTC) of the first call that is in no window, and
-- takes five hours. Where windows begin depends on what was before, up to the last pause of five hours: seven days before `since` are looked at,
-- and whoever made no such pause in them is counted from their beginning.
CREATE FUNCTION ccr_usage_windows(since timestamptz, until timestamptz, only_user uuid)
    RETURNS TABLE (user_id uuid, platform text, hour timestamptz, began timestamptz) LANGUAGE plpgsql STABLE ROWS 5000 AS $$
#variable_conflict use_column
DECLARE
    known record;
    of_user uuid;
    of_platform text;
    first_hour timestamptz;
BEGIN
    FOR known IN
        SELECT g.user_id, g.platform, date_bin(interval '1 hour', s.start, timestamptz 'epoch') AS hour
        FROM usage_sums s JOIN usage_groups g ON g.id = s.group_id
        WHERE s.workspace_id = (SELECT ccr_workspace()) AND s.grain = 'q' AND s.start >= since - interval '7 days' AND s.start < until
        AND s.calls > 0 AND (only_user IS NULL OR g.user_id = only_user)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        IF known.user_id IS DISTINCT FROM of_user OR known.platform IS DISTINCT FROM of_platform
                OR known.hour >= first_hour + interval '5 hours' THEN
            of_user := known.user_id;
            of_platform := known.platform;
            first_hour := known.hour;
        END IF;
        user_id := known.user_id;
        platform := known.platform;
        hour := known.hour;
        began := first_hour;
        RETURN NEXT;
    END LOOP;
END $$;

-- Days anew, of a workspace whose days begin elsewhere now: of quarters of an hour, which every time zone's days are made of.
CREATE FUNCTION ccr_usage_days(workspace uuid, zone text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM usage_sums WHERE workspace_id = workspace AND grain = 'd';
    DELETE FROM usage_facet_days WHERE workspace_id = workspace;
    INSERT INTO usage_sums (workspace_id, grain, start, group_id, sources, calls, cost, unpriced,
                            input, output, cache_read, cache_write, cache_write_1h, reasoning)
    SELECT workspace, 'd', date_trunc('day', start, zone), group_id, sources, sum(calls), sum(cost), sum(unpriced),
        sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(reasoning)
    FROM usage_sums WHERE workspace_id = workspace AND grain = 'q' GROUP BY 3, 4, 5;
$$;
