-- Once, as the server's administrator, from a machine in the database's network (README.md): the role and the database of the
-- backend. The administrator passes row-level security by; this role is an ordinary one. Again after password_version was
-- counted up: the role gets its new password.
\set ON_ERROR_STOP on
\getenv password DATABASE_PASSWORD
SET password_encryption = 'scram-sha-256';
SELECT 'CREATE ROLE ccr_user' WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ccr_user') \gexec
ALTER ROLE ccr_user LOGIN NOCREATEROLE NOCREATEDB PASSWORD :'password';
-- Values are parameters: the server's log shows statements without them, where the administrator may say so.
DO $$ BEGIN
    ALTER ROLE ccr_user SET log_parameter_max_length = 0;
EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE 'set the server parameter log_parameter_max_length to 0';
END $$;
-- Who makes a database for another role must be a member of it.
GRANT ccr_user TO CURRENT_USER;
SELECT 'CREATE DATABASE ccr_ui_db OWNER ccr_user ENCODING ''UTF8'' TEMPLATE template0'
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'ccr_ui_db') \gexec
REVOKE ccr_user FROM CURRENT_USER;
