/* Circuit breaker: closed, or open with one prober. */
#include "breaker.h"

#include <unistd.h>

#include "util.h"

bool breaker_is_open(const struct breaker *breaker)
{
    return breaker && atomic_load(&breaker->open);
}

bool breaker_allows(struct breaker *breaker, int64_t now_ms)
{
    if (!breaker_is_open(breaker))
        return true;
    pid_t self = getpid(), prober = atomic_load(&breaker->prober);
    if (prober == self)
        return true;
    if (now_ms < atomic_load(&breaker->retry_at_ms) || (prober && !process_gone(prober)))
        return false;
    return atomic_compare_exchange_strong(&breaker->prober, &prober, self);
}

bool breaker_good(struct breaker *breaker)
{
    pid_t self = getpid();
    /* Also while closed: it may have been closed between this process's look at it and its becoming the prober. */
    if (breaker)
        atomic_compare_exchange_strong(&breaker->prober, &self, 0);
    if (!breaker_is_open(breaker))
        return false;
    bool closed = atomic_exchange(&breaker->open, 0);
    atomic_store(&breaker->prober, 0);
    return closed;
}

bool breaker_failed(struct breaker *breaker, int64_t now_ms, int pause_ms)
{
    if (!breaker)
        return false;
    pid_t self = getpid();
    atomic_store(&breaker->retry_at_ms, now_ms + pause_ms);
    bool opened = atomic_exchange(&breaker->open, 1) == 0;
    if (opened)
        atomic_fetch_add(&breaker->openings, 1);
    atomic_compare_exchange_strong(&breaker->prober, &self, 0);
    return opened;
}
