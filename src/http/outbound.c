/* Asking other servers while somebody waits for the answer. */
#include "outbound.h"

#include "util.h"

enum { EACH_MS = 10000, TOTAL_MS = 30000, BODY_MAX = 256 * KIB };

/* The master kills a worker that says nothing for too long. */
static bool is_awaited(void *context)
{
    const struct request *rq = context;
    if (rq->service->slot)
        atomic_store_explicit(&rq->service->slot->heartbeat_ms, monotonic_ms(), memory_order_relaxed);
    return !rq->gone || !rq->gone(rq->source);
}

struct http_way outbound_way(struct request *rq)
{
    return (struct http_way){.allow = rq->service->settings->outbound_allow,
                             .each_ms = EACH_MS,
                             .total_ms = TOTAL_MS,
                             .body_max = BODY_MAX,
                             .goes_on = is_awaited,
                             .context = rq};
}
