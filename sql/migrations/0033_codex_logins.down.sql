DROP TABLE codex_logins;
