/* Check-in: asking a provider, in the form that the relays of new-api's kind have (`data.quota` in units of which 500,000 are a dollar), and
 * keeping what it says. */
#include <string.h>

#include "audit.h"
#include "outbound.h"
#include "ui_checkin.h"
#include "util.h"

enum { TEXT_MAX = 200, REWARD_MAX = 100 };

/* One account that asks its provider. */
struct visit {
    struct request *rq;
    struct resource account, provider;
    json_t *values; /* of the account, in clear */
    const char *headers[4];
    struct http_ask ask;
    json_t *answer; /* an object; NULL = none came */
    const char *problem;
};

/* ---- asking ----------------------------------------------------------------------------------------------------- */

/* RFC 6265 section 4.2.1. NULL when there are none. */
static const char *cookie_header(struct arena *arena, json_t *cookies)
{
    const char *name, *text = NULL;
    json_t *value;
    json_object_foreach(cookies, name, value)
    {
        const char *before = text ? arena_printf(arena, "%s; ", text) : "Cookie: ";
        text = arena_printf(arena, "%s%s=%s", before, name, json_string_value(value));
    }
    return text;
}

static enum error prepare(struct visit *v, const char *path_column, bool posts)
{
    struct actor *actor = &v->rq->actor;
    json_t *provider;
    enum error error = resource_values(actor, &v->account, &v->values);
    if (!error)
        error = checkin_find(actor, &kind_checkin_provider, json_text_at(v->values, "provider_id"), &v->provider);
    if (!error)
        error = resource_values(actor, &v->provider, &provider);
    if (error)
        return error;
    const char *path = json_text_at(provider, path_column), *user = json_text_at(v->values, "api_user"),
               *url = json_text_at(provider, "base_url");
    v->headers[0] = cookie_header(actor->arena, json_object_get(v->values, "cookies"));
    v->headers[1] = "Accept: application/json";
    v->headers[2] = is_blank(user) ? NULL : arena_printf(actor->arena, "New-Api-User: %s", user);
    if (!v->headers[0])
        return fail(actor, MSG_CHECKIN_NO_COOKIES, v->account.name, NULL);
    if (is_blank(path))
        return fail(actor, MSG_CHECKIN_NO_PATH, v->provider.name, NULL);
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    v->ask = (struct http_ask){.url = arena_printf(actor->arena, "%.*s%s", (int)length, url, path),
                               .headers = v->headers,
                               .body = posts ? "{}" : NULL,
                               .of = v};
    return ERR_NONE;
}

static void take(struct http_ask *ask, void *context)
{
    struct visit *v = ask->of;
    struct actor *actor = &v->rq->actor;
    struct json_failure failure;
    (void)context;
    if (ask->outcome != HTTP_ANSWERED)
        v->problem = translate(actor, http_message(ask->outcome), NULL);
    else if (ask->status == 401 || ask->status == 403)
        v->problem = translate(actor, MSG_CHECKIN_LOGIN, number_text(actor, ask->status), NULL);
    else if (ask->status != 200)
        v->problem = translate(actor, MSG_HTTP_STATUS, number_text(actor, ask->status), NULL);
    if (v->problem)
        return;
    v->answer = json_parse(ask->text, ask->length, &failure);
    if (!json_is_object(v->answer)) {
        v->answer = NULL;
        v->problem = translate(actor, MSG_HTTP_MEANINGLESS, "JSON", NULL);
    }
}

/* The cookies leave the server: that is noted before. */
static enum error visit(struct visit *v, const char *path_column, bool posts, const char *action)
{
    struct actor *actor = &v->rq->actor;
    enum error error = checkin_account(v->rq, &v->account);
    if (!error && !v->rq->service->settings->checkin_enabled)
        error = fail(actor, MSG_CHECKIN_DISABLED, NULL);
    if (!error)
        error = prepare(v, path_column, posts);
    if (!error)
        error = audit_write(actor,
                            &(struct audit){.action = action, .platform = CHECKIN_PLATFORM, .target = v->account.name});
    if (error)
        return error;
    struct http_way way = outbound_way(v->rq);
    way.taken = take;
    http_ask_all(actor->arena, &v->ask, 1, &way);
    return ERR_NONE;
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

/* Whether a text of the provider's holds one of the cookies. */
static bool is_revealing(const struct visit *v, const char *text)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(v->values, "cookies"), name, value)
    {
        const char *cookie = json_string_value(value);
        if (cookie && *cookie && strstr(text, cookie))
            return true;
    }
    return false;
}

/* At most `most` code points of it; NULL for what is no text, or none to show. */
static const char *spoken(const struct visit *v, const json_t *value, size_t most)
{
    const char *text = json_string_value(value);
    if (is_blank(text) || has_control(text) || is_revealing(v, text))
        return NULL;
    size_t length = 0;
    for (size_t points = 0; text[length]; length++)
        if (((unsigned char)text[length] & 0xc0) != 0x80 && points++ == most)
            break;
    return arena_strndup(v->rq->actor.arena, text, length);
}

