-- Budgets: how much a workspace, some of its people, or what it uses may cost in a day, a week, a month or altogether; who is told when so many
-- hundredths of it are spent, each of them once; and the webhooks by which chats are told.
--
-- What is spent stands in usage_sums and their facets, and is added up when it is asked for: a new key, a restart, a second host or a changed
-- price has nothing of its own here that could be wrong.

CREATE TABLE budgets (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- What counts; NULL, and no users: whatever there is.
    users        uuid[] NOT NULL DEFAULT '{}', -- of any of them; who is gone stays in it, or the budget would be everybody's
    platform     text COLLATE "C",
    provider     text,
    profile      text,
    model        text,             -- as it was given
    price_model  text COLLATE "C", -- as usage_groups has it
    project      text,
    period       text NOT NULL CHECK (period IN ('day', 'week', 'month', 'total')),
    starts       date CHECK ((starts IS NOT NULL) = (period = 'total')),
    amount       numeric(18, 9) NOT NULL CHECK (amount > 0),
    levels       integer[] NOT NULL CHECK (cardinality(levels) BETWEEN 1 AND 10),
    action       text NOT NULL CHECK (action IN ('none', 'stop', 'switch')), -- when all of it is spent
    switch_to    text, -- a profile of the platform
    enabled      boolean NOT NULL,
    -- Counts what it was changed to that makes another budget of it, since when it is that: then all levels are told anew.
    edition      integer NOT NULL DEFAULT 1,
    since        timestamptz NOT NULL DEFAULT now(),
    revision     bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT budgets_name_key UNIQUE (workspace_id, name),
    CONSTRAINT budgets_switch CHECK (CASE action WHEN 'switch' THEN num_nulls(switch_to, platform) = 0 AND 100 = ANY (levels) ELSE switch_to IS NULL END)
);

-- Levels that were reached and told. The key decides who tells.
CREATE TABLE budget_notices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    budget_id    uuid NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    edition      integer NOT NULL,
    period_start timestamptz NOT NULL,
    level        integer NOT NULL,
    amount       numeric NOT NULL,
    spent        numeric NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT budget_notices_key UNIQUE (budget_id, edition, period_start, level)
);

CREATE TABLE webhooks (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    kind         text NOT NULL CHECK (kind IN ('plain', 'slack', 'feishu', 'dingtalk', 'wecom')),
    sealed       text NOT NULL, -- {"url", "secret"}: who knows the address of a chat's webhook may write there
    shown_url    text NOT NULL, -- masked
    shown_secret text,
    revision     bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhooks_name_key UNIQUE (workspace_id, name)
);

-- What webhooks are told. next_at: when to try (again), or while somebody does, when that is given up; NULL: it is over.
CREATE TABLE webhook_deliveries (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    webhook_id   uuid NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    facts        json NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz DEFAULT now(),
    last_error   text,
    delivered_at timestamptz,
    given_up_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at) WHERE next_at IS NULL;

-- What CCR UI's page knows of a workspace's budgets besides the three that are its own.
CREATE TABLE ui_budgets (
    workspace_id   uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    enabled        boolean NOT NULL DEFAULT false,
    warn_threshold integer NOT NULL DEFAULT 80 CHECK (warn_threshold BETWEEN 0 AND 100),
    created_at     timestamptz NOT NULL DEFAULT now()
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['budgets', 'budget_notices', 'webhooks', 'webhook_deliveries', 'ui_budgets'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY %I ON %I USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()))',
                       t || '_workspace', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['budgets', 'webhooks', 'ui_budgets'] LOOP -- the others change as calls come, and no answer with them is kept
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_content_changed()', t || '_inserted', t);
        EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_content_changed()', t || '_updated', t);
        EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ccr_content_changed()', t || '_deleted', t);
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated()',
                       t || '_truncated', t);
    END LOOP;
END $$;

