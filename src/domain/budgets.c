/* Budgets in PostgreSQL. */
#include "budgets.h"

#include <stdio.h>

#include "audit.h"
#include "json.h"
#include "price_name.h"
#include "util.h"

enum { PATIENCE_MS = 10000 };

#define USER_IDS                                                                                                       \
    "ARRAY(SELECT coalesce(m.id, CASE WHEN n.name = ANY (coalesce((SELECT users::text[] FROM budgets"                  \
    " WHERE id = $1::uuid), '{}')) THEN n.name::uuid END) FROM json_array_elements_text($3::json) AS n (name)"         \
    " LEFT JOIN LATERAL (SELECT u.id FROM users u JOIN memberships s ON s.user_id = u.id"                              \
    " AND s.workspace_id = ccr_workspace() WHERE u.username = n.name) m ON true)"
#define VALUES                                                                                                         \
    "$2, " USER_IDS ", $4, $5, $6, $7, $8, $9, $10, $11::date, $12::numeric, $13::integer[], $14, $15, $16::boolean"
#define COLUMNS                                                                                                        \
    "name, users, platform, provider, profile, model, price_model, project, period, starts, amount, levels, action,"   \
    " switch_to, enabled"
/* What makes it another budget. */
#define COUNTED(of)                                                                                                    \
    "(" of "users, " of "platform, " of "provider, " of "profile, " of "price_model, " of "project, " of "period, " of \
    "starts, " of "amount, " of "switch_to)"
/* For the audit trail. */
#define TOLD(of)                                                                                                       \
    "(to_jsonb(" of ") - '{id,workspace_id,price_model,edition,since,revision,created_at,updated_at}'::text[])"

static const struct statement
    check = {"budgets_check", "SELECT ccr_budgets_check($1::uuid)"},
    check_some = {"budgets_check_all",
                  "WITH few AS MATERIALIZED (SELECT DISTINCT workspace_id FROM budgets WHERE enabled"
                  " AND workspace_id > $2::uuid ORDER BY workspace_id LIMIT $1::integer)"
                  " SELECT workspace_id, ccr_budgets_check(workspace_id) FROM few ORDER BY workspace_id"},
    count_all = {"budgets_room", "SELECT count(*) FROM budgets WHERE workspace_id = ccr_workspace()"},
    unknown_user = {"budgets_unknown_user",
                    "SELECT n.name FROM json_array_elements_text($2::json) AS n (name)"
                    " WHERE n.name <> ALL (coalesce((SELECT users::text[] FROM budgets WHERE id = $1::uuid), '{}'))"
                    " AND NOT EXISTS (SELECT FROM users u JOIN memberships s ON s.user_id = u.id"
                    " AND s.workspace_id = ccr_workspace() WHERE u.username = n.name) LIMIT 1"},
    insert = {"budget_insert", "INSERT INTO budgets AS b (workspace_id, " COLUMNS ") SELECT ccr_workspace(), " VALUES
                               " WHERE $1::uuid IS NULL RETURNING b.id, '[]'::jsonb"},
    update =
        {"budget_update",
         "WITH old AS (SELECT b.* FROM budgets b WHERE id = $1::uuid AND workspace_id = ccr_workspace() FOR UPDATE),"
         " given AS (SELECT * FROM (SELECT " VALUES ") AS g (" COLUMNS ")),"
         " new AS (UPDATE budgets b SET (" COLUMNS ") = (SELECT " COLUMNS " FROM given),"
         " edition = b.edition + (" COUNTED("b.") " IS DISTINCT FROM " COUNTED(
             "g.") ")::integer,"
                   " since = CASE WHEN " COUNTED("b.") " IS DISTINCT FROM " COUNTED(
                       "g.") " THEN now() ELSE b.since END,"
                             " revision = b.revision + 1, updated_at = now() FROM old, given g WHERE b.id = old.id RETURNING b.*)"
                             " SELECT new.id, (SELECT coalesce(jsonb_agg(jsonb_build_object('key', o.key, 'old_value', o.value, 'new_value',"
                             " n.value) ORDER BY o.key), '[]') FROM jsonb_each_text(" TOLD("old") ") o JOIN jsonb_each_text(" TOLD(
                                 "new") ") n"
                                        " ON n.key = o.key WHERE o.value IS DISTINCT FROM n.value) FROM new, old"},
    destroy = {"budget_delete", "DELETE FROM budgets WHERE id = $1::uuid AND workspace_id = ccr_workspace()"
                                " RETURNING name"},
    renamed = {"budgets_renamed", "UPDATE budgets SET switch_to = $3, revision = revision + 1, updated_at = now()"
                                  " WHERE workspace_id = ccr_workspace() AND platform = $1 AND switch_to = $2"},
    stopped = {
        "budgets_stopped",
        "SELECT b.name, " SQL_TIME(
            "p.until") ", p.until < 'infinity' FROM budgets b JOIN workspaces w ON w.id = b.workspace_id"
                       " CROSS JOIN LATERAL ccr_budget_period(b.period, b.starts, w.time_zone, now()) p"
                       " WHERE b.workspace_id = ccr_workspace() AND b.enabled AND b.action = 'stop'"
                       " AND (cardinality(b.users) = 0 OR $3::uuid = ANY (b.users))"
                       " AND ($1::text IS NULL OR coalesce(b.platform, $1) = $1)"
                       " AND (num_nonnulls(b.profile, b.provider) = 0 OR EXISTS (SELECT FROM resources r"
                       " WHERE r.workspace_id = b.workspace_id AND r.kind = 'profile' AND r.platform = coalesce($1, r.platform)"
                       " AND r.platform = coalesce(b.platform, r.platform) AND r.name = coalesce($2, r.name)"
                       " AND r.name = coalesce(b.profile, r.name)"
                       " AND (b.provider IS NULL OR r.listed->>'provider' = b.provider)))"
                       " AND (SELECT s.cost FROM ccr_budget_spent(b, p.since, p.until) s) >= b.amount"
                       " ORDER BY p.until DESC, b.name LIMIT 1"};

