/* Rate limits: how many pass at once, how fast they come back, and that clients do not disturb each other. */
#include "../test.h"

#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"
#include "metrics.h"
#include "rate_limit.h"
#include "util.h"

#define SECOND 1000000LL

static struct scoreboard *board;
static const struct rate_policy ten_in_ten = {.requests = 10, .period_s = 10, .burst = 20};

static int set_up(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    crypto_init();
    board = scoreboard_new(1);
    return board ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scoreboard_free(board);
    return 0;
}

/* How many of `tries` requests at one moment pass. */
static int passing(const struct rate_policy *policy, const char *client, int tries, long long now)
{
    int passed = 0;
    for (int i = 0; i < tries; i++)
        passed += rate_limit(board, NULL, policy, RATE_ADDRESS, client, now).allowed;
    return passed;
}

static void a_burst_passes_and_then_the_steady_rate(void **state)
{
    (void)state;
    long long now = 1000 * SECOND;
    assert_int_equal(passing(&ten_in_ten, "a", 100, now), 20);
    assert_int_equal(passing(&ten_in_ten, "a", 100, now + SECOND - 1), 0);
    assert_int_equal(passing(&ten_in_ten, "a", 100, now + SECOND), 1);
    assert_int_equal(passing(&ten_in_ten, "a", 100, now + 4 * SECOND), 3);
    assert_int_equal(passing(&ten_in_ten, "a", 100, now + 100 * SECOND), 20);
}

static void a_client_within_the_rate_is_never_refused(void **state)
{
    static const struct rate_policy strict = {.requests = 10, .period_s = 10, .burst = 1};
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(passing(&strict, "a", 1, 1000 * SECOND + i * SECOND), 1);
    assert_int_equal(passing(&strict, "a", 1, 1000 * SECOND + 999 * SECOND + SECOND / 2), 0);
}

static void a_refusal_says_how_long_to_wait(void **state)
{
    static const struct rate_policy slow = {.requests = 1, .period_s = 10, .burst = 2};
    (void)state;
    long long now = 1000 * SECOND;
    struct rate_decision d = rate_limit(board, NULL, &slow, RATE_ADDRESS, "a", now);
    assert_int_equal(d.allowed, 1);
    assert_int_equal(d.remaining, 1);
    d = rate_limit(board, NULL, &slow, RATE_ADDRESS, "a", now);
    assert_int_equal(d.remaining, 0);
    d = rate_limit(board, NULL, &slow, RATE_ADDRESS, "a", now);
    assert_int_equal(d.allowed, 0);
    assert_int_equal(d.retry_after, 10);
    assert_int_equal(rate_limit(board, NULL, &slow, RATE_ADDRESS, "a", now + 9 * SECOND + 1).retry_after, 1);
    assert_int_equal(rate_limit(board, NULL, &slow, RATE_ADDRESS, "a", now + d.retry_after * SECOND).allowed, 1);
}

static void clients_and_kinds_have_limits_of_their_own(void **state)
{
    (void)state;
    long long now = 1000 * SECOND;
    assert_int_equal(passing(&ten_in_ten, "a", 30, now), 20);
    assert_int_equal(passing(&ten_in_ten, "b", 30, now), 20);
    assert_int_equal(rate_limit(board, NULL, &ten_in_ten, RATE_USER, "a", now).allowed, 1);
    assert_int_equal(rate_limit(board, NULL, &ten_in_ten, RATE_LOGIN, "a", now).allowed, 1);
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(passing(&ten_in_ten, longest, 30, now), 20);
}

static void no_limit_and_no_board_let_everything_pass(void **state)
{
    static const struct rate_policy off = {.requests = 0, .period_s = 10, .burst = 20};
    (void)state;
    assert_int_equal(passing(&off, "a", 1000, SECOND), 1000);
    assert_int_equal(rate_limit(NULL, NULL, &ten_in_ten, RATE_ADDRESS, "a", SECOND).allowed, 1);
}

