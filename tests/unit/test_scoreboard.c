/* Scoreboard: what one process writes another one reads, and the pool's rules that need no process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpu.h"
#include "master.h"
#include "pool.h"
#include "scoreboard.h"
#include "util.h"
#include "worker.h"

static void starts_empty(void **state)
{
    (void)state;
    struct scoreboard *board = scoreboard_new(8);
    assert_non_null(board);
    assert_int_equal(board->slots, 8);
    assert_int_equal(scoreboard_alive(board), 0);
    assert_int_equal(scoreboard_busy(board), 0);
    assert_int_equal(scoreboard_count(board, STAGE_EMPTY), 8);
    assert_int_equal(atomic_load(&board->cpu_permille), -1);
    assert_true(board->started_ms > 0);
    scoreboard_free(board);
    scoreboard_free(NULL);
    assert_null(scoreboard_new(0));
}

static void counts_stages(void **state)
{
    (void)state;
    struct scoreboard *board = scoreboard_new(STAGE_COUNT + 2);
    for (int i = 0; i < STAGE_COUNT; i++)
        scoreboard_stage(&board->slot[i], (enum worker_stage)i);
    assert_int_equal(scoreboard_busy(board), 3);
    assert_int_equal(scoreboard_alive(board), STAGE_COUNT - 1);
    for (int i = STAGE_STARTING; i < STAGE_COUNT; i++)
        assert_int_equal(scoreboard_count(board, (enum worker_stage)i), 1);
    assert_true(monotonic_ms() - atomic_load(&board->slot[2].stage_since_ms) < 1000);
    scoreboard_free(board);
}

static void others_count_as_connected_while_they_come_round(void **state)
{
    (void)state;
    struct scoreboard *board = scoreboard_new(3);
    struct worker_slot *self = &board->slot[0], *other = &board->slot[2];
    const int64_t now = 100000;
    for (int i = 0; i < 3; i += 2) {
        scoreboard_stage(&board->slot[i], STAGE_HANDLING);
        atomic_store(&board->slot[i].heartbeat_ms, now);
    }
    atomic_store(&self->connected, 1);
    assert_false(scoreboard_others_connected(board, self, now));
    atomic_store(&other->connected, 1);
    assert_true(scoreboard_others_connected(board, self, now));
    assert_true(scoreboard_others_connected(board, self, now + 999));
    assert_false(
        scoreboard_others_connected(board, self, now + 1000)); /* it waits for a server that is silent, perhaps */
    scoreboard_stage(other, STAGE_STOPPING);
    assert_false(scoreboard_others_connected(board, self, now));
    scoreboard_stage(other, STAGE_EMPTY); /* killed, its slot as it was */
    assert_false(scoreboard_others_connected(board, self, now));
    scoreboard_free(board);
}

static void names_every_stage(void **state)
{
    (void)state;
    for (int i = 0; i < STAGE_COUNT; i++) {
        assert_string_not_equal(stage_name((enum worker_stage)i), "unknown");
        for (int k = 0; k < i; k++)
            assert_string_not_equal(stage_name((enum worker_stage)i), stage_name((enum worker_stage)k));
    }
    assert_string_equal(stage_name((enum worker_stage)99), "unknown");
}

static void is_shared_with_children(void **state)
{
    (void)state;
    struct scoreboard *board = scoreboard_new(4);
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int n = 0; n < 1000; n++)
                atomic_fetch_add(&board->restarts, 1);
            atomic_store(&board->slot[i].pid, getpid());
            scoreboard_stage(&board->slot[i], STAGE_HANDLING);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        waitpid(children[i], NULL, 0);
    assert_int_equal(atomic_load(&board->restarts), 4000);
    assert_int_equal(scoreboard_busy(board), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(atomic_load(&board->slot[i].pid), children[i]);
    scoreboard_free(board);
}

static void crash_loops_are_damped(void **state)
{
    (void)state;
    static const int expected[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (int i = 0; i < (int)ARRAY_SIZE(expected); i++)
        assert_int_equal(seat_delay_ms(i), expected[i]);
    assert_int_equal(seat_delay_ms(1000000), 5000);
}

static void request_limits_differ_by_a_tenth(void **state)
{
    (void)state;
    assert_int_equal(worker_request_limit(0, 12345), 0);
    assert_int_equal(worker_request_limit(5, 12345), 5);
    long least = 1000, most = 0;
    for (unsigned random = 0; random < 1000; random++) {
        long limit = worker_request_limit(1000, random);
        least = limit < least ? limit : least;
        most = limit > most ? limit : most;
    }
    assert_int_equal(least, 900);
    assert_int_equal(most, 1100);
}

static void reads_processor_time(void **state)
{
    (void)state;
    struct cpu_sample a, b;
    assert_true(cpu_sample_parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n", &a));
    assert_int_equal(a.total, 1000);
    assert_int_equal(a.busy, 150);
    assert_true(cpu_sample_parse("cpu  150 0 75 1650 125 0 0 0 0 0\n", &b));
    assert_int_equal(cpu_permille(&a, &b), 75);
    assert_int_equal(cpu_permille(&b, &a), -1);
    assert_int_equal(cpu_permille(&a, &a), -1);
    assert_int_equal(cpu_permille(&(struct cpu_sample){0}, &a), -1);
    assert_false(cpu_sample_parse("intr 1 2 3 4", &a));
    assert_false(cpu_sample_parse("", &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),           cmocka_unit_test(counts_stages),
        cmocka_unit_test(names_every_stage),      cmocka_unit_test(is_shared_with_children),
        cmocka_unit_test(crash_loops_are_damped), cmocka_unit_test(request_limits_differ_by_a_tenth),
        cmocka_unit_test(reads_processor_time),   cmocka_unit_test(others_count_as_connected_while_they_come_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
