/* Requests in progress: what each worker of this host works on and for whom, in its slot of the scoreboard. Nobody waits for a
 * lock; a worker killed at any instruction leaves nothing behind but its slot, which the master clears. */
#pragma once

#include <stdint.h>

#include "scoreboard.h"

/* Says what the worker of `own` is about to do. `owner`: a keyed hash of each, 0 = none. A read runs from now on; anything
 * else waits, and counts as waiting, until it claims. now_ms: monotonic clock. */
void in_progress_begin(struct worker_slot *own, enum work_kind kind, const uint64_t owner[OWNER_COUNT], int64_t now_ms);

/* What the other workers do. */
struct in_progress {
    int running[WORK_COUNT], waiting[WORK_COUNT];
    int of_owner[OWNER_COUNT]; /* running for the same one, reads apart */
    int of_user[WORK_COUNT];   /* running for the same user */
    int held[OWNER_COUNT];     /* running for the same one and begun by held_since_ms, reads as well */
};

/* All of them. */
struct in_progress in_progress_look(const struct scoreboard *board, const struct worker_slot *own,
                                    int64_t held_since_ms);

/* Begins to run, and says what came before: of two that claim at once, one counts the other. Nothing is held. Whoever then
 * finds that it is too much calls in_progress_wait, and may claim again. */
struct in_progress in_progress_claim(struct scoreboard *board, struct worker_slot *own);
void in_progress_wait(struct worker_slot *own);

/* The request is over, or its worker has died. */
void in_progress_end(struct worker_slot *own);

/* How many workers are at that kind of work, those that wait for it included. */
int in_progress_count(const struct scoreboard *board, enum work_kind kind);
/* The same of all kinds that take long. */
int in_progress_long(const struct scoreboard *board);