/* After a pause exactly the burst, then the pace, whatever the burst is; a client at the pace passes without any. */
static void bursts_are_exact(void **state)
{
    static const struct {
        int burst, at_once;
    } rows[] = {{0, 1}, {1, 1}, {2, 2}, {20, 20}, {1000000, 1000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct rate_policy policy = {.requests = 100, .period_s = 10, .burst = rows[i].burst};
        char client[] = {(char)('a' + i), '\0'};
        long long now = 1000 * SECOND, interval = SECOND / 10;
        assert_int_equal(passing(&policy, client, 1000, now), rows[i].at_once);
        for (int n = 1; n <= 50 && rows[i].at_once < 1000; n++) {
            assert_int_equal(passing(&policy, client, 2, now + n * interval), 1);
            assert_int_equal(passing(&policy, client, 1, now + n * interval + interval - 1), 0);
        }
        now += 1000000 * SECOND;
        assert_int_equal(passing(&policy, client, 1000, now), rows[i].at_once);
    }
}

/* What is left counts down, and how long until all of it is back counts up. */
static void decisions_say_what_is_left(void **state)
{
    static const struct rate_policy policy = {.requests = 100, .period_s = 10, .burst = 20};
    struct rate_decision d;
    long long now = 1000 * SECOND;
    (void)state;
    for (int n = 1; n <= 20; n++) {
        d = rate_limit(board, NULL, &policy, RATE_USER, "a", now);
        assert_true(d.allowed);
        assert_int_equal(d.limit, 100);
        assert_int_equal(d.period_s, 10);
        assert_int_equal(d.remaining, 20 - n);
        assert_int_equal(d.reset, (n + 9) / 10); /* a tenth of a second each, in whole seconds */
        assert_int_equal(d.retry_after, 0);
    }
    d = rate_limit(board, NULL, &policy, RATE_USER, "a", now);
    assert_false(d.allowed);
    assert_int_equal(d.remaining, 0);
    assert_int_equal(d.retry_after, 1);
    assert_int_equal(d.reset, 1);
}

static bool same(struct rate_decision a, const struct rate_decision *b)
{
    return a.allowed == b->allowed && a.limit == b->limit && a.remaining == b->remaining &&
           a.retry_after == b->retry_after && a.reset == b->reset;
}

static void the_tighter_decision_counts(void **state)
{
    static const struct rate_decision none = {.allowed = true}, many = {true, 100, 10, 19, 0, 1},
                                      few = {true, 100, 10, 3, 0, 2}, longer = {true, 100, 10, 3, 0, 4},
                                      refused = {false, 100, 10, 0, 7, 7}, last = {true, 100, 10, 0, 0, 20};
    static const struct {
        const struct rate_decision *a, *b, *tighter;
    } rows[] = {{&none, &many, &many},       {&many, &few, &few},   {&few, &longer, &longer},
                {&refused, &last, &refused}, {&none, &none, &none}, {&many, &refused, &refused}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_true(same(rate_tighter(*rows[i].a, *rows[i].b), rows[i].tighter));
        assert_true(same(rate_tighter(*rows[i].b, *rows[i].a), rows[i].tighter));
    }
}

static void headers_say_it(void **state)
{
    static const struct rate_decision none = {.allowed = true}, few = {true, 100, 10, 3, 0, 2};
    struct buffer headers;
    (void)state;
    buffer_init(&headers, 1024);
    rate_headers(&none, &headers);
    assert_int_equal(headers.length, 0);
    rate_headers(&few, &headers);
    assert_string_equal(buffer_string(&headers), "RateLimit-Limit: 100\r\nRateLimit-Remaining: 3\r\n"
                                                 "RateLimit-Reset: 2\r\nRateLimit-Policy: 100;w=10\r\n");
    buffer_free(&headers);
}

static void decisions_are_counted(void **state)
{
    static const enum metric refusals[] = {
        [RATE_ADDRESS] = METRIC_LIMIT_ADDRESS, [RATE_USER] = METRIC_LIMIT_USER, [RATE_LOGIN] = METRIC_LIMIT_LOGIN};
    static const struct rate_policy off = {0, 10, 20};
    (void)state;
    for (int kind = 0; kind < RATE_KIND_COUNT; kind++) {
        uint64_t allowed = metrics_value(METRIC_LIMIT_ALLOWED), refused = metrics_value(refusals[kind]);
        for (int n = 0; n < 30; n++)
            rate_limit(board, NULL, &ten_in_ten, (enum rate_kind)kind, "a", 1000 * SECOND);
        rate_limit(board, NULL, &off, (enum rate_kind)kind, "a", 1000 * SECOND);
        assert_int_equal(metrics_value(METRIC_LIMIT_ALLOWED) - allowed, 20);
        assert_int_equal(metrics_value(refusals[kind]) - refused, 10);
    }
}

/* Far more clients than a neighbourhood has cells: those that are over make room, and nobody who behaves is refused. */
static void cells_of_idle_clients_are_taken_over(void **state)
{
    (void)state;
    char client[32];
    int refused = 0;
    for (int i = 0; i < 4 * RATE_CELLS; i++) {
        snprintf(client, sizeof client, "client-%d", i);
        refused += !rate_limit(board, NULL, &ten_in_ten, RATE_ADDRESS, client, 1000 * SECOND + i * 100LL).allowed;
    }
    assert_int_equal(refused, 0);
}

static int place_of(const char *client)
{
    memset(board->rate, 0, sizeof board->rate);
    assert_int_equal(passing(&ten_in_ten, client, 1, SECOND), 1);
    for (int i = 0; i < RATE_CELLS; i++)
        if (atomic_load(&board->rate[i]))
            return i;
    return -1;
}

/* The first name that has the place of one before it, which goes to `other`. */
static void find_neighbours(char one[32], char other[32])
{
    static int names[RATE_CELLS];
    memset(names, 0, sizeof names);
    for (int i = 1;; i++) {
        snprintf(one, 32, "client-%d", i);
        int place = place_of(one);
        snprintf(other, 32, "client-%d", names[place]);
        if (names[place])
            return;
        names[place] = i;
    }
}

/* Somebody else's cell that has become free is nearer than one's own: what was taken there still counts. */
static void a_client_stays_with_its_cell(void **state)
{
    (void)state;
    char near[32], far[32];
    long long now = 1000 * SECOND;
    find_neighbours(near, far);
    memset(board->rate, 0, sizeof board->rate);
    assert_int_equal(passing(&ten_in_ten, near, 1, now), 1);
    assert_int_equal(passing(&ten_in_ten, far, 100, now), 20);
    assert_int_equal(passing(&ten_in_ten, far, 100, now + 2 * SECOND), 2);
}

/* All at once, so that they meet at the one cell: what passes is the burst, to the request. */
static void workers_share_the_limit(void **state)
{
    enum { WORKERS = 4, TRIES = 200000 };
    const int tries = (int)repeated(TRIES), burst = tries * WORKERS / 2;
    const struct rate_policy policy = {.requests = 1000000, .period_s = 1, .burst = burst};
    struct shared {
        _Atomic int ready, passed;
    } *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_true(shared != MAP_FAILED);
    for (int w = 0; w < WORKERS; w++) {
        if (fork() == 0) {
            atomic_fetch_add(&shared->ready, 1);
            while (atomic_load(&shared->ready) < WORKERS)
                continue;
            atomic_fetch_add(&shared->passed, passing(&policy, "a", tries, 1000 * SECOND));
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    int passed = shared->passed;
    munmap(shared, sizeof *shared);
    assert_int_equal(passed, burst);
}

/* Waits for the other of two processes, round by round. */
static void meet(_Atomic int *arrived, int round)
{
    atomic_fetch_add(arrived, 1);
    for (int spins = 0; atomic_load(arrived) < 2 * (round + 1); spins++)
        if (spins > 20000) /* the other one has no processor now */
            sched_yield();
}

/* Two workers meet each of thousands of new clients at the same moment, in a table where others' cells become free just then
 * by the clock of one of them: each client has one burst, not one of each worker. */
static void workers_that_meet_a_new_client_give_it_one_limit(void **state)
{
    enum { CLIENTS = 4000, TRIES = 15, BURST = 20, OTHERS = RATE_CELLS / 2 };
    const long long now = 1000 * SECOND, step = 2 * SECOND / OTHERS;
    struct shared {
        _Atomic int arrived, passed[CLIENTS];
    } *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int clients = (int)repeated(CLIENTS);
    char client[32];
    int more = 0, less = 0;
    (void)state;
    assert_true(shared != MAP_FAILED);
    for (int i = 0; i < OTHERS; i++) {
        snprintf(client, sizeof client, "other-%d", i);
        passing(&ten_in_ten, client, 1, now - 2 * SECOND + i * step);
    }
    for (int worker = 0; worker < 2; worker++) {
        if (fork() == 0) {
            for (int i = 0; i < clients; i++) {
                snprintf(client, sizeof client, "client-%d", i);
                meet(&shared->arrived, i);
                atomic_fetch_add(&shared->passed[i], passing(&ten_in_ten, client, TRIES, now + worker * 1000));
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    for (int i = 0; i < clients; i++) {
        more += shared->passed[i] > BURST;
        less += shared->passed[i] < BURST - 1; /* one less: the worker whose clock is ahead came first */
    }
    munmap(shared, sizeof *shared);
    assert_int_equal(more, 0);
    assert_in_range(less, 0, 8); /* those that share a cell, by chance */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_passes_and_then_the_steady_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_within_the_rate_is_never_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_says_how_long_to_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_and_kinds_have_limits_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_limit_and_no_board_let_everything_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bursts_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decisions_say_what_is_left, set_up, tear_down),
        cmocka_unit_test(the_tighter_decision_counts),
        cmocka_unit_test(headers_say_it),
        cmocka_unit_test_setup_teardown(decisions_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cells_of_idle_clients_are_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_stays_with_its_cell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_share_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_that_meet_a_new_client_give_it_one_limit, set_up, tear_down),
    };
    if (!metrics_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
