/* Cache: what is found is what was kept under the very same key, whoever else computes, evicts or dies at the time. */
#include <dlfcn.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"
#include "cache.h"
#include "metrics.h"
#include "util.h"

enum { BODY_MAX = 2 * MIB };

static const char *program;
static size_t wakes;

/* Found before libc's: counts the calls that wake who waits. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    wakes += number == SYS_futex && (int)arguments[1] == FUTEX_WAKE;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

static int fresh_cache(void **state)
{
    (void)state;
    return cache_init(1) && metrics_init() ? 0 : -1;
}

static struct cache_key key_of(const char *text, int64_t generation)
{
    return (struct cache_key){text, strlen(text), generation};
}

static enum cache_result get(const char *text, int64_t generation, struct buffer *body)
{
    long long revision = -1;
    struct cache_key key = key_of(text, generation);
    buffer_reset(body);
    enum cache_result result = cache_get(&key, body, &revision);
    if (result == CACHE_HIT)
        assert_int_equal(revision, generation % 1000);
    return result;
}

static void put(const char *text, int64_t generation, const char *body)
{
    struct cache_key key = key_of(text, generation);
    cache_put(&key, generation % 1000, body, strlen(body));
}

static void finds_what_was_kept(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    assert_int_equal(get("ada /api/configs", 7, &body), CACHE_MISS);
    put("ada /api/configs", 7, "ada's");
    assert_int_equal(get("ada /api/configs", 7, &body), CACHE_HIT);
    assert_string_equal(buffer_string(&body), "ada's");
    buffer_free(&body);
}

static void finds_it_under_no_other_key(void **state)
{
    static const char *const others[] = {"bob /api/configs", "ada /api/config", "ada /api/configs?", "",
                                         "ADA /api/configs"};
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    get("ada /api/configs", 7, &body);
    put("ada /api/configs", 7, "ada's");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_int_equal(get(others[i], 7, &body), CACHE_MISS);
        cache_give_up();
    }
    assert_int_equal(get("ada /api/configs", 8, &body), CACHE_MISS);
    cache_give_up();
    assert_int_equal(body.length, 0);
    buffer_free(&body);
}

static void a_newer_generation_replaces_an_older_one(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    for (int64_t generation = 1; generation < 20; generation++) {
        char text[32];
        snprintf(text, sizeof text, "as of %lld", (long long)generation);
        assert_int_equal(get("k", generation, &body), CACHE_MISS);
        put("k", generation, text);
        assert_int_equal(get("k", generation, &body), CACHE_HIT);
        assert_string_equal(buffer_string(&body), text);
    }
    buffer_free(&body);
}

static char *filled(size_t length, unsigned seed)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + (seed + i * 7 + i / 251) % 26);
    text[length] = '\0';
    return text;
}

static void a_full_cache_forgets_and_never_fails(void **state)
{
    struct buffer body;
    size_t hits = 0, asked = 0;
    (void)state;
    buffer_init(&body, BODY_MAX);
    for (unsigned n = 0; n < repeated(5000); n++) {
        char name[32];
        snprintf(name, sizeof name, "value %u", n);
        char *text = filled(n * 37 % 20000, n);
        assert_int_equal(get(name, 1, &body), CACHE_MISS);
        put(name, 1, text);
        free(text);
        for (unsigned back = 0; back <= n && back < 40; back += 13, asked++) {
            snprintf(name, sizeof name, "value %u", n - back);
            if (get(name, 1, &body) == CACHE_HIT) {
                char *expected = filled((n - back) * 37 % 20000, n - back);
                assert_string_equal(buffer_string(&body), expected);
                free(expected);
                hits++;
            } else {
                cache_give_up();
            }
        }
    }
    assert_true(hits > asked / 4);
    buffer_free(&body);
}

static void what_is_too_large_is_not_kept(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    char *text = filled(100 * KIB, 1);
    assert_int_equal(get("large", 1, &body), CACHE_MISS);
    put("large", 1, text);
    assert_int_equal(get("large", 1, &body), CACHE_MISS);
    cache_give_up();
    free(text);
    buffer_free(&body);
}

static void without_memory_everything_is_computed(void **state)
{
    struct buffer body;
    long long revision;
    struct cache_key key = key_of("k", 1);
    (void)state;
    pid_t child = fork();
    if (child == 0) { /* the test of a process that never called cache_init */
        execl(program, program, "--no-cache", (char *)NULL);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    buffer_init(&body, BODY_MAX);
    assert_int_equal(cache_get(&key, &body, &revision), CACHE_MISS);
    cache_give_up();
    buffer_free(&body);
}

