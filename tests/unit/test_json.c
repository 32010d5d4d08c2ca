/* JSON: what the parser refuses, and what the writer makes of awkward values. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "util.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16 * MIB);
    json_use_arena(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

static const char *round_trip(const char *text)
{
    struct json_failure failure;
    json_t *value = json_parse(text, strlen(text), &failure);
    if (!value)
        fail_msg("%s: %s", text, failure.message);
    return json_text(arena, value);
}

static void values_come_back_in_order(void **state)
{
    (void)state;
    assert_string_equal(round_trip(" { \"z\" : [1, 2.5, true, null] , \"a\" : \"ü\\u00fc\\n\" } "),
                        "{\"z\":[1,2.5,true,null],\"a\":\"üü\\n\"}");
    assert_string_equal(round_trip("0.1"), "0.1"); /* not 0.10000000000000001 */
    assert_string_equal(round_trip("[0.30000000000000004]"), "[0.30000000000000004]");
    assert_string_equal(round_trip("1.7976931348623157e308"), "1.7976931348623157e308");
    assert_string_equal(round_trip("\"\\ud83d\\ude00\""), "\"😀\"");
    assert_string_equal(round_trip("9223372036854775807"), "9223372036854775807");
    assert_string_equal(round_trip("null"), "null");
    assert_string_equal(round_trip("[]"), "[]");
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "]",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{'a':1}",
        "\"",
        "\"\\x\"",
        "01",
        "1.",
        ".5",
        "+1",
        "NaN",
        "Infinity",
        "tru",
        "1 2",
        "{} x",
        "// c\n1",
        "\"a\nb\"",
        "\"\t\"",
        "\"\x01\"",
        "1e999",
        "99999999999999999999",
        "{\"a\":1,\"a\":2}",       /* duplicate */
        "{\"a\":1,\"\\u0061\":2}", /* the same key, escaped */
        "[{\"x\":{\"a\":1,\"a\":1}}]",
        "\"\\u0000\"", /* NUL, as value and as key */
        "{\"\\u0000\":1}",
        "\"\\ud800\"", /* half a pair */
        "\"\\udc00\\ud800\"",
        "\"\xff\"", /* not UTF-8 */
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xe2\x82\"",
        "{\"a\":\"\\u4e\xd7\x9b\xa3\x8a\"}", /* quoted in the message */
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json_failure failure;
        if (json_parse(bad[i], strlen(bad[i]), &failure))
            fail_msg("row %zu was accepted", i);
        assert_false(failure.too_deep);
        assert_string_not_equal(failure.message, "");
        assert_true(utf8_valid(failure.message, strlen(failure.message)));
    }
    struct json_failure failure;
    assert_null(json_parse("[1]\0", 4, &failure));
    assert_null(json_parse("[\0]", 3, &failure));
    assert_null(json_parse("[1\0]", 4, &failure)); /* which Jansson alone would take for [1] */
    assert_null(json_parse("[\ntrue\0]", 8, &failure));
    assert_int_equal(failure.line, 2);
    assert_int_equal(failure.column, 5);
}

