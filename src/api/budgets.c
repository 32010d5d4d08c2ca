/* Budgets, where they stand, and the webhooks that are told: members read them, administrators write them. */
#include "budgets.h"

#include <stdio.h>
#include <string.h>

#include "currency.h"
#include "outbound.h"
#include "page.h"
#include "profile.h"
#include "webhooks.h"

enum { TEXT_LONG = 400, LEVELS_TEXT = 400, USED_UP = 100 /* percent */ };

#define PLATFORMS_TOLD "claude|codex|gemini|qwen|iflow|droid"
#define FILTER(name_)                                                                                                  \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = TEXT_LONG                                     \
    }

static const struct field budget_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "period", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "day|week|month|total"},
    {.name = "starts", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 40},
    {.name = "amount", .type = FIELD_AMOUNT, .flags = FIELD_REQUIRED | FIELD_POSITIVE},
    {.name = "levels", .type = FIELD_INTS, .max = BUDGET_LEVELS_MAX},
    {.name = "action", .type = FIELD_TEXT, .choices = "none|stop|switch"},
    FILTER("switch_to"),
    {.name = "enabled", .type = FIELD_BOOL},
    {.name = "users", .type = FIELD_STRINGS},
    {.name = "platform", .type = FIELD_TEXT, .choices = PLATFORMS_TOLD},
    FILTER("provider"),
    FILTER("profile"),
    FILTER("model"),
    FILTER("project"),
    {0},
};
static const struct field webhook_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "kind", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = WEBHOOK_KINDS},
    {.name = "url", .type = FIELD_URL, .flags = FIELD_REQUIRED | FIELD_TRIM | FIELD_SECRET, .max = 2000},
    {.name = "secret", .type = FIELD_KEY, .flags = FIELD_TRIM | FIELD_SECRET, .max = 500},
    {0},
};
static const struct field webhook_changes[] = {
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "kind", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = WEBHOOK_KINDS},
    {.name = "url", .type = FIELD_URL, .flags = FIELD_TRIM | FIELD_SECRET, .max = 2000},
    {.name = "secret", .type = FIELD_KEY, .flags = FIELD_TRIM | FIELD_SECRET, .max = 500},
    {0},
};
static const struct field no_body[] = {{0}};

/* ---- budgets ---------------------------------------------------------------------------------------------------- */

#define MONEY(value, name) ", trim_scale(round(" value ", 6))::text::json AS " name
#define REACHED                                                                                                              \
    "(SELECT coalesce(json_agg(json_build_object('level', n.level, 'spent', trim_scale(round(n.spent, 6)), 'at', " SQL_TIME( \
        "n.created_at") ") ORDER BY n.level), '[]') FROM budget_notices n WHERE n.budget_id = b.id"                          \
                        " AND n.edition = b.edition AND n.period_start = s.period_start) AS reached"
#define BUDGETS                                                                                                                                           \
    "SELECT b.id, b.name, b.enabled, b.period, b.starts::text AS starts" MONEY(                                                                           \
        "b.amount",                                                                                                                                       \
        "amount") ", to_json(b.levels) AS levels, b.action, b.switch_to,"                                                                                 \
                  " (SELECT coalesce(json_agg(coalesce(u.username, i.id::text) ORDER BY i.place), '[]') FROM unnest(b.users)"                             \
                  " WITH ORDINALITY AS i (id, place) LEFT JOIN users u ON u.id = i.id) AS users,"                                                         \
                  " b.platform, b.provider, b.profile, b.model, b.project, s.period_start, s.period_end, w.time_zone" MONEY(                              \
                      "s.spent",                                                                                                                          \
                      "spent") ", trim_scale(round(100 * s.spent / b.amount, 2))::text::json AS percent, s.unpriced" MONEY("s.pace",                      \
                                                                                                                           "forecast_pace")               \
                      MONEY(                                                                                                                              \
                          "s.week",                                                                                                                       \
                          "forecast_week") ", s.used_up_at, " REACHED                                                                                     \
                                           ", b.enabled AND b.action = 'stop' AND s.spent >= b.amount AS stopped, b.revision, b.created_at, b.updated_at" \
                                           " FROM budgets b JOIN workspaces w ON w.id = b.workspace_id"                                                   \
                                           " CROSS JOIN LATERAL ccr_budget_status(b, w.time_zone, now()) s WHERE b.workspace_id = ccr_workspace()"

