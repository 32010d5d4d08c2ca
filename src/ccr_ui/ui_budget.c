/* CCR UI's page of the budget: limits of a day, a week and a month, which are three budgets of the whole workspace by names of their own. Where one
 * of them stands, whom it tells and what it did is seen with the others (src/api/budgets.c). */
#include <string.h>

#include "budgets.h"
#include "ui_page.h"

enum { THRESHOLD_MAX = 100 };

static const struct limit {
    const char *field, *name, *period, *word, *cost;
} limits[] = {
    {"daily_limit", "CCR UI daily", "day", "daily", "today"},
    {"weekly_limit", "CCR UI weekly", "week", "weekly", "this_week"},
    {"monthly_limit", "CCR UI monthly", "month", "monthly", "this_month"},
};

static const struct statement
    read_page = {"ui_budget", "SELECT enabled, warn_threshold FROM ui_budgets WHERE workspace_id = ccr_workspace()"},
    write_page =
        {"ui_budget_set",
         "INSERT INTO ui_budgets AS u (workspace_id, enabled, warn_threshold) VALUES (ccr_workspace(),"
         " coalesce($1::boolean, false), coalesce($2::integer, 80)) ON CONFLICT (workspace_id) DO UPDATE SET"
         " enabled = coalesce($1::boolean, u.enabled), warn_threshold = coalesce($2::integer, u.warn_threshold)"
         " RETURNING enabled, warn_threshold"},
    read_limit = {"ui_budget_limit",
                  "SELECT id, amount FROM budgets WHERE workspace_id = ccr_workspace() AND name = $1"},
    /* $1 the period, $2 the budget's name, $3 the threshold. */
    read_cost = {
        "ui_budget_cost",
        "SELECT round(c.cost, 6), trim_scale(b.amount), c.cost >= b.amount * $3::integer / 100,"
        " round(100 * c.cost / b.amount, 2) FROM workspaces w"
        " CROSS JOIN LATERAL ccr_budget_period($1, NULL, w.time_zone, now()) p"
        " CROSS JOIN LATERAL (SELECT coalesce(sum(s.cost), 0) AS cost FROM usage_facet_days s WHERE s.workspace_id = w.id"
        " AND s.facet = 'T' AND s.start >= p.since AND s.start < p.until) c"
        " LEFT JOIN budgets b ON b.workspace_id = w.id AND b.name = $2 WHERE w.id = ccr_workspace()"};

static const struct field set_fields[] = {
    {"enabled", FIELD_BOOL},
    {"daily_limit", FIELD_AMOUNT, FIELD_POSITIVE},
    {"weekly_limit", FIELD_AMOUNT, FIELD_POSITIVE},
    {"monthly_limit", FIELD_AMOUNT, FIELD_POSITIVE},
    {"warn_threshold", FIELD_INT, .min = 0, .max = THRESHOLD_MAX},
    {0},
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct standing {
    const char *cost, *limit, *percent;
    bool warns;
};

static enum error read_standing(struct actor *actor, const struct limit *limit, const char *threshold,
                                struct standing *out)
{
    enum { COST, LIMIT, WARNS, PERCENT };
    struct row row;
    enum error error = db_one(actor->db, &read_cost, &row, DB_ARGS(limit->period, limit->name, threshold));
    if (error)
        return error;
    *out =
        (struct standing){row_text(&row, COST), row_text(&row, LIMIT), row_text(&row, PERCENT), row_bool(&row, WARNS)};
    return ERR_NONE;
}

static void write_warnings(struct json_writer *w, const struct standing *standings)
{
    json_literal_key(w, "warnings");
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (!standings[i].warns)
            continue;
        json_open_object(w);
        json_string_member(w, "period", limits[i].word);
        json_raw_member(w, "current_cost", standings[i].cost);
        json_raw_member(w, "limit", standings[i].limit);
        json_raw_member(w, "usage_percent", standings[i].percent);
        json_close_object(w);
    }
    json_close_array(w);
}

