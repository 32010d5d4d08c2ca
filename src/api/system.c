/* System: is it healthy, is it alive, how busy is the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "build_info.h"
#include "migrate.h"
#include "router.h"
#include "util.h"

enum { STATUS_CONNECT_MS = 50, GIB = 1024 * 1024 * 1024, TEXT_MAX = 256 };

/* ---- what /proc knows ------------------------------------------------------------------------------------------- */

/* The text behind `key` up to the end of its line, without quotes; "" when the file or key is not there. */
static void read_value_of_file(const char *path, const char *key, char out[TEXT_MAX])
{
    char line[TEXT_MAX * 2];
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *value = line + strlen(key);
        value += strspn(value, " \t:=\"");
        snprintf(out, TEXT_MAX, "%.*s", (int)strcspn(value, "\"\n"), value);
        break;
    }
    if (file)
        fclose(file);
}

static double kib_as_gib(const char *key)
{
    char text[TEXT_MAX];
    read_value_of_file("/proc/meminfo", key, text);
    return strtod(text, NULL) * 1024 / GIB;
}

static long long own_rss_bytes(void)
{
    long long pages = 0;
    char text[TEXT_MAX];
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fgets(text, sizeof text, file)) {
        char *second = strchr(text, ' ');
        pages = second ? strtoll(second, NULL, 10) : 0;
    }
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void put_gib(struct json_writer *w, const char *key, double gib)
{
    json_key(w, key);
    json_put_double(w, gib, 2);
}

static enum error respond_machine(struct request *rq, struct response *rs)
{
    struct utsname host = {0};
    struct sysinfo info = {0};
    char cpu[TEXT_MAX], os[TEXT_MAX], os_version[TEXT_MAX];
    double total = kib_as_gib("MemTotal"), used = total - kib_as_gib("MemAvailable");
    double swap = kib_as_gib("SwapTotal"), swap_used = swap - kib_as_gib("SwapFree");
    int permille = rq->service->board ? atomic_load(&rq->service->board->cpu_permille) : 0;
    uname(&host);
    sysinfo(&info);
    read_value_of_file("/proc/cpuinfo", "model name", cpu);
    read_value_of_file("/etc/os-release", "NAME=", os);
    read_value_of_file("/etc/os-release", "VERSION_ID=", os_version);
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "hostname", host.nodename);
    json_string_member(w, "os", *os ? os : host.sysname);
    json_string_member(w, "os_version", os_version);
    json_string_member(w, "kernel_version", host.release);
    json_string_member(w, "cpu_brand", *cpu ? cpu : host.machine);
    json_int_member(w, "cpu_cores", sysconf(_SC_NPROCESSORS_ONLN));
    json_key(w, "cpu_usage");
    json_put_double(w, permille > 0 ? permille / 10.0 : 0, 1);
    put_gib(w, "total_memory_gb", total);
    put_gib(w, "used_memory_gb", used);
    json_key(w, "memory_usage_percent");
    json_put_double(w, total > 0 ? used / total * 100 : 0, 1);
    put_gib(w, "total_swap_gb", swap);
    put_gib(w, "used_swap_gb", swap_used);
    json_int_member(w, "uptime_seconds", info.uptime);
    return respond_end(rs);
}

/* ---- health ----------------------------------------------------------------------------------------------------- */

struct health {
    bool database, redis; /* redis: also true without one */
    double latency_ms;
    int server_version;
    struct migration_state migrations;
};

static void check_database(struct request *rq, struct health *health)
{
    static const struct statement ping = {"system_ping", "SELECT 1"};
    struct row row;
    if (!db_ready(rq->actor.db, STATUS_CONNECT_MS))
        return;
    int64_t started = monotonic_us();
    health->database = db_one(rq->actor.db, &ping, &row, DB_NO_ARGS) == ERR_NONE;
    health->latency_ms = (double)(monotonic_us() - started) / 1000;
    health->server_version = db_server_version(rq->actor.db);
    if (health->database)
        health->database = migrate_state(rq->actor.db, &health->migrations) == ERR_NONE;
}

