/* Pool size: the decision about the number of workers, fed with counts and a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool_size.h"
#include "util.h"

enum { LOOK_MS = 100, SECOND_MS = 1000, IDLE_MS = 10000 };

static struct pool_size size;
static struct pool_load load;
static int64_t now;

/* A pool that has just started, with all of its fewest workers ready and idle. */
static void begin(int min, int max)
{
    now = 1000000;
    size = (struct pool_size){0};
    load = (struct pool_load){.min = min, .max = max, .idle_ms = IDLE_MS, .stuck = true, .cpu_permille = -1};
    assert_int_equal(pool_size_look(&size, &load, now), 0);
    assert_int_equal(size.target, min);
    load.ready = load.idle = min;
}

static int look(void)
{
    now = size.next_look_ms;
    return pool_size_look(&size, &load, now);
}

/* All workers that there should be are ready, so many of them idle. */
static int look_with_idle(int idle)
{
    load.ready = size.target;
    load.idle = idle;
    return look();
}

static int setup(void **state)
{
    (void)state;
    begin(2, 100);
    return 0;
}

static void some_are_spare(void **state)
{
    (void)state;
    static const int expected[][2] = {{1, 1}, {2, 1}, {8, 1}, {15, 1}, {16, 2}, {64, 8}, {1024, 128}};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        assert_int_equal(pool_size_spare(expected[i][0]), expected[i][1]);
}

static void starts_with_the_fewest_and_stays_there_when_idle(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(look_with_idle(i % 2 + 1), 0);
    assert_int_equal(size.target, 2);
}

static void a_start_alone_is_no_reason_to_grow(void **state)
{
    (void)state;
    begin(50, 100);
    load.ready = load.idle = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(), 0);
    load.ready = 44; /* busy at once: the 6 to come are as many as should be spare */
    assert_int_equal(look(), 0);
    load.ready = 45;
    assert_int_equal(look(), 1);
}

/* Whoever is at a long request is not there for the others: once nobody else is idle there are more, however busy the
 * processors are. */
static void long_requests_do_not_count_as_workers(void **state)
{
    (void)state;
    load.stuck = false;
    load.cpu_permille = 1000;
    load.heavy = 1;
    assert_int_equal(look_with_idle(1), 0);
    assert_int_equal(look_with_idle(0), 1);
    assert_int_equal(look_with_idle(2), 0);
    load.heavy = 6;
    assert_int_equal(look_with_idle(0), 5);
    assert_int_equal(size.target, 8);
    for (int i = 0; i < 1000; i++) /* they stay for as long as those last */
        assert_int_equal(look_with_idle(2), 0);
    begin(2, 5);
    load.heavy = 6;
    assert_int_equal(look_with_idle(0), 3);
    load.heavy = 0;
    for (int i = 0; i < 1000; i++)
        look_with_idle(5);
    assert_int_equal(size.target, 2);
}

static void looks_often_only_while_it_can_grow(void **state)
{
    (void)state;
    begin(2, 3);
    assert_int_equal(size.next_look_ms, now + LOOK_MS);
    assert_int_equal(pool_size_look(&size, &load, now + LOOK_MS - 1), 0);
    assert_int_equal(size.next_look_ms, now + LOOK_MS); /* too early: not a look */
    assert_int_equal(look_with_idle(0), 1);
    assert_int_equal(size.next_look_ms, now + SECOND_MS);
    begin(4, 4);
    assert_int_equal(size.next_look_ms, now + SECOND_MS);
}

static void grows_by_doubling(void **state)
{
    (void)state;
    static const int steps[] = {1, 2, 4, 8, 16};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        assert_int_equal(look_with_idle(0), steps[i]);
    assert_int_equal(size.target, 33);
}

static void an_idle_one_ends_the_doubling(void **state)
{
    (void)state;
    assert_int_equal(look_with_idle(0), 1);
    assert_int_equal(look_with_idle(0), 2);
    assert_int_equal(look_with_idle(1), 0);
    assert_int_equal(look_with_idle(0), 1);
}