-- The period that a time lies in, from `since` to before `until`, by the days of a time zone; a week begins on Monday. A fixed sum has no end.
CREATE FUNCTION ccr_budget_period(period text, starts date, zone text, at timestamptz, OUT since timestamptz, OUT until timestamptz)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE period WHEN 'total' THEN starts::timestamp ELSE date_trunc(period, at AT TIME ZONE zone) END AT TIME ZONE zone,
        CASE period WHEN 'total' THEN 'infinity'
            ELSE (date_trunc(period, at AT TIME ZONE zone) + CASE period WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days'
                                                             ELSE interval '1 month' END) AT TIME ZONE zone END $$;

-- Whether calls of this kind count for a budget.
CREATE FUNCTION ccr_budget_counts(b budgets, user_id uuid, platform text, provider text, profile text, price_model text, project text)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (cardinality(b.users) = 0 OR user_id = ANY (b.users)) AND (b.platform IS NULL OR platform = b.platform)
        AND (b.provider IS NULL OR provider = b.provider) AND (b.profile IS NULL OR profile = b.profile)
        AND (b.price_model IS NULL OR price_model = b.price_model) AND (b.project IS NULL OR project = b.project) $$;

-- What the calls that count for a budget cost between two beginnings of days, and how many of them have no price.
CREATE FUNCTION ccr_budget_spent(b budgets, since timestamptz, until timestamptz, OUT cost numeric, OUT unpriced bigint)
    LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    facet_of_user text := CASE WHEN b.platform IS NOT NULL THEN 'l' WHEN b.provider IS NOT NULL THEN 'v' WHEN b.profile IS NOT NULL THEN 'f'
                               WHEN b.price_model IS NOT NULL THEN 'm' WHEN b.project IS NOT NULL THEN 'p' ELSE 't' END;
    wanted "char" := CASE cardinality(b.users) WHEN 0 THEN upper(facet_of_user) ELSE facet_of_user END;
BEGIN
    IF num_nonnulls(b.platform, b.provider, b.profile, b.price_model, b.project) <= 1 THEN
        SELECT coalesce(sum(d.cost), 0), coalesce(sum(d.unpriced), 0) INTO cost, unpriced
            FROM usage_facet_days d JOIN usage_facets f ON f.id = d.facet_id
            WHERE d.workspace_id = b.workspace_id AND d.facet = wanted AND d.start >= since AND d.start < until
            AND ccr_budget_counts(b, f.user_id, f.platform, f.provider, f.profile, f.price_model, f.project);
    ELSE
        SELECT coalesce(sum(s.cost), 0), coalesce(sum(s.unpriced), 0) INTO cost, unpriced
            FROM (SELECT d.group_id, sum(d.cost) AS cost, sum(d.unpriced) AS unpriced FROM usage_sums d
                WHERE d.workspace_id = b.workspace_id AND d.grain = 'd' AND d.start >= since AND d.start < until GROUP BY d.group_id) s
            JOIN usage_groups g ON g.id = s.group_id
            WHERE ccr_budget_counts(b, g.user_id, g.platform, g.provider, g.profile, g.price_model, g.project);
    END IF;
END $$;

