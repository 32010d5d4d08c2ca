-- Prices: what tokens of a model cost, from when on, in US dollars for a million of them. The site's (workspace_id NULL) come from a list
-- that is imported; a workspace has its own for what it pays otherwise. Nothing is ever changed or removed by an import: a new price is a
-- new set of rows with the date from which it holds, so that what was counted before stays charged as it was.

CREATE TABLE usage_prices (
    workspace_id   uuid REFERENCES workspaces (id) ON DELETE CASCADE, -- NULL = the site's
    model          text COLLATE "C" NOT NULL CHECK (char_length(model) BETWEEN 1 AND 400), -- the key of include/price_name.h
    tier           text COLLATE "C" NOT NULL CHECK (tier IN ('standard', 'fast', 'priority', 'flex', 'batch')),
    since          timestamptz NOT NULL, -- '-infinity': the first that was ever seen of it, by which what came before is charged as well
    -- For whole requests whose prompts have more tokens than this, those from a cache and into one included; -1 = any. The rows of one
    -- workspace, model, tier and since are one set: a new price comes with all its ranges.
    prompt_above   bigint NOT NULL CHECK (prompt_above >= -1),
    shown          text NOT NULL CHECK (char_length(shown) BETWEEN 1 AND 400), -- the model as its maker writes it
    -- NULL = not told: a call that has such tokens has no price.
    input          numeric(18, 9) CHECK (input >= 0),
    output         numeric(18, 9) CHECK (output >= 0),
    cache_read     numeric(18, 9) CHECK (cache_read >= 0),
    cache_write    numeric(18, 9) CHECK (cache_write >= 0), -- kept for five minutes, or for a time that is not told
    cache_write_1h numeric(18, 9) CHECK (cache_write_1h >= 0),
    source         text NOT NULL CHECK (char_length(source) BETWEEN 1 AND 400), -- who said so
    seen_at        timestamptz NOT NULL, -- the newest list that said so; of an own price, when it was written
    CONSTRAINT usage_prices_key UNIQUE NULLS NOT DISTINCT (workspace_id, model, tier, since, prompt_above)
);

ALTER TABLE usage_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY usage_prices_workspace ON usage_prices USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));
CREATE POLICY usage_prices_site ON usage_prices FOR SELECT USING (workspace_id IS NULL);

-- For a workspace's own rows. What shows the site's is not kept (ROUTE_CACHED), as a list may come at any time and for everybody.
CREATE TRIGGER usage_prices_inserted AFTER INSERT ON usage_prices REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER usage_prices_updated AFTER UPDATE ON usage_prices REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER usage_prices_deleted AFTER DELETE ON usage_prices REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER usage_prices_truncated AFTER TRUNCATE ON usage_prices FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated();

-- What a workspace's people are shown amounts in, beside dollars. Nothing is added up, compared or charged by it.
CREATE TABLE display_currencies (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    currency     text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$' AND currency <> 'USD'), -- ISO 4217
    rate         numeric(18, 9) NOT NULL CHECK (rate > 0), -- units of it for one US dollar
    date         date NOT NULL                             -- that the rate is of
);

ALTER TABLE display_currencies ENABLE ROW LEVEL SECURITY;
ALTER TABLE display_currencies FORCE ROW LEVEL SECURITY;
CREATE POLICY display_currencies_workspace ON display_currencies
    USING (workspace_id = (SELECT ccr_workspace()) OR (SELECT ccr_maintenance()));

CREATE TRIGGER display_currencies_inserted AFTER INSERT ON display_currencies REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER display_currencies_updated AFTER UPDATE ON display_currencies REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER display_currencies_deleted AFTER DELETE ON display_currencies REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_changed();
CREATE TRIGGER display_currencies_truncated AFTER TRUNCATE ON display_currencies
    FOR EACH STATEMENT EXECUTE FUNCTION ccr_content_truncated();

