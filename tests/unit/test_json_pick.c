/* The JSON picker: what is JSON and what is not, what is kept, and that it does not matter where pieces end. */
#include <stdio.h>
#include <string.h>

#include "../test.h"
#include "arena.h"
#include "buffer.h"
#include "json_number.h"
#include "json_pick.h"
#include "util.h"

enum { A, B_C, B_D, LIST_X, LIST_TEXT, LIST, LONG, B, PATHS };
static const struct json_pick_path paths[] = {
    [A] = {"a", 100},
    [B_C] = {"b.c", 100},
    [B_D] = {"b.d", 100},
    [LIST_X] = {"list[].x"},
    [LIST_TEXT] = {"list[].text", 100},
    [LIST] = {"list[]", .ends = true},
    [LONG] = {"long", 50},
    [B] = {"b"},
};

struct fixture {
    struct arena *arena;
    struct json_pick *pick;
    struct buffer items; /* "x=... text=...;" of each item that ended */
    size_t stop_at;      /* the item that the taker stops at, from 1; 0 = none */
    size_t seen;
};

static bool take(void *context, size_t path)
{
    struct fixture *f = context;
    const char *x = json_pick_text(f->pick, LIST_X), *text = json_pick_text(f->pick, LIST_TEXT);
    assert_int_equal(path, LIST);
    buffer_printf(&f->items, "x=%s text=%s;", x ? x : "-", text ? text : "-");
    return ++f->seen != f->stop_at;
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(64 * KIB)};
    buffer_init(&f.items, MIB);
    f.pick = json_pick_new(f.arena, paths, PATHS, take, &f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buffer_free(&f->items);
    arena_free(f->arena);
    return 0;
}

/* Reads a text in pieces of `step` bytes. */
static bool read_in(struct fixture *f, const char *text, size_t length, size_t step)
{
    buffer_reset(&f->items);
    f->seen = 0;
    json_pick_begin(f->pick);
    for (size_t at = 0; at < length; at += step)
        if (!json_pick_feed(f->pick, text + at, length - at < step ? length - at : step))
            return false;
    return json_pick_end(f->pick);
}

static bool read_text(struct fixture *f, const char *text)
{
    return read_in(f, text, strlen(text), strlen(text) ? strlen(text) : 1);
}

static const char *const good[] = {
    "{}",
    "[]",
    " \t\r\n{ } \n",
    "{\"a\":1}",
    "{\"a\" : [ 1 , 2 ] , \"b\" : { } }",
    "[[[[]]],{}]",
    "[true,false,null]",
    "[0,-0,1,-1,10,0.5,-0.25,1e5,1E+5,1e-5,1.5e10,123456789012345678901234567890]",
    "\"text\"",
    "42",
    "-1.5e3",
    "true",
    "null",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"",
    "\"\\ud83d\"", /* half a pair is grammar, if no text */
    "\"\x7f\"",
    "\xEF\xBB\xBF{}",
    " \xEF\xBB\xBF {}",
    "{\"\":{\"\":[]}}",
};

static const char *const wrong[] = {
    "",
    " ",
    "\xEF\xBB\xBF",
    "\xEF\xBB{}",
    "\xEFxx{}",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "[1}",
    "{\"a\":1]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{1:2}",
    "{null:1}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[1:2]",
    "{}{}",
    "{} x",
    "[] ,",
    "1 2",
    "\"a\" \"b\"",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1.e5",
    "1e",
    "1e+",
    "--1",
    "-a",
    "0x10",
    "1-2",
    "1+2",
    "1.2.3",
    "1e5.5",
    "00",
    "-01",
    "tru",
    "truth",
    "nulll",
    "True",
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "t",
    "nul",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u\"",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"\x01\"",
    "'a'",
    "\"\\'\"",
    "[\"a\",\n\"b\",",
    "// a\n{}",
    "{/**/}",
    "[1]]",
    "{\"a\":{\"b\":1}",
    "\xC3\xA4",
};