-- Where a budget stands. Two forecasts of what the period will cost: `pace`, what is spent by the part of the period that has passed, once that
-- is a twentieth; and `week`, what is spent and for each day that is left what a day of the seven before today cost. `used_up_at`: when the
-- amount is spent at that rate, where that is before the period's end.
CREATE FUNCTION ccr_budget_status(b budgets, zone text, at timestamptz)
    RETURNS TABLE (period_start timestamptz, period_end timestamptz, spent numeric, unpriced bigint, pace numeric, week numeric,
                   used_up_at timestamptz)
    LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT p.since, nullif(p.until, 'infinity'), s.cost, s.unpriced,
        CASE WHEN p.until < 'infinity' AND passed.part >= 0.05 THEN s.cost / passed.part END,
        CASE WHEN p.until < 'infinity' THEN s.cost + w.cost / 7 * extract(epoch FROM p.until - at) / 86400 END,
        CASE WHEN s.cost < b.amount AND w.cost > 0 AND (b.amount - s.cost) / w.cost < 1000 -- in 7,000 days
             AND at + (b.amount - s.cost) / w.cost * interval '7 days' < p.until
            THEN at + (b.amount - s.cost) / w.cost * interval '7 days' END
    FROM ccr_budget_period(b.period, b.starts, zone, at) p
    CROSS JOIN LATERAL ccr_budget_spent(b, p.since, p.until) s
    CROSS JOIN LATERAL ccr_budget_period('day', NULL, zone, at) today
    CROSS JOIN LATERAL ccr_budget_spent(b, (today.since AT TIME ZONE zone - interval '7 days') AT TIME ZONE zone, today.since) w
    CROSS JOIN LATERAL (SELECT CASE WHEN p.until < 'infinity'
        THEN extract(epoch FROM at - p.since) / extract(epoch FROM p.until - p.since) END AS part) passed $$;

-- Switches those whom a budget counts, and who stand at a profile that it counts, to the one that it names: how many. NULL: that one is not there
-- or not enabled. Where somebody stands is found as kinds/profile_store.c finds it.
CREATE FUNCTION ccr_budget_switch(b budgets) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    standard text := (SELECT w.default_profile FROM workspace_platforms w WHERE w.workspace_id = b.workspace_id AND w.platform = b.platform);
    first text;
    moved bigint;
BEGIN
    PERFORM FROM resources r WHERE r.workspace_id = b.workspace_id AND r.kind = 'profile' AND r.platform = b.platform AND r.name = b.switch_to
        AND r.enabled;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT r.name INTO first FROM resources r WHERE r.workspace_id = b.workspace_id AND r.kind = 'profile' AND r.platform = b.platform
        AND (r.enabled OR r.name = standard) ORDER BY r.name IS DISTINCT FROM standard, r.position, r.name LIMIT 1;
    WITH people AS (
        SELECT u.id, u.username, p.current_profile AS pointer, r.name, r.listed ->> 'provider' AS provider
        FROM memberships m JOIN users u ON u.id = m.user_id AND u.disabled_at IS NULL
        LEFT JOIN user_platforms p ON p.workspace_id = m.workspace_id AND p.user_id = m.user_id AND p.platform = b.platform
        LEFT JOIN LATERAL (SELECT * FROM resources r WHERE r.workspace_id = b.workspace_id AND r.kind = 'profile' AND r.platform = b.platform
            AND r.name IN (coalesce(p.current_profile, standard, 'default'), first)
            ORDER BY r.name IS DISTINCT FROM coalesce(p.current_profile, standard, 'default') LIMIT 1) r ON true
        WHERE m.workspace_id = b.workspace_id AND (cardinality(b.users) = 0 OR m.user_id = ANY (b.users))),
    counted AS (SELECT * FROM people p WHERE p.name IS DISTINCT FROM b.switch_to AND (b.profile IS NULL OR p.name = b.profile)
        AND (b.provider IS NULL OR p.provider = b.provider)),
    pointers AS (INSERT INTO user_platforms (workspace_id, user_id, platform, current_profile, last_used_at)
        SELECT b.workspace_id, c.id, b.platform, b.switch_to, now() FROM counted c
        ON CONFLICT (workspace_id, user_id, platform)
        DO UPDATE SET current_profile = excluded.current_profile, last_used_at = excluded.last_used_at RETURNING user_id)
    INSERT INTO audit_log (workspace_id, actor, action, platform, target, from_config, to_config, changes)
        SELECT b.workspace_id, 'budgets', 'budget.switch', b.platform, c.username, c.name, b.switch_to,
            json_build_array(json_build_object('key', 'budget', 'old_value', NULL, 'new_value', b.name))
        FROM counted c JOIN pointers p ON p.user_id = c.id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END $$;

