/* Pool size: grows fast, because requests are waiting; shrinks slowly, because an idle worker costs only memory and a
 * connection. More workers than keep the processors busy would only get in each other's way: then it does not grow. */
#include "pool_size.h"

#include <limits.h>

enum {
    GROWING_LOOK_MS = 100,
    STEADY_LOOK_MS = 1000, /* there are as many as there may be: growth need not be noticed */
    SECOND_MS = 1000,
    WORKERS_A_SPARE = 8,
    CPU_FULL = 850, /* permille: two workers on two busy processors leave 100 unused, and a third makes them slower */
    CPU_UNUSED = 60 * 1000 /* permille times ms: two looks at 550, or many just below CPU_FULL */
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

int pool_size_spare(int workers)
{
    return workers < 2 * WORKERS_A_SPARE ? 1 : workers / WORKERS_A_SPARE;
}

int pool_size_target(const struct pool_size *size, int min, int max)
{
    return size->target < min ? min : least(size->target, max);
}

static void forget_surplus(struct pool_size *size, int64_t now)
{
    size->surplus = INT_MAX;
    size->surplus_ms = now;
}

static int grow(struct pool_size *size, const struct pool_load *load, int64_t now)
{
    if (now - size->second_ms >= SECOND_MS) {
        size->second_ms = now;
        size->grown = 0;
    }
    int added = least(least(size->step, load->max - size->target), POOL_GROWTH - size->grown);
    if (added <= 0)
        return 0;
    size->step = least(size->step * 2, POOL_GROWTH);
    size->grown += added;
    size->target += added;
    return added;
}

/* Whether one more worker would find a processor. What stays unused below CPU_FULL adds up, what is used above it is taken
 * off again (a cumulative sum): a clear gap counts at once, noise never. */
static bool processors_are_free(struct pool_size *size, const struct pool_load *load, int64_t now)
{
    if (load->cpu_permille >= 0)
        size->unused += (CPU_FULL - load->cpu_permille) * least((int)(now - size->last_ms), SECOND_MS);
    if (size->unused < 0)
        size->unused = 0;
    if (size->unused < CPU_UNUSED)
        return false;
    size->unused = 0;
    return true;
}

/* Only those leave that were idle beyond the spare ones at every look of the whole window. */
static int shrink(struct pool_size *size, const struct pool_load *load, int surplus, int64_t now)
{
    size->surplus = least(size->surplus, surplus);
    if (now - size->surplus_ms < load->idle_ms)
        return 0;
    int removed = least(size->surplus, size->target - least(load->max, load->min + load->heavy));
    forget_surplus(size, now);
    size->target -= removed;
    return -removed;
}

static int decide_change(struct pool_size *size, const struct pool_load *load, int64_t now)
{
    int spare = pool_size_spare(size->target), surplus = load->idle - spare;
    /* Those still starting will be idle in a moment: a slow start must not make for more starts. */
    int coming = size->target > load->ready ? size->target - load->ready : 0;
    if (surplus >= 0 || size->step < 1)
        size->step = 1;
    if (surplus >= 0)
        size->unused = 0;
    if (surplus > 0 && size->target > load->min + load->heavy)
        return shrink(size, load, surplus, now);
    forget_surplus(size, now);
    int missing = least(load->max, load->heavy + load->min) - size->target;
    if (surplus + coming < 0 && missing > 0) {
        size->step = size->step < missing ? missing : size->step;
        return grow(size, load, now);
    }
    if (surplus + coming < 0 && ((load->stuck && size->stuck) || processors_are_free(size, load, now)))
        return grow(size, load, now);
    return 0;
}

int pool_size_look(struct pool_size *size, const struct pool_load *load, int64_t now)
{
    if (now < size->next_look_ms)
        return 0;
    size->target = pool_size_target(size, load->min, load->max);
    int change = decide_change(size, load, now);
    size->stuck = load->stuck;
    size->last_ms = now;
    size->next_look_ms = now + (size->target < load->max ? GROWING_LOOK_MS : STEADY_LOOK_MS);
    return change;
}
