/* Tests of edits, most in JSON: one by one, where a new member goes and what goes with an old one. test_edit_samples.c has what always holds. */
#include "edit_fixture.h"

static int setup(void **state)
{
    (void)state;
    return edit_setup(EDIT_JSONC);
}

static void test_a_value_is_replaced(void **state)
{
    (void)state;
    open_text("{\"a\": 1.50, // one\n \"b\" :[true,\tnull]}");
    set(EDIT_PATH("a"), "1.5");
    expect("{\"a\": 1.50, // one\n \"b\" :[true,\tnull]}");
    set(EDIT_PATH("a"), "2");
    set(EDIT_PATH("b", "1"), "\"x\\n\"");
    expect("{\"a\": 2, // one\n \"b\" :[true,\t\"x\\n\"]}");
    set(EDIT_PATH("b"), "[true, null]");
    expect("{\"a\": 2, // one\n \"b\" :[true,\tnull]}");
}

static void test_a_member_is_added(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"", "{\n  \"n\": [\n    1\n  ]\n}\n"},
        {"{}", "{\n  \"n\": [\n    1\n  ]\n}"},
        {"{\n}\n", "{\n  \"n\": [\n    1\n  ]\n}\n"},
        {"{ // none\n}\n", "{ // none\n  \"n\": [\n    1\n  ]\n}\n"},
        {"{ /* none */ }", "{ /* none */ \n  \"n\": [\n    1\n  ]\n}"},
        {"{\"a\":1}", "{\"a\":1,\"n\":[1]}"},
        {"{ \"a\": 1 }", "{ \"a\": 1, \"n\": [1] }"},
        {"{ \"a\": 1, }", "{ \"a\": 1, \"n\": [1], }"},
        {"{\"a\": 1 /* one */}", "{\"a\": 1, /* one */ \"n\": [1]}"},
        {"{\n\t\"a\": 1\n}", "{\n\t\"a\": 1,\n\t\"n\": [\n\t\t1\n\t]\n}"},
        {"{\n   \"a\":1 // one\n}", "{\n   \"a\":1, // one\n   \"n\":[\n      1\n   ]\n}"},
        {"{\r\n \"a\": 1, // one\r\n // more\r\n}\r\n",
         "{\r\n \"a\": 1, // one\r\n \"n\": [\r\n  1\r\n ],\r\n // more\r\n}\r\n"},
        {"{\"a\": 1\n,\"b\": 2\n}", "{\"a\": 1\n,\"b\": 2,\"n\": [1]\n}"},
        {"{\"a\": 1, // one\n}", "{\"a\": 1, // one\n \"n\": [1],\n}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        set(EDIT_PATH("n"), "[1]");
        expect(rows[i].after);
    }
}

static void test_missing_parents_are_made(void **state)
{
    (void)state;
    open_text("{\n  \"mcpServers\": {},\n  \"x\": {\"y\": {}}\n}\n");
    set(EDIT_PATH("mcpServers", "a", "env", "K"), "\"v\"");
    set(EDIT_PATH("mcpServers", "a", "url"), "\"u\"");
    set(EDIT_PATH("x", "y", "z"), "1");
    expect(
        "{\n  \"mcpServers\": {\n    \"a\": {\n      \"env\": {\n        \"K\": \"v\"\n      },\n      \"url\": \"u\"\n    }\n  },\n"
        "  \"x\": {\"y\": {\n    \"z\": 1\n  }}\n}\n");
    open_text("{\"a\":1}");
    set(EDIT_PATH("b", "c", "d"), "{}");
    expect("{\"a\":1,\"b\":{\"c\":{\"d\":{}}}}");
}

