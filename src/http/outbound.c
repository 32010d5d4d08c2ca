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

enum message outbound_message(enum http_outcome outcome)
{
    static const enum message messages[HTTP_OUTCOMES] = {
        [HTTP_REFUSED] = MSG_HTTP_REFUSED,       [HTTP_BAD_URL] = MSG_HTTP_BAD_URL,
        [HTTP_NO_NAME] = MSG_HTTP_NO_NAME,       [HTTP_NO_CONNECTION] = MSG_HTTP_NO_CONNECTION,
        [HTTP_TOO_LATE] = MSG_HTTP_TOO_LATE,     [HTTP_TOO_LARGE] = MSG_HTTP_TOO_LARGE,
        [HTTP_TOO_FAR] = MSG_HTTP_TOO_FAR,       [HTTP_NO_CERTIFICATE] = MSG_HTTP_NO_CERTIFICATE,
        [HTTP_BAD_ANSWER] = MSG_HTTP_BAD_ANSWER, [HTTP_NOT_ASKED] = MSG_HTTP_NOT_ASKED,
    };
    return messages[outcome];
}
