/* Check-in: providers and accounts, as CCR UI's page names and shapes them. */
#include "ui_checkin.h"

#include <string.h>

#include "audit.h"
#include "util.h"

/* ---- what all of it uses ---------------------------------------------------------------------------------------- */

static const struct statement select_name = {
    "checkin_name", "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1"
                    " AND platform = '" CHECKIN_PLATFORM "' AND id = $2::uuid"};

static enum error find_name(struct actor *actor, const struct kind *kind, const char *id, const char **name)
{
    struct row row;
    enum error error = uuid_valid(id) ? db_one(actor->db, &select_name, &row, DB_ARGS(kind->name, id)) : ERR_NOT_FOUND;
    if (!error)
        *name = row_text(&row, 0);
    return fail_as(actor, error, ERR_NOT_FOUND, kind_unknown(kind), id);
}

enum error checkin_find(struct actor *actor, const struct kind *kind, const char *id, struct resource *r)
{
    const char *name = NULL;
    enum error error = find_name(actor, kind, id, &name);
    return error ? error : resource_find(actor, kind, CHECKIN_PLATFORM, name, false, r);
}

enum error checkin_account(struct request *rq, struct resource *r)
{
    return checkin_find(&rq->actor, &kind_checkin_account, path_arg(rq, "id"), r);
}

/* The engine finds by name what the path names by its id. */
static enum error find_place(struct request *rq)
{
    const char *name = NULL, *id = text_or_null(path_arg(rq, "id"));
    ui_put_path_arg(rq, "platform", CHECKIN_PLATFORM);
    enum error error = id ? find_name(&rq->actor, rq->route->data, id, &name) : ERR_NONE;
    if (name)
        ui_put_path_arg(rq, "name", name);
    return error;
}

enum error checkin_respond_all(struct request *rq, struct response *rs, const char *key,
                               const struct statement *statement, const char *const *args, size_t count,
                               const long long *total)
{
    struct rows rows;
    enum error error = db_all(rq->actor.db, statement, &rows, args, count);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_key(w, key);
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        json_put_raw(w, row_text(&row, 0));
    }
    json_close_array(w);
    json_int_member(w, "total", total ? *total : rows.count);
    respond_end(rs);
    return rs->body.overflow ? fail(&rq->actor, MSG_FEWER, NULL) : ERR_NONE;
}

enum error checkin_respond_one(struct request *rq, struct response *rs, const struct statement *statement,
                               const char *const *args, size_t count)
{
    struct row row;
    enum error error = db_one(rq->actor.db, statement, &row, args, count);
    if (error)
        return error;
    json_put_raw(respond_begin_bare(rs, 200), row_text(&row, 0));
    return respond_end(rs);
}

static enum error respond_gone(struct response *rs)
{
    rs->status = 204;
    rs->written = true;
    return ERR_NONE;
}

/* ---- providers -------------------------------------------------------------------------------------------------- */

#define SQL_PROVIDERS                                                                                                      \
    "SELECT json_build_object('id', r.id, 'name', r.name, 'base_url', coalesce(r.listed->>'base_url', ''),"                \
    " 'checkin_path', coalesce(r.listed->>'checkin_path', ''), 'balance_path', coalesce(r.listed->>'balance_path', ''),"   \
    " 'user_info_path', coalesce(r.listed->>'user_info_path', ''), 'auth_header', coalesce(r.listed->>'auth_header', '')," \
    " 'auth_prefix', coalesce(r.listed->>'auth_prefix', ''), 'enabled', r.enabled, 'created_at', " SQL_MADE                \
    ", 'updated_at', " SQL_TIME("r.updated_at") ") FROM resources r WHERE r.workspace_id = (SELECT ccr_workspace())"       \
                                                " AND r.kind = 'checkin_provider' AND r.platform = '" CHECKIN_PLATFORM     \
                                                "'"

static const struct statement select_providers = {"checkin_providers", SQL_PROVIDERS " ORDER BY r.position, r.name"},
                              select_provider = {"checkin_provider", SQL_PROVIDERS " AND r.id = $1::uuid"};

/* What a form leaves out; a path that it sends empty there is none of. */
static const struct {
    const char *name, *otherwise;
} provider_members[] = {
    {"base_url", NULL},
    {"checkin_path", "/api/user/checkin"},
    {"balance_path", "/api/user/self"},
    {"user_info_path", "/api/user/self"},
    {"auth_header", "Authorization"},
    {"auth_prefix", "Bearer"},
};

