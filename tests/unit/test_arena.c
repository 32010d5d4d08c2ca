/* Arena: alignment, zeroing, limits and poisoning. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "util.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#define WITH_ASAN __has_feature(address_sanitizer)
#else
#define WITH_ASAN 0
#endif

#if WITH_ASAN
#include <sanitizer/asan_interface.h>

/* A size that malloc cannot serve is part of the tests, not a mistake in them. */
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

static jmp_buf on_exhausted;

static void jump_back(void *context)
{
    ++*(int *)context;
    longjmp(on_exhausted, 1);
}

static void allocations_are_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    for (int round = 0; round < 2; round++) { /* the second meets the memory that the first has written to */
        for (size_t size = 0; size < 300; size++) {
            char *bytes = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xff, size);
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

static void allocations_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 400 };
    struct arena *arena = arena_new(64 * MIB);
    unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) { /* 80 KB on average: through all block sizes */
        pieces[i] = arena_alloc(arena, i * 400);
        memset(pieces[i], (int)(i % 251), i * 400);
    }
    assert_ptr_not_equal(arena_alloc(arena, 0), arena_alloc(arena, 0));
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < i * 400; j++)
            if (pieces[i][j] != i % 251)
                fail_msg("piece %zu was overwritten at %zu", i, j);
    arena_free(arena);
}

static void one_allocation_may_be_larger_than_any_block(void **state)
{
    (void)state;
    struct arena *arena = arena_new(16 * MIB);
    char *large = arena_alloc(arena, 5 * MIB);
    large[5 * MIB - 1] = 'x';
    char *small = arena_strdup(arena, "after");
    assert_string_equal(small, "after");
    assert_true(arena_used(arena) >= 5 * MIB + 6);
    arena_free(arena);
}

static void used_counts_until_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    assert_int_equal(arena_used(arena), 0);
    arena_alloc(arena, 1000);
    assert_in_range(arena_used(arena), 1000, 1000 + _Alignof(max_align_t));
    arena_alloc(arena, 200 * KIB);
    assert_in_range(arena_used(arena), 1000 + 200 * KIB, 1000 + 200 * KIB + 2 * _Alignof(max_align_t));
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    arena_free(arena);
}

static void reset_keeps_the_first_block(void **state)
{
    (void)state;
    struct arena *arena = arena_new(8 * MIB);
    char *first = arena_alloc(arena, 16);
    arena_alloc(arena, 2 * MIB);
    arena_reset(arena);
    assert_ptr_equal(arena_alloc(arena, 16), first);
    arena_free(arena);
}

static void maximum_is_enforced(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100 * KIB);
    int calls = 0;
    arena_on_exhausted(arena, jump_back, &calls);

    volatile int reached = 0;
    if (setjmp(on_exhausted) == 0) {
        arena_alloc(arena, 60 * KIB);
        arena_alloc(arena, 40 * KIB);
        reached = 1; /* exactly the maximum fits */
        arena_alloc(arena, 1);
        reached = 2;
    }
    assert_int_equal(reached, 1);
    assert_int_equal(calls, 1);

    arena_reset(arena); /* usable again after the failure */
    assert_non_null(arena_alloc(arena, 100 * KIB));
    arena_free(arena);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new(SIZE_MAX);
    int calls = 0;
    arena_on_exhausted(arena, jump_back, &calls);
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 + 100, SIZE_MAX / 2};
    for (volatile size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        if (setjmp(on_exhausted) == 0) {
            arena_alloc(arena, sizes[i]);
            fail_msg("%zu bytes were handed out", sizes[i]);
        }
    assert_int_equal(calls, ARRAY_SIZE(sizes));
    arena_free(arena);
}

static void array_refuses_overflow(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    int calls = 0;
    arena_on_exhausted(arena, jump_back, &calls);
    int *numbers = arena_array(arena, 10, sizeof *numbers);
    numbers[9] = 1;
    if (setjmp(on_exhausted) == 0) {
        arena_array(arena, SIZE_MAX / 8 + 2, 8); /* wraps to 8 bytes */
        fail_msg("the product wrapped");
    }
    assert_int_equal(calls, 1);
    arena_free(arena);
}

