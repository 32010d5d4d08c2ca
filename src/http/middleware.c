/* Middleware: the steps every request goes through, in the order of `steps` below. What a step does is decided by the
 * route's row, so that no handler checks a token, a role or a body's shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "admission.h"
#include "authn.h"
#include "authz.h"
#include "cached.h"
#include "freshness.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "origin.h"
#include "overload.h"
#include "rate_limit.h"
#include "router.h"
#include "util.h"

enum { RATE_PERIOD_S = 10, LOGIN_PER_PERIOD = 10, LOGIN_BURST = 20 };
enum { REPEAT_MAX = 4, REPEAT_MEMORY = 24 * MIB };

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static enum error take_from(struct request *rq, const struct rate_policy *policy, enum rate_kind kind,
                            const char *client)
{
    const struct service *service = rq->service;
    struct rate_decision d = rate_limit(service->board, service->redis, policy, kind, client, monotonic_us());
    rq->limit = rate_tighter(rq->limit, d);
    if (d.allowed)
        return ERR_NONE;
    rq->actor.failure.retry_after = d.retry_after;
    return fail(&rq->actor, MSG_RATE_LIMIT, number_text(&rq->actor, d.retry_after), NULL);
}

static struct rate_policy general_policy(const struct request *rq)
{
    return (struct rate_policy){rq->service->settings->rate_limit, RATE_PERIOD_S,
                                rq->service->settings->rate_limit_burst};
}

/* Health checks are asked for by machines at a fixed pace and must not be refused because of a busy client. */
static enum error limit_address(struct request *rq, struct response *rs)
{
    (void)rs;
    struct rate_policy policy = general_policy(rq);
    char client[ADDRESS_TEXT];
    if (rq->route->flags & ROUTE_NO_DATABASE)
        return ERR_NONE;
    address_client(client, rq->actor.address);
    if ((rq->route->flags & ROUTE_LOGIN) && policy.requests) {
        struct rate_policy login = {LOGIN_PER_PERIOD, RATE_PERIOD_S, LOGIN_BURST};
        return take_from(rq, &login, RATE_LOGIN, client);
    }
    return take_from(rq, &policy, RATE_ADDRESS, client);
}

static enum error limit_user(struct request *rq, struct response *rs)
{
    (void)rs;
    struct rate_policy policy = general_policy(rq);
    return rq->actor.who.credential ? take_from(rq, &policy, RATE_USER, rq->actor.who.user_id) : ERR_NONE;
}

/* ---- routes and origins ----------------------------------------------------------------------------------------- */

static void add_allow(struct request *rq, struct response *rs)
{
    struct buffer list;
    buffer_init(&list, 128);
    for (int m = METHOD_GET; m < METHOD_COUNT; m++) {
        bool allowed = rq->allowed_methods & (1u << m);
        if (m == METHOD_HEAD)
            allowed = rq->allowed_methods & (1u << METHOD_GET);
        if (m == METHOD_OPTIONS)
            allowed = true;
        if (allowed)
            buffer_printf(&list, "%s%s", list.length ? ", " : "", method_names[m]);
    }
    response_header(rs, "Allow", buffer_string(&list));
    buffer_free(&list);
}

static enum error find_route(struct request *rq, struct response *rs)
{
    enum error error = router_find(rq);
    if (error != ERR_METHOD)
        return error;
    add_allow(rq, rs);
    if (rq->method != METHOD_OPTIONS)
        return error;
    rs->status = 204;
    rs->written = true;
    return ERR_NONE;
}

