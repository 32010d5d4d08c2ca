/* Circuit breaker: closed, or open with one prober. */
#include "breaker.h"

#include <unistd.h>

#include "util.h"

/* A turn is one number, so that it is taken, kept and given back in one step: process id and end (monotonic clock, ms). */
enum { PID_BITS = 22 }; /* Linux has no greater ones (PID_MAX_LIMIT) */

static pid_t turn_owner(uint64_t turn)
{
    return (pid_t)(turn & ((1u << PID_BITS) - 1));
}

static uint64_t own_turn(int64_t now_ms)
{
    return (uint64_t)(now_ms + BREAKER_TURN_MS) << PID_BITS | (uint64_t)getpid();
}

/* The end counts, too: what has the prober's id may be another process by now. */
static bool turn_over(uint64_t turn, int64_t now_ms)
{
    return !turn || now_ms >= (int64_t)(turn >> PID_BITS) || process_gone(turn_owner(turn));
}

static void give_back(struct breaker *breaker)
{
    uint64_t turn = atomic_load(&breaker->turn);
    if (turn_owner(turn) == getpid())
        atomic_compare_exchange_strong(&breaker->turn, &turn, 0);
}

bool breaker_is_open(const struct breaker *breaker)
{
    return breaker && atomic_load(&breaker->open);
}

bool breaker_allows(struct breaker *breaker, int64_t now_ms)
{
    if (!breaker_is_open(breaker))
        return true;
    uint64_t turn = atomic_load(&breaker->turn);
    bool own = turn_owner(turn) == getpid();
    if (!own && (now_ms < atomic_load(&breaker->retry_at_ms) || !turn_over(turn, now_ms)))
        return false;
    return atomic_compare_exchange_strong(&breaker->turn, &turn, own_turn(now_ms));
}

void breaker_keep(struct breaker *breaker, int64_t now_ms)
{
    uint64_t turn = breaker ? atomic_load(&breaker->turn) : 0;
    if (turn_owner(turn) == getpid())
        atomic_compare_exchange_strong(&breaker->turn, &turn, own_turn(now_ms));
}

bool breaker_good(struct breaker *breaker)
{
    /* Also while closed: it may have been closed between this process's look at it and its becoming the prober. */
    if (breaker)
        give_back(breaker);
    if (!breaker_is_open(breaker))
        return false;
    bool closed = atomic_exchange(&breaker->open, 0);
    atomic_store(&breaker->turn, 0);
    return closed;
}

bool breaker_failed(struct breaker *breaker, int64_t now_ms, int pause_ms)
{
    if (!breaker)
        return false;
    atomic_store(&breaker->retry_at_ms, now_ms + pause_ms);
    bool opened = atomic_exchange(&breaker->open, 1) == 0;
    if (opened)
        atomic_fetch_add(&breaker->openings, 1);
    give_back(breaker);
    return opened;
}
