/* Metrics: the shared counters, and tables of counters for what turns up while the program runs.
 *
 * A worker may be killed between any two instructions. So one compare-and-swap of its key takes a cell, and all that
 * follows is adding; nothing is ever given back. */
#include "metrics.h"

#include <stdatomic.h>
#include <string.h>

#include "shared_lock.h"
#include "util.h"

enum { PROBES = 64 }; /* how far a key may lie from its place before it counts as one of the rest */

const struct metrics_bounds metrics_request_bounds = {
    METRICS_BUCKETS,
    {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000}};
const struct metrics_bounds metrics_statement_bounds = {7, {250, 1000, 5000, 25000, 100000, 500000, 2500000}};

struct histogram {
    _Atomic uint64_t bucket[METRICS_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};

struct statement_cell {
    _Atomic uint64_t failed;
    struct histogram durations;
    _Atomic bool named;
    char name[METRICS_NAME]; /* everybody who finds it missing writes the same bytes */
};

/* Each table has one cell more than keys: that of the rest. */
struct metrics {
    _Atomic uint64_t counters[METRIC_COUNT];
    _Atomic uint64_t request_keys[METRICS_REQUESTS];
    _Atomic uint64_t requests[METRICS_REQUESTS + 1];
    _Atomic uint64_t duration_keys[METRICS_DURATIONS];
    struct histogram durations[METRICS_DURATIONS + 1];
    _Atomic uint64_t statement_keys[METRICS_STATEMENTS];
    struct statement_cell statements[METRICS_STATEMENTS + 1];
};

static struct metrics *shared;

bool metrics_init(void)
{
    shared = shared_memory(sizeof *shared);
    return shared;
}

static void counter_add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static uint64_t counter_value(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_add(enum metric metric, uint64_t count)
{
    if (shared)
        counter_add(&shared->counters[metric], count);
}

uint64_t metrics_value(enum metric metric)
{
    return shared ? counter_value(&shared->counters[metric]) : 0;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

/* The cell of a key that is not 0, taken when nobody has it; `cells`, the cell of the rest, when there is no room. */
static size_t find_cell(_Atomic uint64_t *keys, size_t cells, uint64_t key)
{
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) % cells; /* Fibonacci hashing (Knuth, TAOCP 6.4) */
    for (int tries = 0; tries < PROBES; tries++, at = (at + 1) % cells) {
        uint64_t seen = counter_value(&keys[at]);
        if (seen == 0 &&
            atomic_compare_exchange_strong_explicit(&keys[at], &seen, key, memory_order_relaxed, memory_order_relaxed))
            return at;
        if (seen == key)
            return at;
    }
    return cells;
}

static void add_duration(struct histogram *histogram, const struct metrics_bounds *bounds, int64_t duration_us)
{
    size_t i = 0;
    while (i < bounds->count && duration_us > bounds->us[i])
        i++;
    counter_add(&histogram->bucket[i], 1);
    counter_add(&histogram->sum_us, duration_us > 0 ? (uint64_t)duration_us : 0);
}

static bool read_durations(const struct histogram *histogram, struct metrics_durations *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++)
        count += out->bucket[i] = counter_value(&histogram->bucket[i]);
    out->sum_us = counter_value(&histogram->sum_us);
    return count > 0;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

enum { STATUS_BITS = 16, METHOD_BITS = 8, TAKEN_BIT = 63 };

static uint64_t request_key(size_t route, unsigned method, unsigned status)
{
    return (uint64_t)1 << TAKEN_BIT | (uint64_t)route << (METHOD_BITS + STATUS_BITS) | method << STATUS_BITS | status;
}

static struct metrics_series read_key(uint64_t key)
{
    return (struct metrics_series){
        .route = (key & ~((uint64_t)1 << TAKEN_BIT)) >> (METHOD_BITS + STATUS_BITS),
        .method = key >> STATUS_BITS & ((1u << METHOD_BITS) - 1),
        .status = key & ((1u << STATUS_BITS) - 1),
    };
}

void metrics_request(size_t route, unsigned method, unsigned status, int64_t duration_us)
{
    if (!shared)
        return;
    counter_add(
        &shared->requests[find_cell(shared->request_keys, METRICS_REQUESTS, request_key(route, method, status))], 1);
    size_t cell = find_cell(shared->duration_keys, METRICS_DURATIONS, request_key(route, method, 0));
    add_duration(&shared->durations[cell], &metrics_request_bounds, duration_us);
}

bool metrics_requests_at(size_t cell, struct metrics_series *out, uint64_t *count)
{
    if (!shared || cell > METRICS_REQUESTS)
        return false;
    *out =
        cell < METRICS_REQUESTS ? read_key(counter_value(&shared->request_keys[cell])) : (struct metrics_series){true};
    *count = counter_value(&shared->requests[cell]);
    return *count > 0;
}

bool metrics_durations_at(size_t cell, struct metrics_series *out, struct metrics_durations *durations)
{
    if (!shared || cell > METRICS_DURATIONS)
        return false;
    *out = cell < METRICS_DURATIONS ? read_key(counter_value(&shared->duration_keys[cell]))
                                    : (struct metrics_series){true};
    return read_durations(&shared->durations[cell], durations);
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

void metrics_statement(const char *name, int64_t duration_us, bool failed)
{
    if (!shared)
        return;
    size_t at = find_cell(shared->statement_keys, METRICS_STATEMENTS, name_hash(name) | 1); /* 0 is a free cell's */
    struct statement_cell *cell = &shared->statements[at];
    if (at < METRICS_STATEMENTS && !atomic_load_explicit(&cell->named, memory_order_relaxed)) {
        memcpy(cell->name, name, strnlen(name, METRICS_NAME - 1));
        atomic_store_explicit(&cell->named, true, memory_order_release);
    }
    add_duration(&cell->durations, &metrics_statement_bounds, duration_us);
    if (failed)
        counter_add(&cell->failed, 1);
}

bool metrics_statements_at(size_t cell, char name[METRICS_NAME], struct metrics_durations *durations, uint64_t *failed)
{
    if (!shared || cell > METRICS_STATEMENTS)
        return false;
    const struct statement_cell *from = &shared->statements[cell];
    bool rest = cell == METRICS_STATEMENTS;
    if (!rest && !atomic_load_explicit(&from->named, memory_order_acquire))
        return false;
    memcpy(name, rest ? "other" : from->name, rest ? sizeof "other" : METRICS_NAME);
    *failed = counter_value(&from->failed);
    return read_durations(&from->durations, durations);
}
