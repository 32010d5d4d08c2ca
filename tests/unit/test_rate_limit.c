/* Rate limits: how many pass at once, how fast they come back, and that clients do not disturb each other. */
#include "../test.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rate_limit.h"

#define SECOND 1000000LL

static struct scoreboard *board;
static const struct rate_policy ten_in_ten = {.requests = 10, .period_s = 10, .burst = 20};

static int set_up(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    rate_limit_init();
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
        passed += rate_limit(board, policy, "address", client, now).allowed;
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
    struct rate_decision d = rate_limit(board, &slow, "address", "a", now);
    assert_int_equal(d.allowed, 1);
    assert_int_equal(d.remaining, 1);
    d = rate_limit(board, &slow, "address", "a", now);
    assert_int_equal(d.remaining, 0);
    d = rate_limit(board, &slow, "address", "a", now);
    assert_int_equal(d.allowed, 0);
    assert_int_equal(d.retry_after, 10);
    assert_int_equal(rate_limit(board, &slow, "address", "a", now + 9 * SECOND + 1).retry_after, 1);
    assert_int_equal(rate_limit(board, &slow, "address", "a", now + d.retry_after * SECOND).allowed, 1);
}

static void clients_and_kinds_have_limits_of_their_own(void **state)
{
    (void)state;
    long long now = 1000 * SECOND;
    assert_int_equal(passing(&ten_in_ten, "a", 30, now), 20);
    assert_int_equal(passing(&ten_in_ten, "b", 30, now), 20);
    assert_int_equal(rate_limit(board, &ten_in_ten, "user", "a", now).allowed, 1);
    assert_int_equal(rate_limit(board, &ten_in_ten, "login", "a", now).allowed, 1);
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
    assert_int_equal(rate_limit(NULL, &ten_in_ten, "address", "a", SECOND).allowed, 1);
}

static void no_burst_means_one_at_a_time(void **state)
{
    static const struct rate_policy none = {.requests = 10, .period_s = 10, .burst = 0};
    (void)state;
    assert_int_equal(passing(&none, "a", 10, 1000 * SECOND), 1);
}

/* Far more clients than a neighbourhood has cells: those that are over make room, and nobody who behaves is refused. */
static void cells_of_idle_clients_are_taken_over(void **state)
{
    (void)state;
    char client[32];
    int refused = 0;
    for (int i = 0; i < 4 * RATE_CELLS; i++) {
        snprintf(client, sizeof client, "client-%d", i);
        refused += !rate_limit(board, &ten_in_ten, "address", client, 1000 * SECOND + i * 100LL).allowed;
    }
    assert_int_equal(refused, 0);
}

/* All at once, so that they meet at the one cell: what passes is the burst, to the request. */
static void workers_share_the_limit(void **state)
{
    enum { WORKERS = 4, TRIES = 200000, BURST = 400000 };
    static const struct rate_policy policy = {.requests = 1000000, .period_s = 1, .burst = BURST};
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
            atomic_fetch_add(&shared->passed, passing(&policy, "a", TRIES, 1000 * SECOND));
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    int passed = shared->passed;
    munmap(shared, sizeof *shared);
    assert_int_equal(passed, BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_passes_and_then_the_steady_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_within_the_rate_is_never_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_says_how_long_to_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_and_kinds_have_limits_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_limit_and_no_board_let_everything_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_burst_means_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cells_of_idle_clients_are_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_share_the_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
