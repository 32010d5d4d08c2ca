/* Metrics: what several processes count at once, tables that are full, and processes that are killed in the middle. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "metrics.h"
#include "util.h"

enum { CHILDREN = 2, ROUNDS = 20000, NAMES = 100 };

static int set_up(void **state)
{
    (void)state;
    return metrics_init() ? 0 : -1; /* fresh memory for each test */
}

static uint64_t total(const struct metrics_durations *durations)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++)
        count += durations->bucket[i];
    return count;
}

static const char *name_of(int number)
{
    static char name[METRICS_NAME];
    snprintf(name, sizeof name, "statement_%d", number);
    return name;
}

/* How often the statement was counted, over all cells of that name; *cells says how many there are. */
static uint64_t statement_count(const char *wanted, int *cells)
{
    char name[METRICS_NAME];
    struct metrics_durations durations;
    uint64_t failed, count = 0;
    *cells = 0;
    for (size_t i = 0; i <= METRICS_STATEMENTS; i++) {
        if (!metrics_statements_at(i, name, &durations, &failed) || strcmp(name, wanted) != 0)
            continue;
        ++*cells;
        count += total(&durations);
    }
    return count;
}

/* Answers counted for a route, method and status; in all, when method is METHOD_ANY. */
enum { METHOD_ANY = 100 };

static uint64_t request_count(size_t route, unsigned method, unsigned status)
{
    struct metrics_series series;
    uint64_t count, sum = 0;
    for (size_t i = 0; i <= METRICS_REQUESTS; i++) {
        if (!metrics_requests_at(i, &series, &count))
            continue;
        if (method == METHOD_ANY ||
            (!series.other && series.route == route && series.method == method && series.status == status))
            sum += count;
    }
    return sum;
}

static void nothing_is_counted_before_the_start(void **state)
{
    struct metrics_series series;
    struct metrics_durations durations;
    char name[METRICS_NAME];
    uint64_t count;
    (void)state;
    metrics_add(METRIC_CACHE_HIT, 1);
    metrics_request(1, 1, 200, 1);
    metrics_statement("early", 1, true);
    assert_int_equal(metrics_value(METRIC_CACHE_HIT), 0);
    assert_false(metrics_requests_at(0, &series, &count));
    assert_false(metrics_durations_at(0, &series, &durations));
    assert_false(metrics_statements_at(0, name, &durations, &count));
}

static void there_is_no_cell_behind_the_last(void **state)
{
    struct metrics_series series;
    struct metrics_durations durations;
    char name[METRICS_NAME];
    uint64_t count;
    (void)state;
    assert_false(metrics_requests_at(METRICS_REQUESTS + 1, &series, &count));
    assert_false(metrics_durations_at(METRICS_DURATIONS + 1, &series, &durations));
    assert_false(metrics_statements_at(METRICS_STATEMENTS + 1, name, &durations, &count));
}

static void requests_are_told_apart(void **state)
{
    (void)state;
    metrics_request(0, 0, 404, 10);
    metrics_request(0, 1, 404, 10);
    metrics_request(70, 1, 200, 10);
    metrics_request(70, 1, 200, 10);
    metrics_request(70, 2, 200, 10);
    metrics_request(70, 1, 503, 10);
    assert_int_equal(request_count(0, 0, 404), 1);
    assert_int_equal(request_count(0, 1, 404), 1);
    assert_int_equal(request_count(70, 1, 200), 2);
    assert_int_equal(request_count(70, 2, 200), 1);
    assert_int_equal(request_count(70, 1, 503), 1);
    assert_int_equal(request_count(0, METHOD_ANY, 0), 6);
}

static void durations_fall_into_their_buckets(void **state)
{
    /* A bound belongs to its bucket: le is "less or equal". */
    static const struct {
        int64_t us;
        int bucket;
    } cases[] = {{-5, 0},     {0, 0},        {500, 0},       {501, 1},       {1000, 1},    {1001, 2},
                 {250000, 8}, {9999999, 13}, {10000000, 13}, {10000001, 14}, {1 << 30, 14}};
    struct metrics_series series;
    struct metrics_durations durations;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        metrics_request(i + 1, 1, 200, cases[i].us);
    for (size_t cell = 0; cell <= METRICS_DURATIONS; cell++) {
        if (!metrics_durations_at(cell, &series, &durations))
            continue;
        size_t i = series.route - 1;
        assert_in_range(i, 0, ARRAY_SIZE(cases) - 1);
        assert_int_equal(durations.bucket[cases[i].bucket], 1);
        assert_int_equal(total(&durations), 1);
        assert_int_equal(durations.sum_us, cases[i].us > 0 ? cases[i].us : 0);
    }
}

static void bounds_rise(void **state)
{
    static const struct metrics_bounds *const all[] = {&metrics_request_bounds, &metrics_statement_bounds};
    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
        assert_in_range(all[k]->count, 1, METRICS_BUCKETS);
        for (size_t i = 1; i < all[k]->count; i++)
            assert_true(all[k]->us[i] > all[k]->us[i - 1]);
    }
}

