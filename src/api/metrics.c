/* GET /metrics: the shared counters and the scoreboard in Prometheus' text format (exposition format 0.0.4). Everything
 * is read from memory, so that it answers while PostgreSQL is away, and costs it nothing. */
#include "metrics.h"

#include <stddef.h>
#include <string.h>

#include "build_info.h"
#include "housekeeping.h"
#include "in_progress.h"
#include "router.h"
#include "util.h"

/* A worker without a connection of its own believes the others for so long: idle ones say so twice a second. */
enum { DATABASE_SEEN_MS = 2000 };

#define MICROSECONDS 1e6

static void metric_head(struct buffer *page, const char *name, const char *type, const char *help)
{
    buffer_printf(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metric_gauge(struct buffer *page, const char *name, const char *help, long long value)
{
    metric_head(page, name, "gauge", help);
    buffer_printf(page, "%s %lld\n", name, value);
}

/* name="value" with the value's backslashes, quotation marks and line ends escaped. */
static void put_label(struct buffer *page, const char *name, const char *value)
{
    buffer_printf(page, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            buffer_text(page, "\\n");
        else if (*value == '\\' || *value == '"')
            buffer_printf(page, "\\%c", *value);
        else
            buffer_char(page, *value);
    }
    buffer_char(page, '"');
}

/* ---- the rows of METRICS ---------------------------------------------------------------------------------------- */

static void write_counters(struct buffer *page)
{
    static const struct {
        const char *name, *labels, *help;
    } rows[METRIC_COUNT] = {
#define METRIC_ROW(id, name, labels, help) {name, labels, help},
        METRICS(METRIC_ROW)
#undef METRIC_ROW
    };
    const char *last = "";
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(last, rows[i].name) != 0)
            metric_head(page, rows[i].name, "counter", rows[i].help);
        last = rows[i].name;
        buffer_printf(page, *rows[i].labels ? "%s{%s} %llu\n" : "%s%s %llu\n", rows[i].name, rows[i].labels,
                      (unsigned long long)metrics_value((enum metric)i));
    }
}

/* ---- requests and statements ------------------------------------------------------------------------------------ */

/* One histogram; its labels are in the buffer `labels`. The count is the sum of what was read of the buckets, not a
 * counter of its own, so that the two agree while others go on counting. */
static void write_durations(struct buffer *page, const char *name, const char *labels,
                            const struct metrics_bounds *bounds, const struct metrics_durations *durations)
{
    unsigned long long count = 0;
    for (size_t i = 0; i <= bounds->count; i++) {
        count += durations->bucket[i];
        if (i < bounds->count)
            buffer_printf(page, "%s_bucket{%s,le=\"%g\"} %llu\n", name, labels, (double)bounds->us[i] / MICROSECONDS,
                          count);
    }
    buffer_printf(page, "%s_bucket{%s,le=\"+Inf\"} %llu\n", name, labels, count);
    buffer_printf(page, "%s_sum{%s} %.6f\n", name, labels, (double)durations->sum_us / MICROSECONDS);
    buffer_printf(page, "%s_count{%s} %llu\n", name, labels, count);
}

static void put_request(struct buffer *page, const struct metrics_series *request)
{
    const struct route *route = router_at(request->route);
    bool known = !request->other && request->method < METHOD_COUNT;
    put_label(page, "method", known ? method_names[request->method] : "other");
    buffer_char(page, ',');
    put_label(page, "route", request->other ? "other" : route ? route->pattern : "none");
}

static void write_requests(struct buffer *page)
{
    struct metrics_series request;
    uint64_t count;
    metric_head(page, "ccr_http_requests_total", "counter", "Requests answered, by route and status.");
    for (size_t i = 0; i <= METRICS_REQUESTS; i++) {
        if (!metrics_requests_at(i, &request, &count))
            continue;
        buffer_text(page, "ccr_http_requests_total{");
        put_request(page, &request);
        if (request.other)
            buffer_text(page, ",status=\"other\"");
        else
            buffer_printf(page, ",status=\"%u\"", request.status);
        buffer_printf(page, "} %llu\n", (unsigned long long)count);
    }
}

static void write_request_durations(struct buffer *page, struct buffer *labels)
{
    struct metrics_series request;
    struct metrics_durations durations;
    metric_head(page, "ccr_http_request_duration_seconds", "histogram",
                "Time from a request's parameters being read to its answer being ready.");
    for (size_t i = 0; i <= METRICS_DURATIONS; i++) {
        if (!metrics_durations_at(i, &request, &durations))
            continue;
        buffer_reset(labels);
        put_request(labels, &request);
        write_durations(page, "ccr_http_request_duration_seconds", buffer_string(labels), &metrics_request_bounds,
                        &durations);
    }
}