static void what_is_json_and_what_is_not(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        for (size_t step = 1; step <= 4; step++)
            if (!read_in(f, good[i], strlen(good[i]), step))
                fail_msg("refused %s in pieces of %zu: %s", good[i], step, json_pick_problem(f->pick));
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        for (size_t step = 1; step <= 4; step++) {
            if (read_in(f, wrong[i], strlen(wrong[i]), step))
                fail_msg("took %s in pieces of %zu", wrong[i], step);
            assert_non_null(json_pick_problem(f->pick));
        }
    assert_false(read_in(f, "{\"a\0\":1}", 8, 8));
    assert_false(read_in(f, "\0{}", 3, 3));
}

static void values_at_paths_are_kept(void **state)
{
    struct fixture *f = *state;
    const char *text = "{\"x\":{\"a\":\"no\",\"b\":{\"c\":1}},\"a\":\"yes\",\"b\":{\"c\":-12.5e1,\"d\":true,\"a\":9},"
                       "\"c\":3,\"lists\":[{\"x\":7}],\"long\":null}";
    for (size_t step = 1; step <= strlen(text); step++) {
        assert_true(read_in(f, text, strlen(text), step));
        assert_string_equal(json_pick_text(f->pick, A), "yes");
        assert_string_equal(json_pick_text(f->pick, B_C), "-12.5e1");
        assert_int_equal(json_pick_kind(f->pick, B_D), JSON_PICK_TRUE);
        assert_int_equal(json_pick_kind(f->pick, B), JSON_PICK_OBJECT);
        assert_int_equal(json_pick_kind(f->pick, LONG), JSON_PICK_NULL);
        assert_int_equal(json_pick_kind(f->pick, LIST_X), JSON_PICK_NONE);
        assert_null(json_pick_text(f->pick, LIST_X));
        assert_int_equal(json_pick_top(f->pick), JSON_PICK_OBJECT);
    }
    /* Nothing of it is left for the next text. */
    assert_true(read_text(f, "{\"a\":[\"b\"]}"));
    assert_int_equal(json_pick_kind(f->pick, A), JSON_PICK_LIST);
    assert_null(json_pick_text(f->pick, A));
    for (size_t i = B_C; i < PATHS; i++)
        assert_int_equal(json_pick_kind(f->pick, i), JSON_PICK_NONE);
    assert_true(read_text(f, "{\"b\":5,\"list\":{\"x\":1}}"));
    assert_int_equal(json_pick_kind(f->pick, B), JSON_PICK_NUMBER);
    assert_int_equal(json_pick_kind(f->pick, LIST_X), JSON_PICK_NONE);
}

static void items_are_told_one_by_one(void **state)
{
    struct fixture *f = *state;
    const char *text =
        "{\"list\":[{\"x\":1,\"text\":\"one\"},{},{\"text\":\"three\",\"y\":[{\"x\":5}]},7,[{\"x\":8}],{\"x\":9}]}";
    for (size_t step = 1; step <= strlen(text); step++) {
        assert_true(read_in(f, text, strlen(text), step));
        assert_string_equal(buffer_string(&f->items), "x=1 text=one;x=- text=-;x=- text=three;x=- text=-;x=9 text=-;");
    }
    f->stop_at = 2;
    assert_false(read_text(f, text));
    assert_null(json_pick_problem(f->pick));
    assert_string_equal(buffer_string(&f->items), "x=1 text=one;x=- text=-;");
}

