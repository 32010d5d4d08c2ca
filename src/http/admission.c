/* Admission. The limits of rate_limit.c count arrivals; these count what is in progress, because a single request may take a
 * worker for seconds. What each worker does stands in the scoreboard (src/shm/in_progress.c).
 *
 *     a read       is refused only while its user holds as many workers with requests that take long as long requests may
 *                  have in all, and no worker is idle
 *     a write      within the user's share, and that of its workspace and address
 *     a heavy one  likewise, and all of them together leave some workers to the others
 *     a password   as many at once as computing them leaves processors to the others; one address does not queue
 *     an outbound  one for each user, all of them a quarter of the workers; nobody queues for what may take half a minute
 *     a stream     a set share of the workers, and likewise
 *
 * Whoever is over his share waits in line for a moment, while enough workers stay free for the others; else he is refused at
 * once. */
#include "admission.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "in_progress.h"
#include "metrics.h"
#include "overload.h"
#include "util.h"

enum {
    HELD_MS = 100, /* longer than a read takes that waits for nothing */
    PAUSE_NS = 5 * 1000 * 1000,
    FEW_WORKERS =
        4, /* fewer cannot keep one free for others all the time: there who waits does so only for FEW_WAIT_MS */
    FEW_WAIT_MS = 100,
    OUTBOUND_SHARE = 25, /* percent */
};

/* ---- how much there is ------------------------------------------------------------------------------------------ */

static int part_of(int workers, int percent)
{
    int part = workers * percent / 100;
    return part < 1 ? 1 : part;
}

struct capacity capacity_of(const struct settings *settings, int processors)
{
    int workers = settings->max_connections;
    struct capacity c = {.share = part_of(workers, settings->user_share),
                         .long_ones = part_of(workers, settings->heavy_share),
                         .passwords = settings->password_checks ? settings->password_checks : processors / 2};
    c.heavy = c.long_ones > 2 ? c.long_ones - 1 : c.long_ones;
    if (c.passwords > c.long_ones)
        c.passwords = c.long_ones;
    if (c.passwords < 1)
        c.passwords = 1;
    c.outbound = part_of(workers, OUTBOUND_SHARE);
    c.streams = part_of(workers, settings->stream_share);
    return c;
}

static const struct capacity *capacity(const struct settings *settings)
{
    static const struct settings *of;
    static struct capacity c;
    if (of != settings) /* a worker has one set of settings for its whole life */
        c = capacity_of(settings, (int)sysconf(_SC_NPROCESSORS_ONLN));
    of = settings;
    return &c;
}

enum work_kind work_of(const struct route *route)
{
    if (route->flags & ROUTE_PASSWORD)
        return WORK_PASSWORD;
    if (route->flags & ROUTE_OUTBOUND)
        return WORK_OUTBOUND;
    if (route->flags & ROUTE_STREAM)
        return WORK_STREAM;
    if (route->flags & ROUTE_HEAVY)
        return WORK_HEAVY;
    return route->method == METHOD_GET || (route->flags & ROUTE_READ_ONLY) ? WORK_READ : WORK_WRITE;
}

/* ---- what is too much ------------------------------------------------------------------------------------------- */

enum excess {
    EXCESS_NONE,
    EXCESS_USER,
    EXCESS_WORKSPACE,
    EXCESS_ADDRESS,
    EXCESS_PASSWORDS,
    EXCESS_HEAVY,
    EXCESS_OUTBOUND,
    EXCESS_STREAMS
};

static const struct {
    enum message message;
    enum metric metric;
} excesses[] = {
    [EXCESS_USER] = {MSG_TOO_MUCH_USER, METRIC_BUSY_USER},
    [EXCESS_WORKSPACE] = {MSG_TOO_MUCH_WORKSPACE, METRIC_BUSY_WORKSPACE},
    [EXCESS_ADDRESS] = {MSG_TOO_MUCH_ADDRESS, METRIC_BUSY_ADDRESS},
    [EXCESS_PASSWORDS] = {MSG_TOO_MANY_PASSWORDS, METRIC_BUSY_PASSWORDS},
    [EXCESS_HEAVY] = {MSG_TOO_MUCH_HEAVY, METRIC_BUSY_HEAVY},
    [EXCESS_OUTBOUND] = {MSG_TOO_MUCH_OUTBOUND, METRIC_BUSY_OUTBOUND},
    [EXCESS_STREAMS] = {MSG_TOO_MANY_STREAMS, METRIC_BUSY_STREAMS},
};

