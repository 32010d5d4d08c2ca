-- Usage: every call of a model once, whoever reports it and however often. Times are when a call was made, tokens are counted as
-- include/usage_record.h has them, money is US dollars.
--
-- None of these tables raises a generation: calls come by the thousand, and nothing else depends on them.
--
-- What is unique in a workspace begins with what it is unique by: where all rows are of one workspace, a plan that was made while the table
-- was small would else go through all of them.

-- Where a workspace's days begin.
ALTER TABLE workspaces ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC';

-- What calls have in common: a few rows for thousands of calls. '' is not told. What a person or a profile is called is not kept here: a user
-- who is gone is gone from reports by name, and stays in the sums.
CREATE TABLE usage_groups (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    hash         uuid NOT NULL, -- of all that follows (src/domain/ledger.c)
    user_id      uuid NOT NULL,
    machine      text NOT NULL,
    platform     text COLLATE "C" NOT NULL,
    provider     text NOT NULL,
    profile      text NOT NULL,
    revision     bigint NOT NULL, -- of the profile; 0 = not told
    model        text NOT NULL,             -- as it was reported
    price_model  text COLLATE "C" NOT NULL, -- as usage_prices has it
    tier         text COLLATE "C" NOT NULL,
    project      text NOT NULL,
    branch       text NOT NULL,
    CONSTRAINT usage_groups_hash_key UNIQUE (hash, workspace_id)
);

-- Conversations. When a workspace is deleted, housekeeping removes its calls by them, and them with the calls.
CREATE TABLE usage_sessions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id   uuid NOT NULL,
    hash           uuid NOT NULL, -- of platform and session
    platform       text COLLATE "C" NOT NULL,
    session        text NOT NULL, -- as the tool names it; '' = not told
    user_id        uuid NOT NULL,
    machine        text NOT NULL,
    project        text NOT NULL,
    branch         text NOT NULL,
    first_at       timestamptz,
    last_at        timestamptz,
    calls          bigint NOT NULL DEFAULT 0,
    input          bigint NOT NULL DEFAULT 0,
    output         bigint NOT NULL DEFAULT 0,
    cache_read     bigint NOT NULL DEFAULT 0,
    cache_write    bigint NOT NULL DEFAULT 0,
    cache_write_1h bigint NOT NULL DEFAULT 0,
    reasoning      bigint NOT NULL DEFAULT 0,
    cost           numeric NOT NULL DEFAULT 0,
    unpriced       bigint NOT NULL DEFAULT 0,
    CONSTRAINT usage_sessions_hash_key UNIQUE (hash, workspace_id)
) WITH (fillfactor = 80);
CREATE INDEX usage_sessions_last_idx ON usage_sessions (workspace_id, last_at DESC, id);

-- The calls, a partition a month (UTC). The key is the same wherever a call is written down; its alias is what an event and a line of a log
-- know in common of it, its request or its conversation and numbers, by which they find each other. Both are hashes that the workspace is in,
-- so that no index needs it beside them.
CREATE TABLE usage_calls (
    workspace_id   uuid NOT NULL,
    key            uuid NOT NULL,
    alias          uuid,
    known_as       uuid, -- the key of the event or record that was found to be this call by an alias
    at             timestamptz NOT NULL,
    group_id       bigint NOT NULL,
    session_id     bigint NOT NULL,
    input          integer NOT NULL,
    output         integer NOT NULL,
    cache_read     integer NOT NULL,
    cache_write    integer NOT NULL,
    cache_write_1h integer NOT NULL,
    reasoning      integer NOT NULL,
    log_output     integer, -- as the log had it, and the event: the greater one counts
    event_output   integer,
    sources        smallint NOT NULL, -- 1 log, 2 event, 4 record
    place          smallint NOT NULL, -- how well its source knows where the call belongs
    cost           numeric            -- NULL: not priced
) PARTITION BY RANGE (at);

-- Sums of a quarter of an hour ('q'), which every time zone's hours and days are made of, and of a day of the workspace ('d').
CREATE TABLE usage_sums (
    workspace_id   uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    grain          "char" NOT NULL,
    start          timestamptz NOT NULL,
    group_id       bigint NOT NULL,
    sources        smallint NOT NULL,
    calls          bigint NOT NULL,
    input          bigint NOT NULL,
    output         bigint NOT NULL,
    cache_read     bigint NOT NULL,
    cache_write    bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    reasoning      bigint NOT NULL,
    cost           numeric NOT NULL, -- of those that have a price
    unpriced       bigint NOT NULL,  -- calls without
    PRIMARY KEY (workspace_id, grain, start, group_id, sources)
) WITH (fillfactor = 70);