/* ---- what is spent ---------------------------------------------------------------------------------------------- */

enum error budgets_check(struct actor *actor)
{
    return db_run(actor->db, &check, DB_ARGS(actor->who.workspace_id));
}

enum error budgets_check_all(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    static const char first[] = "00000000-0000-0000-0000-000000000000";
    enum { WORKSPACE, TOLD };
    struct rows rows;
    char limit[DECIMAL_TEXT];
    enum error error =
        db_all(house->db, &check_some, &rows, DB_ARGS(decimal(limit, job->limit), run->begun ? run->cursor : first));
    if (error)
        return error;
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        run->rows += row_int(&row, TOLD);
        snprintf(run->cursor, sizeof run->cursor, "%s", row_string(&row, WORKSPACE));
    }
    *more = rows.count == job->limit;
    return ERR_NONE;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const char *users_text(struct actor *actor, const struct budget *b)
{
    json_t *names = json_array();
    for (size_t i = 0; i < b->user_count; i++)
        json_array_append_new(names, json_string(b->users[i]));
    return json_text(actor->arena, names);
}

static enum error check_users(struct actor *actor, const char *id, const char *users)
{
    struct row row;
    enum error error = db_one(actor->db, &unknown_user, &row, DB_ARGS(id, users));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    return fail_field(actor, "users", MSG_BUDGET_USER, row_string(&row, 0), NULL);
}

