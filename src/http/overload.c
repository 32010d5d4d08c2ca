/* Overload: what is not worth starting any more. */
#include "overload.h"

#include <stdlib.h>
#include <time.h>

#include "metrics.h"
#include "router.h"
#include "util.h"

enum { STATUS_CLIENT_CLOSED_REQUEST = 499 /* Nginx's own, for logs */, PLAUSIBLE_MS = 3600 * 1000 };

enum error drop_abandoned(struct request *rq, struct response *rs)
{
    if (!rq->gone || !rq->gone(rq->source))
        return OK;
    metrics_add(METRIC_DROPPED_CLIENT, 1);
    rs->status = STATUS_CLIENT_CLOSED_REQUEST;
    rs->written = rs->unsent = true;
    return OK;
}

/* Milliseconds since Nginx sent the request on; 0 when it does not say. What waited while there was no server (a restart, an
 * update) waited for that, and not because of a crowd: its time begins with the server's. */
static int64_t waited_ms(const struct request *rq, const struct scoreboard *board)
{
    int64_t served_ms = monotonic_ms() - board->started_ms;
    struct timespec now;
    const char *text = request_variable(rq, "QUEUED_AT");
    double queued = text ? strtod(text, NULL) : 0;
    clock_gettime(CLOCK_REALTIME, &now);
    double waited = ((double)now.tv_sec - queued) * 1000 + (double)now.tv_nsec / 1e6;
    if (queued <= 0 || waited <= 0 || waited >= PLAUSIBLE_MS)
        return 0;
    return waited < (double)served_ms ? (int64_t)waited : served_ms;
}

enum error refuse_late(struct request *rq, struct response *rs)
{
    (void)rs;
    int limit = rq->service->settings->queue_timeout;
    struct scoreboard *board = rq->service->board;
    if (!board || (rq->route->flags & ROUTE_NO_DATABASE))
        return OK;
    int64_t waited = waited_ms(rq, board);
    if (waited > atomic_load_explicit(&board->longest_wait_ms, memory_order_relaxed))
        atomic_store(&board->longest_wait_ms, (int)waited); /* another's longer one may get lost: there will be more */
    if (!limit || waited <= limit)
        return OK;
    /* While anybody is idle there is no queue: then the clocks of the two hosts differ. */
    if (scoreboard_count(board, STAGE_IDLE) > 0)
        return OK;
    metrics_add(METRIC_DROPPED_QUEUE, 1);
    return ERR_OVERLOADED;
}