static void waits_for_those_that_are_starting(void **state)
{
    (void)state;
    assert_int_equal(look_with_idle(0), 1);
    load.ready = 2; /* the third is still connecting */
    for (int i = 0; i < 50; i++)
        assert_int_equal(look(), 0);
    assert_int_equal(look_with_idle(0), 2); /* it came, and is busy: on with it */
    load.ready = size.target - 1;           /* one died */
    assert_int_equal(look(), 0);
}

static void grows_by_so_many_a_second_at_most(void **state)
{
    (void)state;
    begin(1, 1024);
    int64_t from = now, grown = 0;
    while (now < from + 10 * SECOND_MS)
        grown += look_with_idle(0);
    assert_in_range(grown, 9 * POOL_GROWTH, 11 * POOL_GROWTH);
    int most = 0;
    for (int round = 0; round < 20; round++) {
        int in_second = 0;
        for (int64_t end = now + SECOND_MS / 2; now < end;)
            in_second += look_with_idle(0);
        most = in_second > most ? in_second : most;
    }
    assert_true(most <= POOL_GROWTH);
}

static void never_more_than_allowed(void **state)
{
    (void)state;
    begin(2, 8);
    for (int i = 0; i < 100; i++)
        look_with_idle(0);
    assert_int_equal(size.target, 8);
}

/* Nobody idle and nobody stuck for so many looks, with so much of the processors in use; what that made of the number. */
static int busy_for(int looks, int cpu)
{
    int change = 0;
    load.stuck = false;
    load.cpu_permille = cpu;
    for (int i = 0; i < looks; i++)
        change += look_with_idle(0);
    return change;
}

static void more_workers_than_processors_can_feed_do_not_help(void **state)
{
    (void)state;
    assert_int_equal(busy_for(10000, 1000), 0);
    assert_int_equal(busy_for(10000, 850), 0);
    for (int i = 0; i < 10000; i++) /* noise */
        assert_int_equal(busy_for(1, i % 2 ? 700 : 1000), 0);
    for (int i = 0; i < 100; i++) { /* the machine stood still for a moment */
        assert_int_equal(busy_for(1, 1000), 0);
        load.stuck = true;
        assert_int_equal(look_with_idle(0), 0);
    }
    assert_int_equal(look_with_idle(0), 1); /* what waits does not use them */
}

static void grows_while_processors_are_free(void **state)
{
    (void)state;
    assert_int_equal(busy_for(1, -1), 0); /* nothing is known at the first look */
    assert_int_equal(busy_for(1, 250), 1);
    assert_int_equal(busy_for(1, 550), 0);
    assert_int_equal(busy_for(1, 550), 2);
    assert_int_equal(busy_for(29, 830), 0); /* a small gap takes longer */
    assert_int_equal(busy_for(1, 830), 4);
}

static void an_idle_one_ends_the_counting_of_free_processors(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(busy_for(2, 700), 0);
        assert_int_equal(look_with_idle(1), 0);
    }
}

/* Looks with so many idle ones until so many milliseconds have passed; what that made of the number. */
static int idle_for(int idle, int64_t ms)
{
    int change = 0;
    for (int64_t end = now + ms; size.next_look_ms <= end;) {
        load.ready = size.target;
        load.idle = idle < size.target ? idle : size.target;
        change += look();
    }
    return change;
}

static void grow_to(int number)
{
    while (size.target < number)
        look_with_idle(0);
    load.max = number;
    look_with_idle(0);
    assert_int_equal(size.target, number);
}

static void leaves_after_being_idle_for_the_whole_time(void **state)
{
    (void)state;
    grow_to(10);
    assert_int_equal(idle_for(10, IDLE_MS - SECOND_MS), 0);
    assert_int_equal(idle_for(10, 2 * SECOND_MS), -8); /* 9 nobody needed, but 2 there must be */
    assert_int_equal(size.target, 2);
    assert_int_equal(idle_for(2, 5 * IDLE_MS), 0);
}

