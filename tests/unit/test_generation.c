/* Generations: a host trusts what it knows only as far as it would have been told otherwise. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../test.h"
#include "generation.h"
#include "util.h"

#define ADA "aaaaaaaa-0000-4000-8000-000000000001"
#define BOB "bbbbbbbb-0000-4000-8000-000000000002"

static int fresh_table(void **state)
{
    (void)state;
    return generation_init() ? 0 : -1;
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_int_equal(generation_known(ADA, 0), 0);
    assert_int_equal(generation_heard(ADA), 0);
}

static void an_answer_is_trusted_by_who_listened_before_the_question(void **state)
{
    (void)state;
    generation_read(ADA, 50, 1000);
    assert_int_equal(generation_known(ADA, 999), 50);
    assert_int_equal(generation_known(ADA, 1000), 0);
    assert_int_equal(generation_known(ADA, 2000), 0);
    assert_int_equal(generation_known(ADA, INT64_MAX), 0);
    assert_int_equal(generation_heard(ADA), 50);
    assert_int_equal(generation_known(BOB, 0), 0);
}

static void news_raises_and_never_lowers(void **state)
{
    (void)state;
    generation_read(ADA, 50, 1000);
    generation_raised(ADA, 60);
    assert_int_equal(generation_known(ADA, 999), 60);
    generation_raised(ADA, 55);
    assert_int_equal(generation_known(ADA, 999), 60);
}

static void news_alone_is_not_trusted(void **state)
{
    (void)state;
    generation_raised(ADA, 60);
    assert_int_equal(generation_known(ADA, 0), 0);
    assert_int_equal(generation_heard(ADA), 60);
}

static void an_answer_that_news_overtook_does_not_count(void **state)
{
    (void)state;
    generation_read(ADA, 50, 1000);
    generation_raised(ADA, 60); /* now, which is later than the question below */
    generation_read(ADA, 50, 1001);
    assert_int_equal(generation_known(ADA, 1000), 60);
}

static void news_of_what_is_known_overtakes_answers_too(void **state)
{
    (void)state;
    generation_read(ADA, 60, 1000); /* it happened to see the write before anybody was told of it */
    generation_raised(ADA, 60);
    generation_read(ADA, 50, 1001); /* asked later, but of a moment before the write */
    assert_int_equal(generation_known(ADA, 999), 60);
}

static void of_two_answers_the_later_question_counts(void **state)
{
    (void)state;
    generation_read(ADA, 60, 2000);
    generation_read(ADA, 50, 1000);
    assert_int_equal(generation_known(ADA, 1999), 60);
    int64_t asked = monotonic_us() + 1;
    generation_read(ADA, 40, asked); /* the database itself went back */
    assert_int_equal(generation_known(ADA, asked - 1), 40);
}

/* The first question reached PostgreSQL after the second one, and after a change: its answer is the newer. */
static void answers_that_cross_do_not_lower(void **state)
{
    (void)state;
    int64_t first = monotonic_us(), second = first + 1;
    usleep(10);
    generation_read(ADA, 60, first);
    generation_read(ADA, 50, second);
    assert_int_equal(generation_known(ADA, first - 1), 60);
    generation_read(BOB, 60, first);
    generation_raised(BOB, 60); /* no news, but it confirms */
    generation_read(BOB, 50, second);
    assert_int_equal(generation_known(BOB, first - 1), 60);
}

static void other_processes_see_it(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        generation_read(ADA, 70, 5000);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(generation_known(ADA, 0), 70);
}

static void name_workspace(char workspace[40], int number)
{
    snprintf(workspace, 40, "%08x-0000-4000-8000-%012x", (unsigned)number * 2654435761u, (unsigned)number);
}

static void a_full_table_forgets_and_never_mixes_up(void **state)
{
    enum { MANY = 40000 };
    int known = 0;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char workspace[40];
        name_workspace(workspace, i);
        generation_read(workspace, 1000 + i, monotonic_us());
        assert_int_equal(generation_known(workspace, 1), 1000 + i);
    }
    for (int i = 0; i < MANY; i++) {
        char workspace[40];
        name_workspace(workspace, i);
        int64_t generation = generation_known(workspace, 1);
        assert_true(generation == 0 || generation == 1000 + i);
        known += generation != 0;
    }
    assert_in_range(known, 10000, MANY - 1);
}

static void an_answer_that_forgotten_news_overtook_is_in_doubt(void **state)
{
    enum { MANY = 400000 };
    (void)state;
    int64_t asked = monotonic_us(); /* somebody asks and is told 50 */
    usleep(10);
    generation_raised(ADA, 60);
    for (int i = 0; i < MANY && generation_heard(ADA); i++) {
        char workspace[40];
        name_workspace(workspace, i);
        generation_read(workspace, 1000, monotonic_us());
    }
    assert_int_equal(generation_heard(ADA), 0);
    generation_read(ADA, 50, asked);
    assert_int_equal(generation_known(ADA, asked - 1), 0);
    generation_read(ADA, 60, monotonic_us());
    assert_int_equal(generation_known(ADA, asked - 1), 60);
}

/* Kills processes at work until one dies with the lock in its hands, which empties the table. */
static bool empty_by_killing(void)
{
    for (int tries = 0; tries < 2000; tries++) {
        generation_read(ADA, 40, monotonic_us());
        pid_t child = fork();
        if (child == 0)
            for (;;)
                generation_raised(ADA, 40);
        usleep(500);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (generation_heard(ADA) == 0)
            return true;
    }
    return false;
}

static void an_answer_from_before_the_table_was_emptied_is_in_doubt(void **state)
{
    (void)state;
    int64_t asked = monotonic_us(); /* somebody asks and is told 50; then 60 is news, and is forgotten */
    assert_true(empty_by_killing());
    generation_read(ADA, 50, asked);
    assert_int_equal(generation_known(ADA, asked - 1), 0);
    generation_read(ADA, 60, monotonic_us() + 1);
    assert_int_equal(generation_known(ADA, asked - 1), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_known_at_first, fresh_table),
        cmocka_unit_test_setup(an_answer_is_trusted_by_who_listened_before_the_question, fresh_table),
        cmocka_unit_test_setup(news_raises_and_never_lowers, fresh_table),
        cmocka_unit_test_setup(news_alone_is_not_trusted, fresh_table),
        cmocka_unit_test_setup(an_answer_that_news_overtook_does_not_count, fresh_table),
        cmocka_unit_test_setup(news_of_what_is_known_overtakes_answers_too, fresh_table),
        cmocka_unit_test_setup(of_two_answers_the_later_question_counts, fresh_table),
        cmocka_unit_test_setup(answers_that_cross_do_not_lower, fresh_table),
        cmocka_unit_test_setup(other_processes_see_it, fresh_table),
        cmocka_unit_test_setup(a_full_table_forgets_and_never_mixes_up, fresh_table),
        cmocka_unit_test_setup(an_answer_that_forgotten_news_overtook_is_in_doubt, fresh_table),
        cmocka_unit_test_setup(an_answer_from_before_the_table_was_emptied_is_in_doubt, fresh_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