static enum excess judge_write(const struct capacity *c, const struct in_progress *seen)
{
    if (seen->of_owner[OWNER_USER] >= c->share)
        return EXCESS_USER;
    if (seen->of_owner[OWNER_WORKSPACE] >= c->long_ones)
        return EXCESS_WORKSPACE;
    return seen->of_owner[OWNER_ADDRESS] >= c->long_ones ? EXCESS_ADDRESS : EXCESS_NONE;
}

/* But for passwords, which have a place beside them. */
static int slow_ones(const struct in_progress *seen)
{
    return seen->running[WORK_HEAVY] + seen->running[WORK_OUTBOUND] + seen->running[WORK_STREAM];
}

static int long_ones(const struct in_progress *seen)
{
    return slow_ones(seen) + seen->running[WORK_PASSWORD];
}

static bool no_room_for_slow(const struct capacity *c, const struct in_progress *seen)
{
    return slow_ones(seen) >= c->heavy || long_ones(seen) >= c->long_ones;
}

static enum excess judge_heavy(const struct capacity *c, const struct in_progress *seen)
{
    enum excess excess = judge_write(c, seen);
    if (excess)
        return excess;
    return no_room_for_slow(c, seen) ? EXCESS_HEAVY : EXCESS_NONE;
}

static enum excess judge_password(const struct capacity *c, const struct in_progress *seen)
{
    return seen->running[WORK_PASSWORD] >= c->passwords || long_ones(seen) >= c->long_ones ? EXCESS_PASSWORDS
                                                                                           : EXCESS_NONE;
}

static enum excess judge_outbound(const struct capacity *c, const struct in_progress *seen)
{
    enum excess excess = judge_write(c, seen);
    if (excess || seen->of_user[WORK_OUTBOUND])
        return excess ? excess : EXCESS_USER;
    return seen->running[WORK_OUTBOUND] >= c->outbound || no_room_for_slow(c, seen) ? EXCESS_OUTBOUND : EXCESS_NONE;
}

/* Nobody has them all, where there are several. */
static enum excess judge_stream(const struct capacity *c, const struct in_progress *seen)
{
    if (c->streams > 1 && seen->of_user[WORK_STREAM] >= c->streams - 1)
        return EXCESS_USER;
    return seen->running[WORK_STREAM] >= c->streams || no_room_for_slow(c, seen) ? EXCESS_STREAMS : EXCESS_NONE;
}

/* A read holds no worker for long, so there it only counts who does, and only while it matters. */
static enum excess judge_read(const struct capacity *c, const struct scoreboard *board, const struct worker_slot *own,
                              int64_t now_ms)
{
    struct in_progress seen = in_progress_look(board, own, now_ms - HELD_MS);
    bool user = seen.held[OWNER_USER] >= c->long_ones, address = seen.held[OWNER_ADDRESS] >= c->long_ones;
    if ((!user && !address) || scoreboard_count(board, STAGE_IDLE) > 0)
        return EXCESS_NONE;
    return user ? EXCESS_USER : EXCESS_ADDRESS;
}

/* ---- waiting in line -------------------------------------------------------------------------------------------- */

static bool enough_free(const struct scoreboard *board, int workers, int least)
{
    return workers < FEW_WORKERS || scoreboard_count(board, STAGE_IDLE) >= least;
}

static bool room_for_write(const struct capacity *c, const struct scoreboard *board, int workers)
{
    return enough_free(board, workers, workers - c->long_ones);
}

/* Those that wait hold their workers as well. */
static bool room_for_long(const struct capacity *c, const struct scoreboard *board)
{
    return in_progress_long(board) <= c->long_ones;
}

static bool room_for_heavy(const struct capacity *c, const struct scoreboard *board, int workers)
{
    return enough_free(board, workers, 1) && (workers < FEW_WORKERS || room_for_long(c, board));
}

static bool room_for_password(const struct capacity *c, const struct scoreboard *board, int workers)
{
    return in_progress_count(board, WORK_PASSWORD) <= 2 * c->passwords &&
           (workers < FEW_WORKERS || room_for_long(c, board));
}

static const struct {
    enum excess (*judge)(const struct capacity *c, const struct in_progress *seen);
    bool (*room)(const struct capacity *c, const struct scoreboard *board, int workers); /* NULL: wait_ms is 0 */
    int grace_ms; /* waits so long without asking for room: a page's writes that come together are through by then */
    int wait_ms;
    int retry_after; /* seconds */
} kinds[WORK_COUNT] = {
    [WORK_WRITE] = {judge_write, room_for_write, 20, 100, 1},
    [WORK_HEAVY] = {judge_heavy, room_for_heavy, 0, 2000, 2},
    [WORK_PASSWORD] = {judge_password, room_for_password, 0, 1000, 1},
    [WORK_OUTBOUND] = {judge_outbound, NULL, 0, 0, 5},
    [WORK_STREAM] = {judge_stream, NULL, 0, 0, 5},
};

