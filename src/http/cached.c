/* Cached answers.
 *
 * An entity tag is "<revision>-<generation>-<variant>": the thing's own revision for If-Match, the workspace's generation, and
 * a hash of whatever else the answer depends on. So a tag is judged without looking the answer up anywhere, and a tag of one
 * host is good on every other. */
#include "cached.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "freshness.h"
#include "metrics.h"
#include "router.h"
#include "util.h"

/* The same on every host: the tag says nothing that its reader does not know. */
static const unsigned char variant_key[crypto_shorthash_KEYBYTES] = "ccr entity tag";

static void make_key(struct request *rq)
{
    const struct identity *who = &rq->who;
    char *text = arena_printf(rq->arena, "%s %s %s %s %d%d %s %s", CCR_VERSION, build_commit, who->workspace_id,
                              who->user_id, who->role, who->site_admin, who->platform, rq->target);
    unsigned char hash[crypto_shorthash_BYTES];
    rq->cache_key.text = text;
    rq->cache_key.length = strlen(text);
    crypto_shorthash(hash, (const unsigned char *)text, rq->cache_key.length, variant_key);
    sodium_bin2hex(rq->cache_variant, sizeof rq->cache_variant, hash, sizeof hash);
}

/* The one of the client's tags that has this generation and variant; NULL when none has. */
static const char *find_tag(struct request *rq)
{
    const char *list = request_header(rq, "If-None-Match");
    const char *end = arena_printf(rq->arena, "-%lld-%s", (long long)rq->cache_key.generation, rq->cache_variant);
    size_t end_length = strlen(end);
    while (list && (list = strchr(list, '"'))) {
        size_t length = strcspn(++list, "\"");
        if (length > end_length && memcmp(list + length - end_length, end, end_length) == 0)
            return arena_strndup(rq->arena, list, length);
        list += length + (list[length] == '"');
    }
    return NULL;
}

static void tag(struct request *rq, struct response *rs)
{
    respond_not_modified(
        rq, rs,
        arena_printf(rq->arena, "%lld-%lld-%s", rs->revision, (long long)rq->cache_key.generation, rq->cache_variant));
}

enum error cached_look(struct request *rq, struct response *rs)
{
    int64_t generation;
    if (!(rq->route->flags & ROUTE_CACHED))
        return OK;
    enum error error = freshness_generation(rq, &generation);
    if (error)
        return error;
    make_key(rq);
    rq->cache_key.generation = generation;
    rq->cache_asked = true;
    const char *known = find_tag(rq);
    if (known) {
        metrics_add(METRIC_CACHE_UNCHANGED, 1);
        respond_not_modified(rq, rs, known);
        return OK;
    }
    enum cache_result found = cache_get(&rq->cache_key, &rs->body, &rs->revision);
    rq->cache_missed = found == CACHE_MISS;
    if (found == CACHE_HIT) {
        metrics_add(METRIC_CACHE_HIT, 1);
        rs->status = 200;
        rs->written = true;
        tag(rq, rs);
    } else {
        metrics_add(METRIC_CACHE_MISS, 1);
    }
    return OK;
}

void cached_keep(struct request *rq, struct response *rs)
{
    if (!rq->cache_asked || rs->status != 200)
        return;
    if (rq->cache_missed)
        cache_put(&rq->cache_key, rs->revision, buffer_string(&rs->body), rs->body.length);
    tag(rq, rs);
}
