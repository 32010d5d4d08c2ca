/* Look-alikes: what looks the same has the same skeleton, and what does not has not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lookalike.h"
#include "util.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(MIB);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void what_looks_the_same_is_the_same(void **state)
{
    static const char *const pairs[][2] = {
        {"paypal", "p\xd0\xb0ypal"},                           /* Cyrillic a */
        {"paypal", "paypa1"},                                  /* a digit */
        {"scope", "\xd1\x95\xd1\x81\xd0\xbe\xd1\x80\xd0\xb5"}, /* Cyrillic throughout */
        {"Alice", "AIice"},                                    /* a capital I */
        {"Bob", "B\xce\xbf"
                "b"}, /* Greek omicron */
        {"O", "0"},
        {"modern", "rnodern"},
        {"ada", "a\xef\xb8\x8f"
                "da"}, /* a variation selector */
        {"ada", "\xe3\x85\xa4"
                "ada"}, /* a Hangul filler */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        assert_string_equal(lookalike_skeleton(arena, pairs[i][0]), lookalike_skeleton(arena, pairs[i][1]));
}

static void what_looks_different_is_different(void **state)
{
    static const char *const names[] = {"ada",
                                        "Ada",
                                        "adam",
                                        "ad",
                                        "a-da",
                                        "a.da",
                                        "a_da",
                                        "\xe5\xbc\xa0\xe4\xb8\x89",
                                        "\xe5\xbc\xa0\xe5\x9b\x9b",
                                        "elan",
                                        "e\xcc\x81lan",
                                        "2",
                                        "user2",
                                        "user3",
                                        "mai",
                                        "mal"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(lookalike_skeleton(arena, names[i]), lookalike_skeleton(arena, names[k]));
}

static void what_cannot_be_seen_is_empty(void **state)
{
    (void)state;
    assert_string_equal(lookalike_skeleton(arena, ""), "");
    assert_string_equal(lookalike_skeleton(arena, "\xe3\x85\xa4\xef\xb8\x8f"), "");
}

static void long_texts_are_no_trouble(void **state)
{
    char text[301];
    (void)state;
    memset(text, 'm', 300);
    text[300] = '\0';
    assert_int_equal(strlen(lookalike_skeleton(arena, text)), 600); /* "rn" */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_looks_the_same_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_looks_different_is_different, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_seen_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_are_no_trouble, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
