/* Where a workspace's days begin: its time zone, and the sums of its days. */
#include <stdio.h>

#include "audit.h"
#include "usage_report.h"
#include "util.h"
#include "workspaces.h"

enum { PATIENCE_MS = 8000 /* an import has its batch first */ };
#define LONG_ENOUGH_MS "45000" /* within REQUEST_TIMEOUT as it is by default */

static const struct statement
    find_zone = {"time_zone_find", "SELECT w.time_zone, EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = $2)"
                                   " FROM workspaces w WHERE w.id = $1"},
    /* Before what goes through all calls, which changes sums of days as well. Years of a large team take longer than a statement may. */
    share_all = {"time_zone_share", "SELECT pg_advisory_xact_lock_shared(hashtextextended('usage', 0)),"
                                    " set_config('statement_timeout', $1, true)"},
    set_zone = {"time_zone_set",
                "UPDATE workspaces SET time_zone = $2, revision = revision + 1 WHERE id = $1 AND time_zone <> $2"
                " RETURNING id"},
    make_days = {"time_zone_days", "SELECT ccr_usage_days($1::uuid, $2)"};

static enum error change_days(struct actor *actor, const char *zone)
{
    char lock[UUID_TEXT + 8];
    struct row row;
    snprintf(lock, sizeof lock, "usage.%s", actor->who.workspace_id); /* as ledger_write has it */
    enum error error = db_lock_name(actor->db, lock, PATIENCE_MS);
    if (!error)
        error = db_run(actor->db, &share_all, DB_ARGS(LONG_ENOUGH_MS));
    if (!error)
        error = db_one(actor->db, &set_zone, &row, DB_ARGS(actor->who.workspace_id, zone));
    return error ? error : db_run(actor->db, &make_days, DB_ARGS(actor->who.workspace_id, zone));
}

static const char *change_text(struct actor *actor, const char *before, const char *zone)
{
    return arena_printf(actor->arena, "[{\"key\":\"time_zone\",\"old_value\":\"%s\",\"new_value\":\"%s\"}]", before,
                        zone);
}

enum error workspace_set_time_zone(struct actor *actor, const char *zone)
{
    struct row row;
    enum { BEFORE, KNOWN };
    if (!zone)
        return ERR_NONE;
    enum error error = ERR_NONE;
    if (usage_zone_plausible(zone))
        error = db_one(actor->db, &find_zone, &row, DB_ARGS(actor->who.workspace_id, zone));
    if (!usage_zone_plausible(zone) || (!error && !row_bool(&row, KNOWN)))
        return fail_field(actor, "time_zone", MSG_TIME_ZONE, NULL);
    const char *before = row_string(&row, BEFORE);
    if (error || text_equal(before, zone))
        return error;
    error = change_days(actor, zone);
    const struct audit entry = {
        .action = "workspace.update", .target = actor->who.workspace_slug, .changes = change_text(actor, before, zone)};
    return error ? error : audit_write(actor, &entry);
}
