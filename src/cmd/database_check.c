/* Database check: reachable, a role that row-level security holds, the schema this program needs. */
#include "database_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "db.h"
#include "migrate.h"

static int check_role(struct db *db, struct database_findings *findings)
{
    bool bypasses;
    if (db_bypasses_rls(db, &bypasses) != ERR_NONE) {
        snprintf(findings->database, sizeof findings->database, "cannot look at its role: %s", db_message(db));
        return EX_UNAVAILABLE;
    }
    if (bypasses) {
        snprintf(
            findings->database, sizeof findings->database,
            "DATABASE_URL: this role is a superuser or has BYPASSRLS, so that workspaces would not be kept apart; use "
            "an ordinary role that owns the database");
        return EX_CONFIG;
    }
    int version = db_server_version(db);
    snprintf(findings->database, sizeof findings->database, "PostgreSQL %d.%d", version / 10000, version % 10000);
    return EX_OK;
}

static int check_schema(struct db *db, struct database_findings *findings)
{
    struct migration_state state;
    if (migrate_state(db, &state) != ERR_NONE) {
        snprintf(findings->schema, sizeof findings->schema, "cannot be read: %s", db_message(db));
        return EX_UNAVAILABLE;
    }
    /* It may write to the line or return a text of its own. */
    char line[sizeof findings->schema];
    const char *problem = migrate_problem(&state, line, sizeof line);
    if (problem)
        snprintf(findings->schema, sizeof findings->schema, "%s", problem);
    else
        snprintf(findings->schema, sizeof findings->schema, "%d migrations applied, none pending", state.applied);
    return problem ? EX_CONFIG : EX_OK;
}

int database_check(const struct settings *settings, int wait_ms, struct database_findings *findings)
{
    *findings = (struct database_findings){0};
    struct db *db = db_new(settings);
    int status = EX_UNAVAILABLE, most_ms = settings->connection_timeout * 1000;
    if (db_ready(db, wait_ms < most_ms ? wait_ms : most_ms)) {
        status = check_role(db, findings);
        if (status == EX_OK)
            status = check_schema(db, findings);
    } else {
        snprintf(findings->database, sizeof findings->database, "cannot be reached: %s", db_failure(db));
    }
    db_free(db);
    return status;
}