static const struct listing budgets = {
    .name = "budgets",
    .count = {"api_budgets_count", "SELECT count(*) FROM budgets WHERE workspace_id = ccr_workspace()"},
    .page = {"api_budgets_page", BUDGETS " ORDER BY b.name, b.id LIMIT $1 OFFSET $2"},
};

static const struct statement select_budget = {"api_budget", BUDGETS " AND b.id = $1::uuid"};

/* What amounts are in, for whoever reads them. */
static enum error read_money(struct request *rq, const char **members)
{
    const char *display;
    enum error error = currency_text(&rq->actor, &display);
    *members = arena_printf(rq->actor.arena, "{\"currency\":\"USD\",\"display\":%s}", display);
    return error;
}

static enum error list_budgets(struct request *rq, struct response *rs)
{
    struct listing with_money = budgets;
    enum error error = read_money(rq, &with_money.also);
    return error ? error : respond_page(rq, rs, &with_money, DB_NO_ARGS);
}

static enum error respond_budget(struct request *rq, struct response *rs, int status, const char *id)
{
    struct row row;
    const char *money;
    enum error error = read_money(rq, &money);
    if (!error)
        error = uuid_valid(id) ? db_one(rq->actor.db, &select_budget, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, status);
    row_write(&row, w);
    json_put_members(w, money);
    return respond_end(rs);
}

static enum error show_budget(struct request *rq, struct response *rs)
{
    return respond_budget(rq, rs, 200, path_arg(rq, "id"));
}

/* A budget without any is told of at half, at four fifths, and when it is used up: then it switches. */
static enum error read_levels(struct request *rq, struct budget *b)
{
    static const char usual[] = "{50,80,100}";
    bool seen[BUDGET_LEVEL_MAX + 1] = {false};
    char text[LEVELS_TEXT] = "{";
    json_t *levels = body_value(rq, "levels"), *each;
    size_t i, length = 1;
    b->levels = usual;
    if (!body_has(rq, "levels"))
        return ERR_NONE;
    bool right = json_array_size(levels) > 0;
    json_array_foreach(levels, i, each)
    {
        long long level = json_integer_value(each);
        right = level >= 1 && level <= BUDGET_LEVEL_MAX && !seen[level];
        if (!right)
            break;
        seen[level] = true;
    }
    if (!right)
        return fail_field(&rq->actor, "levels", MSG_BUDGET_LEVELS, NULL);
    if (text_equal(b->action, "switch") && !seen[USED_UP])
        return fail_field(&rq->actor, "levels", MSG_BUDGET_SWITCH_LEVEL, NULL);
    for (int level = 1; level <= BUDGET_LEVEL_MAX; level++)
        if (seen[level])
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%d", length > 1 ? "," : "", level);
    snprintf(text + length, sizeof text - length, "}");
    b->levels = arena_strdup(rq->actor.arena, text);
    return ERR_NONE;
}

/* Nobody is to be switched to what he could not switch to himself. */
static enum error check_switch(struct request *rq, const struct budget *b)
{
    struct profile to;
    struct actor *actor = &rq->actor;
    enum error error = profile_find(actor, b->platform, b->switch_to, true, &to);
    if (error == ERR_NOT_FOUND)
        return fail_field(actor, "switch_to", MSG_CONFIG_UNKNOWN, b->switch_to, NULL);
    const char *problem = error ? NULL : profile_problem(actor, &to.r);
    if (problem)
        return fail_field(actor, "switch_to", MSG_SWITCH_INVALID, problem, NULL);
    return error;
}