-- Tells that a level is reached: everybody who listens, the audit trail, and whom the webhooks lead to. All of it in a period that is not over is
-- when people are switched.
CREATE FUNCTION ccr_budget_tell(b budgets, level integer, spent numeric, since timestamptz, until timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    switches boolean := b.action = 'switch' AND level = 100 AND now() < until;
    facts jsonb := jsonb_build_object('kind', 'budget', 'id', b.id, 'budget', b.name, 'level', level, 'amount', trim_scale(b.amount),
        'spent', trim_scale(round(spent, 6)), 'period', b.period, 'period_start', to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'period_end', CASE WHEN until < 'infinity' THEN to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
        'stops', b.action = 'stop' AND spent >= b.amount)
        || CASE WHEN switches THEN jsonb_build_object('switch_to', b.switch_to, 'switched', ccr_budget_switch(b)) ELSE '{}' END;
BEGIN
    PERFORM pg_notify('ccr_changes', b.workspace_id || ' - ' || facts);
    INSERT INTO audit_log (workspace_id, actor, action, target, changes) VALUES (b.workspace_id, 'budgets', 'budget.reached', b.name,
        json_build_array(json_build_object('key', 'level', 'old_value', NULL, 'new_value', level || '%'),
                         json_build_object('key', 'spent', 'old_value', NULL, 'new_value', facts ->> 'spent'),
                         json_build_object('key', 'amount', 'old_value', NULL, 'new_value', facts ->> 'amount')));
    INSERT INTO webhook_deliveries (workspace_id, webhook_id, facts)
        SELECT w.workspace_id, w.id, facts FROM webhooks w WHERE w.workspace_id = b.workspace_id;
END $$;

-- Looks at a workspace's budgets, and tells of each level that is reached and was not told of: how many. Whoever writes calls asks for it in the
-- same transaction, under the workspace's lock, so that each sees what all before him wrote. The period before is looked at for two days more:
-- machines report late. What a budget was changed to does not count for a period that was over then.
CREATE FUNCTION ccr_budgets_check(workspace uuid) RETURNS integer LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    s record;
    reached integer;
    told integer := 0;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM budgets b WHERE b.workspace_id = workspace AND b.enabled) THEN
        RETURN 0;
    END IF;
    FOR s IN
        SELECT l.budget, l.since, l.until, spent.cost
        FROM (SELECT b AS budget, p.since, p.until FROM budgets b JOIN workspaces w ON w.id = b.workspace_id
            CROSS JOIN LATERAL ccr_budget_period(b.period, b.starts, w.time_zone, now()) c
            CROSS JOIN LATERAL (SELECT c.since, c.until UNION ALL
                SELECT e.since, e.until FROM ccr_budget_period(b.period, b.starts, w.time_zone, c.since - interval '1 hour') e
                WHERE b.period <> 'total' AND now() - c.since <= interval '2 days') p
            WHERE b.workspace_id = workspace AND b.enabled AND p.until > b.since
            AND (SELECT count(*) FROM budget_notices n WHERE n.budget_id = b.id AND n.edition = b.edition AND n.period_start = p.since)
                < cardinality(b.levels)) l
        CROSS JOIN LATERAL ccr_budget_spent(l.budget, l.since, l.until) spent ORDER BY (l.budget).id, l.since DESC
    LOOP
        FOR reached IN SELECT l FROM unnest((s.budget).levels) l WHERE s.cost >= (s.budget).amount * l / 100 ORDER BY l LOOP
            INSERT INTO budget_notices (workspace_id, budget_id, edition, period_start, level, amount, spent)
                VALUES (workspace, (s.budget).id, (s.budget).edition, s.since, reached, (s.budget).amount, s.cost) ON CONFLICT DO NOTHING;
            IF FOUND THEN
                PERFORM ccr_budget_tell(s.budget, reached, s.cost, s.since, s.until);
                told := told + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN told;
END $$;