/* CORS (Fetch standard, section 3.2). Credentials are not allowed: other origins send Authorization: Bearer. */
static enum error share_with_origin(struct request *rq, struct response *rs)
{
    const char *allowed = rq->service->settings->cors_origins;
    const char *origin = request_header(rq, "Origin");
    if (!*allowed)
        return ERR_NONE;
    response_header(rs, "Vary", "Origin");
    if (!origin || !origin_listed(allowed, origin))
        return ERR_NONE;
    response_header(rs, "Access-Control-Allow-Origin", origin);
    response_header(rs, "Access-Control-Expose-Headers",
                    "ETag, X-Request-Id, X-CCR-Generation, Retry-After, RateLimit-Limit, RateLimit-Remaining, "
                    "RateLimit-Reset, RateLimit-Policy");
    if (rq->method == METHOD_OPTIONS) {
        response_header(rs, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
        response_header(
            rs, "Access-Control-Allow-Headers",
            "Authorization, Content-Type, If-Match, If-None-Match, X-CCR-Generation, X-CCR-Workspace, X-Request-Id");
        response_header(rs, "Access-Control-Max-Age", "600");
    }
    return ERR_NONE;
}

/* ---- who may ---------------------------------------------------------------------------------------------------- */

/* True when a browser says that the page which sent this came from our own origin. */
static bool from_own_site(const struct request *rq)
{
    const char *site = request_header(rq, "Sec-Fetch-Site");
    if (site)
        return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    const char *origin = request_header(rq, "Origin"), *host = request_header(rq, "Host");
    return origin && host && origin_is_own(origin, host);
}

static bool is_safe(const struct request *rq)
{
    return rq->method == METHOD_GET || rq->method == METHOD_HEAD;
}

static enum error identify(struct request *rq, struct response *rs)
{
    /* A connection that died meanwhile is found dead here, for a login too, and not by the first statement. */
    if (!(rq->route->flags & ROUTE_NO_DATABASE) && db_poll(rq->actor.db))
        authn_forget();
    db_tenant(rq->actor.db, "", "");
    freshness_read(rq); /* on a public route, too: a logout must not make the browser forget what else it wrote */
    if (rq->route->access == ACCESS_PUBLIC || rq->route->access == ACCESS_MONITOR)
        return ERR_NONE;
    enum error error = authenticate(rq, rs);
    if (!error && rq->actor.who.credential == CREDENTIAL_NONE)
        error = ERR_AUTHENTICATION;
    if (!error)
        db_tenant(rq->actor.db, rq->actor.who.workspace_id, rq->actor.who.user_id);
    return error;
}

static enum error refuse_cross_site(struct request *rq, struct response *rs)
{
    (void)rs;
    bool by_cookie = rq->actor.who.credential == CREDENTIAL_COOKIE ||
                     ((rq->route->flags & ROUTE_COOKIE) && request_cookie(rq, COOKIE_REFRESH));
    return by_cookie && !is_safe(rq) && !from_own_site(rq) ? fail(&rq->actor, MSG_CROSS_SITE, NULL) : ERR_NONE;
}

static enum error check_access(struct request *rq, struct response *rs)
{
    (void)rs;
    return authorize(rq);
}

/* ---- body ------------------------------------------------------------------------------------------------------- */

static size_t body_max(const struct request *rq)
{
    size_t general = (size_t)rq->service->settings->max_body_size;
    size_t own = rq->route->body_max ? rq->route->body_max : BODY_MAX_USUAL;
    return own < general ? own : general;
}

static enum error too_large(struct request *rq)
{
    return fail(&rq->actor, MSG_TOO_LARGE, number_text(&rq->actor, (long long)body_max(rq)), NULL);
}

/* Reads until the end of the stream, not for CONTENT_LENGTH bytes: the two must agree. */
static enum error read_body(struct request *rq)
{
    long long declared = 0, max = (long long)body_max(rq);
    const char *length = request_variable(rq, "CONTENT_LENGTH");
    if (length && *length && !parse_int(length, 0, max, &declared))
        return too_large(rq);
    bool known = length && *length;
    size_t room = known ? (size_t)declared : (size_t)max;
    rq->body_text = arena_alloc(rq->actor.arena, room + 2);
    rq->body_length = 0;
    while (rq->read && rq->body_length <= room) {
        size_t n = rq->read(rq->source, rq->body_text + rq->body_length, room + 1 - rq->body_length);
        if (n == (size_t)-1)
            return fail(&rq->actor, MSG_VALIDATION, NULL);
        if (n == 0)
            break;
        rq->body_length += n;
    }
    if (rq->body_length > room)
        return known ? fail(&rq->actor, MSG_VALIDATION, NULL) : too_large(rq);
    if (known && rq->body_length != room)
        return fail(&rq->actor, MSG_VALIDATION, NULL);
    rq->body_text[rq->body_length] = '\0';
    return ERR_NONE;
}

static bool is_media_type(const char *type, const char *wanted)
{
    size_t length = strlen(wanted);
    return type && strncasecmp(type, wanted, length) == 0 && strchr("; \t", type[length]);
}

/* A merge patch (RFC 7396) may say that it is one. */
static bool is_json_type(const struct request *rq)
{
    const char *type = request_variable(rq, "CONTENT_TYPE");
    return is_media_type(type, "application/json") ||
           (rq->method == METHOD_PATCH && is_media_type(type, "application/merge-patch+json"));
}

/* Nobody decodes a body for us: neither Nginx nor libfcgi. A list of nothing but "identity" says that there is nothing to decode. */
static bool is_encoded(const struct request *rq)
{
    const char *list = request_header(rq, "Content-Encoding");
    while (list && *(list += strspn(list, " ,\t"))) {
        size_t length = strcspn(list, " ,\t");
        if (length != strlen("identity") || strncasecmp(list, "identity", length) != 0)
            return true;
        list += length;
    }
    return false;
}

static enum error refuse_encoded(struct request *rq, struct response *rs)
{
    response_header(rs, "Accept-Encoding", "identity"); /* RFC 9110 section 12.5.3 */
    return fail(&rq->actor, MSG_CONTENT_ENCODING, NULL);
}

static enum error parse_body(struct request *rq)
{
    struct json_failure failure = {0};
    if (!is_json_type(rq))
        return fail(&rq->actor, MSG_MEDIA_TYPE, NULL);
    rq->body = json_parse(rq->body_text, rq->body_length, &failure);
    arena_give_back(rq->actor.arena, rq->body_text);
    rq->body_text = NULL;
    if (failure.too_deep)
        return fail(&rq->actor, MSG_JSON_DEPTH, number_text(&rq->actor, JSON_MAX_NESTING), NULL);
    if (!rq->body)
        return fail(&rq->actor, MSG_BAD_JSON, failure.message, number_text(&rq->actor, failure.line),
                    number_text(&rq->actor, failure.column), NULL);
    return json_is_object(rq->body) ? ERR_NONE : fail(&rq->actor, MSG_JSON_OBJECT, NULL);
}

static enum error take_input(struct request *rq, struct response *rs)
{
    if (rq->route->body && is_encoded(rq))
        return refuse_encoded(rq, rs);
    if (rq->route->body) {
        enum error error = read_body(rq);
        if (!error && rq->body_length)
            error = parse_body(rq);
        if (error)
            return error;
        check_body(rq, rq->route->body);
    }
    if (rq->route->query)
        check_query(rq, rq->route->query);
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* ---- handler ---------------------------------------------------------------------------------------------------- */

/* True when what the handler wrote to the database is there to stay. */
static bool finish_transaction(struct request *rq, enum error *error)
{
    if (*error && !rq->actor.keep_changes) {
        db_rollback(rq->actor.db);
        return false;
    }
    enum error committed = db_commit(rq->actor.db);
    if (!*error)
        *error = committed;
    return !committed;
}

static void tell_change(struct request *rq, struct response *rs)
{
    if (rq->actor.identity_changed && rq->service->board)
        atomic_fetch_add(&rq->service->board->identity_generation, 1);
    freshness_write(rq, rs);
}

/* As if the handler had not run. */
static void start_over(struct request *rq, struct response *rs, size_t headers, const struct identity *who)
{
    rq->actor.who = *who;
    db_tenant(rq->actor.db, who->workspace_id, who->user_id);
    rq->actor.failure = (struct failure){0};
    rq->actor.keep_changes = rq->actor.identity_changed = false;
    response_restart(rs, headers);
    db_forget_results(rq->actor.db);
}

static enum error run_handler(struct request *rq, struct response *rs)
{
    enum error error = rq->route->run(rq, rs);
    if (!error && (rs->body.overflow || !rs->written)) {
        log_error("handler wrote no complete answer", LOG_STR("route", rq->route->pattern));
        error = ERR_INTERNAL;
    }
    return error;
}

/* Runs the handler in a transaction; again when it and another one stood in each other's way, because one of the two is
 * through then. It waits for others' locks for a moment only; what is long says so itself (profiles_lock). Memory is the arena's
 * until the request ends, so what took much of it is not repeated. */
static bool run_in_transaction(struct request *rq, struct response *rs, enum error *error)
{
    const struct identity who = rq->actor.who; /* a login, and what names a workspace in its address, change it */
    size_t headers = rs->headers.length, most = arena_used(rq->actor.arena) + REPEAT_MEMORY;
    for (int tries = 1;; tries++) {
        db_begin_brief(rq->actor.db);
        *error = run_handler(rq, rs);
        bool stays = finish_transaction(rq, error);
        if (*error != ERR_BUSY || stays || tries == REPEAT_MAX || !db_may_repeat(rq->actor.db) ||
            arena_used(rq->actor.arena) > most)
            return stays;
        start_over(rq, rs, headers, &who);
    }
}

static enum error handle(struct request *rq, struct response *rs)
{
    bool writes = !is_safe(rq), transaction = writes && !(rq->route->flags & (ROUTE_NO_TRANSACTION | ROUTE_STREAM));
    size_t headers_before = rs->headers.length;
    enum error error = ERR_NONE;
    bool stays = transaction ? run_in_transaction(rq, rs, &error) : (error = run_handler(rq, rs)) == ERR_NONE;
    /* Nothing of ours locks readers out; what does is a migration, and it passes. */
    if (error == ERR_BUSY && !writes)
        error = ERR_DATABASE;
    /* Cookies and entity tags of what did not happen: a browser would give up a refresh token that is still good. */
    if (!stays)
        buffer_cut(&rs->headers, headers_before);
    else if (!writes)
        cached_keep(rq, rs);
    /* What commits as it goes may have done so before it failed. */
    if (writes && (stays || !transaction))
        tell_change(rq, rs);
    return error;
}

static enum error (*const steps[])(struct request *, struct response *) = {
    share_with_origin, find_route, drop_abandoned, refuse_late, limit_address, identify, refuse_cross_site,
    check_access,      limit_user, admit,          take_input,  cached_look,   handle,
};

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void log_access(const struct request *rq, const struct response *rs, int64_t took_us)
{
    log_info("request", LOG_STR("request_id", rq->actor.request_id),
             LOG_STR("user", rq->actor.who.username[0] ? rq->actor.who.username : NULL),
             LOG_STR("method", method_names[rq->method]), LOG_STR("route", rq->route ? rq->route->pattern : "none"),
             LOG_INT("status", rs->status), LOG_MS("duration_ms", took_us), LOG_INT("bytes", rs->body.length));
}

void dispatch(struct request *rq, struct response *rs)
{
    enum error error = request_parse(rq);
    for (size_t i = 0; !error && !rs->written && i < ARRAY_SIZE(steps); i++)
        error = steps[i](rq, rs);
    if (error)
        respond_error(rq, rs, error);
    if (rs->body.length && !strstr(buffer_string(&rs->headers), "Content-Type:"))
        response_header(rs, "Content-Type", "application/json; charset=utf-8");
    if (!strstr(buffer_string(&rs->headers), "Cache-Control:"))
        response_header(rs, "Cache-Control", "no-store");
    rate_headers(&rq->limit, &rs->headers);
    response_header(rs, "X-Content-Type-Options", "nosniff");
    response_header(rs, "X-Request-Id", rq->actor.request_id);
    int64_t took_us = monotonic_us() - rq->started_us;
    log_access(rq, rs, took_us);
    metrics_request(rq->route_number, rq->method, (unsigned)rs->status, took_us);
}