static bool goes_on_waiting(const struct request *rq, enum work_kind kind, const struct capacity *c, int64_t waited_ms)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int workers = rq->service->settings->max_connections;
    int limit_ms = workers < FEW_WORKERS && kinds[kind].wait_ms > FEW_WAIT_MS ? FEW_WAIT_MS : kinds[kind].wait_ms;
    if (waited_ms >= limit_ms || (rq->gone && rq->gone(rq->source)))
        return false;
    if (waited_ms >= kinds[kind].grace_ms && !kinds[kind].room(c, rq->service->board, workers))
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static enum excess line_up(const struct request *rq, enum work_kind kind, const struct capacity *c)
{
    struct worker_slot *own = rq->service->slot;
    int64_t since_ms = monotonic_ms();
    for (bool waited = false;; waited = true) {
        struct in_progress seen = in_progress_claim(rq->service->board, own);
        enum excess excess = kinds[kind].judge(c, &seen);
        if (!excess)
            return EXCESS_NONE;
        in_progress_wait(own);
        if (!waited)
            metrics_add(METRIC_WAITED_IN_LINE, 1);
        if (!goes_on_waiting(rq, kind, c, monotonic_ms() - since_ms))
            return excess;
    }
}

/* ---- the step --------------------------------------------------------------------------------------------------- */

/* Addresses are what clients choose: a keyed hash. */
static uint64_t address_hash(const char *address)
{
    char client[ADDRESS_TEXT];
    bool whole = address && !strchr(address, ':'); /* of IPv6 the network counts */
    if (!whole)
        address_client(client, address);
    const char *text = whole ? address : client;
    return short_hash(text, strlen(text), NULL) | 1;
}

/* Ids are random, and nobody chooses his own. Multipliers: odd, with bits all over (splitmix64, Vigna). */
static uint64_t id_hash(const char id[UUID_TEXT])
{
    uint64_t part[4];
    if (!*id)
        return 0;
    memcpy(part, id, sizeof part);
    uint64_t mixed = (part[0] * 0x9E3779B97F4A7C15u) ^ (part[1] * 0xBF58476D1CE4E5B9u);
    mixed = (mixed ^ mixed >> 31) * 0x94D049BB133111EBu;
    mixed ^= (part[2] * 0x9E3779B97F4A7C15u) ^ (part[3] * 0xBF58476D1CE4E5B9u);
    return (mixed ^ mixed >> 29) | 1;
}

static void announce_work(const struct request *rq, enum work_kind kind)
{
    const uint64_t owner[OWNER_COUNT] = {[OWNER_USER] = id_hash(rq->actor.who.user_id),
                                         [OWNER_WORKSPACE] = id_hash(rq->actor.who.workspace_id),
                                         [OWNER_ADDRESS] = address_hash(rq->actor.address)};
    in_progress_begin(rq->service->slot, kind, owner, rq->started_us / 1000);
}

static enum error refuse_excess(struct request *rq, enum excess excess, int retry_after)
{
    metrics_add(excesses[excess].metric, 1);
    rq->actor.failure.retry_after = retry_after;
    return fail(&rq->actor, excesses[excess].message, number_text(&rq->actor, retry_after), NULL);
}

enum error admit(struct request *rq, struct response *rs)
{
    const struct settings *settings = rq->service->settings;
    enum work_kind kind = work_of(rq->route);
    if (!rq->service->slot || (rq->route->flags & ROUTE_NO_DATABASE))
        return ERR_NONE;
    announce_work(rq, kind);
    if (!settings->in_progress_limits) { /* no limits; it still counts for the pool */
        if (kind != WORK_READ)
            (void)in_progress_claim(rq->service->board, rq->service->slot);
        return ERR_NONE;
    }
    const struct capacity *c = capacity(settings);
    enum excess excess = kind == WORK_READ ? judge_read(c, rq->service->board, rq->service->slot, rq->started_us / 1000)
                                           : line_up(rq, kind, c);
    if (!excess)
        return ERR_NONE;
    enum error dropped = drop_abandoned(rq, rs);
    return dropped || rs->written ? dropped
                                  : refuse_excess(rq, excess, kind == WORK_READ ? 1 : kinds[kind].retry_after);
}