static void write_statements(struct buffer *page, struct buffer *labels)
{
    char name[METRICS_NAME];
    struct metrics_durations durations;
    uint64_t failed;
    metric_head(page, "ccr_database_statement_duration_seconds", "histogram",
                "Round trips to PostgreSQL, by statement.");
    for (size_t i = 0; i <= METRICS_STATEMENTS; i++) {
        if (!metrics_statements_at(i, name, &durations, &failed))
            continue;
        buffer_reset(labels);
        put_label(labels, "statement", name);
        write_durations(page, "ccr_database_statement_duration_seconds", buffer_string(labels),
                        &metrics_statement_bounds, &durations);
    }
    metric_head(page, "ccr_database_statement_failures_total", "counter",
                "Statements that failed; conflicts are no failures.");
    for (size_t i = 0; i <= METRICS_STATEMENTS; i++) {
        if (!metrics_statements_at(i, name, &durations, &failed))
            continue;
        buffer_text(page, "ccr_database_statement_failures_total{");
        put_label(page, "statement", name);
        buffer_printf(page, "} %llu\n", (unsigned long long)failed);
    }
}

/* ---- what is so now --------------------------------------------------------------------------------------------- */

static void write_build(struct buffer *page)
{
    metric_head(page, "ccr_build_info", "gauge", "Always 1: which program this is.");
    buffer_text(page, "ccr_build_info{");
    put_label(page, "version", build_version);
    buffer_char(page, ',');
    put_label(page, "commit", build_commit);
    buffer_text(page, "} 1\n");
}

static void write_worker_gauges(struct buffer *page, const struct settings *settings, const struct scoreboard *board)
{
    metric_head(page, "ccr_workers", "gauge", "Workers by what they are doing.");
    for (int stage = STAGE_EMPTY + 1; board && stage < STAGE_COUNT; stage++)
        buffer_printf(page, "ccr_workers{stage=\"%s\"} %d\n", stage_name((enum worker_stage)stage),
                      scoreboard_count(board, (enum worker_stage)stage));
    static const char *const kinds[WORK_COUNT] = {
        [WORK_READ] = "read",         [WORK_WRITE] = "write",       [WORK_HEAVY] = "heavy",
        [WORK_PASSWORD] = "password", [WORK_OUTBOUND] = "outbound", [WORK_STREAM] = "stream"};
    metric_head(page, "ccr_requests_in_progress", "gauge",
                "Requests in progress by kind, those that wait for others of their kind as well.");
    for (int kind = WORK_NONE + 1; board && kind < WORK_COUNT; kind++)
        buffer_printf(page, "ccr_requests_in_progress{kind=\"%s\"} %d\n", kinds[kind],
                      in_progress_count(board, (enum work_kind)kind));
    metric_gauge(page, "ccr_workers_min", "Fewest workers (MIN_CONNECTIONS).", settings->min_connections);
    metric_gauge(page, "ccr_workers_max", "Most workers (MAX_CONNECTIONS).", settings->max_connections);
}

/* This worker's own connection, else what another one said a moment ago; never while the breaker is open. */
static bool database_is_up(const struct request *rq)
{
    const struct scoreboard *board = rq->service->board;
    int64_t seen = board ? atomic_load(&board->database_seen_ms) : 0;
    if (board && breaker_is_open(&board->database))
        return false;
    return db_fd(rq->actor.db) >= 0 || (seen && monotonic_ms() - seen <= DATABASE_SEEN_MS);
}

static void write_servers(struct buffer *page, const struct request *rq)
{
    const struct scoreboard *board = rq->service->board;
    bool redis = *rq->service->settings->redis_url;
    metric_gauge(page, "ccr_database_up", "1 while PostgreSQL can be used.", database_is_up(rq));
    if (redis)
        metric_gauge(page, "ccr_redis_up", "1 while Redis can be used.", !board || !breaker_is_open(&board->redis));
    metric_head(page, "ccr_breaker_openings_total", "counter", "Times a server was found to be away.");
    if (board)
        buffer_printf(page, "ccr_breaker_openings_total{server=\"database\"} %llu\n",
                      (unsigned long long)atomic_load(&board->database.openings));
    if (board && redis)
        buffer_printf(page, "ccr_breaker_openings_total{server=\"redis\"} %llu\n",
                      (unsigned long long)atomic_load(&board->redis.openings));
}

