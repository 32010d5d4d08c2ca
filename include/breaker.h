/* Circuit breaker: what all workers know about a server being away, in shared memory. While it is open nobody but one
 * prober at a time tries to reach the server. Lock-free.
 *
 * A prober has its turn for BREAKER_TURN_MS, and for as long as it says again in time that it is still at it. One that dies is
 * succeeded by the next caller, at once, or at the end of its turn when another process has its id by then. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_TURN_MS = 5000 };

struct breaker {
    _Atomic int open;
    _Atomic uint64_t turn;       /* who may try while it is open, and until when; 0 = nobody */
    _Atomic int64_t retry_at_ms; /* monotonic clock; no probe before */
    _Atomic uint64_t openings;
};

/* May this process try? Always while closed, and with NULL. While open: for one process, once the pause is over; it stays
 * the prober until it reports. */
bool breaker_allows(struct breaker *breaker, int64_t now_ms);
/* The prober is still trying. Nothing happens when another process is, or nobody. */
void breaker_keep(struct breaker *breaker, int64_t now_ms);
bool breaker_is_open(const struct breaker *breaker);
/* The server answered. True for whoever closes it by that: one process, which may say so. */
bool breaker_good(struct breaker *breaker);
/* It did not: nobody tries for pause_ms. True for whoever opens it by that. */
bool breaker_failed(struct breaker *breaker, int64_t now_ms, int pause_ms);