-- The rates of one call: a row or none. `prompt` is its tokens of input, cache_read, cache_write and cache_write_1h together. A workspace's
-- own price goes before the site's. In a FROM these two are taken apart by the planner, so that a batch of calls is a nested loop over the
-- key of the table (see include/prices.h).
CREATE FUNCTION usage_price(workspace uuid, model text, tier text, prompt bigint, at timestamptz)
    RETURNS TABLE (own boolean, since timestamptz, prompt_above bigint, input numeric, output numeric, cache_read numeric,
                   cache_write numeric, cache_write_1h numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT o.since IS NOT NULL, coalesce(o.since, s.since), CASE WHEN o.since IS NULL THEN s.prompt_above ELSE o.prompt_above END,
           CASE WHEN o.since IS NULL THEN s.input ELSE o.input END, CASE WHEN o.since IS NULL THEN s.output ELSE o.output END,
           CASE WHEN o.since IS NULL THEN s.cache_read ELSE o.cache_read END,
           CASE WHEN o.since IS NULL THEN s.cache_write ELSE o.cache_write END,
           CASE WHEN o.since IS NULL THEN s.cache_write_1h ELSE o.cache_write_1h END
        FROM (SELECT) one
        LEFT JOIN LATERAL (SELECT p.* FROM usage_prices p
            WHERE p.workspace_id = usage_price.workspace AND p.model = usage_price.model AND p.tier = usage_price.tier
            AND p.since <= usage_price.at AND p.prompt_above < usage_price.prompt
            ORDER BY p.workspace_id DESC, p.since DESC, p.prompt_above DESC LIMIT 1) o ON true
        LEFT JOIN LATERAL (SELECT p.* FROM usage_prices p
            WHERE o.since IS NULL AND p.workspace_id IS NULL AND p.model = usage_price.model AND p.tier = usage_price.tier
            AND p.since <= usage_price.at AND p.prompt_above < usage_price.prompt
            ORDER BY p.workspace_id DESC, p.since DESC, p.prompt_above DESC LIMIT 1) s ON true
        WHERE o.since IS NOT NULL OR s.since IS NOT NULL $$;

-- What so many tokens cost, in millionths of a dollar: nothing when there are none, NULL when nobody told the rate.
CREATE FUNCTION usage_charge(tokens bigint, rate numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN tokens > 0 THEN tokens * rate ELSE 0 END $$;

-- What a call costs at such rates, in dollars, exactly; NULL when a rate that it needs is not told.
CREATE FUNCTION usage_charges(input bigint, output bigint, cache_read bigint, cache_write bigint, cache_write_1h bigint, input_rate numeric,
                              output_rate numeric, cache_read_rate numeric, cache_write_rate numeric, cache_write_1h_rate numeric)
    RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 0.000001 * (usage_charge(input, input_rate) + usage_charge(output, output_rate) + usage_charge(cache_read, cache_read_rate)
                       + usage_charge(cache_write, cache_write_rate) + usage_charge(cache_write_1h, cache_write_1h_rate)) $$;

-- The cost of one call in dollars; NULL or no row: it has no price.
CREATE FUNCTION usage_cost(workspace uuid, model text, tier text, at timestamptz, input bigint, output bigint, cache_read bigint,
                           cache_write bigint, cache_write_1h bigint)
    RETURNS TABLE (cost numeric) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT usage_charges(usage_cost.input, usage_cost.output, usage_cost.cache_read, usage_cost.cache_write, usage_cost.cache_write_1h,
                         p.input, p.output, p.cache_read, p.cache_write, p.cache_write_1h)
        FROM usage_price(usage_cost.workspace, usage_cost.model, usage_cost.tier,
                         usage_cost.input + usage_cost.cache_read + usage_cost.cache_write + usage_cost.cache_write_1h, usage_cost.at) p $$;

-- All prices of a model that hold between two times, as ranges that do not overlap: for many calls at once, which then need no search each.
-- The ranges are those of everything that was ever told, so that usage_price says the same for all of a range.
CREATE FUNCTION usage_rates(workspace uuid, model text, tier text, first timestamptz, last timestamptz)
    RETURNS TABLE (since timestamptz, until timestamptz, prompt_above bigint, prompt_to bigint, input numeric, output numeric,
                   cache_read numeric, cache_write numeric, cache_write_1h numeric)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH told AS MATERIALIZED (SELECT p.since, p.prompt_above FROM usage_prices p WHERE p.model = usage_rates.model AND p.tier = usage_rates.tier
            AND (p.workspace_id = usage_rates.workspace OR p.workspace_id IS NULL)),
        times AS (SELECT t.since, lead(t.since, 1, timestamptz 'infinity') OVER (ORDER BY t.since) AS until FROM told t GROUP BY t.since),
        prompts AS (SELECT t.prompt_above, lead(t.prompt_above, 1, 9223372036854775807) OVER (ORDER BY t.prompt_above) AS prompt_to
            FROM told t GROUP BY t.prompt_above)
    SELECT t.since, t.until, r.prompt_above, r.prompt_to, p.input, p.output, p.cache_read, p.cache_write, p.cache_write_1h
        FROM times t CROSS JOIN prompts r
        CROSS JOIN LATERAL usage_price(usage_rates.workspace, usage_rates.model, usage_rates.tier, r.prompt_above + 1, t.since) p
        WHERE t.since <= usage_rates.last AND t.until > usage_rates.first $$;
