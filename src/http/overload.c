/* Overload: what is not worth starting any more. */
#include "overload.h"

#include <stdlib.h>
#include <time.h>

#include "metrics.h"
#include "router.h"
#include "util.h"

enum {
    STATUS_CLIENT_CLOSED_REQUEST = 499, /* Nginx's own, for logs */
    PLAUSIBLE_MS = 3600 * 1000,
    SOON_MS = 20, /* nobody gives up sooner: to ask the kernel costs as much as a twentieth of a short request */
};

/* Milliseconds since Nginx sent the request on, as its clock and ours say; 0 when that is not known. */
static int64_t since_sent_ms(const struct request *rq)
{
    struct timespec now;
    const char *text = request_variable(rq, "QUEUED_AT");
    double sent = text ? strtod(text, NULL) : 0;
    clock_gettime(CLOCK_REALTIME, &now);
    double passed = ((double)now.tv_sec - sent) * 1000 + (double)now.tv_nsec / 1e6;
    return sent > 0 && passed > 0 && passed < PLAUSIBLE_MS ? (int64_t)passed + 1 : 0;
}

enum error drop_abandoned(struct request *rq, struct response *rs)
{
    rq->waited_ms = since_sent_ms(rq);
    if (rq->waited_ms > 0 && rq->waited_ms < SOON_MS)
        return ERR_NONE;
    if (!rq->gone || !rq->gone(rq->source))
        return ERR_NONE;
    metrics_add(METRIC_DROPPED_CLIENT, 1);
    rs->status = STATUS_CLIENT_CLOSED_REQUEST;
    rs->written = rs->unsent = true;
    return ERR_NONE;
}

/* What waited while there was no server (a restart, an update) waited for that, and not because of a crowd: its time begins
 * with the server's. */
static int64_t waited_ms(const struct request *rq, const struct scoreboard *board)
{
    int64_t served_ms = monotonic_ms() - board->started_ms;
    return rq->waited_ms < served_ms ? rq->waited_ms : served_ms;
}

enum error refuse_late(struct request *rq, struct response *rs)
{
    (void)rs;
    int limit = rq->service->settings->queue_timeout;
    struct scoreboard *board = rq->service->board;
    if (!board || (rq->route->flags & ROUTE_NO_DATABASE))
        return ERR_NONE;
    int64_t waited = waited_ms(rq, board);
    if (waited > atomic_load_explicit(&board->longest_wait_ms, memory_order_relaxed))
        atomic_store(&board->longest_wait_ms, (int)waited); /* another's longer one may get lost: there will be more */
    if (!limit || waited <= limit)
        return ERR_NONE;
    /* While anybody is idle there is no queue: then the clocks of the two hosts differ. */
    if (scoreboard_count(board, STAGE_IDLE) > 0)
        return ERR_NONE;
    metrics_add(METRIC_DROPPED_QUEUE, 1);
    return ERR_OVERLOADED;
}
