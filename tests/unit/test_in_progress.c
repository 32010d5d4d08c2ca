/* Requests in progress: who counts whom, also when many claim at once and when one is killed in the middle. */
#include "../test.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_progress.h"

enum { SLOTS = 6, USER = 7, OTHER = 9 };

static struct scoreboard *board;

static int set_up(void **state)
{
    (void)state;
    board = scoreboard_new(SLOTS);
    return board ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scoreboard_free(board);
    return 0;
}

static struct in_progress begin(int slot, enum work_kind kind, uint64_t user, int64_t now_ms)
{
    const uint64_t owner[OWNER_COUNT] = {[OWNER_USER] = user, [OWNER_ADDRESS] = USER};
    in_progress_begin(&board->slot[slot], kind, owner, now_ms);
    return kind == WORK_READ ? in_progress_look(board, &board->slot[slot], now_ms - 100)
                             : in_progress_claim(board, &board->slot[slot]);
}

static void each_counts_those_before(void **state)
{
    (void)state;
    assert_int_equal(begin(0, WORK_HEAVY, USER, 0).running[WORK_HEAVY], 0);
    assert_int_equal(begin(1, WORK_HEAVY, OTHER, 0).running[WORK_HEAVY], 1);
    struct in_progress seen = begin(2, WORK_WRITE, USER, 0);
    assert_int_equal(seen.running[WORK_HEAVY], 2);
    assert_int_equal(seen.of_owner[OWNER_USER], 1);
    assert_int_equal(seen.of_owner[OWNER_ADDRESS], 2);
    assert_int_equal(seen.of_owner[OWNER_WORKSPACE], 0); /* nobody's is nobody's */
    in_progress_end(&board->slot[0]);
    seen = begin(3, WORK_HEAVY, USER, 0);
    assert_int_equal(seen.running[WORK_HEAVY], 1);
    assert_int_equal(seen.of_owner[OWNER_USER], 1);
    assert_int_equal(in_progress_count(board, WORK_HEAVY), 2);
}

static void who_waits_is_counted_apart(void **state)
{
    (void)state;
    begin(0, WORK_HEAVY, USER, 0);
    begin(1, WORK_HEAVY, USER, 0);
    in_progress_wait(&board->slot[1]);
    struct in_progress seen = begin(2, WORK_HEAVY, USER, 0);
    assert_int_equal(seen.running[WORK_HEAVY], 1);
    assert_int_equal(seen.waiting[WORK_HEAVY], 1);
    assert_int_equal(seen.of_owner[OWNER_USER], 1);
    assert_int_equal(in_progress_count(board, WORK_HEAVY), 3);
    in_progress_end(&board->slot[0]);
    seen = in_progress_claim(board, &board->slot[1]); /* behind the one that came while it waited */
    assert_int_equal(seen.running[WORK_HEAVY], 1);
}

static void reads_count_once_they_take_long(void **state)
{
    (void)state;
    struct in_progress seen = begin(0, WORK_READ, USER, 1000);
    assert_int_equal(seen.held[OWNER_USER], 0);
    begin(1, WORK_HEAVY, USER, 1000);
    assert_int_equal(begin(2, WORK_READ, USER, 1099).held[OWNER_USER], 0);
    assert_int_equal(begin(3, WORK_READ, USER, 1100).held[OWNER_USER], 2);
    assert_int_equal(begin(4, WORK_READ, OTHER, 1100).held[OWNER_USER], 0);
    assert_int_equal(begin(5, WORK_WRITE, USER, 1100).of_owner[OWNER_USER], 1); /* reads are no burden to writes */
}

/* Six at once, again and again: never more than the limit run, and some do. */
static void at_most_as_many_as_allowed_run_at_once(void **state)
{
    enum { LIMIT = 2, ROUNDS = 20000 };
    struct shared {
        _Atomic int ready, running, most, passed;
    } *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_true(shared != MAP_FAILED);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (fork() != 0)
            continue;
        atomic_fetch_add(&shared->ready, 1);
        while (atomic_load(&shared->ready) < SLOTS)
            sched_yield();
        for (int i = 0; i < ROUNDS; i++) {
            if (begin(slot, WORK_HEAVY, USER, 0).running[WORK_HEAVY] < LIMIT) {
                int now = atomic_fetch_add(&shared->running, 1) + 1;
                if (now > atomic_load(&shared->most))
                    atomic_store(&shared->most, now);
                atomic_fetch_add(&shared->passed, 1);
                if (i % 8 == 0)
                    sched_yield(); /* while it runs, for others to come */
                atomic_fetch_sub(&shared->running, 1);
            }
            in_progress_end(&board->slot[slot]);
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        continue;
    int most = shared->most, passed = shared->passed;
    munmap(shared, sizeof *shared);
    assert_in_range(most, 1, LIMIT);
    assert_in_range(passed, 1, SLOTS * ROUNDS); /* how many depends on who is interrupted while he runs */
}

/* Killed at any moment: what stands in its slot counts until the master clears that, and nobody else waits for it. */
static void a_killed_one_leaves_only_its_slot(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0)
            for (;;)
                begin(0, WORK_PASSWORD, USER, 0);
        usleep(1000 + i * 37);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct in_progress seen = begin(1, WORK_PASSWORD, OTHER, 0);
        assert_in_range(seen.running[WORK_PASSWORD] + seen.waiting[WORK_PASSWORD], 0, 1);
        in_progress_end(&board->slot[0]);
        assert_int_equal(in_progress_claim(board, &board->slot[1]).running[WORK_PASSWORD], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_counts_those_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_is_counted_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_count_once_they_take_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_most_as_many_as_allowed_run_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_one_leaves_only_its_slot, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
