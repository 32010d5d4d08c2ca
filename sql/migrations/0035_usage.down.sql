DROP TRIGGER usage_prices_priced ON usage_prices;
DROP TRIGGER usage_prices_repriced ON usage_prices;
DROP TRIGGER usage_prices_unpriced ON usage_prices;
DROP FUNCTION ccr_usage_sweep(integer);
DROP FUNCTION ccr_usage_reprice(text, bigint, integer, timestamptz);
DROP FUNCTION ccr_usage_prices_changed();
DROP TABLE usage_repricing, usage_sweep;
DROP FUNCTION ccr_usage_forget(timestamptz);
DROP FUNCTION ccr_usage_take(smallint, boolean, text, uuid[], uuid[], timestamptz[], bigint[], bigint[], smallint[], integer[], integer[],
                             integer[], integer[], integer[], integer[], integer[]);
DROP FUNCTION ccr_usage_join(smallint, boolean, uuid[], uuid[], timestamptz[], bigint[], bigint[], smallint[], integer[], integer[],
                             integer[], integer[], integer[], integer[], integer[]);
DROP FUNCTION ccr_usage_rates(bigint[], timestamptz, timestamptz);
DROP FUNCTION ccr_usage_months(timestamptz, timestamptz);
DROP FUNCTION ccr_usage_writes(integer, integer);
DROP TABLE usage_reporters, usage_files, usage_totals, usage_sums, usage_calls, usage_sessions, usage_groups;
ALTER TABLE workspaces DROP COLUMN time_zone;