#define PROVIDER_FIELDS(required)                                                                                      \
    {                                                                                                                  \
        {"name", FIELD_TEXT, (required) | FIELD_TRIM, .max = 300},                                                     \
            {"base_url", FIELD_URL, (required) | FIELD_TRIM, .max = 2000},                                             \
            {"checkin_path", FIELD_TEXT, FIELD_TRIM, .max = 500},                                                      \
            {"balance_path", FIELD_TEXT, FIELD_TRIM, .max = 500},                                                      \
            {"user_info_path", FIELD_TEXT, FIELD_TRIM, .max = 500},                                                    \
            {"auth_header", FIELD_TEXT, FIELD_TRIM, .max = 100}, {"auth_prefix", FIELD_TEXT, FIELD_TRIM, .max = 100},  \
            {"enabled", FIELD_BOOL}, {0},                                                                              \
    }
static const struct field provider_fields[] = PROVIDER_FIELDS(FIELD_REQUIRED);
static const struct field provider_change_fields[] = PROVIDER_FIELDS(0);

static enum error take_provider(struct request *rq, json_t *values, const struct resource *before)
{
    for (size_t i = 0; i < ARRAY_SIZE(provider_members); i++) {
        const char *name = provider_members[i].name, *otherwise = provider_members[i].otherwise;
        json_t *sent = json_object_get(rq->body, name);
        if (json_is_string(sent))
            json_object_set(values, name, sent);
        else if (json_is_null(sent) && otherwise)
            json_object_del(values, name);
        else if (!sent && !before && otherwise)
            json_object_set_new(values, name, json_string(otherwise));
    }
    return ERR_NONE;
}

static enum error list_providers(struct request *rq, struct response *rs)
{
    return checkin_respond_all(rq, rs, "providers", &select_providers, DB_NO_ARGS, NULL);
}

/* ---- accounts --------------------------------------------------------------------------------------------------- */

#define SQL_ACCOUNTS                                                                                                                           \
    "SELECT json_strip_nulls(json_build_object('id', r.id, 'provider_id', r.listed->>'provider_id', 'provider_name',"                          \
    " p.name, 'name', r.name, 'cookies_masked', coalesce(r.listed->>'cookies', '{}'), 'api_user',"                                             \
    " coalesce(r.listed->>'api_user', ''), 'enabled', r.enabled, 'created_at', " SQL_MADE                                                      \
    ", 'last_checkin_at', " SQL_TIME("c.checked_at") ", 'last_balance_check_at', " SQL_TIME(                                                   \
        "b.recorded_at") ", 'latest_balance',"                                                                                                 \
                         " b.remaining_quota, 'balance_currency', b.currency, 'total_quota', b.used_quota + b.remaining_quota,"                \
                         " 'total_consumed', b.used_quota)) FROM resources r"                                                                  \
                         " LEFT JOIN resources p ON p.workspace_id = r.workspace_id AND p.kind = 'checkin_provider'"                           \
                         " AND p.platform = r.platform AND p.id::text = r.listed->>'provider_id'"                                              \
                         " LEFT JOIN LATERAL (SELECT checked_at FROM checkin_records WHERE account_id = r.id AND status <> 'failed'"           \
                         " ORDER BY checked_at DESC LIMIT 1) c ON true"                                                                        \
                         " LEFT JOIN LATERAL (SELECT recorded_at, remaining_quota, used_quota, currency FROM checkin_balances"                 \
                         " WHERE account_id = r.id ORDER BY recorded_at DESC LIMIT 1) b ON true"                                               \
                         " WHERE r.workspace_id = (SELECT ccr_workspace()) AND r.kind = 'checkin_account' AND r.platform = '" CHECKIN_PLATFORM \
                         "'"

static const struct statement select_accounts = {"checkin_accounts", SQL_ACCOUNTS
                                                 " AND ($1::text IS NULL OR"
                                                 " r.listed->>'provider_id' = $1) ORDER BY r.position DESC, r.name"},
                              select_account = {"checkin_account", SQL_ACCOUNTS " AND r.id = $1::uuid"};

enum { COOKIES_MAX = 32 * KIB };