static void count_a_round(int i)
{
    metrics_add(METRIC_CACHE_HIT, 1);
    metrics_request((size_t)i % NAMES, 1 + (unsigned)i % 2, 200, i);
    metrics_statement(name_of(i % NAMES), i, i % 10 == 0);
}

static void processes_lose_nothing(void **state)
{
    pid_t children[CHILDREN];
    struct metrics_durations durations;
    char name[METRICS_NAME];
    uint64_t failed, failures = 0, sum = 0;
    (void)state;
    for (int c = 0; c < CHILDREN; c++) {
        children[c] = fork();
        if (children[c] == 0) {
            for (int i = 0; i < ROUNDS; i++)
                count_a_round(i);
            _exit(0);
        }
    }
    for (int c = 0; c < CHILDREN; c++)
        waitpid(children[c], NULL, 0);
    assert_int_equal(metrics_value(METRIC_CACHE_HIT), CHILDREN * ROUNDS);
    assert_int_equal(request_count(0, METHOD_ANY, 0), CHILDREN * ROUNDS);
    for (int i = 0; i < NAMES; i++) {
        int cells;
        assert_int_equal(statement_count(name_of(i), &cells), CHILDREN * ROUNDS / NAMES);
        assert_int_equal(cells, 1);
    }
    for (size_t i = 0; i <= METRICS_STATEMENTS; i++)
        if (metrics_statements_at(i, name, &durations, &failed)) {
            failures += failed;
            sum += durations.sum_us;
        }
    assert_int_equal(failures, CHILDREN * ROUNDS / 10);
    assert_int_equal(sum, (uint64_t)CHILDREN * ROUNDS * (ROUNDS - 1) / 2);
}

static void a_full_table_counts_the_rest_together(void **state)
{
    enum { MORE = METRICS_STATEMENTS + 300 };
    uint64_t known = 0;
    int cells, named = 0;
    (void)state;
    for (int twice = 0; twice < 2; twice++)
        for (int i = 0; i < MORE; i++)
            metrics_statement(name_of(i), 100, false);
    for (int i = 0; i < MORE; i++) {
        known += statement_count(name_of(i), &cells);
        assert_in_range(cells, 0, 1);
        named += cells;
    }
    assert_true(named > METRICS_STATEMENTS * 3 / 4);
    assert_in_range(named, 1, METRICS_STATEMENTS);
    assert_int_equal(known, 2 * named);
    assert_int_equal(statement_count("other", &cells), 2 * (MORE - named));
    assert_int_equal(cells, 1);
    for (size_t i = 0; i < METRICS_REQUESTS + 500; i++)
        metrics_request(i, 1, 200, 1);
    assert_int_equal(request_count(0, METHOD_ANY, 0), METRICS_REQUESTS + 500);
}

static void names_are_cut_where_postgresql_cuts_them(void **state)
{
    char name[METRICS_NAME + 20], expected[METRICS_NAME];
    int cells;
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    metrics_statement(name, 1, false);
    memset(expected, 'n', sizeof expected - 1);
    expected[sizeof expected - 1] = '\0';
    assert_int_equal(statement_count(expected, &cells), 1);
}

/* Killed at any instruction, of claiming and of counting. What it counted is there; what comes after is counted right. */
static void a_killed_process_leaves_the_tables_usable(void **state)
{
    int cells;
    (void)state;
    for (int round = 0; round < 40; round++) {
        assert_true(metrics_init());
        pid_t child = fork();
        if (child == 0)
            for (int i = 0;; i++)
                count_a_round(i % NAMES);
        usleep((useconds_t)(round * 25));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        uint64_t hits = metrics_value(METRIC_CACHE_HIT), requests = request_count(0, METHOD_ANY, 0);
        assert_in_range(hits - requests, 0, 1);
        uint64_t before[NAMES];
        for (int i = 0; i < NAMES; i++)
            before[i] = statement_count(name_of(i), &cells);
        for (int i = 0; i < NAMES; i++)
            count_a_round(i);
        for (int i = 0; i < NAMES; i++) {
            assert_int_equal(statement_count(name_of(i), &cells), before[i] + 1);
            assert_int_equal(cells, 1);
        }
        assert_int_equal(request_count(0, METHOD_ANY, 0), requests + NAMES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_before_the_start),
        cmocka_unit_test_setup(there_is_no_cell_behind_the_last, set_up),
        cmocka_unit_test_setup(requests_are_told_apart, set_up),
        cmocka_unit_test_setup(durations_fall_into_their_buckets, set_up),
        cmocka_unit_test_setup(bounds_rise, set_up),
        cmocka_unit_test_setup(processes_lose_nothing, set_up),
        cmocka_unit_test_setup(a_full_table_counts_the_rest_together, set_up),
        cmocka_unit_test_setup(names_are_cut_where_postgresql_cuts_them, set_up),
        cmocka_unit_test_setup(a_killed_process_leaves_the_tables_usable, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