static void test_a_member_is_removed(void **state)
{
    static const struct {
        const char *before, *name, *after;
    } rows[] = {
        {"{\"a\":1}", "a", "{}"},
        {"{ \"a\": 1, }", "a", "{}"},
        {"{\n  \"a\": 1\n}\n", "a", "{}\n"},
        {"{\n  // about a\n  \"a\": 1 // one\n}\n", "a", "{\n  // about a\n}\n"},
        {"{ \"a\": 1, \"b\": 2, \"c\": 3 }", "a", "{ \"b\": 2, \"c\": 3 }"},
        {"{ \"a\": 1, \"b\": 2, \"c\": 3 }", "b", "{ \"a\": 1, \"c\": 3 }"},
        {"{ \"a\": 1, \"b\": 2, \"c\": 3 }", "c", "{ \"a\": 1, \"b\": 2 }"},
        {"{\n  \"a\": 1, // one\n  // about b\n  \"b\": 2, // two\n\n  \"c\": 3 // three\n}", "b",
         "{\n  \"a\": 1, // one\n  // about b\n\n  \"c\": 3 // three\n}"},
        {"{\n  \"a\": 1, // one\n  \"b\": 2 // two\n  // end\n}", "b", "{\n  \"a\": 1 // one\n  // end\n}"},
        {"{\n  \"a\": 1, // one\n  \"b\": 2, \"c\": 3}", "b", "{\n  \"a\": 1, // one\n  \"c\": 3}"},
        {"{\n  \"a\": 1, // one\n  \"b\": 2}", "b", "{\n  \"a\": 1 // one\n}"},
        {"{\"a\": 1, /* two */ \"b\": 2}", "b", "{\"a\": 1}"},
        {"{\"a\": 1 /* one */, \"b\": 2}", "b", "{\"a\": 1 /* one */}"},
        {"{\n \"a\": 1\n, \"b\": 2\n, \"c\": 3\n}", "b", "{\n \"a\": 1\n, \"c\": 3\n}"},
        {"{\n  \"a\": 1,\n  \"b\": 2,\n}", "b", "{\n  \"a\": 1,\n}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        assert_true(remove_at(document, EDIT_PATH(rows[i].name)));
        assert_false(remove_at(document, EDIT_PATH(rows[i].name)));
        expect(rows[i].after);
    }
}

static void test_a_list_changes_where_it_differs(void **state)
{
    (void)state;
    open_text(
        "{\n  \"allow\": [\n    \"a\", // first\n    \"b\",\n    \"c\" // last\n  ],\n  \"args\": [\"x\", \"y\"]\n}\n");
    set(EDIT_PATH("allow"), "[\"a\", \"c\"]");
    set(EDIT_PATH("args"), "[\"w\", \"x\", \"y\", \"z\"]");
    expect(
        "{\n  \"allow\": [\n    \"a\", // first\n    \"c\" // last\n  ],\n  \"args\": [\"w\", \"x\", \"y\", \"z\"]\n}\n");
    set(EDIT_PATH("allow"), "[\"a\", \"n\", \"c\"]");
    set(EDIT_PATH("args", "-"), "{\"k\": 1}");
    expect("{\n  \"allow\": [\n    \"a\", // first\n    \"n\",\n    \"c\" // last\n  ],\n"
           "  \"args\": [\"w\", \"x\", \"y\", \"z\", {\"k\": 1}]\n}\n");
    set(EDIT_PATH("allow"), "[]");
    set(EDIT_PATH("args", "4", "l"), "2");
    assert_true(remove_at(document, EDIT_PATH("args", "0")));
    expect("{\n  \"allow\": [],\n  \"args\": [\"x\", \"y\", \"z\", {\"k\": 1, \"l\": 2}]\n}\n");
}

static void test_an_object_changes_where_it_differs(void **state)
{
    (void)state;
    open_text("{\n  \"s\": {\n    \"type\": \"http\", // how\n    \"url\": \"u\",\n    \"old\": 1\n  }\n}\n");
    set(EDIT_PATH("s"), "{\"url\": \"v\", \"type\": \"http\", \"new\": {\"a\": 1}}");
    expect(
        "{\n  \"s\": {\n    \"type\": \"http\", // how\n    \"url\": \"v\",\n    \"new\": {\n      \"a\": 1\n    }\n  }\n}\n");
}

static void test_a_member_is_renamed(void **state)
{
    struct edit_error error;
    (void)state;
    open_text("{\"a\" : {\"x\": 1}, \"b\": 2}");
    assert_true(edit_rename(document, EDIT_PATH("a"), "n \"1\"", &error));
    assert_true(edit_rename(document, EDIT_PATH("n \"1\""), "n \"1\"", &error));
    set(EDIT_PATH("n \"1\"", "x"), "3");
    set(EDIT_PATH("a"), "4");
    expect("{\"n \\\"1\\\"\" : {\"x\": 3}, \"b\": 2, \"a\": 4}");
    assert_false(edit_rename(document, EDIT_PATH("a"), "b", &error));
    assert_non_null(strstr(error.message, "another member"));
    assert_false(edit_rename(document, EDIT_PATH("nothing"), "c", &error));
    assert_false(edit_rename(document, EDIT_PATH("a"), "\xff", &error));
}

static void test_json_errors_name_line_and_column(void **state)
{
    (void)state;
    expect_error("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}", 2, 16, "twice");
    expect_error("{\"a\": 1,\n \"\\u0061\": 2}", 2, 2, "twice");
    expect_error("{\"a\": 1 \"b\": 2}", 1, 9, "expected ','");
    expect_error("{\"a\" 1}", 1, 6, "expected ':'");
    expect_error("{\"a\": }", 1, 7, "expected a value");
    expect_error("{\"a\": tru}", 1, 9, "invalid token");
    expect_error("{a: 1}", 1, 2, "expected a key");
    expect_error("[1, 2", 1, 6, "expected ',' or ']'");
    expect_error("{} x", 1, 4, "expected nothing more");
    expect_error("\xef\xbb\xbf{\n\"é\": \"open\n}", 2, 6, "does not end");
    expect_error("{ /* }", 1, 3, "does not end");
    expect_error("   ", 1, 4, "expected a value");
    expect_error("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 1, 33, "deeper");
    format = EDIT_JSON;
    expect_error("{\n  // no\n}", 2, 3, "comments");
    expect_error("{\"a\": [1,\n]}", 1, 9, "comma");
}

static void test_nesting_has_a_limit(void **state)
{
    const char *path[40] = {0};
    struct edit_error error;
    size_t length;
    (void)state;
    for (size_t i = 0; i < 32; i++)
        path[i] = "a";
    open_text("{}");
    assert_true(set_at(document, path, json_true(), &error));
    assert_non_null(edit_text(document, &length, &error));
    path[32] = "a";
    assert_false(set_at(document, path, json_true(), &error));
    path[32] = NULL;
    assert_false(set_at(document, path, json_object(), &error));
    assert_non_null(strstr(error.message, "deeper"));
}

/* Not timed: were the cost the product of members and edits, this would take minutes. */
static void test_many_edits_of_many_members(void **state)
{
    enum { MEMBERS = 20000 };
    struct edit_error error;
    size_t length;
    (void)state;
    json_t *members = json_object();
    open_text("{\n  \"s\": {}\n}\n");
    for (int i = 0; i < MEMBERS; i++)
        json_object_set_new(members, arena_printf(arena, "k%d", i), json_integer(i));
    assert_true(edit_set(document, json_pack("{s:O}", "s", members), &error));
    const char *text = edit_text(document, &length, &error);
    document = edit_open(arena, format, text, length, &error);
    assert_int_equal(json_object_size(value_at(document, EDIT_PATH("s"))), MEMBERS);
    for (int i = MEMBERS; i--;) {
        const char *name = arena_printf(arena, "k%d", i);
        if (i % 3 == 0)
            json_object_del(members, name);
        else if (i % 3 == 1)
            json_object_set_new(members, name, json_string("x"));
    }
    assert_true(edit_set(document, json_pack("{s:O}", "s", members), &error));
    text = edit_text(document, &length, &error);
    assert_non_null(text);
    assert_memory_equal(text, "{\n  \"s\": {\n    \"k1\": \"x\",\n    \"k2\": 2,\n    \"k4\": \"x\",\n", 52);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_value_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_member_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_parents_are_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_member_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_list_changes_where_it_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_object_changes_where_it_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_member_is_renamed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_errors_name_line_and_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nesting_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_edits_of_many_members, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
