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

-- Conversations.
CREATE TABLE usage_sessions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id   uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    hash           uuid NOT NULL, -- of platform and session
    platform       text COLLATE "C" NOT NULL,
    session        text NOT NULL, -- as the tool names it; '' = not told
    user_id        uuid NOT NULL,
    machine        text NOT NULL,
    project        text NOT NULL,
    branch         text NOT NULL,
    first_at       timestamptz,
    last_at        timestamptz,
    log_until      timestamptz, -- its log is known until then
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

-- The calls, a partition a month (UTC). The key is the same wherever a call is written down; its other name is its request, by which an event
-- finds the log's line and the other way round.
CREATE TABLE usage_calls (
    workspace_id   uuid NOT NULL,
    key            uuid NOT NULL,
    alias          uuid,
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

-- What a tool tells as the sum of a session until now (Droid): what was taken from it so far.
CREATE TABLE usage_totals (
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    session_id   bigint NOT NULL REFERENCES usage_sessions (id) ON DELETE CASCADE,
    model        text NOT NULL,
    counts       bigint[] NOT NULL,
    PRIMARY KEY (workspace_id, session_id, model)
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
        EXECUTE format('CREATE TABLE %I (LIKE usage_calls INCLUDING DEFAULTS, CONSTRAINT %I UNIQUE (key, workspace_id))', name, name || '_key');
        EXECUTE format('CREATE INDEX %I ON %I (alias, workspace_id) WHERE alias IS NOT NULL', name || '_alias', name);
        EXECUTE format('CREATE INDEX %I ON %I (session_id) WHERE sources = 2 AND alias IS NULL', name || '_event', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       name || '_workspace', name);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT month CHECK (at >= %L AND at < %L)', name, month, month + interval '1 month');
        EXECUTE format('ALTER TABLE usage_calls ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month, month + interval '1 month');
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT month', name);
    END LOOP;
END $$;