-- What a tool tells as the sum of a session until now (Droid): the highest numbers seen, which are in the ledger. A file that comes late, of
-- an earlier state, adds nothing.
CREATE TABLE usage_totals (
    session_id   bigint PRIMARY KEY REFERENCES usage_sessions (id) ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    counts       bigint[] NOT NULL
);

-- Files that are sent as they grow: where reading stopped, and what has to be known to go on.
CREATE TABLE usage_files (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    hash         uuid NOT NULL, -- of user, machine, platform and file
    position     bigint NOT NULL,
    state        text NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, hash)
);

-- Who reports, and when last: a machine that fell silent is a gap in the sums.
CREATE TABLE usage_reporters (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      uuid NOT NULL,
    machine      text NOT NULL,
    platform     text COLLATE "C" NOT NULL,
    source       smallint NOT NULL,
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    last_call    timestamptz,
    calls        bigint NOT NULL DEFAULT 0, -- new ones
    PRIMARY KEY (workspace_id, user_id, machine, platform, source)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_groups', 'usage_sessions', 'usage_calls', 'usage_sums', 'usage_totals', 'usage_files', 'usage_reporters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
    END LOOP;
END $$;

-- Makes the partitions of the months from one time to another, where they are missing. They are made beside the table and attached, which
-- leaves readers and writers alone.
CREATE FUNCTION ccr_usage_months(since timestamptz, until timestamptz) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz;
    name text;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', since), until, interval '1 month') LOOP
        name := 'usage_calls_' || to_char(month, 'YYYYMM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtextextended('usage_months', 0));
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE usage_calls INCLUDING DEFAULTS, CONSTRAINT %I UNIQUE (key))', name, name || '_key');
        EXECUTE format('CREATE INDEX %I ON %I (alias) WHERE alias IS NOT NULL', name || '_alias', name);
        EXECUTE format('CREATE INDEX %I ON %I (session_id)', name || '_session', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       name || '_workspace', name);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT month CHECK (at >= %L AND at < %L)', name, month, month + interval '1 month');
        EXECUTE format('ALTER TABLE usage_calls ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month, month + interval '1 month');
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT month', name);
    END LOOP;
END $$;

-- Who knows nothing of caches that keep for an hour tells of all writes as of others: of two the higher sum is right, and of the same sum
-- the one with more for an hour. As one number, to find it by.
CREATE FUNCTION ccr_usage_writes(cache_write integer, cache_write_1h integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (cache_write::bigint + cache_write_1h) << 31 | cache_write_1h $$;

-- The rates of such groups of calls between two times, as ranges that do not overlap (usage_rates).
CREATE FUNCTION ccr_usage_rates(groups bigint[], first timestamptz, last timestamptz)
    RETURNS TABLE (group_id bigint, since timestamptz, until timestamptz, prompt_above bigint, prompt_to bigint, input numeric, output numeric,
                   cache_read numeric, cache_write numeric, cache_write_1h numeric) LANGUAGE sql STABLE AS $$
    WITH wanted AS MATERIALIZED (SELECT g.id, g.workspace_id, g.price_model, g.tier FROM usage_groups g WHERE g.id = ANY (groups)),
        models AS MATERIALIZED (SELECT m.*, r.* FROM (SELECT DISTINCT workspace_id, price_model, tier FROM wanted) m
            CROSS JOIN LATERAL usage_rates(m.workspace_id, m.price_model, m.tier, ccr_usage_rates.first, ccr_usage_rates.last) r)
    SELECT w.id, m.since, m.until, m.prompt_above, m.prompt_to, m.input, m.output, m.cache_read, m.cache_write, m.cache_write_1h
        FROM wanted w JOIN models m USING (workspace_id, price_model, tier) $$;

-- Joins records of one source (its bit) with what is there of the same calls. What comes of it: what is to be added to the sums, and taken
-- from them, and how many records were new, told more, or are put off.
--
-- What is there of a call is looked up two days around its time, because copies and clocks differ and months are partitions: by its key, and
-- by its alias among what other sources wrote. An alias that is no request's may be that of several calls: the nearest in time is meant
-- (`reach`, in seconds, says how far it may be). A call is told of once by each source: of several in the batch that mean the same one the
-- nearest has it, and the others are put off, to be given again.
--
-- The key is a log's, where one tells of the call. Of several aliases that of who knows best holds, for an event may come again: numbers that
-- grow have another one each time, and a copy may be told of under another request.
--
-- Rows are found by their indexes, whatever the tables were like when the plan was made: they grow a thousandfold while a first import runs. What
-- is to be changed is known by where it stands: the lock on the workspace keeps it there.
CREATE FUNCTION ccr_usage_join(source smallint, others boolean, keys uuid[], aliases uuid[], times timestamptz[], groups bigint[],
                               sessions bigint[], places smallint[], reaches integer[], inputs integer[], outputs integer[],
                               cache_reads integer[], cache_writes integer[], cache_writes_1h integer[], reasonings integer[])
    RETURNS TABLE (added integer, changed integer, put_off integer, at timestamptz, group_id bigint, session_id bigint, sources smallint,
                   calls integer, cost numeric, unpriced integer, input integer, output integer, cache_read integer, cache_write integer,
                   cache_write_1h integer, reasoning integer) LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    workspace uuid := ccr_workspace();
BEGIN
RETURN QUERY
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(keys, aliases, times, groups, sessions, places, reaches, inputs, outputs, cache_reads, cache_writes, cache_writes_1h,
                reasonings)
        AS u (key, alias, at, group_id, session_id, place, reach, input, output, cache_read, cache_write, cache_write_1h, reasoning)),
met AS MATERIALIZED (
    SELECT g.*, e.key AS other_key, e.apart,
        CASE WHEN o.key IS NULL THEN e.part ELSE o.part END AS was_part, CASE WHEN o.key IS NULL THEN e.row ELSE o.row END AS was_row,
        CASE WHEN o.key IS NOT NULL THEN e.part END AS also_part, CASE WHEN o.key IS NOT NULL THEN e.row END AS also_row,
        CASE WHEN o.key IS NULL THEN e.key ELSE o.key END AS was_key, CASE WHEN o.key IS NULL THEN e.at ELSE o.at END AS was_at, CASE WHEN
            o.key IS NULL THEN e.group_id ELSE o.group_id END AS was_group_id, CASE WHEN o.key IS NULL THEN e.session_id ELSE o.session_id
            END AS was_session_id, CASE WHEN o.key IS NULL THEN e.sources ELSE o.sources END AS was_sources, CASE WHEN o.key IS NULL THEN
            e.cost ELSE o.cost END AS was_cost, CASE WHEN o.key IS NULL THEN e.log_output ELSE o.log_output END AS was_log_output, CASE WHEN
            o.key IS NULL THEN e.event_output ELSE o.event_output END AS was_event_output, CASE WHEN o.key IS NULL THEN e.input ELSE o.input
            END AS was_input, CASE WHEN o.key IS NULL THEN e.output ELSE o.output END AS was_output, CASE WHEN o.key IS NULL THEN
            e.cache_read ELSE o.cache_read END AS was_cache_read, CASE WHEN o.key IS NULL THEN e.cache_write ELSE o.cache_write END AS
            was_cache_write, CASE WHEN o.key IS NULL THEN e.cache_write_1h ELSE o.cache_write_1h END AS was_cache_write_1h, CASE WHEN o.key
            IS NULL THEN e.reasoning ELSE o.reasoning END AS was_reasoning, CASE WHEN o.key IS NULL THEN e.alias ELSE o.alias END AS
            was_alias, CASE WHEN o.key IS NULL THEN e.place ELSE o.place END AS was_place,
        CASE WHEN o.key IS NOT NULL THEN e.key END AS also_key, CASE WHEN o.key IS NOT NULL THEN e.at END AS also_at, CASE WHEN o.key IS NOT
            NULL THEN e.group_id END AS also_group_id, CASE WHEN o.key IS NOT NULL THEN e.session_id END AS also_session_id, CASE WHEN o.key
            IS NOT NULL THEN e.sources END AS also_sources, CASE WHEN o.key IS NOT NULL THEN e.cost END AS also_cost, CASE WHEN o.key IS NOT
            NULL THEN e.log_output END AS also_log_output, CASE WHEN o.key IS NOT NULL THEN e.event_output END AS also_event_output, CASE
            WHEN o.key IS NOT NULL THEN e.input END AS also_input, CASE WHEN o.key IS NOT NULL THEN e.output END AS also_output, CASE WHEN
            o.key IS NOT NULL THEN e.cache_read END AS also_cache_read, CASE WHEN o.key IS NOT NULL THEN e.cache_write END AS
            also_cache_write, CASE WHEN o.key IS NOT NULL THEN e.cache_write_1h END AS also_cache_write_1h, CASE WHEN o.key IS NOT NULL THEN
            e.reasoning END AS also_reasoning,
        CASE WHEN o.key IS NULL THEN e.known_as ELSE o.known_as END AS was_known_as,
        CASE WHEN o.key IS NOT NULL THEN e.known_as END AS also_known_as
    FROM given g
    LEFT JOIN LATERAL (SELECT c.*, c.tableoid AS part, c.ctid AS row FROM usage_calls c WHERE c.key = g.key AND c.workspace_id = workspace
        AND c.at BETWEEN g.at - interval '48 hours' AND g.at + interval '48 hours' LIMIT 1) o ON true
    LEFT JOIN LATERAL (SELECT x.* FROM (
        SELECT c.*, c.tableoid AS part, c.ctid AS row, abs(extract(epoch FROM c.at - g.at)) AS apart FROM usage_calls c
        WHERE others AND c.alias = ANY (ARRAY[g.alias, CASE source WHEN 2 THEN g.key END]) AND c.workspace_id = workspace
        AND c.at BETWEEN g.at - interval '48 hours' AND g.at + interval '48 hours'
        UNION ALL
        SELECT c.*, c.tableoid, c.ctid, abs(extract(epoch FROM c.at - g.at)) FROM usage_calls c
        WHERE others AND source <> 2 AND c.key = g.alias AND c.workspace_id = workspace
        AND c.at BETWEEN g.at - interval '48 hours' AND g.at + interval '48 hours') x
        WHERE x.key <> g.key AND (source = 1 OR o.key IS NULL)
        AND CASE WHEN x.known_as = g.key OR source = 2 AND x.alias = g.key THEN true
            ELSE x.sources & (source | coalesce(o.sources, 0::smallint)) = 0 AND (source <> 2 OR x.sources & 5 <> 0) AND x.apart <= g.reach END
        ORDER BY (x.known_as = g.key OR source = 2 AND x.alias = g.key) IS TRUE DESC, x.apart LIMIT 1) e ON true),
rivals AS MATERIALIZED (
    SELECT key FROM (SELECT m.key, row_number() OVER (PARTITION BY m.other_key ORDER BY m.apart, m.key) AS place FROM met m
        WHERE m.other_key IS NOT NULL) m WHERE place > 1),
best AS (
    SELECT CASE WHEN source <> 1 THEN coalesce(m.was_key, m.key) ELSE m.key END AS key,
        CASE WHEN source = 1 THEN coalesce(m.was_known_as, m.also_known_as, nullif(nullif(m.was_key, m.key), m.alias), nullif(m.also_key, m.alias))
            ELSE coalesce(m.was_known_as, CASE WHEN m.key <> m.was_key AND m.key IS DISTINCT FROM m.was_alias THEN m.key END) END AS known_as,
        CASE WHEN m.place < m.was_place OR m.place = m.was_place AND m.output <= m.was_output THEN coalesce(m.was_alias, m.alias)
            ELSE coalesce(m.alias, m.was_alias) END AS alias,
        least(m.at, m.was_at, m.also_at) AS at,
        CASE WHEN m.place <= m.was_place THEN m.was_group_id ELSE m.group_id END AS group_id,
        CASE WHEN m.place <= m.was_place THEN m.was_session_id ELSE m.session_id END AS session_id,
        greatest(m.place, m.was_place) AS place,
        source | coalesce(m.was_sources, 0::smallint) | coalesce(m.also_sources, 0::smallint) AS sources,
        greatest(CASE source WHEN 1 THEN m.output END, m.was_log_output, m.also_log_output) AS log_output,
        greatest(CASE source WHEN 2 THEN m.output END, m.was_event_output, m.also_event_output) AS event_output,
        greatest(m.input, m.was_input, m.also_input) AS input, greatest(m.output, m.was_output, m.also_output) AS output,
            greatest(m.cache_read, m.was_cache_read, m.also_cache_read) AS cache_read,
            ((m.writes >> 31) - (m.writes & 2147483647))::integer AS cache_write, (m.writes & 2147483647)::integer AS cache_write_1h,
            greatest(m.reasoning, m.was_reasoning, m.also_reasoning) AS reasoning,
        was_key, was_known_as, was_log_output, was_event_output, was_at, was_alias, was_group_id, was_session_id, was_sources, was_cost, was_input, was_output, was_cache_read,
            was_cache_write, was_cache_write_1h, was_reasoning,
        also_key, also_at, also_group_id, also_session_id, also_sources, also_cost, also_input, also_output, also_cache_read,
            also_cache_write, also_cache_write_1h, also_reasoning,
        was_part, was_row, also_part, also_row
    FROM (SELECT m.*, greatest(ccr_usage_writes(m.cache_write, m.cache_write_1h),
                               ccr_usage_writes(m.was_cache_write, m.was_cache_write_1h),
                               ccr_usage_writes(m.also_cache_write, m.also_cache_write_1h)) AS writes FROM met m) m
    WHERE m.key NOT IN (SELECT key FROM rivals)),
p AS MATERIALIZED (
    SELECT b.*, c.cost FROM best b JOIN usage_groups g ON g.id = b.group_id
    LEFT JOIN LATERAL usage_cost(workspace, g.price_model, g.tier, b.at, b.input, b.output, b.cache_read, b.cache_write, b.cache_write_1h) c
        ON true
    WHERE b.was_key IS NULL OR b.also_key IS NOT NULL
        OR (b.key, b.known_as, b.log_output, b.event_output, b.alias, b.at, b.group_id, b.session_id, b.sources,
            b.input, b.output, b.cache_read, b.cache_write, b.cache_write_1h, b.reasoning)
        IS DISTINCT FROM (b.was_key, b.was_known_as, b.was_log_output, b.was_event_output, b.was_alias, b.was_at, b.was_group_id,
                          b.was_session_id, b.was_sources,
                          b.was_input, b.was_output, b.was_cache_read, b.was_cache_write, b.was_cache_write_1h, b.was_reasoning)),
new AS (
    INSERT INTO usage_calls (workspace_id, key, alias, known_as, at, group_id, session_id, place, sources, log_output, event_output, cost,
                             input, output, cache_read, cache_write, cache_write_1h, reasoning)
    SELECT workspace, key, alias, known_as, at, group_id, session_id, place, sources, log_output, event_output, cost,
        input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM p WHERE was_key IS NULL),
better AS (
    UPDATE usage_calls c SET key = p.key, alias = p.alias, known_as = p.known_as, at = p.at, group_id = p.group_id, session_id = p.session_id,
        place = p.place,
        sources = p.sources, log_output = p.log_output, event_output = p.event_output, cost = p.cost,
        input = p.input, output = p.output, cache_read = p.cache_read, cache_write = p.cache_write, cache_write_1h = p.cache_write_1h,
            reasoning = p.reasoning
    FROM p WHERE c.ctid = p.was_row AND c.tableoid = p.was_part),
merged AS (
    DELETE FROM usage_calls c USING p WHERE c.ctid = p.also_row AND c.tableoid = p.also_part)
SELECT (was_key IS NULL)::integer, (was_key IS NOT NULL)::integer, 0, at, group_id, session_id, sources, 1, coalesce(cost, 0),
    (cost IS NULL)::integer, input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM p
UNION ALL SELECT 0, 0, 0, was_at, was_group_id, was_session_id, was_sources, -1, -coalesce(was_cost, 0), -(was_cost IS NULL)::integer,
    -was_input, -was_output, -was_cache_read, -was_cache_write, -was_cache_write_1h, -was_reasoning
    FROM p WHERE was_key IS NOT NULL
UNION ALL SELECT 0, 0, 0, also_at, also_group_id, also_session_id, also_sources, -1, -coalesce(also_cost, 0), -(also_cost IS NULL)::integer,
    -also_input, -also_output, -also_cache_read, -also_cache_write, -also_cache_write_1h, -also_reasoning
    FROM p WHERE also_key IS NOT NULL
UNION ALL SELECT 0, 0, 1, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM rivals;
END $$;

-- Takes a batch of records of one source. `others`: other sources were ever heard of. Otherwise what is there already and says as much is
-- passed over, and what is new is written at once: most of what comes is one or the other, and needs neither the width nor the searches of
-- ccr_usage_join, which has the rest.
CREATE FUNCTION ccr_usage_take(source smallint, others boolean, zone text, keys uuid[], aliases uuid[], times timestamptz[], groups bigint[],
                               sessions bigint[], places smallint[], reaches integer[], inputs integer[], outputs integer[],
                               cache_reads integer[], cache_writes integer[], cache_writes_1h integer[], reasonings integer[])
    RETURNS TABLE (added bigint, changed bigint, put_off bigint) LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    workspace uuid := ccr_workspace();
BEGIN
RETURN QUERY
WITH looked AS MATERIALIZED (
    SELECT u.*, c.key IS NULL AND NOT others AS is_new
    FROM unnest(keys, aliases, times, groups, sessions, places, reaches, inputs, outputs, cache_reads, cache_writes, cache_writes_1h,
                reasonings)
        AS u (key, alias, at, group_id, session_id, place, reach, input, output, cache_read, cache_write, cache_write_1h, reasoning)
    LEFT JOIN LATERAL (SELECT * FROM usage_calls c WHERE NOT others AND c.key = u.key AND c.workspace_id = workspace
        AND c.at BETWEEN u.at - interval '48 hours' AND u.at + interval '48 hours' LIMIT 1) c ON true
    WHERE c.key IS NULL OR c.sources & source = 0 OR u.at < c.at OR u.place > c.place
        OR u.alias IS DISTINCT FROM c.alias AND (c.alias IS NULL OR u.place = c.place AND u.output > c.output)
        OR CASE source WHEN 1 THEN u.output <= c.log_output WHEN 2 THEN u.output <= c.event_output ELSE true END IS NOT TRUE
        OR u.input > c.input OR u.output > c.output OR u.cache_read > c.cache_read OR u.reasoning > c.reasoning
        OR (u.cache_write <> c.cache_write OR u.cache_write_1h <> c.cache_write_1h)
            AND ccr_usage_writes(u.cache_write, u.cache_write_1h) > ccr_usage_writes(c.cache_write, c.cache_write_1h)),
rates AS MATERIALIZED (
    SELECT r.* FROM (SELECT array_agg(DISTINCT group_id) AS groups, min(at) AS first, max(at) AS last FROM looked WHERE is_new) l
    CROSS JOIN LATERAL ccr_usage_rates(l.groups, l.first, l.last) r),
p AS MATERIALIZED (
    SELECT n.*, usage_charges(n.input, n.output, n.cache_read, n.cache_write, n.cache_write_1h,
                              r.input, r.output, r.cache_read, r.cache_write, r.cache_write_1h) AS cost
    FROM (SELECT l.*, l.input::bigint + l.cache_read + l.cache_write + l.cache_write_1h AS prompt FROM looked l WHERE is_new) n
    LEFT JOIN rates r ON r.group_id = n.group_id AND n.at >= r.since AND n.at < r.until AND n.prompt > r.prompt_above
        AND n.prompt <= r.prompt_to),
written AS (
    INSERT INTO usage_calls (workspace_id, key, alias, at, group_id, session_id, place, sources, log_output, event_output, cost,
                             input, output, cache_read, cache_write, cache_write_1h, reasoning)
    SELECT workspace, key, alias, at, group_id, session_id, place, source, CASE source WHEN 1 THEN output END,
        CASE source WHEN 2 THEN output END, cost, input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM p),
more AS (
    SELECT array_agg(key) AS keys, array_agg(alias) AS aliases, array_agg(at) AS times, array_agg(group_id) AS groups,
        array_agg(session_id) AS sessions, array_agg(place) AS places, array_agg(reach) AS reaches, array_agg(input) AS inputs,
        array_agg(output) AS outputs, array_agg(cache_read) AS cache_reads, array_agg(cache_write) AS cache_writes,
        array_agg(cache_write_1h) AS cache_writes_1h, array_agg(reasoning) AS reasonings
    FROM looked WHERE NOT is_new),
joined AS MATERIALIZED (
    SELECT j.* FROM more m CROSS JOIN LATERAL ccr_usage_join(source, others, m.keys, m.aliases, m.times, m.groups, m.sessions, m.places,
        m.reaches, m.inputs, m.outputs, m.cache_reads, m.cache_writes, m.cache_writes_1h, m.reasonings) j WHERE m.keys IS NOT NULL),
d AS NOT MATERIALIZED (
    SELECT at, group_id, session_id, source AS sources, 1 AS calls, coalesce(cost, 0) AS cost, (cost IS NULL)::integer AS unpriced,
        input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM p
    UNION ALL SELECT at, group_id, session_id, sources, calls, cost, unpriced, input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM joined WHERE calls <> 0),
quarters AS MATERIALIZED (
    SELECT date_bin(interval '15 minutes', at, timestamptz 'epoch') AS start, group_id, sources, sum(calls) AS calls, sum(cost) AS cost,
        sum(unpriced) AS unpriced, sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
        sum(cache_write) AS cache_write, sum(cache_write_1h) AS cache_write_1h, sum(reasoning) AS reasoning
    FROM d GROUP BY 1, 2, 3),
summed AS (
    INSERT INTO usage_sums AS s (workspace_id, grain, start, group_id, sources, calls, cost, unpriced,
                                 input, output, cache_read, cache_write, cache_write_1h, reasoning)
    SELECT workspace, 'q', start, group_id, sources, calls, cost, unpriced,
        input, output, cache_read, cache_write, cache_write_1h, reasoning
    FROM quarters
    UNION ALL SELECT workspace, 'd', date_trunc('day', start, zone), group_id, sources, sum(calls), sum(cost), sum(unpriced),
        sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(reasoning)
    FROM quarters GROUP BY 3, 4, 5
    ON CONFLICT (workspace_id, grain, start, group_id, sources) DO UPDATE SET calls = s.calls + excluded.calls,
        cost = s.cost + excluded.cost, unpriced = s.unpriced + excluded.unpriced,
        input = s.input + excluded.input, output = s.output + excluded.output, cache_read = s.cache_read + excluded.cache_read,
        cache_write = s.cache_write + excluded.cache_write, cache_write_1h = s.cache_write_1h + excluded.cache_write_1h,
        reasoning = s.reasoning + excluded.reasoning),
grown AS (
    UPDATE usage_sessions s SET first_at = least(s.first_at, t.first_at), last_at = greatest(s.last_at, t.last_at),
        calls = s.calls + t.calls, cost = s.cost + t.cost, unpriced = s.unpriced + t.unpriced,
        input = s.input + t.input, output = s.output + t.output, cache_read = s.cache_read + t.cache_read,
        cache_write = s.cache_write + t.cache_write, cache_write_1h = s.cache_write_1h + t.cache_write_1h,
        reasoning = s.reasoning + t.reasoning
    FROM (SELECT session_id, min(at) AS first_at, max(at) AS last_at, sum(calls) AS calls, sum(cost) AS cost, sum(unpriced) AS unpriced,
            sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read, sum(cache_write) AS cache_write,
            sum(cache_write_1h) AS cache_write_1h, sum(reasoning) AS reasoning
        FROM d GROUP BY session_id) t
    WHERE s.id = t.session_id)
SELECT (SELECT count(*) FROM p) + coalesce(sum(j.added), 0)::bigint, coalesce(sum(j.changed), 0)::bigint, coalesce(sum(j.put_off), 0)::bigint
    FROM joined j;
END $$;

-- Removes the oldest month of calls that lies before `until` as a whole; the sums stay. How many were removed: 1 or 0.
CREATE FUNCTION ccr_usage_forget(until timestamptz) RETURNS integer LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    oldest text;
BEGIN
    SELECT c.relname INTO oldest FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_calls'::regclass ORDER BY c.relname LIMIT 1;
    IF oldest IS NULL OR to_date(right(oldest, 6), 'YYYYMM') + interval '1 month' > until THEN
        RETURN 0;
    END IF;
    EXECUTE format('DROP TABLE %I', oldest);
    RETURN 1;
END $$;

-- Prices that became known, or others than they were: which calls are to be priced anew. A request is done with when a sweep that began after it
-- has been through all months.
CREATE TABLE usage_repricing (
    workspace_id uuid REFERENCES workspaces (id) ON DELETE CASCADE, -- NULL: everybody's
    model        text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT usage_repricing_key UNIQUE NULLS NOT DISTINCT (workspace_id, model)
);
ALTER TABLE usage_repricing ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_repricing FORCE ROW LEVEL SECURITY;
CREATE POLICY usage_repricing_workspace ON usage_repricing USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));