static const struct field account_fields[] = {
    {"provider_id", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 36},
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300},
    {"cookies_json", FIELD_TEXT, FIELD_REQUIRED | FIELD_SECRET, .max = COOKIES_MAX},
    {"api_user", FIELD_TEXT, FIELD_TRIM, .max = 200},
    {"enabled", FIELD_BOOL},
    {0},
};
static const struct field account_change_fields[] = {
    {"name", FIELD_TEXT, FIELD_TRIM, .max = 300},
    {"cookies_json", FIELD_TEXT, FIELD_SECRET, .max = COOKIES_MAX},
    {"api_user", FIELD_TEXT, FIELD_TRIM, .max = 200},
    {"enabled", FIELD_BOOL},
    {0},
};
static const struct field account_query[] = {{"provider_id", FIELD_TEXT, .max = 36}, {0}};

static enum error take_account(struct request *rq, json_t *values, const struct resource *before)
{
    struct json_failure failure;
    struct resource provider;
    const char *cookies = body_text(rq, "cookies_json"), *user = body_text(rq, "api_user"),
               *id = body_text(rq, "provider_id");
    if (!is_blank(cookies)) {
        json_t *parsed = json_parse(cookies, strlen(cookies), &failure);
        if (!json_is_object(parsed))
            return fail_field(&rq->actor, "cookies_json", MSG_CHECKIN_COOKIES, NULL);
        json_object_set(values, "cookies", parsed);
    }
    if (user)
        json_object_set_new(values, "api_user", json_string(user));
    else if (json_is_null(json_object_get(rq->body, "api_user")))
        json_object_del(values, "api_user");
    if (before)
        return ERR_NONE;
    json_object_set_new(values, "provider_id", json_string(id));
    return checkin_find(&rq->actor, &kind_checkin_provider, id, &provider);
}

static enum error list_accounts(struct request *rq, struct response *rs)
{
    return checkin_respond_all(rq, rs, "accounts", &select_accounts, DB_ARGS(request_query_or(rq, "provider_id", NULL)),
                               NULL);
}

static enum error show_cookies(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    json_t *values = NULL;
    enum error error = checkin_account(rq, &r);
    if (!error)
        error = resource_values(&rq->actor, &r, &values);
    if (!error)
        error = audit_write(
            &rq->actor, &(struct audit){.action = "checkin_account.reveal", .platform = r.platform, .target = r.name});
    if (error)
        return error;
    json_t *cookies = json_object_get(values, "cookies");
    const char *user = json_text_at(values, "api_user");
    struct json_writer *w = respond_object_bare(rs, 200);
    json_string_member(w, "cookies_json", cookies ? json_text(rq->actor.arena, cookies) : "{}");
    json_string_member(w, "api_user", user ? user : "");
    return respond_end(rs);
}

/* ---- writes, alike for both ------------------------------------------------------------------------------------- */

static const struct side {
    const struct kind *kind;
    /* What the body says, as columns' values; `before` NULL: of a new one. */
    enum error (*take)(struct request *rq, json_t *values, const struct resource *before);
    const struct statement *select; /* one, by its id */
} sides[] = {{&kind_checkin_provider, take_provider, &select_provider},
             {&kind_checkin_account, take_account, &select_account}};

static const struct side *side_of(const struct request *rq)
{
    return &sides[rq->route->data != &kind_checkin_provider];
}

static enum error add(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    json_t *sent = rq->body, *values = json_object();
    enum error error = find_place(rq);
    if (!error)
        error = side_of(rq)->take(rq, values, NULL);
    if (error)
        return error;
    json_object_set(values, "name", json_object_get(sent, "name"));
    rq->body = values;
    error = resource_create(rq, &r);
    rq->body = sent; /* for a transaction that is tried again */
    return error ? error : checkin_respond_one(rq, rs, side_of(rq)->select, DB_ARGS(r.id));
}

static enum error take_under_name(struct request *rq, struct resource *before)
{
    const char *name = body_text(rq, "name");
    if (!name || strcmp(name, path_arg(rq, "name")) == 0)
        return resource_to_change(rq, before);
    return resource_take_name(rq, before);
}

static enum error change(struct request *rq, struct response *rs)
{
    struct resource before = {.name = ""}, after;
    json_t *sent = rq->body;
    enum error error = find_place(rq);
    if (!error)
        error = take_under_name(rq, &before);
    if (error)
        return error;
    json_t *values = resource_shown(&before);
    error = side_of(rq)->take(rq, values, &before);
    if (error)
        return error;
    json_object_set_new(values, "enabled", json_boolean(body_bool(rq, "enabled", before.enabled)));
    rq->body = values;
    error = resource_save_values(rq, &before, values, &after);
    rq->body = sent;
    return error ? error : checkin_respond_one(rq, rs, side_of(rq)->select, DB_ARGS(after.id));
}

