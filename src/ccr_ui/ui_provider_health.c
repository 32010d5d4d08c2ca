/* Provider health: asks the provider of each profile for its models, with the profile's token, all at once. */
#include <string.h>

#include "audit.h"
#include "budgets.h"
#include "outbound.h"
#include "profile.h"
#include "ui_page.h"
#include "util.h"

enum {
    ASKED_MAX = 200,
    MODELS_MAX = 500, /* shown of one provider */
    MODEL_MAX = 200,  /* bytes of a name */
};

enum health { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_DEGRADED, HEALTH_BAD, HEALTH_COUNT };

static const struct {
    const char *name, *color;
} healths[HEALTH_COUNT] = {
    [HEALTH_UNKNOWN] = {"unknown", "gray"},
    [HEALTH_GOOD] = {"healthy", "green"},
    [HEALTH_DEGRADED] = {"degraded", "yellow"},
    [HEALTH_BAD] = {"unhealthy", "red"},
};

/* One profile and what its provider said. */
struct check {
    const struct resource *profile;
    const char *token, *model;
    const char *headers[3];
    enum health health;
    const char *error; /* NULL = none */
    int took_ms;       /* -1 = it was not asked */
    bool has_model;
    json_t *models;
};

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

/* An address that already ends with the version, as those of OpenAI's kind do, is taken as it is. */
static const char *models_url(struct arena *arena, const char *base)
{
    size_t path = strcspn(base, "?#"), query = path, length = base[path] == '?' ? strcspn(base + path, "#") : 0;
    while (path > 0 && base[path - 1] == '/')
        path--;
    bool versioned = path >= 3 && memcmp(base + path - 3, "/v1", 3) == 0;
    return arena_printf(arena, "%.*s%s/models%.*s", (int)path, base, versioned ? "" : "/v1", (int)length, base + query);
}

static bool is_text(const json_t *values, const char *name)
{
    return !is_blank(json_text_at(values, name)) && !value_is_sealed(json_object_get(values, name));
}

/* False when there is nothing to ask, or no way to: the check then says why. */
static bool prepare(struct actor *actor, struct check *c, struct http_ask *ask)
{
    json_t *values = resource_values_kept(actor, c->profile);
    if (value_is_sealed(json_object_get(values, "auth_token"))) {
        c->error = translate(actor, MSG_SECRET_UNREADABLE, c->profile->name, NULL);
        return false;
    }
    if (!is_text(values, "base_url") || !is_text(values, "auth_token")) {
        c->error = translate(actor, MSG_HEALTH_INCOMPLETE, NULL);
        return false;
    }
    c->model = is_text(values, "model") ? json_text_at(values, "model") : NULL;
    c->token = json_text_at(values, "auth_token");
    c->headers[0] = arena_printf(actor->arena, "Authorization: Bearer %s", c->token);
    c->headers[1] = "Accept: application/json";
    *ask = (struct http_ask){
        .url = models_url(actor->arena, json_text_at(values, "base_url")), .headers = c->headers, .of = c};
    return true;
}

/* ---- what is answered ------------------------------------------------------------------------------------------- */

/* The ids in {"data":[{"id":…}]}; NULL when it is no such list. One that would show the token is left out. */
static json_t *models_of(const struct check *c, const struct http_ask *ask)
{
    size_t i;
    json_t *each, *models = json_array();
    struct json_failure failure;
    json_t *data = json_object_get(json_parse(ask->text, ask->length, &failure), "data");
    if (!json_is_array(data))
        return NULL;
    json_array_foreach(data, i, each)
    {
        const char *id = json_text_at(each, "id");
        if (id && strlen(id) <= MODEL_MAX && !strstr(id, c->token) && json_array_size(models) < MODELS_MAX)
            json_array_append_new(models, json_string(id));
    }
    return models;
}

static bool holds(const json_t *models, const char *name)
{
    size_t i;
    json_t *each;
    json_array_foreach(models, i, each) if (strcmp(json_string_value(each), name) == 0) return true;
    return false;
}

static void judge(struct actor *actor, struct check *c, enum health health, enum message why, const char *detail)
{
    c->health = health;
    c->error = why ? translate(actor, why, detail, NULL) : NULL;
}

static void judge_list(struct actor *actor, struct check *c, json_t *models)
{
    c->models = models;
    c->has_model = !c->model || holds(models, c->model);
    if (c->has_model)
        judge(actor, c, HEALTH_GOOD, MSG_NONE, NULL);
    else
        judge(actor, c, HEALTH_DEGRADED, MSG_HEALTH_MODEL, c->model);
}

