DROP TABLE command_runs, backups, user_platforms, workspace_platforms, profile_revisions, profiles;