static enum error destroy(struct request *rq, struct response *rs)
{
    enum error error = find_place(rq);
    if (!error)
        error = resource_destroy(rq);
    return error ? error : respond_gone(rs);
}

/* ---- providers that come with the program ----------------------------------------------------------------------- */

static const struct builtin {
    const char *id, *name, *description, *domain, *checkin_path;
    bool waf; /* lets only browsers in: the server's own requests may be turned away */
} builtins[] = {
    {"builtin-anyrouter", "AnyRouter", "Relay for several models; a firewall keeps programs out now and then",
     "anyrouter.top", "/api/user/sign_in", true},
    {"builtin-agentrouter", "AgentRouter", "Relay for agents; asking for the balance is the check-in",
     "agentrouter.org", NULL, true},
    {"builtin-coderouter", "CodeRouter", "Relay for code; has a balance and no check-in", "api.codemirror.codes", NULL,
     false},
};

static json_t *builtin_object(const struct builtin *b)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:s}", "id", b->id, "name", b->name,
                  "description", b->description, "domain", b->domain, "checkin_path", b->checkin_path, "balance_path",
                  "/api/user/self", "user_info_path", "/api/user/self", "auth_header", "Authorization", "auth_prefix",
                  "Bearer", "supports_checkin", b->checkin_path != NULL, "requires_waf_bypass", b->waf,
                  "checkin_bugged", false, "icon", "🌐");
    json_object_set_new(object, "base_url", json_sprintf("https://%s", b->domain));
    return object;
}

static enum error list_builtins(struct request *rq, struct response *rs)
{
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "providers");
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
        json_put_raw(w, json_text(rq->actor.arena, builtin_object(&builtins[i])));
    json_close_array(w);
    json_int_member(w, "total", ARRAY_SIZE(builtins));
    return respond_end(rs);
}

static enum error add_builtin(struct request *rq, struct response *rs)
{
    size_t i = 0;
    json_t *sent = rq->body;
    while (i < ARRAY_SIZE(builtins) && strcmp(builtins[i].id, body_text(rq, "builtin_id")) != 0)
        i++;
    if (i == ARRAY_SIZE(builtins))
        return fail_field(&rq->actor, "builtin_id", MSG_CHECKIN_BUILTIN, NULL);
    rq->body = builtin_object(&builtins[i]);
    enum error error = add(rq, rs);
    rq->body = sent;
    return error;
}

static const struct field builtin_fields[] = {{"builtin_id", FIELD_TEXT, FIELD_REQUIRED, .max = 100}, {0}};

const struct route ui_checkin_routes[] = {
    {METHOD_GET, "/api/checkin/providers", list_providers, ACCESS_VIEWER, .data = &kind_checkin_provider},
    {METHOD_POST, "/api/checkin/providers", add, ACCESS_EDITOR, .body = provider_fields,
     .data = &kind_checkin_provider},
    {METHOD_PUT, "/api/checkin/providers/{id}", change, ACCESS_EDITOR, .body = provider_change_fields,
     .data = &kind_checkin_provider},
    {METHOD_DELETE, "/api/checkin/providers/{id}", destroy, ACCESS_EDITOR, .data = &kind_checkin_provider},
    {METHOD_GET, "/api/checkin/providers/builtin", list_builtins, ACCESS_USER},
    {METHOD_POST, "/api/checkin/providers/builtin/add", add_builtin, ACCESS_EDITOR, .body = builtin_fields,
     .data = &kind_checkin_provider},
    {METHOD_GET, "/api/checkin/accounts", list_accounts, ACCESS_VIEWER, .query = account_query,
     .data = &kind_checkin_account},
    {METHOD_POST, "/api/checkin/accounts", add, ACCESS_EDITOR, .body = account_fields, .data = &kind_checkin_account},
    {METHOD_PUT, "/api/checkin/accounts/{id}", change, ACCESS_EDITOR, .body = account_change_fields,
     .data = &kind_checkin_account},
    {METHOD_DELETE, "/api/checkin/accounts/{id}", destroy, ACCESS_EDITOR, .data = &kind_checkin_account},
    {METHOD_GET, "/api/checkin/accounts/{id}/cookies", show_cookies, ACCESS_EDITOR, .flags = ROUTE_SECRETS,
     .data = &kind_checkin_account},
    {0},
};