static void take(struct http_ask *ask, void *context)
{
    struct request *rq = context;
    struct actor *actor = &rq->actor;
    struct check *c = ask->of;
    const char *status = number_text(actor, ask->status);
    json_t *models = ask->outcome == HTTP_ANSWERED && ask->status == 200 ? models_of(c, ask) : NULL;
    if (ask->outcome != HTTP_NOT_ASKED)
        c->took_ms = ask->took_ms;
    if (ask->outcome != HTTP_ANSWERED)
        judge(actor, c, ask->outcome == HTTP_NOT_ASKED ? HEALTH_UNKNOWN : HEALTH_BAD, http_message(ask->outcome), NULL);
    else if (models)
        judge_list(actor, c, models);
    else if (ask->status == 401 || ask->status == 403)
        judge(actor, c, HEALTH_BAD, MSG_HEALTH_TOKEN, status);
    else if (ask->status == 200 || ask->status == 404 || ask->status == 405)
        judge(actor, c, HEALTH_UNKNOWN, MSG_HEALTH_NO_LIST, status);
    else
        judge(actor, c, HEALTH_BAD, MSG_HTTP_STATUS, status);
}

static void write_check(struct actor *actor, struct json_writer *w, const struct check *c)
{
    const char *url = json_text_at(resource_shown(c->profile), "base_url");
    json_open_object(w);
    json_string_member(w, "provider_name", c->profile->name);
    json_string_member(w, "base_url", url ? url : "");
    json_string_member(w, "status", healths[c->health].name);
    json_string_member(w, "status_color", healths[c->health].color);
    json_literal_key(w, "latency_ms");
    if (c->took_ms < 0)
        json_put_null(w);
    else
        json_put_int(w, c->took_ms);
    json_string_member(w, "error", c->error);
    json_bool_member(w, "model_available", c->has_model);
    json_raw_member(w, "available_models", json_text(actor->arena, c->models));
    json_close_object(w);
}

static enum error answer(struct request *rq, struct response *rs, const struct check *checks, size_t count)
{
    long long counts[HEALTH_COUNT] = {0};
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "results");
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        write_check(&rq->actor, w, &checks[i]);
        counts[checks[i].health]++;
    }
    json_close_array(w);
    json_literal_key(w, "summary");
    json_open_object(w);
    json_int_member(w, "total", (long long)count);
    json_int_member(w, "healthy", counts[HEALTH_GOOD]);
    json_int_member(w, "degraded", counts[HEALTH_DEGRADED]);
    json_int_member(w, "unhealthy", counts[HEALTH_BAD]);
    json_close_object(w);
    return respond_end(rs);
}

/* ---- the handler ------------------------------------------------------------------------------------------------ */

/* Which tokens leave this server, before they do. */
static enum error note(struct actor *actor, const struct http_ask *asks, size_t count)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct check *c = asks[i].of;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "action", "provider_health.test", "platform",
                                              c->profile->platform, "target", c->profile->name));
    }
    return count ? audit_write_all(actor, json_text(actor->arena, rows)) : ERR_NONE;
}

static enum error test_all(struct request *rq, struct response *rs)
{
    struct actor *actor = &rq->actor;
    struct place place;
    struct resource *profiles;
    size_t count, asked = 0;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = budgets_allow_secrets(actor, place.platform, NULL);
    if (!error)
        error = resources_all(actor, place.kind, place.platform, false, &profiles, &count);
    if (error)
        return error;
    struct check *checks = arena_array(actor->arena, count, sizeof *checks);
    struct http_ask *asks = arena_array(actor->arena, ASKED_MAX, sizeof *asks);
    for (size_t i = 0; i < count; i++) {
        checks[i] = (struct check){.profile = &profiles[i], .took_ms = -1, .models = json_array()};
        if (asked < ASKED_MAX)
            asked += prepare(actor, &checks[i], &asks[asked]);
        else
            checks[i].error = translate(actor, MSG_HEALTH_TOO_MANY, number_text(actor, ASKED_MAX), NULL);
    }
    error = note(actor, asks, asked);
    if (error)
        return error;
    struct http_way way = outbound_way(rq);
    way.taken = take;
    http_ask_all(actor->arena, asks, asked, &way);
    return answer(rq, rs, checks, count);
}

/* Whoever may change a profile decides where its token goes: to ask takes what to reveal it does. */
const struct route ui_health_routes[] = {
    {METHOD_GET, "/api/provider-health/test-all", test_all, ACCESS_EDITOR, .query = resource_platform_query,
     .flags = ROUTE_OUTBOUND | ROUTE_SECRETS, .data = &kind_profile},
    {0},
};