static int exit_status(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

enum { ATTEMPTS = 50, TAKE_OVER_MS = 1000 };

/* Who computes for longer than that is not waited for: another one may do it, too. */
static bool too_late(int64_t started)
{
    return monotonic_ms() - started >= TAKE_OVER_MS;
}

/* Exit status: the cache_result of the child's first look. */
static pid_t reader(int64_t generation, const char *expected)
{
    pid_t child = fork();
    if (child)
        return child;
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    enum cache_result result = get("k", generation, &body);
    if (result == CACHE_HIT && strcmp(buffer_string(&body), expected) != 0)
        _exit(99);
    if (result == CACHE_MISS) {
        pause_ms(50);
        put("k", generation, expected);
    }
    _exit((int)result);
}

/* Who waits gives up in the end, which on a busy machine may be before the others had their turn, or takes over: tries a scenario until
 * nobody in it did. */
static void unhurried(void **state, bool (*scenario)(void))
{
    for (int i = 0; i < ATTEMPTS; i++) {
        if (scenario())
            return;
        fresh_cache(state);
    }
    fail_msg("in %d attempts somebody gave up", ATTEMPTS);
}

static bool all_wait_for_one(void)
{
    enum { READERS = 12 };
    pid_t children[READERS];
    int counts[3] = {0};
    int64_t started = monotonic_ms();
    for (int i = 0; i < READERS; i++)
        children[i] = reader(1, "the answer");
    for (int i = 0; i < READERS; i++) {
        int result = exit_status(children[i]);
        assert_in_range(result, CACHE_HIT, CACHE_BYPASS);
        counts[result]++;
    }
    assert_true(counts[CACHE_MISS] == 1 || too_late(started));
    return counts[CACHE_HIT] == READERS - 1;
}

static void one_computes_the_others_wait(void **state)
{
    unhurried(state, all_wait_for_one);
}

static void wait_until_waiting(uint64_t readers)
{
    for (int i = 0; i < 2000 && metrics_value(METRIC_CACHE_WAITED) < readers; i++)
        pause_ms(1);
}

/* Another process that has claimed "k" and computes it until it is told to finish. */
struct computer {
    pid_t pid;
    int line;
};

static struct computer start_computer(int64_t generation)
{
    int line[2];
    char text[64] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
    struct computer computer = {fork(), line[0]};
    if (computer.pid == 0) {
        struct buffer body;
        close(line[0]);
        buffer_init(&body, BODY_MAX);
        enum cache_result result = get("k", generation, &body);
        if (write(line[1], "", 1) == 1 && read(line[1], text, sizeof text - 1) > 0 && *text)
            put("k", generation, text);
        cache_give_up();
        _exit((int)result);
    }
    close(line[1]);
    assert_int_equal(read(computer.line, text, 1), 1);
    return computer;
}

/* With "" it gives up. */
static void finish(const struct computer *computer, const char *answer)
{
    size_t size = strlen(answer) + 1;
    assert_int_equal(write(computer->line, answer, size), size);
    assert_int_equal(exit_status(computer->pid), CACHE_MISS);
    close(computer->line);
}

/* Asks until whoever computes "k" has taken so long that this process may. */
static void take_over(void)
{
    struct buffer body;
    enum cache_result result = CACHE_BYPASS;
    buffer_init(&body, BODY_MAX);
    for (int i = 0; i < 20 && result == CACHE_BYPASS; i++)
        result = get("k", 1, &body);
    buffer_free(&body);
    assert_int_equal(result, CACHE_MISS);
}

static void expect_kept(int64_t generation, const char *answer)
{
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    assert_int_equal(get("k", generation, &body), CACHE_HIT);
    assert_string_equal(buffer_string(&body), answer);
    buffer_free(&body);
}

static void an_answer_that_took_long_is_kept(void **state)
{
    (void)state;
    struct computer slow = start_computer(1);
    take_over();
    uint64_t waited = metrics_value(METRIC_CACHE_WAITED);
    pid_t waiting = reader(1, "slow");
    wait_until_waiting(waited + 1);
    finish(&slow, "slow");
    int result = exit_status(waiting);
    assert_true(result == CACHE_HIT || result == CACHE_BYPASS);
    put("k", 1, "mine, too late");
    expect_kept(1, "slow");
}

static void an_answer_that_took_long_is_kept_when_its_successor_gave_up(void **state)
{
    (void)state;
    struct computer slow = start_computer(1);
    take_over();
    cache_give_up();
    finish(&slow, "slow");
    expect_kept(1, "slow");
}

static bool overtaken(void)
{
    struct computer slow = start_computer(1);
    int64_t started = monotonic_ms();
    take_over();
    finish(&slow, "");
    if (exit_status(reader(1, "")) != CACHE_BYPASS) {
        assert_true(too_late(started + TAKE_OVER_MS));
        return false;
    }
    put("k", 1, "mine");
    expect_kept(1, "mine");
    return true;
}

static void who_was_overtaken_gives_up_nothing(void **state)
{
    unhurried(state, overtaken);
}

static bool newer_beside_older(void)
{
    enum { READERS = 4 };
    struct buffer body;
    pid_t readers[READERS];
    bool all = true;
    buffer_init(&body, BODY_MAX);
    int64_t started = monotonic_ms();
    struct computer older = start_computer(1), old = start_computer(2);
    assert_int_equal(get("k", 3, &body), CACHE_MISS);
    assert_true(exit_status(reader(2, "old")) == CACHE_BYPASS || too_late(started));
    for (int i = 0; i < READERS; i++)
        readers[i] = reader(3, "new");
    wait_until_waiting(READERS);
    finish(&older, "older");
    put("k", 3, "new");
    for (int i = 0; i < READERS; i++) {
        int result = exit_status(readers[i]);
        assert_true(result == CACHE_HIT || result == CACHE_BYPASS || too_late(started));
        all = all && result == CACHE_HIT;
    }
    finish(&old, "old");
    buffer_free(&body);
    expect_kept(3, "new");
    return all;
}

static void a_newer_generation_is_computed_while_an_older_one_is(void **state)
{
    unhurried(state, newer_beside_older);
}

static bool wait_for_what_is_not_kept(void)
{
    enum { READERS = 4 };
    struct buffer body;
    bool in_time = true;
    buffer_init(&body, BODY_MAX);
    char *large = filled(100 * KIB, 1);
    for (int round = 0; round < 2 && in_time; round++) {
        pid_t readers[READERS];
        uint64_t waited = metrics_value(METRIC_CACHE_WAITED);
        int64_t started = monotonic_ms();
        assert_int_equal(get("k", 1, &body), CACHE_MISS);
        for (int i = 0; i < READERS; i++)
            readers[i] = reader(1, "");
        wait_until_waiting(waited + READERS);
        if (round == 0)
            put("k", 1, large);
        else
            cache_give_up();
        for (int i = 0; i < READERS; i++) {
            bool waited_once = exit_status(readers[i]) == CACHE_BYPASS;
            assert_true(waited_once || too_late(started));
            in_time = in_time && waited_once;
        }
    }
    free(large);
    buffer_free(&body);
    return in_time;
}

static void nobody_waits_twice_for_what_is_not_kept(void **state)
{
    unhurried(state, wait_for_what_is_not_kept);
}

static void who_dies_while_computing_is_succeeded(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    pid_t child = fork();
    if (child == 0)
        _exit(get("k", 1, &body));
    assert_int_equal(exit_status(child), CACHE_MISS);
    assert_int_equal(get("k", 1, &body), CACHE_MISS);
    put("k", 1, "mine");
    assert_int_equal(get("k", 1, &body), CACHE_HIT);
    buffer_free(&body);
}

static void who_gives_up_is_succeeded(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    assert_int_equal(get("k", 1, &body), CACHE_MISS);
    cache_give_up();
    pid_t child = fork();
    if (child == 0)
        _exit(get("k", 1, &body));
    assert_int_equal(exit_status(child), CACHE_MISS);
    cache_give_up(); /* nothing is owed: nothing happens */
    buffer_free(&body);
}

static void nobody_waits_for_ever(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    pid_t child = fork();
    if (child == 0) {
        get("k", 1, &body);
        pause();
        _exit(0);
    }
    enum cache_result result = CACHE_MISS;
    for (int i = 0; i < 100 && result == CACHE_MISS; i++) { /* until the child has it */
        pause_ms(10);
        result = get("k", 1, &body);
        cache_give_up();
    }
    assert_int_equal(result, CACHE_BYPASS);
    kill(child, SIGKILL);
    exit_status(child);
    assert_int_equal(get("k", 1, &body), CACHE_MISS);
    cache_give_up();
    buffer_free(&body);
}

static void end_at_once(int number)
{
    (void)number;
    _exit(0);
}

/* Its answer is in a file that has no bytes: it dies (SIGBUS) in the middle of keeping it, with the lock in its hands. */
static pid_t die_while_keeping(void)
{
    pid_t child = fork();
    if (child)
        return child;
    struct buffer body;
    struct cache_key key = key_of("k", 1);
    buffer_init(&body, BODY_MAX);
    get("k", 1, &body);
    signal(SIGBUS, end_at_once);
    cache_put(&key, 1, mmap(NULL, KIB, PROT_READ, MAP_SHARED, memfd_create("nothing", 0), 0), KIB);
    _exit(1);
}

static void emptied_it_wakes_only_who_waits(void **state)
{
    struct buffer body;
    (void)state;
    buffer_init(&body, BODY_MAX);
    assert_int_equal(exit_status(die_while_keeping()), 0);
    wakes = 0;
    assert_int_equal(get("k", 1, &body), CACHE_MISS);
    assert_int_equal(wakes, 1); /* the dead one's */
    put("k", 1, "mine");
    assert_int_equal(get("k", 1, &body), CACHE_HIT);
    buffer_free(&body);
}

/* Reads and writes as fast as it can; exits with 1 when it was given anything but what belongs to the key. */
static void hammer(unsigned seed)
{
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    for (unsigned n = seed;; n = n * 1103515245 + 12345) {
        char name[16];
        unsigned which = n / 65536 % 64;
        snprintf(name, sizeof name, "key %u", which);
        char *expected = filled(which * 300, which);
        enum cache_result result = get(name, 1 + n % 3, &body);
        if (result == CACHE_HIT && strcmp(buffer_string(&body), expected) != 0)
            _exit(1);
        if (result == CACHE_MISS)
            put(name, 1 + n % 3, expected);
        free(expected);
    }
}

static void killed_at_any_moment_leaves_it_sound(void **state)
{
    enum { PROCESSES = 3, KILLS = 150 };
    pid_t children[PROCESSES] = {0};
    (void)state;
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t *child = &children[i % PROCESSES];
        if (*child) {
            int status;
            kill(*child, SIGKILL);
            assert_int_equal(waitpid(*child, &status, 0), *child);
            assert_true(WIFSIGNALED(status));
        }
        *child = fork();
        if (*child == 0)
            hammer(i);
        pause_ms(3 + i % 5);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        kill(children[i], SIGKILL);
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFSIGNALED(status));
    }
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    if (get("afterwards", 1, &body) == CACHE_MISS)
        put("afterwards", 1, "sound");
    assert_int_equal(get("afterwards", 1, &body), CACHE_HIT);
    assert_string_equal(buffer_string(&body), "sound");
    buffer_free(&body);
}