static enum error read_budget(struct request *rq, struct budget *b)
{
    json_t *users = body_value(rq, "users"), *each;
    size_t i;
    *b = (struct budget){.name = body_text(rq, "name"),
                         .user_count = json_array_size(users),
                         .platform = body_text(rq, "platform"),
                         .provider = body_text(rq, "provider"),
                         .profile = body_text(rq, "profile"),
                         .model = body_text(rq, "model"),
                         .project = body_text(rq, "project"),
                         .period = body_text(rq, "period"),
                         .amount = body_text(rq, "amount"),
                         .action = body_has(rq, "action") ? body_text(rq, "action") : "none",
                         .switch_to = body_text(rq, "switch_to"),
                         .enabled = body_bool(rq, "enabled", true)};
    const char **names = arena_array(rq->actor.arena, b->user_count + 1, sizeof *names);
    json_array_foreach(users, i, each) names[i] = json_string_value(each);
    b->users = names;
    enum error error = read_levels(rq, b);
    if (!error)
        error = field_date(&rq->actor, "starts", body_text(rq, "starts"), &b->starts);
    return error || !b->switch_to || !b->platform ? error : check_switch(rq, b);
}

static enum error create_budget(struct request *rq, struct response *rs)
{
    struct budget budget;
    const char *id = NULL;
    enum error error = read_budget(rq, &budget);
    if (!error)
        error = budget_write(&rq->actor, &budget, &id);
    return error ? error : respond_budget(rq, rs, 201, id);
}

