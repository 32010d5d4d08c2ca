/* Metrics: counters in memory that the master and all workers share, made before the first fork. Counting never waits and
 * never fails; before metrics_init it does nothing. GET /metrics (src/api/metrics.c) writes them out. */
#ifndef CCR_METRICS_H
#define CCR_METRICS_H

#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, Prometheus name, labels, help). Rows of one name stand together; the first one's help counts. */
/* clang-format off */
#define METRICS(X)                                                                                                     \
    X(METRIC_POOL_STARTED,     "ccr_pool_events_total", "event=\"started\"", "What became of workers.")                \
    X(METRIC_POOL_DIED,        "ccr_pool_events_total", "event=\"died\"", "")                                          \
    X(METRIC_POOL_KILLED,      "ccr_pool_events_total", "event=\"killed\"", "")                                        \
    X(METRIC_POOL_GROWN,       "ccr_pool_events_total", "event=\"grown\"", "")                                         \
    X(METRIC_POOL_SHRUNK,      "ccr_pool_events_total", "event=\"shrunk\"", "")                                        \
    X(METRIC_POOL_RECYCLED,    "ccr_pool_events_total", "event=\"recycled\"", "")                                      \
    X(METRIC_CACHE_HIT,        "ccr_cache_lookups_total", "result=\"hit\"", "Reads that the cache was asked for.")     \
    X(METRIC_CACHE_HIT_REDIS,  "ccr_cache_lookups_total", "result=\"redis\"", "")                                      \
    X(METRIC_CACHE_MISS,       "ccr_cache_lookups_total", "result=\"miss\"", "")                                       \
    X(METRIC_CACHE_UNCHANGED,  "ccr_cache_lookups_total", "result=\"not_modified\"", "")                               \
    X(METRIC_CACHE_EVICTED,    "ccr_cache_evictions_total", "", "Answers that made room for others.")                  \
    X(METRIC_CACHE_REFUSED,    "ccr_cache_refused_total", "", "Answers too large to be kept.")                         \
    X(METRIC_CACHE_WAITED,     "ccr_cache_waits_total", "", "Reads that waited for another one to compute the same.")  \
    X(METRIC_GENERATION_READ,  "ccr_generation_reads_total", "", "Times a workspace's generation was asked of PostgreSQL.") \
    X(METRIC_LIMIT_ALLOWED,    "ccr_limiter_decisions_total", "limit=\"any\",decision=\"allowed\"", "Decisions of the rate limiter.") \
    X(METRIC_LIMIT_ADDRESS,    "ccr_limiter_decisions_total", "limit=\"address\",decision=\"refused\"", "")            \
    X(METRIC_LIMIT_USER,       "ccr_limiter_decisions_total", "limit=\"user\",decision=\"refused\"", "")               \
    X(METRIC_LIMIT_LOGIN,      "ccr_limiter_decisions_total", "limit=\"login\",decision=\"refused\"", "")              \
    X(METRIC_DATABASE_CONNECT, "ccr_database_connections_total", "result=\"made\"", "Connections to PostgreSQL.")      \
    X(METRIC_DATABASE_FAILED,  "ccr_database_connections_total", "result=\"failed\"", "")                              \
    X(METRIC_DATABASE_LOST,    "ccr_database_connections_total", "result=\"lost\"", "")                                \
    X(METRIC_DATABASE_RENEWED, "ccr_database_connections_total", "result=\"renewed\"", "")                             \
    X(METRIC_REDIS_COMMAND,    "ccr_redis_commands_total", "result=\"ok\"", "Commands sent to Redis.")                 \
    X(METRIC_REDIS_FAILED,     "ccr_redis_commands_total", "result=\"failed\"", "")                                    \
    X(METRIC_DROPPED_CLIENT,   "ccr_requests_dropped_total", "reason=\"client_gone\"", "Requests given up before any work.") \
    X(METRIC_DROPPED_QUEUE,    "ccr_requests_dropped_total", "reason=\"queue_timeout\"", "")                           \
    X(METRIC_DROPPED_BREAKER,  "ccr_requests_dropped_total", "reason=\"database_down\"", "")                           \
    X(METRIC_MEMORY_EXHAUSTED, "ccr_requests_out_of_memory_total", "", "Requests that needed more memory than allowed.")
/* clang-format on */

enum metric {
#define METRIC_ENUMERATOR(id, name, labels, help) id,
    METRICS(METRIC_ENUMERATOR)
#undef METRIC_ENUMERATOR
        METRIC_COUNT
};

/* Maps the memory. False when it cannot be had. Call before fork. */
bool metrics_init(void);

void metrics_add(enum metric metric, uint64_t count);
uint64_t metrics_value(enum metric metric);

#endif
