-- Run once by the image, as superuser, when the claim is empty. The backend refuses a role that could see past row-level
-- security, so it gets one of its own. The password comes from the environment: no command line shows it.
\set ON_ERROR_STOP on
\getenv password CCR_PASSWORD
SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
CREATE ROLE ccr_user LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
-- Values are parameters: PostgreSQL's log shows statements without them, whatever is logged.
ALTER ROLE ccr_user SET log_parameter_max_length = 0;
ALTER ROLE ccr_user SET log_parameter_max_length_on_error = 0;
CREATE DATABASE ccr_ui_db OWNER ccr_user ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE ccr_ui_db FROM PUBLIC;