static enum error replace_budget(struct request *rq, struct response *rs)
{
    static const struct statement find = {
        "api_budget_revision", "SELECT revision FROM budgets WHERE id = $1::uuid AND workspace_id = ccr_workspace()"};
    struct budget budget;
    struct row row;
    const char *id = path_arg(rq, "id");
    enum error error = read_budget(rq, &budget);
    if (!error)
        error = uuid_valid(id) ? db_one(rq->actor.db, &find, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (!error)
        error = check_if_match(rq, row_int(&row, 0));
    if (!error)
        error = budget_write(&rq->actor, &budget, &id);
    return error ? error : respond_budget(rq, rs, 200, id);
}

static enum error delete_budget(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? budget_remove(&rq->actor, id) : ERR_NOT_FOUND;
    return error ? error : respond_null(rs);
}

/* ---- webhooks --------------------------------------------------------------------------------------------------- */

/* Where its deliveries stand; those of more than 30 days ago are forgotten. */
#define WEBHOOKS                                                                                                                   \
    "SELECT w.id, w.name, w.kind, w.shown_url AS url, w.shown_secret AS secret, w.revision, w.created_at, d.delivered, d.waiting," \
    " d.given_up, d.delivered_at, d.last_error FROM webhooks w CROSS JOIN LATERAL (SELECT"                                         \
    " count(*) FILTER (WHERE delivered_at IS NOT NULL) AS delivered, count(next_at) AS waiting,"                                   \
    " count(given_up_at) AS given_up, max(delivered_at) AS delivered_at,"                                                          \
    " (array_agg(last_error ORDER BY created_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error"                     \
    " FROM webhook_deliveries WHERE webhook_id = w.id) d WHERE w.workspace_id = ccr_workspace()"

static const struct listing webhooks = {
    .name = "webhooks",
    .count = {"api_webhooks_count", "SELECT count(*) FROM webhooks WHERE workspace_id = ccr_workspace()"},
    .page = {"api_webhooks_page", WEBHOOKS " ORDER BY w.name, w.id LIMIT $1 OFFSET $2"},
};

static enum error respond_webhook(struct request *rq, struct response *rs, int status, const char *id)
{
    static const struct statement select = {"api_webhook", WEBHOOKS " AND w.id = $1::uuid"};
    struct row row;
    enum error error = db_one(rq->actor.db, &select, &row, DB_ARGS(id));
    return error ? error : respond_row(rs, status, &row);
}

static struct webhook given_webhook(const struct request *rq)
{
    return (struct webhook){.name = body_text(rq, "name"),
                            .kind = body_text(rq, "kind"),
                            .url = body_text(rq, "url"),
                            .secret = body_text(rq, "secret")};
}

static enum error create_webhook(struct request *rq, struct response *rs)
{
    const char *id;
    struct webhook given = given_webhook(rq);
    enum error error = webhook_create(&rq->actor, &given, &id);
    return error ? error : respond_webhook(rq, rs, 201, id);
}

/* Also null. */
static bool is_given(const struct request *rq, const char *name)
{
    return json_object_get(rq->body, name);
}

static enum error replace_webhook(struct request *rq, struct response *rs)
{
    static const struct statement find = {
        "api_webhook_revision",
        "SELECT revision FROM webhooks WHERE id = $1::uuid AND workspace_id = ccr_workspace() FOR UPDATE"};
    struct row row;
    const char *id = path_arg(rq, "id");
    struct webhook given = given_webhook(rq);
    if (!given.url && is_given(rq, "url")) /* it cannot be without one */
        return fail_field(&rq->actor, "url", MSG_NOT_BLANK, NULL);
    enum error error = uuid_valid(id) ? db_one(rq->actor.db, &find, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (!error)
        error = check_if_match(rq, row_int(&row, 0));
    if (!error)
        error = webhook_update(&rq->actor, id, &given, !is_given(rq, "secret"));
    return error ? error : respond_webhook(rq, rs, 200, id);
}

static enum error delete_webhook(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? webhook_remove(&rq->actor, id) : ERR_NOT_FOUND;
    return error ? error : respond_null(rs);
}

/* Now, and once: who sets it up waits for it. */
static enum error test_webhook(struct request *rq, struct response *rs)
{
    struct webhook_message message;
    struct http_ask ask;
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? webhook_test(&rq->actor, id, &message) : ERR_NOT_FOUND;
    if (error)
        return error;
    struct http_way way = outbound_way(rq);
    way.taken = webhook_sent;
    if (webhook_prepare(rq->actor.arena, rq->actor.keyring, &message, &ask))
        http_ask_all(rq->actor.arena, &ask, 1, &way);
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "delivered", message.delivered);
    json_literal_key(w, "status");
    if (message.status)
        json_put_int(w, message.status);
    else
        json_put_null(w);
    json_string_member(w, "problem", message.problem);
    return respond_end(rs);
}

const struct route budgets_routes[] = {
    {METHOD_GET, "/api/usage/budgets", list_budgets, ACCESS_VIEWER, .query = page_query},
    {METHOD_POST, "/api/usage/budgets", create_budget, ACCESS_ADMIN, .body = budget_fields, .body_max = 64 * KIB},
    {METHOD_GET, "/api/usage/budgets/{id}", show_budget, ACCESS_VIEWER},
    {METHOD_PUT, "/api/usage/budgets/{id}", replace_budget, ACCESS_ADMIN, .body = budget_fields, .body_max = 64 * KIB},
    {METHOD_DELETE, "/api/usage/budgets/{id}", delete_budget, ACCESS_ADMIN},
    {METHOD_GET, "/api/usage/webhooks", list_all, ACCESS_VIEWER, .query = page_query, .data = &webhooks},
    {METHOD_POST, "/api/usage/webhooks", create_webhook, ACCESS_ADMIN, .body = webhook_fields, .body_max = 64 * KIB},
    {METHOD_PUT, "/api/usage/webhooks/{id}", replace_webhook, ACCESS_ADMIN, .body = webhook_changes,
     .body_max = 64 * KIB},
    {METHOD_DELETE, "/api/usage/webhooks/{id}", delete_webhook, ACCESS_ADMIN},
    {METHOD_POST, "/api/usage/webhooks/{id}/test", test_webhook, ACCESS_ADMIN, .body = no_body,
     .flags = ROUTE_OUTBOUND | ROUTE_NO_TRANSACTION},
    {0},
};
