DROP FUNCTION ccr_usage_days(uuid, text);
DROP FUNCTION ccr_usage_windows(timestamptz, timestamptz, uuid);
DROP INDEX usage_groups_workspace_idx;