static enum error check_budget(struct actor *actor, const struct budget *b, const char **price_model)
{
    struct price_name name;
    bool stops = text_equal(b->action, "stop"), is_total = text_equal(b->period, "total"),
         switches = text_equal(b->action, "switch");
    *price_model = NULL;
    if (b->model && !price_name_read(&name, b->model))
        return fail_field(actor, "model", MSG_PRICE_MODEL, NULL);
    if (b->model)
        *price_model = arena_strdup(actor->arena, name.key);
    if (stops && (b->model || b->project))
        return fail_field(actor, "action", MSG_BUDGET_STOPS_ALL, NULL);
    if (switches != (b->switch_to != NULL))
        return fail_field(actor, "switch_to", switches ? MSG_NOT_BLANK : MSG_BUDGET_SWITCH_TO, NULL);
    if (switches && !b->platform)
        return fail_field(actor, "platform", MSG_BUDGET_SWITCH_PLATFORM, NULL);
    if (switches && text_equal(b->profile, b->switch_to))
        return fail_field(actor, "switch_to", MSG_BUDGET_SWITCH_SAME, NULL);
    if (is_total != (b->starts != NULL))
        return fail_field(actor, "starts", is_total ? MSG_NOT_BLANK : MSG_BUDGET_STARTS, NULL);
    return ERR_NONE;
}

static enum error check_budget_room(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &count_all, &row, DB_NO_ARGS);
    if (error || row_int(&row, 0) < BUDGETS_MAX)
        return error;
    return fail(actor, MSG_BUDGETS_MAX, number_text(actor, BUDGETS_MAX), NULL);
}

/* Who writes calls is waited for: what he has not committed yet could not be seen here, nor this there. */
static enum error lock_usage(struct actor *actor)
{
    char lock[UUID_TEXT + 8];
    snprintf(lock, sizeof lock, "usage.%s", actor->who.workspace_id);
    return db_lock_name(actor->db, lock, PATIENCE_MS);
}

enum error budget_write(struct actor *actor, const struct budget *b, const char **id)
{
    struct row row;
    const char *model, *users = users_text(actor, b);
    bool is_new = !*id;
    enum error error = check_budget(actor, b, &model);
    if (!error)
        error = lock_usage(actor);
    if (!error)
        error = check_users(actor, *id, users);
    if (!error && is_new)
        error = check_budget_room(actor);
    if (error)
        return error;
    error = db_one(actor->db, is_new ? &insert : &update, &row,
                   DB_ARGS(*id, b->name, users, b->platform, b->provider, b->profile, b->model, model, b->project,
                           b->period, b->starts, b->amount, b->levels, b->action, b->switch_to,
                           b->enabled ? "true" : "false"));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_BUDGET_TAKEN, b->name);
    *id = arena_strdup(actor->arena, row_string(&row, 0));
    error = audit_write(actor, &(struct audit){.action = is_new ? "budget.create" : "budget.update",
                                               .target = b->name,
                                               .changes = row_text(&row, 1)});
    return error ? error : budgets_check(actor);
}

enum error budget_remove(struct actor *actor, const char *id)
{
    struct row row;
    enum error error = db_one(actor->db, &destroy, &row, DB_ARGS(id));
    if (error)
        return error;
    return audit_write(actor, &(struct audit){.action = "budget.delete", .target = row_string(&row, 0)});
}

enum error budgets_profile_renamed(struct actor *actor, const char *platform, const char *old_name, const char *name)
{
    return db_run(actor->db, &renamed, DB_ARGS(platform, old_name, name));
}

/* ---- stop ------------------------------------------------------------------------------------------------------- */

enum error budgets_allow_secrets(struct actor *actor, const char *platform, const char *name)
{
    enum { NAME, UNTIL, ENDS };
    struct row row;
    enum error error = db_one(actor->db, &stopped, &row, DB_ARGS(platform, name, actor->who.user_id));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    if (!row_bool(&row, ENDS))
        return fail(actor, MSG_BUDGET_STOP_TOTAL, row_string(&row, NAME), NULL);
    return fail(actor, MSG_BUDGET_STOP, row_string(&row, NAME), row_string(&row, UNTIL), NULL);
}