-- How far the sweep under way has come.
CREATE TABLE usage_sweep (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    until     timestamptz NOT NULL, -- requests before this are seen to
    month     text NOT NULL,        -- the partition at hand
    block     bigint NOT NULL,      -- of it, the next one
    blocks    bigint NOT NULL,      -- it had when it was begun: what the sweep itself writes stands behind
    seen      bigint NOT NULL DEFAULT 0,
    changed   bigint NOT NULL DEFAULT 0
);

CREATE FUNCTION ccr_usage_prices_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_repricing (workspace_id, model) SELECT DISTINCT c.workspace_id, c.model FROM changed c
        WHERE c.workspace_id IS NULL OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id) -- not when prices go with theirs
        ON CONFLICT ON CONSTRAINT usage_repricing_key DO UPDATE SET requested_at = clock_timestamp();
    RETURN NULL;
END $$;
CREATE TRIGGER usage_prices_priced AFTER INSERT ON usage_prices REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_usage_prices_changed();
CREATE TRIGGER usage_prices_repriced AFTER UPDATE ON usage_prices REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_usage_prices_changed();
CREATE TRIGGER usage_prices_unpriced AFTER DELETE ON usage_prices REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_usage_prices_changed();

-- Prices so many blocks of a month anew: rows seen, rows changed. Writers of usage wait meanwhile: what they found must stand where it stood.
CREATE FUNCTION ccr_usage_reprice(month text, first bigint, blocks integer, until timestamptz, OUT seen bigint, OUT changed bigint)
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    wanted bigint[];
BEGIN
    wanted := ARRAY(SELECT g.id FROM usage_groups g JOIN usage_repricing r ON r.model = g.price_model AND r.requested_at <= until
                    AND (r.workspace_id IS NULL OR r.workspace_id = g.workspace_id));
    IF cardinality(wanted) = 0 THEN
        seen := 0;
        changed := 0;
        RETURN;
    END IF;
    EXECUTE format($sql$
        WITH wanted AS MATERIALIZED (SELECT g.id, g.workspace_id, g.price_model, g.tier, w.time_zone FROM usage_groups g
            JOIN workspaces w ON w.id = g.workspace_id WHERE g.id = ANY ($1)),
        seen AS MATERIALIZED (SELECT c.ctid AS row, c.at, c.group_id, c.session_id, c.sources, c.cost, c.input, c.output, c.cache_read,
                c.cache_write, c.cache_write_1h, c.input::bigint + c.cache_read + c.cache_write + c.cache_write_1h AS prompt
            FROM %1$I c WHERE c.group_id = ANY ($1)
            AND c.ctid >= format('(%%s,0)', $2)::tid AND c.ctid < format('(%%s,0)', $2 + $3)::tid),
        rates AS MATERIALIZED (SELECT r.* FROM (SELECT array_agg(DISTINCT group_id) AS groups, min(at) AS first, max(at) AS last FROM seen) s
            CROSS JOIN LATERAL ccr_usage_rates(s.groups, s.first, s.last) r),
        old AS MATERIALIZED (SELECT s.row, s.at, s.group_id, s.session_id, s.sources, s.cost, w.workspace_id, w.time_zone,
                usage_charges(s.input, s.output, s.cache_read, s.cache_write, s.cache_write_1h,
                              r.input, r.output, r.cache_read, r.cache_write, r.cache_write_1h) AS new
            FROM seen s JOIN wanted w ON w.id = s.group_id LEFT JOIN rates r ON r.group_id = s.group_id AND s.at >= r.since AND s.at < r.until
                AND s.prompt > r.prompt_above AND s.prompt <= r.prompt_to),
        other AS MATERIALIZED (SELECT * FROM old WHERE cost IS DISTINCT FROM new),
        priced AS (UPDATE %1$I c SET cost = o.new FROM other o WHERE c.ctid = o.row
            AND c.ctid >= format('(%%s,0)', $2)::tid AND c.ctid < format('(%%s,0)', $2 + $3)::tid),
        summed AS (UPDATE usage_sums s SET cost = s.cost + d.cost, unpriced = s.unpriced + d.unpriced
            FROM (SELECT o.workspace_id, g.grain, g.start, o.group_id, o.sources, sum(coalesce(o.new, 0) - coalesce(o.cost, 0)) AS cost,
                    sum((o.new IS NULL)::integer - (o.cost IS NULL)::integer) AS unpriced
                FROM other o CROSS JOIN LATERAL (VALUES
                    ('q'::"char", date_bin(interval '15 minutes', o.at, timestamptz 'epoch')), ('d', date_trunc('day', o.at, o.time_zone)))
                    AS g (grain, start) GROUP BY 1, 2, 3, 4, 5) d
            WHERE s.workspace_id = d.workspace_id AND s.grain = d.grain AND s.start = d.start AND s.group_id = d.group_id
            AND s.sources = d.sources),
        grown AS (UPDATE usage_sessions s SET cost = s.cost + d.cost, unpriced = s.unpriced + d.unpriced
            FROM (SELECT session_id, sum(coalesce(new, 0) - coalesce(cost, 0)) AS cost,
                    sum((new IS NULL)::integer - (cost IS NULL)::integer) AS unpriced FROM other GROUP BY session_id) d
            WHERE s.id = d.session_id)
        SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM other) $sql$, month)
        INTO seen, changed USING wanted, first, blocks;
