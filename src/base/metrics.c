/* Metrics: the shared counters. */
#include "metrics.h"

#include <stdatomic.h>

#include "shared_lock.h"

struct metrics {
    _Atomic uint64_t counters[METRIC_COUNT];
};

static struct metrics *shared;

bool metrics_init(void)
{
    shared = shared_memory(sizeof *shared);
    return shared;
}

void metrics_add(enum metric metric, uint64_t count)
{
    if (shared)
        atomic_fetch_add_explicit(&shared->counters[metric], count, memory_order_relaxed);
}

uint64_t metrics_value(enum metric metric)
{
    return shared ? atomic_load_explicit(&shared->counters[metric], memory_order_relaxed) : 0;
}
