DROP FUNCTION ccr_site_workspaces();
