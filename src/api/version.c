/* Version: what runs here, and whether UPDATE_URL knows a newer one. */
#include <stdlib.h>

#include "build_info.h"
#include "outbound.h"
#include "router.h"
#include "util.h"

enum {
    CHECK_TIMEOUT_MS = 5000,
    SLOW_MS = 1000,   /* a failure that took longer is not repeated */
    PAUSE_MS = 30000, /* for so long */
};

static enum error get_version(struct request *rq, struct response *rs)
{
    (void)rq;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "current_version", build_version);
    json_string_member(w, "build_time", build_time);
    json_string_member(w, "git_commit", build_commit);
    return respond_end(rs);
}

/* Compares "1.10.0" with "1.9.3" number by number; anything behind the third is not looked at. */
static int compare_versions(const char *a, const char *b)
{
    for (int part = 0; part < 3; part++) {
        char *after_a, *after_b;
        long left = strtol(a, &after_a, 10), right = strtol(b, &after_b, 10);
        if (left != right)
            return left < right ? -1 : 1;
        a = *after_a == '.' ? after_a + 1 : after_a;
        b = *after_b == '.' ? after_b + 1 : after_b;
    }
    return 0;
}

static enum error refuse_source(struct actor *actor, enum message why, const char *detail)
{
    return fail(actor, MSG_UPDATE_SOURCE, translate(actor, why, detail, NULL), NULL);
}

static void take_release(struct http_ask *ask, void *context)
{
    (void)context;
    struct json_failure failure;
    json_t **release = ask->of;
    *release =
        ask->outcome == HTTP_ANSWERED && ask->status == 200 ? json_parse(ask->text, ask->length, &failure) : NULL;
}

/* A source that does not answer must not hold one worker after the other. The administrator has named it, so it may stand in his own
 * network. */
static enum error ask_source(struct request *rq, const char *url, json_t **release)
{
    struct breaker *breaker = rq->service->board ? &rq->service->board->updates : NULL;
    struct http_ask ask = {.url = url, .of = release};
    struct http_way way = outbound_way(rq);
    if (!breaker_allows(breaker, monotonic_ms()))
        return refuse_source(&rq->actor, MSG_HTTP_PAUSED, NULL);
    way.allow = NULL;
    way.each_ms = CHECK_TIMEOUT_MS;
    way.body_max = MIB;
    way.taken = take_release;
    http_ask_all(rq->actor.arena, &ask, 1, &way);
    if (ask.status != 200 && ask.took_ms >= SLOW_MS)
        breaker_failed(breaker, monotonic_ms(), PAUSE_MS);
    else
        breaker_good(breaker);
    if (ask.outcome != HTTP_ANSWERED)
        return refuse_source(&rq->actor, http_message(ask.outcome), NULL);
    return ask.status == 200 ? ERR_NONE
                             : refuse_source(&rq->actor, MSG_HTTP_STATUS, number_text(&rq->actor, ask.status));
}

/* UPDATE_URL answers in the form of GitHub's "latest release" (tag_name, html_url, body, published_at). */
static enum error check_update(struct request *rq, struct response *rs)
{
    json_t *release = NULL;
    const char *url = rq->service->settings->update_url;
    if (!*url)
        return fail(&rq->actor, MSG_NO_UPDATE_SOURCE, NULL);
    enum error error = ask_source(rq, url, &release);
    if (error)
        return error;
    const char *tag = json_text_at(release, "tag_name");
    if (!tag)
        return refuse_source(&rq->actor, MSG_HTTP_MEANINGLESS, "tag_name");
    const char *latest = *tag == 'v' ? tag + 1 : tag;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "current_version", build_version);
    json_string_member(w, "latest_version", latest);
    json_bool_member(w, "has_update", compare_versions(build_version, latest) < 0);
    json_string_member(w, "release_url", json_text_at(release, "html_url") ? json_text_at(release, "html_url") : "");
    json_string_member(w, "release_notes", json_text_at(release, "body"));
    json_string_member(w, "published_at", json_text_at(release, "published_at"));
    return respond_end(rs);
}

/* A web request must not replace the program that serves it; the packages and scripts do. */
static enum error refuse_update(struct request *rq, struct response *rs)
{
    (void)rq;
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "success", false);
    json_string_member(w, "output", "");
    json_string_member(w, "error",
                       "The server is updated by its administrator, with the system's packages; see"
                       " docs/operations.md.");
    json_int_member(w, "exit_code", 2);
    return respond_end(rs);
}

const struct route version_routes[] = {
    {METHOD_GET, "/api/version", get_version, ACCESS_USER},
    {METHOD_GET, "/api/version/check-update", check_update, ACCESS_USER, .flags = ROUTE_OUTBOUND},
    {METHOD_POST, "/api/version/update", refuse_update, ACCESS_SITE_ADMIN},
    {0},
};
