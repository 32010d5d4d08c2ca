/* Metrics: counters in memory that the master and all workers share, made before the first fork. Counting never waits and
 * never fails; before metrics_init it does nothing. GET /metrics (src/api/metrics.c) writes them out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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
    X(METRIC_BACKGROUND_DIED,  "ccr_background_deaths_total", "", "Processes beside the workers that died and were replaced.") \
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
    X(METRIC_BUSY_USER,        "ccr_limiter_decisions_total", "limit=\"user_in_progress\",decision=\"refused\"", "") \
    X(METRIC_BUSY_WORKSPACE,   "ccr_limiter_decisions_total", "limit=\"workspace_in_progress\",decision=\"refused\"", "") \
    X(METRIC_BUSY_ADDRESS,     "ccr_limiter_decisions_total", "limit=\"address_in_progress\",decision=\"refused\"", "") \
    X(METRIC_BUSY_PASSWORDS,   "ccr_limiter_decisions_total", "limit=\"passwords\",decision=\"refused\"", "")        \
    X(METRIC_BUSY_HEAVY,       "ccr_limiter_decisions_total", "limit=\"heavy\",decision=\"refused\"", "")            \
    X(METRIC_BUSY_OUTBOUND,    "ccr_limiter_decisions_total", "limit=\"outbound\",decision=\"refused\"", "")         \
    X(METRIC_BUSY_STREAMS,     "ccr_limiter_decisions_total", "limit=\"streams\",decision=\"refused\"", "")          \
    X(METRIC_WAITED_IN_LINE,   "ccr_admission_waits_total", "", "Requests that found too much in progress: they waited or were refused.") \
    X(METRIC_DATABASE_CONNECT, "ccr_database_connections_total", "result=\"made\"", "Connections to PostgreSQL.")      \
    X(METRIC_DATABASE_FAILED,  "ccr_database_connections_total", "result=\"failed\"", "")                              \
    X(METRIC_DATABASE_LOST,    "ccr_database_connections_total", "result=\"lost\"", "")                                \
    X(METRIC_DATABASE_RENEWED, "ccr_database_connections_total", "result=\"renewed\"", "")                             \
    X(METRIC_REDIS_COMMAND,    "ccr_redis_commands_total", "result=\"ok\"", "Commands sent to Redis.")                 \
    X(METRIC_REDIS_FAILED,     "ccr_redis_commands_total", "result=\"failed\"", "")                                    \
    X(METRIC_DROPPED_CLIENT,   "ccr_requests_dropped_total", "reason=\"client_gone\"", "Requests given up before any work.") \
    X(METRIC_DROPPED_QUEUE,    "ccr_requests_dropped_total", "reason=\"queue_timeout\"", "")                           \
    X(METRIC_DROPPED_INCOMPLETE, "ccr_requests_dropped_total", "reason=\"incomplete\"", "")                              \
    X(METRIC_DROPPED_BREAKER,  "ccr_requests_dropped_total", "reason=\"database_down\"", "")                           \
    X(METRIC_LIVE_OPENED,      "ccr_live_handshakes_total", "result=\"opened\"", "WebSockets of live events, let in or not.") \
    X(METRIC_LIVE_REFUSED,     "ccr_live_handshakes_total", "result=\"refused\"", "")                                   \
    X(METRIC_LIVE_SLOW,        "ccr_live_dropped_total", "", "Of those, dropped because they did not read.")         \
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

/* ---- requests and statements: what is not known beforehand ---- */

/* How many different ones are told apart; those that come when a table is full are counted together as "other". */
enum { METRICS_REQUESTS = 8192, METRICS_DURATIONS = 1024, METRICS_STATEMENTS = 512 };
enum { METRICS_BUCKETS = 14, METRICS_NAME = 64 /* PostgreSQL's longest name, and its NUL */ };

/* One request that was answered. `route` is request.route_number: 0 = none; `method` is enum method. */
void metrics_request(size_t route, unsigned method, unsigned status, int64_t duration_us);
/* One statement that was sent. */
void metrics_statement(const char *name, int64_t duration_us, bool failed);

/* The upper bounds of the buckets of a kind of durations, in rising order; the last bucket has none. */
struct metrics_bounds {
    size_t count;
    int64_t us[METRICS_BUCKETS];
};
extern const struct metrics_bounds metrics_request_bounds, metrics_statement_bounds;

/* ---- reading: each cell, from 0 until `size` of its kind; false when nobody counts there ---- */

struct metrics_durations {
    uint64_t bucket[METRICS_BUCKETS + 1]; /* each counts its own part: add them up for what Prometheus wants */
    uint64_t sum_us;
};
struct metrics_series {
    bool other; /* of the rest: what follows says nothing */
    size_t route;
    unsigned method, status;
};
bool metrics_requests_at(size_t cell, struct metrics_series *out, uint64_t *count); /* METRICS_REQUESTS + 1 */
bool metrics_durations_at(size_t cell, struct metrics_series *out, struct metrics_durations *durations); /* likewise */
bool metrics_statements_at(size_t cell, char name[METRICS_NAME], struct metrics_durations *durations, uint64_t *failed);