static void write_database(struct request *rq, struct json_writer *w, const struct health *health)
{
    const char *version =
        arena_printf(rq->actor.arena, "%d.%d", health->server_version / 10000, health->server_version % 10000);
    json_key(w, "database");
    json_open_object(w);
    json_bool_member(w, "healthy", health->database);
    json_key(w, "latency_ms");
    if (health->database)
        json_put_double(w, health->latency_ms, 3);
    else
        json_put_null(w);
    json_string_member(w, "server_version", health->database ? version : NULL);
    json_key(w, "migrations");
    json_open_object(w);
    json_int_member(w, "applied", health->migrations.applied);
    json_int_member(w, "pending", health->migrations.pending);
    json_close_object(w);
    json_close_object(w);
}

static void write_workers(struct json_writer *w, const struct scoreboard *board)
{
    json_key(w, "workers");
    json_open_object(w);
    json_int_member(w, "total", board ? scoreboard_alive(board) : 1);
    json_int_member(w, "busy", board ? scoreboard_busy(board) : 1);
    json_int_member(w, "restarts", board ? (long long)atomic_load(&board->restarts) : 0);
    json_close_object(w);
}

static void write_memory(struct json_writer *w)
{
    double total = kib_as_gib("MemTotal"), used = total - kib_as_gib("MemAvailable");
    json_key(w, "memory_usage");
    json_open_object(w);
    json_int_member(w, "worker_rss_bytes", own_rss_bytes());
    json_key(w, "system_used_percent");
    json_put_double(w, total > 0 ? used / total * 100 : 0, 1);
    json_close_object(w);
}

/* The cache is the shared memory, Redis, or both; Redis counts rate limits, too. */
static void write_cache(struct json_writer *w, const struct service *service, const struct health *health)
{
    json_key(w, "cache");
    json_open_object(w);
    json_bool_member(w, "enabled", service->settings->cache_size > 0 || service->redis);
    json_bool_member(w, "healthy", health->redis);
    json_close_object(w);
    if (!service->redis)
        return;
    json_key(w, "redis");
    json_open_object(w);
    json_bool_member(w, "healthy", health->redis);
    json_close_object(w);
}

/* Nothing is refused because Redis is away: 200 all the same, or a load balancer would send the clients off. */
static enum error respond_status(struct request *rq, struct response *rs)
{
    const struct scoreboard *board = rq->service->board;
    struct health health = {0};
    char line[256];
    check_database(rq, &health);
    health.redis = !rq->service->redis || redis_healthy(rq->service->redis);
    const char *word = "healthy";
    if (!health.database)
        word = "unhealthy";
    else if (migrate_problem(&health.migrations, line, sizeof line) || !health.redis)
        word = "degraded";
    if (!health.database)
        response_header(rs, "Retry-After", "1");
    struct json_writer *w = respond_object_bare(rs, health.database ? 200 : 503);
    json_string_member(w, "status", word);
    json_string_member(w, "version", build_version);
    json_int_member(w, "uptime", board ? (monotonic_ms() - board->started_ms) / 1000 : 0);
    write_database(rq, w, &health);
    write_cache(w, rq->service, &health);
    write_memory(w);
    write_workers(w, board);
    return respond_end(rs);
}

static enum error respond_live(struct request *rq, struct response *rs)
{
    (void)rq;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_string_member(w, "status", "alive");
    return respond_end(rs);
}

/* For load balancers that want to read two letters. */
static enum error respond_health(struct request *rq, struct response *rs)
{
    (void)rq;
    respond_begin_bare(rs, 200);
    response_header(rs, "Content-Type", "text/plain; charset=utf-8");
    buffer_text(&rs->body, "OK");
    return respond_end(rs);
}

const struct route system_routes[] = {
    {METHOD_GET, "/api/system", respond_machine, ACCESS_USER},
    {METHOD_GET, "/api/system/status", respond_status, ACCESS_PUBLIC, .flags = ROUTE_NO_DATABASE},
    {METHOD_GET, "/api/system/live", respond_live, ACCESS_PUBLIC, .flags = ROUTE_NO_DATABASE},
    {METHOD_GET, "/health", respond_health, ACCESS_PUBLIC, .flags = ROUTE_NO_DATABASE},
    {0},
};
