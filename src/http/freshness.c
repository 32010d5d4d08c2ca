/* Freshness: what a client has seen, and what this host has heard of.
 *
 * Both the header and the cookie hold "<workspace>.<generation>", several joined by '_'. What a client says is never believed,
 * only taken as a reason to ask: a wrong number costs its sender a statement a read, and nobody else anything. */
#include "freshness.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "authn.h"
#include "generation.h"
#include "metrics.h"
#include "util.h"

enum { REMEMBER_S = 60 }; /* long after every host has heard */

#define HEADER_SEEN "X-CCR-Generation"
#define COOKIE_SEEN "ccr_generation"

static bool parse_seen(const char *text, size_t length, struct seen *out)
{
    char digits[24];
    long long generation;
    size_t uuid = UUID_TEXT - 1;
    if (length <= uuid + 1 || length - uuid > sizeof digits || text[uuid] != '.')
        return false;
    memcpy(out->workspace, text, uuid);
    out->workspace[uuid] = '\0';
    snprintf(digits, sizeof digits, "%.*s", (int)(length - uuid - 1), text + uuid + 1);
    if (!uuid_valid(out->workspace) || !parse_int(digits, 1, INT64_MAX, &generation))
        return false;
    out->generation = generation;
    return true;
}

static void read_list(struct request *rq, const char *text)
{
    while (text && *text && rq->seen_count < MAX_SEEN) {
        size_t length = strcspn(text, "_");
        if (parse_seen(text, length, &rq->seen[rq->seen_count]))
            rq->seen_count++;
        text += length + (text[length] == '_');
    }
}

void freshness_read(struct request *rq)
{
    const char *text = request_header(rq, HEADER_SEEN);
    read_list(rq, text ? text : request_cookie(rq, COOKIE_SEEN));
    for (size_t i = 0; i < rq->seen_count; i++)
        rq->behind |= rq->seen[i].generation > generation_heard(rq->seen[i].workspace);
}

static int64_t seen_of(const struct request *rq, const char *workspace)
{
    for (size_t i = 0; i < rq->seen_count; i++)
        if (strcmp(rq->seen[i].workspace, workspace) == 0)
            return rq->seen[i].generation;
    return 0;
}

enum error freshness_generation(struct request *rq, int64_t *generation)
{
    static const struct statement select = {
        "generation_select", "SELECT generation FROM workspace_generations WHERE workspace_id = $1::uuid"};
    const char *workspace = rq->actor.who.workspace_id;
    struct row row;
    /* Under nothing but hits no statement would ever notice that the server says nothing any more. */
    *generation = db_in_doubt(rq->actor.db) ? 0 : generation_known(workspace, db_listening_us(rq->actor.db));
    if (*generation && *generation >= seen_of(rq, workspace))
        return ERR_NONE;
    int64_t asked = monotonic_us();
    metrics_add(METRIC_GENERATION_READ, 1);
    enum error error = db_one(rq->actor.db, &select, &row, DB_ARGS(workspace));
    if (error && error != ERR_NOT_FOUND)
        return error;
    *generation = error ? 0 : row_int(&row, 0);
    if (*generation)
        generation_read(workspace, *generation, asked);
    return ERR_NONE;
}

static size_t oldest_place(const struct request *rq)
{
    size_t found = 0;
    for (size_t i = 1; i < rq->seen_count; i++)
        if (rq->seen[i].generation < rq->seen[found].generation)
            found = i;
    return found;
}

/* The client's own list goes on, with what this write has added to it, so that a write in one workspace does not make it
 * forget another. */
static void add_seen(struct request *rq, const char *workspace)
{
    int64_t generation = generation_heard(workspace);
    size_t at = 0;
    while (at < rq->seen_count && strcmp(rq->seen[at].workspace, workspace) != 0)
        at++;
    if (!*workspace || !generation)
        return;
    if (at == MAX_SEEN)
        at = oldest_place(rq);
    else if (at == rq->seen_count)
        rq->seen_count++;
    memcpy(rq->seen[at].workspace, workspace, UUID_TEXT);
    rq->seen[at].generation = generation;
}

static void forget_old(struct request *rq)
{
    int64_t limit = ((int64_t)time(NULL) - REMEMBER_S) * 1000000;
    size_t kept = 0;
    for (size_t i = 0; i < rq->seen_count; i++)
        if (rq->seen[i].generation > limit)
            rq->seen[kept++] = rq->seen[i];
    rq->seen_count = kept;
}

void freshness_write(struct request *rq, struct response *rs)
{
    const char *text = "";
    /* PostgreSQL sends a transaction's own notifications before it says that it is done. */
    if (db_poll(rq->actor.db))
        authn_forget();
    forget_old(rq);
    add_seen(rq, rq->actor.who.workspace_id);
    if (rq->actor.identity_changed)
        add_seen(rq, GENERATION_SITE);
    if (!rq->seen_count)
        return;
    for (size_t i = 0; i < rq->seen_count; i++)
        text = arena_printf(rq->actor.arena, "%s%s%s.%lld", text, i ? "_" : "", rq->seen[i].workspace,
                            (long long)rq->seen[i].generation);
    response_header(rs, HEADER_SEEN, text);
    cookie_set(rq, rs, COOKIE_SEEN, text, REMEMBER_S);
}
