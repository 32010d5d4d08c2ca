/* The page of metrics: its exact text for known counts. */
#include "metrics.h"
#include "request_fixture.h"

extern const struct route metrics_routes[];

static struct response rs;

static int set_up(void **state)
{
    static struct scoreboard *board;
    char problem[256];
    (void)state;
    if (!board)
        board = scoreboard_new(3);
    settings = (struct settings){.redis_url = "", .min_connections = 1, .max_connections = 3};
    service.board = board;
    if (!service.db)
        service.db = db_new(&settings);
    return board && metrics_init() && router_init(problem, sizeof problem) ? 0 : -1;
}

/* The page; valid until the next one. */
static const char *page(void)
{
    assert_int_equal(parse_target("/metrics"), ERR_NONE);
    response_init(&rs);
    assert_int_equal(router_find(&rq), ERR_NONE);
    assert_int_equal(rq.route->run(&rq, &rs), ERR_NONE);
    assert_int_equal(rs.status, 200);
    assert_non_null(strstr(buffer_string(&rs.headers), "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    return buffer_string(&rs.body);
}

/* The lines must stand in the page, one behind the other. */
static void holds(const char *text)
{
    const char *whole = page(), *found = strstr(whole, text);
    if (!found || (found != whole && found[-1] != '\n'))
        fail_msg("not on the page:\n%s\n--- but:\n%s", text, whole);
    response_free(&rs);
}

static void counters_have_one_head_a_name(void **state)
{
    (void)state;
    metrics_add(METRIC_POOL_DIED, 3);
    metrics_add(METRIC_CACHE_EVICTED, 12345678901234567890u);
    holds("# HELP ccr_pool_events_total What became of workers.\n"
          "# TYPE ccr_pool_events_total counter\n"
          "ccr_pool_events_total{event=\"started\"} 0\n"
          "ccr_pool_events_total{event=\"died\"} 3\n"
          "ccr_pool_events_total{event=\"killed\"} 0\n");
    holds("# TYPE ccr_cache_evictions_total counter\nccr_cache_evictions_total 12345678901234567890\n");
}

static void every_name_has_one_head(void **state)
{
    (void)state;
    metrics_request(1, METHOD_GET, 200, 1);
    metrics_statement("x", 1, false);
    for (const char *line = page(); *line; line = strchr(line, '\n') + 1) {
        char head[128];
        if (strncmp(line, "# TYPE ", 7) != 0)
            continue;
        snprintf(head, sizeof head, "%.*s", (int)strcspn(line + 7, " ") + 8, line);
        if (strstr(line + 1, head))
            fail_msg("twice: %s", head);
        memcpy(head + 2, "HELP", 4);
        if (!strstr(buffer_string(&rs.body), head))
            fail_msg("missing: %s", head);
    }
    response_free(&rs);
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    metrics_statement("select", 250, false);
    metrics_statement("select", 251, true);
    metrics_statement("select", 3000000, false);
    holds("ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.00025\"} 1\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.001\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.005\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.025\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.1\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"0.5\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"2.5\"} 2\n"
          "ccr_database_statement_duration_seconds_bucket{statement=\"select\",le=\"+Inf\"} 3\n"
          "ccr_database_statement_duration_seconds_sum{statement=\"select\"} 3.000501\n"
          "ccr_database_statement_duration_seconds_count{statement=\"select\"} 3\n");
    holds("ccr_database_statement_failures_total{statement=\"select\"} 1\n");
}

static void routes_are_named(void **state)
{
    (void)state;
    assert_int_equal(parse_target("/api/configs/x"), ERR_NONE);
    assert_int_equal(router_find(&rq), ERR_NONE);
    metrics_request(rq.route_number, METHOD_GET, 200, 1000);
    metrics_request(rq.route_number, METHOD_HEAD, 404, 1000);
    metrics_request(0, METHOD_OTHER, 405, 1000);
    holds("ccr_http_requests_total{method=\"GET\",route=\"/api/configs/{name}\",status=\"200\"} 1\n");
    holds("ccr_http_requests_total{method=\"HEAD\",route=\"/api/configs/{name}\",status=\"404\"} 1\n");
    holds("ccr_http_requests_total{method=\"OTHER\",route=\"none\",status=\"405\"} 1\n");
    holds("ccr_http_request_duration_seconds_bucket{method=\"HEAD\",route=\"/api/configs/{name}\",le=\"0.0005\"} 0\n"
          "ccr_http_request_duration_seconds_bucket{method=\"HEAD\",route=\"/api/configs/{name}\",le=\"0.001\"} 1\n");
}

static void the_rest_is_called_other(void **state)
{
    char name[32];
    (void)state;
    for (int i = 0; i < METRICS_STATEMENTS * 3; i++) {
        snprintf(name, sizeof name, "s%d", i);
        metrics_statement(name, 1, false);
    }
    for (size_t i = 0; i < METRICS_REQUESTS * 2; i++)
        metrics_request(i, METHOD_GET, 200, 1);
    const char *text = page();
    assert_non_null(strstr(text, "\nccr_database_statement_duration_seconds_count{statement=\"other\"} "));
    assert_non_null(strstr(text, "\nccr_http_requests_total{method=\"other\",route=\"other\",status=\"other\"} "));
    assert_non_null(strstr(text, "\nccr_http_request_duration_seconds_count{method=\"other\",route=\"other\"} "));
    assert_false(rs.body.overflow);
    response_free(&rs);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    metrics_statement("a\"b\\c\nd", 1, false);
    holds("ccr_database_statement_failures_total{statement=\"a\\\"b\\\\c\\nd\"} 0\n");
}

static void servers_and_workers(void **state)
{
    (void)state;
    scoreboard_stage(&service.board->slot[0], STAGE_IDLE);
    scoreboard_stage(&service.board->slot[1], STAGE_HANDLING);
    holds("ccr_workers{stage=\"starting\"} 0\n"
          "ccr_workers{stage=\"disconnected\"} 0\n"
          "ccr_workers{stage=\"idle\"} 1\n"
          "ccr_workers{stage=\"reading\"} 0\n"
          "ccr_workers{stage=\"handling\"} 1\n");
    holds("ccr_workers_min 1\n");
    holds("ccr_workers_max 3\n");
    holds("ccr_database_up 0\n");
    assert_null(strstr(page(), "ccr_redis_up"));
    response_free(&rs);
    atomic_store(&service.board->database_seen_ms, monotonic_ms());
    settings.redis_url = "redis://127.0.0.1";
    holds("ccr_database_up 1\n");
    holds("ccr_redis_up 1\n");
    breaker_failed(&service.board->database, monotonic_ms(), 1000);
    breaker_failed(&service.board->redis, monotonic_ms(), 1000);
    holds("ccr_database_up 0\n");
    holds("ccr_redis_up 0\n");
    holds("ccr_breaker_openings_total{server=\"database\"} 1\nccr_breaker_openings_total{server=\"redis\"} 1\n");
    breaker_good(&service.board->database);
    atomic_store(&service.board->database_seen_ms, monotonic_ms() - 10000);
    holds("ccr_database_up 0\n");
    service.board = NULL;
    holds("ccr_workers_min 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counters_have_one_head_a_name, set_up),
        cmocka_unit_test_setup(every_name_has_one_head, set_up),
        cmocka_unit_test_setup(histograms_are_cumulative, set_up),
        cmocka_unit_test_setup(routes_are_named, set_up),
        cmocka_unit_test_setup(the_rest_is_called_other, set_up),
        cmocka_unit_test_setup(labels_are_escaped, set_up),
        cmocka_unit_test_setup(servers_and_workers, set_up),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