/* ---- housekeeping ----------------------------------------------------------------------------------------------- */

static void write_job_counts(struct buffer *page, const struct house_board *board)
{
    static const struct {
        const char *name, *labels, *help;
        size_t count; /* where it stands in struct house_cell */
    } rows[] = {
        {"ccr_housekeeping_runs_total", ",result=\"done\"",
         "Jobs done to their end, and batches that gave way to a lock or failed.", offsetof(struct house_cell, done)},
        {"ccr_housekeeping_runs_total", ",result=\"gave_way\"", "", offsetof(struct house_cell, gave_way)},
        {"ccr_housekeeping_runs_total", ",result=\"failed\"", "", offsetof(struct house_cell, failed)},
        {"ccr_housekeeping_rows_total", "", "Rows removed or mended by this host.", offsetof(struct house_cell, rows)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (*rows[i].help)
            metric_head(page, rows[i].name, "counter", rows[i].help);
        for (size_t job = 0; house_jobs[job].name; job++) {
            const char *cell = (const char *)&board->jobs[job];
            buffer_printf(page, "%s{task=\"%s\"%s} %llu\n", rows[i].name, house_jobs[job].name, rows[i].labels,
                          (unsigned long long)atomic_load((const _Atomic uint64_t *)(cell + rows[i].count)));
        }
    }
}

static void write_housekeeping(struct buffer *page, const struct house_board *board, const struct settings *settings)
{
    metric_gauge(page, "ccr_housekeeping_leads", "1 while it is this host that does the housekeeping of its database.",
                 atomic_load(&board->leads));
    write_job_counts(page, board);
    metric_head(page, "ccr_housekeeping_seconds_total", "counter", "Time spent on it, without the pauses.");
    for (size_t job = 0; house_jobs[job].name; job++)
        buffer_printf(page, "ccr_housekeeping_seconds_total{task=\"%s\"} %.6f\n", house_jobs[job].name,
                      (double)atomic_load(&board->jobs[job].worked_us) / MICROSECONDS);
    metric_head(page, "ccr_housekeeping_last_success_timestamp_seconds", "gauge",
                "When the job last came to its end, on whatever host; 0 = never.");
    for (size_t job = 0; house_jobs[job].name; job++)
        if (house_job_wanted(settings, &house_jobs[job]))
            buffer_printf(page, "ccr_housekeeping_last_success_timestamp_seconds{task=\"%s\"} %lld\n",
                          house_jobs[job].name, (long long)atomic_load(&board->jobs[job].succeeded_s));
    metric_head(page, "ccr_housekeeping_interval_seconds", "gauge", "How often it is done.");
    for (size_t job = 0; house_jobs[job].name; job++)
        if (house_job_wanted(settings, &house_jobs[job]))
            buffer_printf(page, "ccr_housekeeping_interval_seconds{task=\"%s\"} %d\n", house_jobs[job].name,
                          house_jobs[job].interval_s);
}

static int count_waiting(const struct settings *settings)
{
    struct setting_shown setting;
    int count = 0;
    for (size_t i = 0; settings_at(settings, i, &setting); i++)
        count += setting.waiting != NULL;
    return count;
}

/* ---- the page --------------------------------------------------------------------------------------------------- */

static enum error metrics(struct request *rq, struct response *rs)
{
    const struct scoreboard *board = rq->service->board;
    struct buffer *page = &rs->body, labels;
    buffer_init_in(&labels, rq->actor.arena, KIB);
    respond_begin_bare(rs, 200);
    response_header(rs, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    write_build(page);
    metric_gauge(page, "ccr_uptime_seconds", "Since the master started.",
                 board ? (monotonic_ms() - board->started_ms) / 1000 : 0);
    write_worker_gauges(page, rq->service->settings, board);
    write_servers(page, rq);
    metric_gauge(page, "ccr_settings_waiting", "Changed settings that take effect at a restart only.",
                 count_waiting(rq->service->settings));
    if (board && rq->service->settings->events_socket)
        metric_gauge(page, "ccr_live_connections", "WebSockets of live events that are open.",
                     atomic_load(&board->live_connections));
    if (board && rq->service->settings->housekeeping)
        write_housekeeping(page, &board->house, rq->service->settings);
    write_counters(page);
    write_requests(page);
    write_request_durations(page, &labels);
    write_statements(page, &labels);
    respond_end(rs);
    return ERR_NONE;
}

const struct route metrics_routes[] = {
    {METHOD_GET, "/metrics", metrics, ACCESS_MONITOR, .flags = ROUTE_NO_DATABASE},
    {0},
};