static int without_cache(void)
{
    struct buffer body;
    long long revision;
    struct cache_key key = key_of("k", 1);
    buffer_init(&body, BODY_MAX);
    bool good = cache_init(0) && cache_get(&key, &body, &revision) == CACHE_BYPASS;
    cache_put(&key, 1, "x", 1);
    return good && cache_get(&key, &body, &revision) == CACHE_BYPASS ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_what_was_kept, fresh_cache),
        cmocka_unit_test_setup(finds_it_under_no_other_key, fresh_cache),
        cmocka_unit_test_setup(a_newer_generation_replaces_an_older_one, fresh_cache),
        cmocka_unit_test_setup(a_full_cache_forgets_and_never_fails, fresh_cache),
        cmocka_unit_test_setup(what_is_too_large_is_not_kept, fresh_cache),
        cmocka_unit_test_setup(without_memory_everything_is_computed, fresh_cache),
        cmocka_unit_test_setup(one_computes_the_others_wait, fresh_cache),
        cmocka_unit_test_setup(an_answer_that_took_long_is_kept, fresh_cache),
        cmocka_unit_test_setup(an_answer_that_took_long_is_kept_when_its_successor_gave_up, fresh_cache),
        cmocka_unit_test_setup(who_was_overtaken_gives_up_nothing, fresh_cache),
        cmocka_unit_test_setup(a_newer_generation_is_computed_while_an_older_one_is, fresh_cache),
        cmocka_unit_test_setup(nobody_waits_twice_for_what_is_not_kept, fresh_cache),
        cmocka_unit_test_setup(who_dies_while_computing_is_succeeded, fresh_cache),
        cmocka_unit_test_setup(who_gives_up_is_succeeded, fresh_cache),
        cmocka_unit_test_setup(nobody_waits_for_ever, fresh_cache),
        cmocka_unit_test_setup(emptied_it_wakes_only_who_waits, fresh_cache),
        cmocka_unit_test_setup(killed_at_any_moment_leaves_it_sound, fresh_cache),
    };
    program = argv[0];
    if (argc > 1 && strcmp(argv[1], "--no-cache") == 0)
        return without_cache();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
