/* Version: what runs here, and whether UPDATE_URL knows a newer one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_info.h"
#include "http_client.h"
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

/* A source that does not answer must not hold one worker after the other. */
static const char *ask_source(struct request *rq, const char *url, char *problem, size_t size)
{
    struct breaker *breaker = rq->service->board ? &rq->service->board->updates : NULL;
    int64_t began = monotonic_ms();
    snprintf(problem, size, "it did not answer a moment ago");
    if (!breaker_allows(breaker, began))
        return NULL;
    const char *text = http_get(rq->actor.arena, url, CHECK_TIMEOUT_MS, problem, size);
    if (!text && monotonic_ms() - began >= SLOW_MS)
        breaker_failed(breaker, monotonic_ms(), PAUSE_MS);
    else
        breaker_good(breaker);
    return text;
}

/* UPDATE_URL answers in the form of GitHub's "latest release" (tag_name, html_url, body, published_at). */
static enum error check_update(struct request *rq, struct response *rs)
{
    char problem[128];
    struct json_failure failure;
    const char *url = rq->service->settings->update_url;
    if (!*url)
        return fail(&rq->actor, MSG_NO_UPDATE_SOURCE, NULL);
    const char *text = ask_source(rq, url, problem, sizeof problem);
    if (!text)
        return fail(&rq->actor, MSG_UPDATE_SOURCE, problem, NULL);
    json_t *release = json_parse(text, strlen(text), &failure);
    const char *tag = json_text_at(release, "tag_name");
    if (!tag)
        return fail(&rq->actor, MSG_UPDATE_SOURCE, "no tag_name in its answer", NULL);
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
    {METHOD_GET, "/api/version/check-update", check_update, ACCESS_USER, .flags = ROUTE_HEAVY},
    {METHOD_POST, "/api/version/update", refuse_update, ACCESS_SITE_ADMIN},
    {0},
};
