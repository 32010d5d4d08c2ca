-- Statements read single rows of these tables, found by values. There a test for the row costs less than what has to be set up to make it
-- once for all rows: a read of one profile spends a tenth of its time in PostgreSQL on that.
ALTER POLICY user_platforms_user ON user_platforms USING (workspace_id = ccr_workspace() OR ccr_maintenance());
ALTER POLICY workspace_platforms_workspace ON workspace_platforms USING (workspace_id = ccr_workspace() OR ccr_maintenance());
ALTER POLICY resource_counts_workspace ON resource_counts USING (workspace_id = ccr_workspace() OR ccr_maintenance());