END $$;

-- One step of a sweep: whether there is more to do, and how many calls got another price.
CREATE FUNCTION ccr_usage_sweep(step integer, OUT more boolean, OUT changed bigint) LANGUAGE plpgsql AS $$
DECLARE
    s usage_sweep;
    did record;
BEGIN
    more := false;
    changed := 0;
    SELECT * INTO s FROM usage_sweep FOR UPDATE;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT 1 FROM usage_repricing) THEN
            RETURN;
        END IF;
        INSERT INTO usage_sweep (until, month, block, blocks) VALUES (clock_timestamp(), '', 0, 0) RETURNING * INTO s;
    END IF;
    IF s.block >= s.blocks THEN -- the next month
        SELECT c.relname INTO s.month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'usage_calls'::regclass AND c.relname > s.month ORDER BY c.relname LIMIT 1;
        IF s.month IS NULL THEN
            DELETE FROM usage_repricing WHERE requested_at <= s.until;
            DELETE FROM usage_sweep;
            more := EXISTS (SELECT 1 FROM usage_repricing);
            RETURN;
        END IF;
        s.block := 0;
        s.blocks := pg_relation_size(s.month::regclass) / current_setting('block_size')::bigint;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('usage', 0));
    -- A step that a crash takes back is done again, with all that it changed: it does not wait for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT * INTO did FROM ccr_usage_reprice(s.month, s.block, step, s.until);
    UPDATE usage_sweep SET month = s.month, block = s.block + step, blocks = s.blocks, seen = s.seen + did.seen,
        changed = s.changed + did.changed;
    more := true;
    changed := did.changed;
END $$;