static void only_those_leave_that_nobody_needed(void **state)
{
    (void)state;
    grow_to(10);
    idle_for(10, IDLE_MS / 2);
    idle_for(4, SECOND_MS); /* once 6 were busy */
    assert_int_equal(idle_for(10, IDLE_MS / 2), -3);
    assert_int_equal(size.target, 7);
}

static void needed_once_is_needed_for_the_whole_time(void **state)
{
    (void)state;
    grow_to(10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(idle_for(10, IDLE_MS - 2 * SECOND_MS), 0);
        assert_int_equal(idle_for(1, SECOND_MS), 0); /* no more than should be spare */
    }
    assert_int_equal(size.target, 10);
}

static void a_steady_load_keeps_a_steady_number(void **state)
{
    (void)state;
    int changes = 0;
    for (int i = 0; i < 100000; i++) { /* hours */
        int busy = 5;
        int change = look_with_idle(size.target > busy ? size.target - busy : 0);
        changes += change != 0;
    }
    assert_int_equal(size.target, 6); /* 5 and a spare one */
    assert_in_range(changes, 1, 10);
}

static void new_bounds_hold_at_once(void **state)
{
    (void)state;
    grow_to(20);
    assert_int_equal(pool_size_target(&size, 2, 100), 20);
    assert_int_equal(pool_size_target(&size, 2, 5), 5);
    assert_int_equal(pool_size_target(&size, 30, 40), 30);
    load.min = 2;
    load.max = 5;
    look_with_idle(0);
    assert_int_equal(size.target, 5);
    load.max = 100; /* and the larger number of before is forgotten */
    load.ready = 5;
    load.idle = 5;
    look();
    assert_int_equal(size.target, 5);
    load.min = load.max = 7;
    load.ready = load.idle = 7;
    look();
    assert_int_equal(size.target, 7);
}

static void any_load_stays_within_the_bounds(void **state)
{
    (void)state;
    unsigned random = 12345;
    for (int i = 0; i < 200000; i++) {
        random = random * 1103515245U + 12345U;
        unsigned draw = random >> 8;
        if (draw % 1000 == 0) {
            load.min = 1 + (int)(draw / 1000 % 20);
            load.max = load.min + (int)(draw / 20000 % 40);
        }
        load.ready = (int)(draw % 70);
        load.idle = load.ready ? (int)(draw / 7 % (unsigned)(load.ready + 1)) : 0;
        int change = look();
        assert_in_range(size.target, load.min, load.max);
        assert_true(change <= POOL_GROWTH);
        assert_true(size.next_look_ms > now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(some_are_spare, setup),
        cmocka_unit_test_setup(starts_with_the_fewest_and_stays_there_when_idle, setup),
        cmocka_unit_test_setup(a_start_alone_is_no_reason_to_grow, setup),
        cmocka_unit_test_setup(long_requests_do_not_count_as_workers, setup),
        cmocka_unit_test_setup(looks_often_only_while_it_can_grow, setup),
        cmocka_unit_test_setup(grows_by_doubling, setup),
        cmocka_unit_test_setup(an_idle_one_ends_the_doubling, setup),
        cmocka_unit_test_setup(waits_for_those_that_are_starting, setup),
        cmocka_unit_test_setup(grows_by_so_many_a_second_at_most, setup),
        cmocka_unit_test_setup(never_more_than_allowed, setup),
        cmocka_unit_test_setup(more_workers_than_processors_can_feed_do_not_help, setup),
        cmocka_unit_test_setup(grows_while_processors_are_free, setup),
        cmocka_unit_test_setup(an_idle_one_ends_the_counting_of_free_processors, setup),
        cmocka_unit_test_setup(leaves_after_being_idle_for_the_whole_time, setup),
        cmocka_unit_test_setup(only_those_leave_that_nobody_needed, setup),
        cmocka_unit_test_setup(needed_once_is_needed_for_the_whole_time, setup),
        cmocka_unit_test_setup(a_steady_load_keeps_a_steady_number, setup),
        cmocka_unit_test_setup(new_bounds_hold_at_once, setup),
        cmocka_unit_test_setup(any_load_stays_within_the_bounds, setup),
    };
    return cmocka_run_group_tests_name("pool_size", tests, NULL, NULL);
}