/* A password that lacks a quotation mark, or has a wrong one in it. */
static void messages_quote_no_values(void **state)
{
    static const char *const bad[] = {"{\"password\":\"hunter2\n\"}",
                                      "{\"password\":\"hunter2",
                                      "{\"password\":hunter2}",
                                      "{\"password\":\"a\"hunter2\"}",
                                      "{\"password\":\"hunter2\\q\"}",
                                      "hunter2",
                                      "{\"password\" \"hunter2\"}",
                                      "{\"p\":1}hunter2",
                                      "{\"p\":truehunter2}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json_failure failure;
        assert_null(json_parse(bad[i], strlen(bad[i]), &failure));
        assert_string_not_equal(failure.message, "");
        if (strstr(failure.message, "hunter"))
            fail_msg("%s: %s", bad[i], failure.message);
    }
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    static const char *const same[] = {"{\"a\":1}", " [1]", "\"\xef\xbb\xbf\"", "1"};
    struct json_failure failure;
    char marked[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        snprintf(marked, sizeof marked, "\xef\xbb\xbf%s", same[i]);
        json_t *with = json_parse(marked, strlen(marked), &failure),
               *without = json_parse(same[i], strlen(same[i]), &failure);
        assert_true(with && without && json_equal(with, without));
    }
    static const char *const bad[] = {"\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbf[]", "\xef\xbb", "[]\xef\xbb\xbf"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_null(json_parse(bad[i], strlen(bad[i]), &failure));
    assert_null(json_parse("\xef\xbb\xbf[x]", 6, &failure));
    assert_int_equal(failure.line, 1);
    assert_int_equal(failure.column, 2);
}

static void failures_have_a_place(void **state)
{
    (void)state;
    struct json_failure failure;
    const char *text = "{\n  \"a\": 1,\n  \"b\": x\n}";
    assert_null(json_parse(text, strlen(text), &failure));
    assert_int_equal(failure.line, 3);
    assert_int_equal(failure.column, 8);
    assert_non_null(strstr(failure.message, "invalid token"));
}

static json_t *parse_nested(int levels, char open, struct json_failure *failure)
{
    struct buffer text;
    buffer_init(&text, MIB);
    for (int i = 0; i < levels; i++)
        buffer_text(&text, open == '[' ? "[" : "{\"k\":");
    buffer_text(&text, "1");
    for (int i = 0; i < levels; i++)
        buffer_char(&text, open == '[' ? ']' : '}');
    json_t *value = json_parse(text.data, text.length, failure);
    buffer_free(&text);
    return value;
}

static void nesting_ends_at_32(void **state)
{
    (void)state;
    struct json_failure failure;
    assert_non_null(parse_nested(32, '[', &failure));
    assert_non_null(parse_nested(32, '{', &failure));
    assert_false(failure.too_deep);
    assert_null(parse_nested(33, '[', &failure));
    assert_true(failure.too_deep);
    assert_null(parse_nested(33, '{', &failure));
    assert_true(failure.too_deep);
}

static void a_megabyte_of_brackets_is_refused(void **state)
{
    (void)state;
    char *text = malloc(MIB);
    memset(text, '[', MIB);
    struct json_failure failure;
    size_t used = arena_used(arena);
    assert_null(json_parse(text, MIB, &failure));
    assert_true(failure.too_deep);
    assert_int_equal(arena_used(arena), used); /* the parser was never asked */
    free(text);
}

static void brackets_in_strings_do_not_nest(void **state)
{
    (void)state;
    assert_string_equal(round_trip("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""),
                        "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"");
    assert_string_equal(round_trip("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""),
                        "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"");
    struct json_failure failure; /* the string ends after the escaped backslash: these do nest */
    const char *text = "[\"\\\\\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";
    assert_null(json_parse(text, strlen(text), &failure));
    assert_true(failure.too_deep);
    const char *siblings =
        "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]";
    assert_string_equal(round_trip(siblings), siblings);
}

static void values_live_in_the_arena(void **state)
{
    (void)state;
    size_t before = arena_used(arena);
    struct json_failure failure;
    json_t *value = json_parse("{\"a\":[1,2,3]}", 13, &failure);
    assert_true(arena_used(arena) > before);
    json_decref(value); /* harmless; and nothing leaks (ASan) when it is left out, as everywhere else here */

    json_use_arena(NULL);
    before = arena_used(arena);
    value = json_parse("[1]", 3, &failure);
    assert_non_null(value);
    assert_int_equal(arena_used(arena), before);
    json_decref(value);
    json_use_arena(arena);
}

static struct buffer out;
static struct json_writer w;

static void begin(size_t max)
{
    buffer_free(&out);
    buffer_init(&out, max);
    json_begin(&w, &out);
}

static void writer_places_commas(void **state)
{
    (void)state;
    begin(KIB);
    json_open_object(&w);
    json_string_member(&w, "s", "x");
    json_int_member(&w, "i", LLONG_MIN);
    json_bool_member(&w, "t", true);
    json_bool_member(&w, "f", false);
    json_raw_member(&w, "r", "{\"x\":1}");
    json_raw_member(&w, "n", NULL);
    json_string_member(&w, "sn", NULL);
    json_key(&w, "array");
    json_open_array(&w);
    json_open_array(&w);
    json_close_array(&w);
    json_open_object(&w);
    json_key(&w, "k");
    json_put_null(&w);
    json_close_object(&w);
    json_put_int(&w, 1);
    json_put_string(&w, "two");
    json_put_double(&w, 2.5, 2);
    json_put_bool(&w, true);
    json_close_array(&w);
    json_key(&w, "o");
    json_open_object(&w);
    json_close_object(&w);
    json_close_object(&w);
    assert_string_equal(buffer_string(&out), "{\"s\":\"x\",\"i\":-9223372036854775808,\"t\":true,\"f\":false,"
                                             "\"r\":{\"x\":1},\"n\":null,\"sn\":null,"
                                             "\"array\":[[],{\"k\":null},1,\"two\",2.5,true],\"o\":{}}");
    assert_false(out.overflow);
    buffer_free(&out);
}

static void writer_nests_64_levels(void **state)
{
    (void)state;
    for (int levels = 64; levels <= 66; levels++) {
        begin(KIB);
        for (int i = 0; i < levels; i++) {
            if (i)
                json_put_int(&w, 1);
            json_open_array(&w);
        }
        for (int i = 0; i < levels; i++)
            json_close_array(&w);
        assert_int_equal(out.overflow, levels > 64);
        if (levels == 64) {
            json_error_t error;
            assert_non_null(json_loads(buffer_string(&out), 0, &error));
        }
    }
    buffer_free(&out);
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        int decimals;
        const char *text;
    } rows[] = {
        {0, 2, "0"},
        {-0.0, 2, "0"},
        {-0.001, 2, "0"},
        {1, 3, "1"},
        {100, 0, "100"},
        {100, 2, "100"},
        {0.1, 15, "0.1"},
        {0.1, 40, "0.1"},
        {1.25, 2, "1.25"},
        {1.256, 2, "1.26"},
        {1.50, 3, "1.5"},
        {-2.5, 1, "-2.5"},
        {0.000123, 6, "0.000123"},
        {NAN, 2, "null"},
        {INFINITY, 2, "null"},
        {-INFINITY, 0, "null"},
        {9.99, 1, "10"},
        {3.7, -1, "4"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        begin(KIB);
        json_put_double(&w, rows[i].value, rows[i].decimals);
        assert_string_equal(buffer_string(&out), rows[i].text);
    }
    begin(KIB);
    json_put_double(&w, -1.7976931348623157e308, 15);
    assert_int_equal(out.length, 310);
    begin(KIB);
    json_open_array(&w);
    json_put_double(&w, NAN, 1);
    json_put_double(&w, 1, 1);
    json_close_array(&w);
    assert_string_equal(buffer_string(&out), "[null,1]");
    buffer_free(&out);
}

static void strings_are_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quoted;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
        {"aä日😀z", "\"aä日😀z\""},
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        begin(KIB);
        json_put_string(&w, rows[i].text);
        assert_string_equal(buffer_string(&out), rows[i].quoted);
    }
    buffer_free(&out);
}

static void every_quoted_byte_parses(void **state)
{
    (void)state;
    for (int a = 1; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            begin(KIB);
            json_put_string(&w, (char[]){(char)a, (char)b, 0});
            struct json_failure failure;
            if (!json_parse(out.data, out.length, &failure))
                fail_msg("%02x %02x: %s", (unsigned)a, (unsigned)b, failure.message);
            arena_reset(arena);
        }
    buffer_free(&out);
}

static void writer_overflow_shows(void **state)
{
    (void)state;
    begin(10);
    json_open_object(&w);
    json_string_member(&w, "key", "too long for ten");
    json_close_object(&w);
    assert_true(out.overflow);
    assert_true(out.length <= 10);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_in_order),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(messages_quote_no_values),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(failures_have_a_place),
        cmocka_unit_test(nesting_ends_at_32),
        cmocka_unit_test(a_megabyte_of_brackets_is_refused),
        cmocka_unit_test(brackets_in_strings_do_not_nest),
        cmocka_unit_test(values_live_in_the_arena),
        cmocka_unit_test(writer_places_commas),
        cmocka_unit_test(writer_nests_64_levels),
        cmocka_unit_test(doubles),
        cmocka_unit_test(strings_are_quoted),
        cmocka_unit_test(every_quoted_byte_parses),
        cmocka_unit_test(writer_overflow_shows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
