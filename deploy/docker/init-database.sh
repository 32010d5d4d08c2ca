#!/bin/bash
# Run once by the postgres image, when its volume is empty: the role and the database of ccr-ui-backend. The role is an
# ordinary one, for the backend refuses a superuser, whom row-level security does not hold.
set -euo pipefail
psql -qX -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password DATABASE_PASSWORD
SET log_statement = 'none';
CREATE ROLE ccr_user LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
-- Values are parameters: PostgreSQL's log shows statements without them, whatever is logged.
ALTER ROLE ccr_user SET log_parameter_max_length = 0;
ALTER ROLE ccr_user SET log_parameter_max_length_on_error = 0;
CREATE DATABASE ccr_ui_db OWNER ccr_user ENCODING 'UTF8' TEMPLATE template0;
SQL
