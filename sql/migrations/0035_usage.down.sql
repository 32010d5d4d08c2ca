DROP FUNCTION ccr_usage_take(smallint, boolean, text, uuid[], uuid[], bigint[], bigint[], bigint[], smallint[], integer[], integer[],
                             integer[], integer[], integer[], integer[], integer[]);
DROP FUNCTION ccr_usage_months(timestamptz, timestamptz);
DROP TABLE usage_reporters, usage_files, usage_totals, usage_sums, usage_calls, usage_sessions, usage_groups;
ALTER TABLE workspaces DROP COLUMN time_zone;
