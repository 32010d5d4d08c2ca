/* Buffer: growth, the maximum, and what stays after overflow and reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "buffer.h"
#include "util.h"

static void starts_empty_without_memory(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    assert_null(buffer.data);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_append(&buffer, NULL, 0);
    buffer_text(&buffer, "");
    buffer_printf(&buffer, "%s", "");
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    assert_false(buffer.overflow);
    buffer_free(&buffer);
}

static void every_way_to_append(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_append(&buffer, "ab\0c", 4);
    buffer_text(&buffer, "text");
    buffer_char(&buffer, '!');
    buffer_printf(&buffer, "%d-%s", 42, "x");
    assert_int_equal(buffer.length, 13);
    assert_memory_equal(buffer.data, "ab\0ctext!42-x", 14); /* with the NUL */
    buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.max, 100);
}

static void grows_and_keeps_its_contents(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, MIB);
    for (int i = 0; i < 100000; i++)
        buffer_char(&buffer, (char)('a' + i % 26));
    assert_false(buffer.overflow);
    assert_int_equal(buffer.length, 100000);
    for (int i = 0; i < 100000; i++)
        if (buffer.data[i] != 'a' + i % 26)
            fail_msg("changed at %d", i);
    assert_int_equal(buffer.data[100000], 0);
    buffer_free(&buffer);
}

static void exactly_the_maximum_fits(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    buffer_text(&buffer, "12345");
    assert_false(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "12345");
    assert_int_equal(buffer.capacity, 6);
    buffer_char(&buffer, '6');
    assert_true(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "12345");
    buffer_free(&buffer);
}

static void overflow_drops_all_that_follows(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    buffer_text(&buffer, "123");
    buffer_text(&buffer, "4567");
    assert_true(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "123");
    buffer_char(&buffer, '4'); /* would fit, but would leave a gap */
    buffer_printf(&buffer, "%d", 4);
    assert_string_equal(buffer_string(&buffer), "123");

    buffer_reset(&buffer);
    assert_false(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_printf(&buffer, "%s", "123456");
    assert_true(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_free(&buffer);
}

static void cut_keeps_a_beginning(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5);
    buffer_cut(&buffer, 0);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_text(&buffer, "123");
    buffer_cut(&buffer, 4);
    assert_string_equal(buffer_string(&buffer), "123");
    buffer_text(&buffer, "456");
    assert_true(buffer.overflow);
    buffer_cut(&buffer, 1);
    assert_false(buffer.overflow);
    buffer_text(&buffer, "xyz");
    assert_string_equal(buffer_string(&buffer), "1xyz");
    buffer_free(&buffer);
}

static void lengths_do_not_wrap(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, SIZE_MAX);
    buffer_char(&buffer, 'x');
    volatile size_t huge = SIZE_MAX; /* volatile: the compilers would refuse what is tested here */
    buffer_append(&buffer, "y", huge);
    assert_true(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "x");
    buffer_free(&buffer);
}

static void zero_maximum_takes_nothing(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    buffer_char(&buffer, 'x');
    assert_true(buffer.overflow);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_free(&buffer);
}

static void reset_keeps_little_and_returns_much(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, MIB);
    buffer_text(&buffer, "small");
    const char *data = buffer.data;
    buffer_reset(&buffer);
    assert_ptr_equal(buffer.data, data);
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer_string(&buffer), "");

    buffer_printf(&buffer, "%*d", 100 * KIB, 1);
    assert_int_equal(buffer.length, 100 * KIB);
    buffer_reset(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
    assert_int_equal(buffer.max, MIB);
    buffer_text(&buffer, "again");
    assert_string_equal(buffer_string(&buffer), "again");
    buffer_free(&buffer);
}

static void in_an_arena_it_grows_there(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4 * MIB);
    struct buffer buffer;
    buffer_init_in(&buffer, arena, MIB);
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%03d,", i);
    assert_int_equal(buffer.length, 4000);
    assert_memory_equal(buffer.data, "000,001,", 8);
    assert_string_equal(buffer.data + 3996, "999,");
    assert_true(arena_used(arena) >= 4000);
    buffer_printf(&buffer, "%*d", MIB, 1);
    assert_true(buffer.overflow);
    assert_int_equal(buffer.length, 4000);
    buffer_free(&buffer);
    assert_null(buffer.data);
    buffer_text(&buffer, "again");
    assert_string_equal(buffer_string(&buffer), "again");
    arena_free(arena); /* and everything with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty_without_memory),     cmocka_unit_test(every_way_to_append),
        cmocka_unit_test(grows_and_keeps_its_contents),    cmocka_unit_test(exactly_the_maximum_fits),
        cmocka_unit_test(overflow_drops_all_that_follows), cmocka_unit_test(lengths_do_not_wrap),
        cmocka_unit_test(zero_maximum_takes_nothing),      cmocka_unit_test(reset_keeps_little_and_returns_much),
        cmocka_unit_test(cut_keeps_a_beginning),           cmocka_unit_test(in_an_arena_it_grows_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