static enum error show_ui_budget(struct request *rq, struct response *rs)
{
    char now[TIME_TEXT];
    struct row row;
    struct standing standings[ARRAY_SIZE(limits)];
    bool enabled = false;
    const char *threshold = "80";
    enum error error = db_one(rq->actor.db, &read_page, &row, DB_NO_ARGS);
    if (!error) {
        enabled = row_bool(&row, 0);
        threshold = row_string(&row, 1);
    }
    error = error == ERR_NOT_FOUND ? ERR_NONE : error;
    for (size_t i = 0; !error && i < ARRAY_SIZE(limits); i++)
        error = read_standing(&rq->actor, &limits[i], threshold, &standings[i]);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_bool_member(w, "enabled", enabled);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        json_key(w, limits[i].field);
        json_put_raw(w, standings[i].limit);
        standings[i].warns = standings[i].warns && enabled;
    }
    json_raw_member(w, "warn_threshold", threshold);
    json_literal_key(w, "current_costs");
    json_open_object(w);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        json_key(w, limits[i].cost);
        json_put_raw(w, enabled ? standings[i].cost : "0");
    }
    json_close_object(w);
    write_warnings(w, standings);
    time_now_text(now);
    json_string_member(w, "last_updated", now);
    return respond_end(rs);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Of the budget of this name; NULL without one. */
static enum error find_limit(struct actor *actor, const struct limit *limit, const char **id, const char **amount)
{
    struct row row;
    enum error error = db_one(actor->db, &read_limit, &row, DB_ARGS(limit->name));
    *id = *amount = NULL;
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    *id = arena_strdup(actor->arena, row_string(&row, 0));
    *amount = arena_strdup(actor->arena, row_string(&row, 1));
    return ERR_NONE;
}

/* `given` is what the page sent: NULL = nothing of it, null = no limit. */
static enum error set_limit(struct actor *actor, const struct limit *limit, const json_t *given, bool enabled,
                            long long threshold)
{
    const char *id, *amount;
    enum error error = find_limit(actor, limit, &id, &amount);
    if (error)
        return error;
    if (given)
        amount = json_string_value(given);
    if (!amount)
        return id ? budget_remove(actor, id) : ERR_NONE;
    bool warns_before = threshold > 0 && threshold < THRESHOLD_MAX;
    const struct budget budget = {.name = limit->name,
                                  .period = limit->period,
                                  .amount = amount,
                                  .levels =
                                      warns_before ? arena_printf(actor->arena, "{%lld,100}", threshold) : "{100}",
                                  .action = "none",
                                  .enabled = enabled};
    return budget_write(actor, &budget, &id);
}

/* Of an answer to a write it looks at the status alone. */
static enum error answer_nothing(struct response *rs, enum error error)
{
    if (error)
        return error;
    json_put_null(respond_begin_bare(rs, 200));
    return respond_end(rs);
}

static enum error set_ui_budget(struct request *rq, struct response *rs)
{
    enum { ENABLED, THRESHOLD };
    struct row row;
    bool has_switch = body_has(rq, "enabled"), has_threshold = body_has(rq, "warn_threshold");
    enum error error =
        db_one(rq->actor.db, &write_page, &row,
               DB_ARGS(has_switch ? (body_bool(rq, "enabled", false) ? "true" : "false") : NULL,
                       has_threshold ? number_text(&rq->actor, body_int(rq, "warn_threshold", 0)) : NULL));
    for (size_t i = 0; !error && i < ARRAY_SIZE(limits); i++)
        error = set_limit(&rq->actor, &limits[i], json_object_get(rq->body, limits[i].field), row_bool(&row, ENABLED),
                          row_int(&row, THRESHOLD));
    return answer_nothing(rs, error);
}

static enum error reset_ui_budget(struct request *rq, struct response *rs)
{
    const char *id, *amount;
    enum error error = ERR_NONE;
    for (size_t i = 0; !error && i < ARRAY_SIZE(limits); i++) {
        error = find_limit(&rq->actor, &limits[i], &id, &amount);
        if (!error && id)
            error = budget_remove(&rq->actor, id);
    }
    return answer_nothing(rs, error);
}

const struct route ui_budget_routes[] = {
    {METHOD_GET, "/api/budget/status", show_ui_budget, ACCESS_VIEWER},
    {METHOD_POST, "/api/budget/set", set_ui_budget, ACCESS_ADMIN, .body = set_fields},
    {METHOD_POST, "/api/budget/reset", reset_ui_budget, ACCESS_ADMIN},
    {0},
};