static void of_a_name_that_comes_twice_the_last_counts(void **state)
{
    struct fixture *f = *state;
    assert_true(read_text(f, "{\"a\":\"first\",\"a\":\"second\"}"));
    assert_string_equal(json_pick_text(f->pick, A), "second");
    assert_true(read_text(f, "{\"b\":{\"c\":1,\"d\":2},\"b\":{\"d\":3}}"));
    assert_int_equal(json_pick_kind(f->pick, B_C), JSON_PICK_NONE);
    assert_string_equal(json_pick_text(f->pick, B_D), "3");
    assert_true(read_text(f, "{\"b\":{\"c\":1},\"b\":null}"));
    assert_int_equal(json_pick_kind(f->pick, B_C), JSON_PICK_NONE);
    assert_int_equal(json_pick_kind(f->pick, B), JSON_PICK_NULL);
}

static void texts_are_decoded(void **state)
{
    static const struct {
        const char *json, *text; /* NULL = spoilt */
    } cases[] = {
        {"\"\\u0061\\\"\\\\\\/\"", "a\"\\/"},
        {"\"\\u00e4\\u20ac\"", "ä€"},
        {"\"\\ud83d\\ude00!\"", "😀!"},
        {"\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF"},
        {"\"中文\"", "中文"},
        {"\"\"", ""},
        {"\"\\u0000\"", NULL},
        {"\"a\\nb\"", NULL},
        {"\"a\\u0085\"", NULL},
        {"\"\\ud83d\"", NULL},
        {"\"\\ud83dx\"", NULL},
        {"\"\\ud83d\\n\"", NULL},
        {"\"\\ud83d\\ud83d\\ude00\"", NULL},
        {"\"\\ude00\"", NULL},
        {"\"\xC3\"", NULL},
        {"\"\xED\xA0\x80\"", NULL},
        {"\"\xFF\"", NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t step = 1; step <= 5; step++) {
            char json[200];
            snprintf(json, sizeof json, "{\"\\u0061\":%s}", cases[i].json);
            assert_true(read_in(f, json, strlen(json), step));
            assert_int_equal(json_pick_kind(f->pick, A), cases[i].text ? JSON_PICK_TEXT : JSON_PICK_SPOILT);
            if (cases[i].text)
                assert_string_equal(json_pick_text(f->pick, A), cases[i].text);
            else
                assert_null(json_pick_text(f->pick, A));
        }
}

/* A text that is longer than its place is cut before the character that does not fit, wherever that begins. */
static void long_texts_are_cut_at_a_character(void **state)
{
    static const char *const characters[] = {"x", "ä", "€", "😀", "\\u20ac", "\\ud83d\\ude00"};
    struct fixture *f = *state;
    for (size_t c = 0; c < ARRAY_SIZE(characters); c++)
        for (size_t lead = 0; lead < 4; lead++) {
            struct buffer json;
            buffer_init(&json, MIB);
            buffer_printf(&json, "{\"long\":\"%.*s", (int)lead, "....");
            for (size_t i = 0; i < 60; i++)
                buffer_text(&json, characters[c]);
            buffer_text(&json, "\"}");
            for (size_t step = 1; step < 9; step++) {
                assert_true(read_in(f, json.data, json.length, step));
                const char *text = json_pick_text(f->pick, LONG);
                assert_non_null(text);
                assert_true(utf8_valid(text, strlen(text)));
                assert_in_range(strlen(text), 47, 50);
            }
            buffer_free(&json);
        }
    assert_true(read_text(f, "{\"a\":\"01234567890123456789012345678901234567890123456789"
                             "01234567890123456789012345678901234567890123456789\"}"));
    assert_int_equal(strlen(json_pick_text(f->pick, A)), 100);
}

static bool nested(struct fixture *f, size_t depth, bool close)
{
    struct buffer json;
    buffer_init(&json, MIB);
    buffer_text(&json, "{\"a\":\"x\",\"deep\":");
    for (size_t i = 0; i < depth - 1; i++)
        buffer_text(&json, i % 2 ? "[" : "{\"a\":");
    buffer_text(&json, "1");
    for (size_t i = depth - 1; close && i-- > 0;)
        buffer_text(&json, i % 2 ? "]" : "}");
    if (close)
        buffer_text(&json, "}");
    bool sound = read_in(f, json.data, json.length, 7);
    buffer_free(&json);
    return sound;
}

static void nesting_has_an_end(void **state)
{
    struct fixture *f = *state;
    assert_true(nested(f, JSON_PICK_NESTING, true));
    assert_string_equal(json_pick_text(f->pick, A), "x");
    assert_false(nested(f, JSON_PICK_NESTING, false));
    assert_string_equal(json_pick_problem(f->pick), "it is cut off");
    assert_false(nested(f, JSON_PICK_NESTING + 1, true));
    assert_string_equal(json_pick_problem(f->pick), "it is nested too deeply");
    assert_false(nested(f, 300000, false));
}

static void numbers_that_are_too_long_are_told(void **state)
{
    struct fixture *f = *state;
    char json[200];
    snprintf(json, sizeof json, "{\"a\":%0*d,\"b\":{\"c\":1%0*d}}", 1, 7, JSON_PICK_NUMBER_MAX, 0);
    assert_true(read_text(f, json));
    assert_int_equal(json_pick_kind(f->pick, A), JSON_PICK_NUMBER);
    assert_int_equal(json_pick_kind(f->pick, B_C), JSON_PICK_SPOILT);
    snprintf(json, sizeof json, "{\"b\":{\"c\":1%0*d}}", JSON_PICK_NUMBER_MAX - 1, 0);
    assert_true(read_text(f, json));
    assert_int_equal(json_pick_kind(f->pick, B_C), JSON_PICK_NUMBER);
}

static void whole_numbers(void **state)
{
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"12", true, 12},
        {"-3", true, -3},
        {"310.0", true, 310},
        {"1.5e1", true, 15},
        {"1e3", true, 1000},
        {"1E+2", true, 100},
        {"1200e-2", true, 12},
        {"0.0", true, 0},
        {"0e99", true, 0},
        {"0.00120e5", true, 120},
        {"999999999999999999", true, 999999999999999999},
        {"9999999999999999999", false, 0},
        {"1e18", true, 1000000000000000000},
        {"1787832196812000000", true, 1787832196812000000},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775807", true, -INT64_MAX},
        {"9223372036854775808", false, 0},
        {"922337203685477580.7e1", true, INT64_MAX},
        {"1e19", false, 0},
        {"1e400", false, 0},
        {"1e-1", false, 0},
        {"0.5", false, 0},
        {"12.25", false, 0},
        {"1e99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {".", false, 0},
        {"e5", false, 0},
        {"12a", false, 0},
        {"1e", false, 0},
        {"1e+", false, 0},
        {"1e+-5", false, 0},
        {"1.2.3", false, 0},
        {"no whole number", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t value = 0;
        if (json_whole_number(cases[i].text, &value) != cases[i].whole)
            fail_msg("%s", cases[i].text);
        if (cases[i].whole)
            assert_int_equal(value, cases[i].value);
    }
}

static void what_is_known_on_the_way(void **state)
{
    struct fixture *f = *state;
    json_pick_begin(f->pick);
    assert_true(json_pick_blank(f->pick));
    assert_true(json_pick_feed(f->pick, " \n", 2));
    assert_true(json_pick_blank(f->pick) && !json_pick_whole(f->pick));
    assert_true(json_pick_feed(f->pick, "{", 1));
    assert_false(json_pick_blank(f->pick) || json_pick_whole(f->pick));
    assert_true(json_pick_feed(f->pick, "}\n", 2));
    assert_true(json_pick_whole(f->pick));
    assert_false(json_pick_feed(f->pick, "{", 1));
    assert_false(json_pick_whole(f->pick));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_json_and_what_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_at_paths_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(items_are_told_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_name_that_comes_twice_the_last_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_are_cut_at_a_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_are_too_long_are_told, set_up, tear_down),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test_setup_teardown(what_is_known_on_the_way, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
