/* Metrics: the shared counters. */
#include "metrics.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

struct metrics {
    _Atomic uint64_t counters[METRIC_COUNT];
};

static struct metrics *shared;

bool metrics_init(void)
{
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    shared = memory;
    return true;
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