static bool is_number(const json_t *value, long long number)
{
    return json_is_integer(value) && json_integer_value(value) == number;
}

/* Relays say in one of three ways that it went well. */
static bool went_well(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "success")) || is_number(json_object_get(answer, "ret"), 1) ||
           is_number(json_object_get(answer, "code"), 0);
}

static const char *reward_of(const struct visit *v)
{
    static const char *const names[] = {"reward", "points"};
    json_t *data = json_object_get(v->answer, "data");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        json_t *value = json_object_get(data, names[i]);
        if (json_is_string(value))
            return spoken(v, value, REWARD_MAX);
        if (json_is_number(value))
            return json_text(v->rq->actor.arena, value);
    }
    return NULL;
}

/* ---- check-in --------------------------------------------------------------------------------------------------- */

static const struct statement insert_record = {
    "checkin_record",
    "INSERT INTO checkin_records (workspace_id, account_id, provider_id, account_name, provider_name, status,"
    " message, reward) VALUES ((SELECT ccr_workspace()), $1::uuid, $2::uuid, $3, $4, $5, $6, $7)"};

static void judge(struct visit *v, const char **status, const char **message)
{
    *status = "failed";
    *message = v->problem;
    if (v->problem)
        return;
    json_t *said = json_object_get(v->answer, "message");
    *message = spoken(v, said ? said : json_object_get(v->answer, "msg"), TEXT_MAX);
    if (went_well(v->answer))
        *status = "success";
    else if (*message && (strstr(*message, "已签到") || strstr(*message, "已经签到") || strstr(*message, "lready")))
        *status = "already_checked_in";
}

static enum error check_in(struct request *rq, struct response *rs)
{
    struct visit v = {.rq = rq};
    const char *status, *message;
    enum error error = visit(&v, "checkin_path", true, "checkin_account.checkin");
    if (error)
        return error;
    judge(&v, &status, &message);
    const char *reward = strcmp(status, "success") == 0 ? reward_of(&v) : NULL;
    error = db_run(rq->actor.db, &insert_record,
                   DB_ARGS(v.account.id, v.provider.id, v.account.name, v.provider.name, status, message, reward));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_string_member(w, "account_id", v.account.id);
    json_string_member(w, "account_name", v.account.name);
    json_string_member(w, "provider_name", v.provider.name);
    json_string_member(w, "status", status);
    if (message)
        json_string_member(w, "message", message);
    if (reward)
        json_string_member(w, "reward", reward);
    return respond_end(rs);
}

/* ---- balance ---------------------------------------------------------------------------------------------------- */

/* One statement keeps it and says it. A quota is never negative, nor more than numeric(20, 6) takes. */
static const struct statement insert_balance = {
    "checkin_balance",
    "INSERT INTO checkin_balances (workspace_id, account_id, remaining_quota, used_quota)"
    " VALUES ((SELECT ccr_workspace()), $1::uuid, round($2::numeric / 500000, 6), round($3::numeric / 500000, 6))"
    " RETURNING json_build_object('account_id', account_id, 'total_quota', used_quota + remaining_quota, 'used_quota',"
    " used_quota, 'remaining_quota', remaining_quota, 'usage_percentage', CASE WHEN used_quota + remaining_quota > 0"
    " THEN round(100 * used_quota / (used_quota + remaining_quota), 2) ELSE 0 END, 'currency', currency, 'recorded_at', " SQL_TIME(
        "recorded_at") ")"};

static const char *quota_of(const struct visit *v, const char *name)
{
    json_t *data = json_object_get(v->answer, "data"), *value = json_object_get(data ? data : v->answer, name);
    double number = json_number_value(value);
    bool sound = json_is_number(value) && number >= 0 && number < 1e18;
    return sound ? json_text(v->rq->actor.arena, value) : NULL;
}

static enum error check_balance(struct request *rq, struct response *rs)
{
    struct visit v = {.rq = rq};
    enum error error = visit(&v, "balance_path", false, "checkin_account.balance");
    if (error)
        return error;
    const char *left = quota_of(&v, "quota"), *used = quota_of(&v, "used_quota");
    if (!v.problem && (!left || !used))
        v.problem = translate(&rq->actor, MSG_HTTP_MEANINGLESS, "quota, used_quota", NULL);
    if (v.problem)
        return fail(&rq->actor, MSG_CHECKIN_ANSWER, v.problem, NULL);
    return checkin_respond_one(rq, rs, &insert_balance, DB_ARGS(v.account.id, left, used));
}

/* As with providers' health: whoever may change a provider decides where the cookies go. */
#define ASKS                                                                                                           \
    ACCESS_EDITOR, .flags = ROUTE_OUTBOUND | ROUTE_SECRETS | ROUTE_NO_TRANSACTION, .data = &kind_checkin_account
const struct route ui_checkin_ask_routes[] = {
    {METHOD_POST, "/api/checkin/accounts/{id}/checkin", check_in, ASKS},
    {METHOD_POST, "/api/checkin/accounts/{id}/balance", check_balance, ASKS},
    {0},
};
