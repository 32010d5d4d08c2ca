/* Arrays in PostgreSQL's binary format: byte by byte, as array_send writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_array.h"

#define ASSERT_BYTES(out, text)                                                                                        \
    do {                                                                                                               \
        assert_int_equal((out).length, sizeof(text) - 1);                                                              \
        assert_memory_equal((out).data, text, sizeof(text) - 1);                                                       \
    } while (0)

static void numbers_are_big_endian(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1024);
    db_array_begin(&out, DB_INT2, 2);
    db_array_put(&out, DB_INT2, 258);
    db_array_put(&out, DB_INT2, -2);
    ASSERT_BYTES(out, "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\x15"
                      "\0\0\0\2"
                      "\0\0\0\1"
                      "\0\0\0\2"
                      "\1\2"
                      "\0\0\0\2"
                      "\xff\xfe");
    db_array_begin(&out, DB_INT4, 1);
    db_array_put(&out, DB_INT4, 1000000000);
    ASSERT_BYTES(out, "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\x17"
                      "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\4"
                      "\x3b\x9a\xca\0");
    db_array_begin(&out, DB_INT8, 1);
    db_array_put(&out, DB_INT8, -1);
    ASSERT_BYTES(out, "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\x14"
                      "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\10"
                      "\xff\xff\xff\xff\xff\xff\xff\xff");
    buffer_free(&out);
}

static void times_begin_in_2000(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1024);
    db_array_begin(&out, DB_TIME, 1);
    db_array_put(&out, DB_TIME, 946684800000000 + 1);
    ASSERT_BYTES(out, "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\4\xa0"
                      "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\10"
                      "\0\0\0\0\0\0\0\1");
    buffer_free(&out);
}

static void names_may_be_missing(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1024);
    db_array_begin(&out, DB_UUID, 2);
    db_array_put_uuid(&out, (const unsigned char *)"0123456789abcdef");
    db_array_put_uuid(&out, NULL);
    ASSERT_BYTES(out, "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\x0b\x86"
                      "\0\0\0\2"
                      "\0\0\0\1"
                      "\0\0\0\x10"
                      "0123456789abcdef"
                      "\xff\xff\xff\xff");
    db_array_begin(&out, DB_UUID, 0);
    ASSERT_BYTES(out, "\0\0\0\0"
                      "\0\0\0\1"
                      "\0\0\x0b\x86");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(times_begin_in_2000),
        cmocka_unit_test(names_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
