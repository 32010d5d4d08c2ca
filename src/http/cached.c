/* Cached answers.
 *
 * An entity tag is "<revision>-<generation>-<variant>": the thing's own revision for If-Match, the workspace's generation, and
 * a hash of whatever else the answer depends on. So a tag is judged without looking the answer up anywhere, and a tag of one
 * host is good on every other. */
#include "cached.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_info.h"
#include "etag.h"
#include "freshness.h"
#include "metrics.h"
#include "router.h"
#include "util.h"

/* The same on every host: the tag says nothing that its reader does not know. */
static const unsigned char variant_key[SHORT_HASH_KEY] = "ccr entity tag";

static void make_key(struct request *rq)
{
    const struct identity *who = &rq->actor.who;
    char *text = arena_printf(rq->actor.arena, "%s %s %s %s %s %d%d %s %s", build_version, build_commit,
                              keyring_fingerprint(rq->service->keyring), who->workspace_id, who->user_id, who->role,
                              who->site_admin, who->platform, rq->target);
    rq->cache_key.text = text;
    rq->cache_key.length = strlen(text);
    snprintf(rq->cache_variant, sizeof rq->cache_variant, "%016" PRIx64,
             short_hash(text, rq->cache_key.length, variant_key));
}

/* The one of the client's tags that has this generation and variant; NULL when none has. */
static const char *find_tag(struct request *rq)
{
    struct etag known;
    const char *list = request_header(rq, "If-None-Match");
    if (!list)
        return NULL;
    const char *end = arena_printf(rq->actor.arena, "-%lld-%s", (long long)rq->cache_key.generation, rq->cache_variant);
    size_t end_length = strlen(end);
    while (etag_next(&list, &known))
        if (known.length > end_length && memcmp(known.text + known.length - end_length, end, end_length) == 0)
            return arena_strndup(rq->actor.arena, known.text, known.length);
    return NULL; /* none, or "*": then the answer itself decides */
}

static void set_tag(struct request *rq, struct response *rs)
{
    respond_not_modified(rq, rs,
                         arena_printf(rq->actor.arena, "%lld-%lld-%s", rs->revision,
                                      (long long)rq->cache_key.generation, rq->cache_variant));
}

/* ---- second level ----------------------------------------------------------------------------------------------- */

/* In Redis an answer stands with its whole key in front, because the name it has there is only a hash:
 * "<revision> <key's length> <key> <generation> <body>". */
enum { ANSWER_MAX = 256 * KIB };

static const char *redis_name(struct request *rq)
{
    const char *text =
        arena_printf(rq->actor.arena, "%s %lld", rq->cache_key.text, (long long)rq->cache_key.generation);
    return arena_printf(rq->actor.arena, "ccr:answer:%016" PRIx64, short_hash(text, strlen(text), variant_key));
}

static const char *redis_head(struct request *rq)
{
    return arena_printf(rq->actor.arena, " %zu %s %lld ", rq->cache_key.length, rq->cache_key.text,
                        (long long)rq->cache_key.generation);
}

static bool take_from_redis(struct request *rq, struct response *rs)
{
    struct buffer value;
    char *head;
    const char *expected = redis_head(rq);
    size_t length = strlen(expected);
    buffer_init(&value, ANSWER_MAX);
    bool found = redis_get(rq->service->redis, redis_name(rq), &value) && value.length;
    if (found) {
        rs->revision = strtoll(value.data, &head, 10);
        size_t left = value.length - (size_t)(head - value.data);
        found = left > length && memcmp(head, expected, length) == 0;
        if (found)
            buffer_append(&rs->body, head + length, left - length);
    }
    buffer_free(&value);
    if (!found)
        rs->revision = 0;
    return found && !rs->body.overflow;
}

static void give_to_redis(struct request *rq, const struct response *rs)
{
    struct buffer value;
    if (!rq->service->redis)
        return;
    buffer_init(&value, ANSWER_MAX);
    buffer_printf(&value, "%lld", rs->revision);
    buffer_text(&value, redis_head(rq));
    buffer_append(&value, buffer_string(&rs->body), rs->body.length);
    if (!value.overflow)
        redis_set(rq->service->redis, redis_name(rq), value.data, value.length, rq->service->settings->cache_ttl);
    buffer_free(&value);
}

/* ---- looking and keeping ---------------------------------------------------------------------------------------- */

static void keep_here(struct request *rq, const struct response *rs)
{
    if (rq->cache_missed)
        cache_put(&rq->cache_key, rs->revision, buffer_string(&rs->body), rs->body.length);
}

/* Its place is in `metric`, when it was found anywhere. */
static bool find_answer(struct request *rq, struct response *rs, enum metric *metric)
{
    enum cache_result found = cache_get(&rq->cache_key, &rs->body, &rs->revision);
    rq->cache_missed = found == CACHE_MISS;
    *metric = METRIC_CACHE_HIT;
    if (found == CACHE_HIT)
        return !rs->body.overflow;
    *metric = METRIC_CACHE_HIT_REDIS;
    if (rq->cache_missed && take_from_redis(rq, rs)) {
        keep_here(rq, rs);
        return true;
    }
    *metric = METRIC_CACHE_MISS;
    return false;
}

/* Anybody could fill the cache with copies of one answer under addresses that only differ in what nobody reads. */
static bool is_known_query(const struct request *rq)
{
    for (size_t i = 0; i < rq->query_count; i++) {
        const struct field *field = rq->route->query;
        while (field && field->name && strcmp(field->name, rq->query[i].name) != 0)
            field++;
        if (!field || !field->name)
            return false;
    }
    return true;
}

enum error cached_look(struct request *rq, struct response *rs)
{
    int64_t generation;
    if (!(rq->route->flags & ROUTE_CACHED))
        return ERR_NONE;
    enum error error = freshness_generation(rq, &generation);
    if (error || !generation)
        return error;
    make_key(rq);
    rq->cache_key.generation = generation;
    rq->cache_asked = true;
    const char *known = find_tag(rq);
    if (known) {
        metrics_add(METRIC_CACHE_UNCHANGED, 1);
        respond_not_modified(rq, rs, known);
        return ERR_NONE;
    }
    enum metric metric = METRIC_CACHE_MISS;
    if (is_known_query(rq) && find_answer(rq, rs, &metric)) {
        rs->status = 200;
        rs->written = true;
        set_tag(rq, rs);
    }
    metrics_add(metric, 1);
    return ERR_NONE;
}

void cached_keep(struct request *rq, struct response *rs)
{
    if (!rq->cache_asked || rs->status != 200)
        return;
    keep_here(rq, rs);
    if (rq->cache_missed)
        give_to_redis(rq, rs);
    set_tag(rq, rs);
}