static void exhaustion_without_handler_aborts(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        close(STDERR_FILENO);
        arena_alloc(arena_new(KIB), 2 * KIB);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void strings_are_copied(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4 * MIB);
    char source[] = "source";
    char *copy = arena_strdup(arena, source);
    source[0] = 'X';
    assert_string_equal(copy, "source");
    assert_string_equal(arena_strdup(arena, ""), "");
    assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(arena, "abc", 100), "abc");
    assert_string_equal(arena_strndup(arena, (char[]){'n', 'o', 'N', 'U', 'L'}, 5), "noNUL");
    assert_string_equal(arena_strndup(arena, "abc", 0), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "n", 42), "n-42");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
    char *wide = arena_printf(arena, "%*d", 2 * MIB, 7);
    assert_int_equal(strlen(wide), 2 * MIB);
    assert_int_equal(wide[2 * MIB - 1], '7');
    arena_free(arena);
    arena_free(NULL);
}

static void stale_memory_is_poisoned_under_asan(void **state)
{
    (void)state;
#if WITH_ASAN
    struct arena *arena = arena_new(MIB);
    char *stale = arena_alloc(arena, 20);
    assert_false(__asan_address_is_poisoned(stale + 19));
    assert_true(__asan_address_is_poisoned(stale + 20));
    arena_reset(arena);
    assert_true(__asan_address_is_poisoned(stale));
    assert_ptr_equal(arena_alloc(arena, 20), stale);
    assert_false(__asan_address_is_poisoned(stale));
    arena_free(arena);
#else
    skip();
#endif
}

static void a_step_leaves_nothing_but_what_it_keeps(void **state)
{
    (void)state;
    struct arena *arena = arena_new(8 * MIB);
    const char *before = arena_strdup(arena, "before"), *empty = NULL;
    for (int round = 0; round < 1000; round++) { /* 3 GB, if each step stayed */
        struct arena_mark mark = arena_mark(arena);
        const char *kept = arena_printf(arena, "kept %d", round);
        for (size_t size = 16; size <= 2 * MIB; size *= 2)
            memset(arena_alloc(arena, size), 0xff, size);
        const char *again = kept;
        arena_release_but(arena, mark, (const char **const[]){&kept, &empty}, 2);
        assert_true(round > 0 || kept == again); /* both at the place of the mark */
        assert_string_equal(kept + 5, arena_printf(arena, "%d", round));
        for (size_t i = 0; i < 100; i++) /* what was handed out before is zero again */
            assert_int_equal(*(char *)arena_alloc(arena, 1), 0);
        arena_release(arena, mark);
    }
    assert_null(empty);
    assert_string_equal(before, "before");
    assert_int_equal(arena_used(arena), 16);
    arena_free(arena);
}

static void what_is_large_is_given_back(void **state)
{
    (void)state;
    struct arena *arena = arena_new(16 * MIB);
    char *small = arena_alloc(arena, 100), *kept = arena_alloc(arena, 2 * MIB);
    for (int round = 0; round < 100; round++) {
        char *large = arena_alloc(arena, 9 * MIB);
        large[9 * MIB - 1] = 'x';
        arena_give_back(arena, large);
    }
    size_t used = arena_used(arena);
    arena_give_back(arena, NULL);
    arena_give_back(arena, small); /* too small: it stays */
    assert_int_equal(arena_used(arena), used);
    kept[2 * MIB - 1] = 'x';
    arena_give_back(arena, kept);
    assert_int_equal(arena_used(arena), used - 2 * MIB);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_and_aligned),
        cmocka_unit_test(allocations_do_not_overlap),
        cmocka_unit_test(one_allocation_may_be_larger_than_any_block),
        cmocka_unit_test(used_counts_until_reset),
        cmocka_unit_test(reset_keeps_the_first_block),
        cmocka_unit_test(maximum_is_enforced),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(array_refuses_overflow),
        cmocka_unit_test(exhaustion_without_handler_aborts),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(stale_memory_is_poisoned_under_asan),
        cmocka_unit_test(a_step_leaves_nothing_but_what_it_keeps),
        cmocka_unit_test(what_is_large_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
