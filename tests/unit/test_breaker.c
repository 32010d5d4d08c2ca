/* Breaker: who may try to reach a server that is away. Several processes share one, as workers do. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "breaker.h"

enum { PAUSE_MS = 200 };

static struct breaker *breaker;

static int setup(void **state)
{
    (void)state;
    breaker = mmap(NULL, sizeof *breaker, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return breaker == MAP_FAILED;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(breaker, sizeof *breaker);
}

/* Whether another process may try; it is gone when this returns. */
static bool allows_another(int64_t now)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(breaker_allows(breaker, now));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A process that may try, and neither reports nor ends until it is told to. */
static pid_t start_prober(int64_t now, int *tell)
{
    int answer[2], order[2];
    char byte;
    assert_int_equal(pipe(answer) | pipe(order), 0);
    pid_t child = fork();
    if (child == 0) {
        close(order[1]);
        byte = (char)breaker_allows(breaker, now);
        if (write(answer[1], &byte, 1) == 1 && read(order[0], &byte, 1) == 1)
            breaker_good(breaker);
        _exit(0);
    }
    close(order[0]);
    close(answer[1]);
    assert_int_equal(read(answer[0], &byte, 1), 1);
    close(answer[0]);
    assert_int_equal(byte, true);
    *tell = order[1];
    return child;
}

static void closed_it_lets_everybody_through(void **state)
{
    (void)state;
    assert_false(breaker_is_open(breaker));
    assert_true(breaker_allows(breaker, 1));
    assert_true(allows_another(1));
    breaker_good(breaker);
    assert_true(breaker_allows(breaker, 2));
    assert_int_equal(atomic_load(&breaker->openings), 0);
}

static void no_breaker_lets_everybody_through(void **state)
{
    (void)state;
    assert_true(breaker_allows(NULL, 1));
    assert_false(breaker_is_open(NULL));
    breaker_good(NULL);
    breaker_failed(NULL, 1, PAUSE_MS);
}

static void open_it_lets_nobody_through_before_the_pause_is_over(void **state)
{
    (void)state;
    breaker_failed(breaker, 1000, PAUSE_MS);
    assert_true(breaker_is_open(breaker));
    assert_false(breaker_allows(breaker, 1000));
    assert_false(breaker_allows(breaker, 1000 + PAUSE_MS - 1));
    assert_true(breaker_allows(breaker, 1000 + PAUSE_MS));
}

static void one_at_a_time_may_try(void **state)
{
    (void)state;
    breaker_failed(breaker, 1000, PAUSE_MS);
    assert_true(breaker_allows(breaker, 2000));
    assert_true(breaker_allows(breaker, 2001)); /* the one that tries goes on trying */
    assert_false(allows_another(2001));
    breaker_failed(breaker, 2002, PAUSE_MS); /* then it is anybody's turn again */
    assert_false(allows_another(2003));
    assert_true(allows_another(2002 + PAUSE_MS));
    assert_int_equal(atomic_load(&breaker->openings), 1); /* it was open all the time */
}

static void success_closes_it_for_all(void **state)
{
    (void)state;
    int tell, status;
    breaker_failed(breaker, 1000, PAUSE_MS);
    pid_t prober = start_prober(2000, &tell);
    assert_false(breaker_allows(breaker, 2000));
    assert_int_equal(write(tell, "x", 1), 1);
    assert_int_equal(waitpid(prober, &status, 0), prober);
    close(tell);
    assert_false(breaker_is_open(breaker));
    assert_true(breaker_allows(breaker, 2000));
    breaker_failed(breaker, 3000, PAUSE_MS);
    assert_int_equal(atomic_load(&breaker->openings), 2);
}

static void a_dead_prober_is_succeeded(void **state)
{
    (void)state;
    int tell, status;
    breaker_failed(breaker, 1000, PAUSE_MS);
    pid_t prober = start_prober(2000, &tell);
    assert_false(breaker_allows(breaker, 2001));
    assert_int_equal(kill(prober, SIGKILL), 0);
    assert_int_equal(waitpid(prober, &status, 0), prober);
    close(tell);
    assert_true(breaker_allows(breaker, 2002));
    assert_false(allows_another(2002)); /* and only one succeeds it */
    breaker_good(breaker);
    assert_true(allows_another(2002));
}

/* As when the prober died and its id went to a process that knows nothing of it. */
static void a_living_process_that_no_longer_tries_is_succeeded(void **state)
{
    (void)state;
    int tell, status;
    breaker_failed(breaker, 1000, PAUSE_MS);
    pid_t other = start_prober(2000, &tell);
    assert_false(breaker_allows(breaker, 2000 + BREAKER_TURN_MS - 1));
    assert_true(breaker_allows(breaker, 2000 + BREAKER_TURN_MS));
    assert_false(allows_another(2000 + BREAKER_TURN_MS));
    assert_int_equal(write(tell, "x", 1), 1);
    assert_int_equal(waitpid(other, &status, 0), other);
    close(tell);
    assert_false(breaker_is_open(breaker)); /* it got through all the same: that counts */
}

static void whoever_says_so_goes_on_trying(void **state)
{
    (void)state;
    breaker_failed(breaker, 1000, PAUSE_MS);
    assert_true(breaker_allows(breaker, 2000));
    for (int64_t now = 3000; now < 60000; now += 3000) {
        breaker_keep(breaker, now);
        assert_false(allows_another(now + BREAKER_TURN_MS - 1));
    }
    pid_t child = fork();
    if (child == 0) {
        breaker_keep(breaker, 600000); /* not its turn */
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(allows_another(600000));
    breaker_keep(NULL, 1);
    breaker_good(breaker);
    breaker_keep(breaker, 1);
    assert_int_equal(atomic_load(&breaker->turn), 0);
}

static void failures_of_others_do_not_end_a_turn(void **state)
{
    (void)state;
    int status;
    breaker_failed(breaker, 1000, PAUSE_MS);
    assert_true(breaker_allows(breaker, 2000));
    pid_t child = fork(); /* had a connection until now */
    if (child == 0) {
        breaker_failed(breaker, 2000, PAUSE_MS);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(breaker_allows(breaker, 2001));
    assert_false(allows_another(2002));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closed_it_lets_everybody_through, setup, teardown),
        cmocka_unit_test_setup_teardown(no_breaker_lets_everybody_through, setup, teardown),
        cmocka_unit_test_setup_teardown(open_it_lets_nobody_through_before_the_pause_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time_may_try, setup, teardown),
        cmocka_unit_test_setup_teardown(success_closes_it_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_prober_is_succeeded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_living_process_that_no_longer_tries_is_succeeded, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_says_so_goes_on_trying, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_of_others_do_not_end_a_turn, setup, teardown),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
