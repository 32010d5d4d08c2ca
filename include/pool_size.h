/* Pool size: how many workers there should be. Decided from counts and time alone, so that it can be tested without any
 * process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the pool looks like at one moment. */
struct pool_load {
    int min, max;     /* bounds of the number of workers; min <= max */
    int ready, idle;  /* workers that can serve, and those of them that have nothing to do */
    int heavy;        /* of those, how many are at requests that take long: they count as if they were not there */
    bool stuck;       /* a request has been waiting for long: for what a worker waits for, or for a worker */
    int cpu_permille; /* of the machine, since the last look, when too few were idle then, too; else -1 */
    int64_t idle_ms;  /* for how long somebody must have been idle for nothing */
};

/* All zero at the start. */
struct pool_size {
    int target;
    int step;    /* how many the next growth adds: doubled each time, 1 again once there are idle ones */
    int grown;   /* since second_ms, which bounds growth to POOL_GROWTH a second */
    int surplus; /* the fewest idle workers beyond the spare ones since surplus_ms */
    int unused;  /* processor time that was to be had while too few were idle, in permille times milliseconds */
    bool stuck;  /* at the last look: a machine that stood still for a moment makes everything wait once */
    int64_t last_ms, second_ms, surplus_ms, next_look_ms;
};

enum { POOL_GROWTH = 32 };

/* How many of that many workers should be idle, so that the next requests find one. */
int pool_size_spare(int workers);

/* The number decided last, within the bounds, which a reload may have changed since. */
int pool_size_target(const struct pool_size *size, int min, int max);

/* Decides anew when that is due; returns by how much the number grew, less than 0 when it shrank. next_look_ms says when the
 * next decision is due. */
int pool_size_look(struct pool_size *size, const struct pool_load *load, int64_t now);
