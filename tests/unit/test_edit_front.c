/* Tests of edits in the front matter of Markdown, and of the body behind it. */
#include "edit_fixture.h"

static int setup(void **state)
{
    (void)state;
    return edit_setup(EDIT_FRONT_MATTER);
}

static void expect_meaning(const char *text, const char *json)
{
    open_text(text);
    assert_string_equal(json_text(arena, edit_value(document)), json);
}

static void test_what_values_mean(void **state)
{
    (void)state;
    expect_meaning(
        "---\na: 1\nb: -1.5e2\nc: yes\nd: true\ne:\nf: ~\ng: 0x10\nh: 1.2.3\ni: '2'\nj: 9223372036854775808\n---\n",
        "{\"a\":1,\"b\":-150.0,\"c\":\"yes\",\"d\":true,\"e\":null,\"f\":null,\"g\":\"0x10\",\"h\":\"1.2.3\",\"i\":\"2\","
        "\"j\":9.2233720368547758e18}");
    expect_meaning(
        "---\na: [x, 'y, z', {b: \"\\u00e9\"}]\nc:\n- d\n-\n  e: f\ng: |\n  one\n   two\nh: >-\n  one\n  two\n---\n",
        "{\"a\":[\"x\",\"y, z\",{\"b\":\"é\"}],\"c\":[\"d\",{\"e\":\"f\"}],\"g\":\"one\\n two\\n\",\"h\":\"one two\"}");
    expect_meaning("no front matter\n---\na: 1\n---\n", "{}");
    expect_meaning("---\nnot closed: 1\n", "{}");
    expect_meaning("---\n# nothing\n---\n", "{}");
}

static void test_values_are_replaced(void **state)
{
    (void)state;
    open_text(
        "---\r\n# top\r\nname:   'a' # one\r\ntools:\r\n  - x # first\r\n  - y\r\n\r\ntext: |\r\n  one\r\n\r\nlast:\r\n---\r\nbody");
    set(EDIT_PATH("name"), "\"b: c\"");
    set(EDIT_PATH("tools"), "[\"x\", \"y z\", \"-\"]");
    set(EDIT_PATH("last"), "true");
    set(EDIT_PATH("new"), "\"2\"");
    expect(
        "---\r\n# top\r\nname:   \"b: c\" # one\r\ntools:\r\n  - x # first\r\n  - y z\r\n  - \"-\"\r\n\r\ntext: |\r\n  one\r\n\r\nlast: true\r\nnew: \"2\"\r\n---\r\nbody");
    set(EDIT_PATH("text"), "\"a\\n\\u0085\"");
    set(EDIT_PATH("tools", "1"), "{\"k\": null}");
    assert_true(remove_at(document, EDIT_PATH("tools", "2")));
    expect(
        "---\r\n# top\r\nname:   \"b: c\" # one\r\ntools: [x, {k: null}]\r\n\r\ntext: \"a\\n\\u0085\"\r\n\r\nlast: true\r\nnew: \"2\"\r\n---\r\nbody");
}

static void test_lists_stay_as_they_are_laid_out(void **state)
{
    (void)state;
    open_text(
        "---\ntools:\n  - x # first\n  - 'y'\n  - \"z\" # last\nmore:\n- a\n# between\n- b\nflow: [ a, b ]\n---\n");
    set(EDIT_PATH("tools"), "[\"x\", \"n: n\", \"w\", \"z\"]");
    set(EDIT_PATH("more", "-"), "3");
    set(EDIT_PATH("flow", "-"), "true");
    expect(
        "---\ntools:\n  - x # first\n  - \"n: n\"\n  - w\n  - \"z\" # last\nmore:\n- a\n- b\n- 3\nflow: [a, b, true]\n---\n");
    assert_true(remove_at(document, EDIT_PATH("tools", "1")));
    set(EDIT_PATH("more"), "[]");
    set(EDIT_PATH("flow"), "null");
    expect("---\ntools:\n  - x # first\n  - w\n  - \"z\" # last\nmore: []\nflow: null\n---\n");
    set(EDIT_PATH("tools", "-"), "\"v\"");
    expect("---\ntools:\n  - x # first\n  - w\n  - \"z\" # last\n  - v\nmore: []\nflow: null\n---\n");
    set(EDIT_PATH("tools"), "[{\"a\": 1}]");
    set(EDIT_PATH("more"), "[1]");
    expect("---\ntools: [{a: 1}]\nmore: [1]\nflow: null\n---\n");
}

static void test_line_ends_may_be_mixed(void **state)
{
    (void)state;
    open_text("---\r\nl:\n - a\n - b\n---\n");
    set(EDIT_PATH("l", "-"), "\"c\"");
    set(EDIT_PATH("n"), "1");
    expect("---\r\nl:\n - a\r\n - b\r\n - c\r\nn: 1\r\n---\n");
}

static void test_keys_come_and_go(void **state)
{
    struct edit_error error;
    (void)state;
    open_text("---\n# about a\na: 1 # one\nb: 2\n# end\n---\n\nBody\n");
    assert_true(remove_at(document, EDIT_PATH("a")));
    assert_true(edit_rename(document, EDIT_PATH("b"), "c d", &error));
    set(EDIT_PATH("e", "f"), "1");
    expect("---\n# about a\nc d: 2\ne: {f: 1}\n# end\n---\n\nBody\n");
    open_text("Body\n");
    set(EDIT_PATH("a"), "1");
    expect("---\na: 1\n---\n\nBody\n");
    open_text("");
    set(EDIT_PATH("a"), "1");
    expect("---\na: 1\n---\n");
    assert_true(remove_at(document, EDIT_PATH("a")));
    expect("");
}

static void test_the_body(void **state)
{
    (void)state;
    open_text("---\na: 1\n---\n\nBody\n---\n");
    assert_memory_equal(edit_body(document).text, "\nBody\n---\n", edit_body(document).length);
    edit_set_body(document, "New\n", 4);
    set(EDIT_PATH("a"), "2");
    expect("---\na: 2\n---\nNew\n");
    open_text("---\na: 1\n---");
    edit_set_body(document, "New", 3);
    expect("---\na: 1\n---\nNew");
    open_text("Old\n");
    edit_set_body(document, "---\nb: 1\n---\n", 13);
    struct edit_error error;
    size_t length;
    assert_null(edit_text(document, &length, &error)); /* it would read as front matter */
}

static void test_front_matter_errors_name_line_and_column(void **state)
{
    struct edit_error error;
    (void)state;
    expect_error("---\na: 1\nb: 2\na: 3\n---\n", 4, 1, "twice");
    expect_error("---\né: {b: 1, b: 2}\n---\n", 2, 11, "twice");
    expect_error("\xef\xbb\xbf---\r\na: 1\r\nb: [\r\n---\r\n", 4, 1, "");
    expect_error("---\na: b: c\n---\n", 2, 5, "cannot be edited");
    expect_error("---\na: &x 1\n---\n", 2, 4, "anchors");
    expect_error("---\na: !!str 1\n---\n", 2, 4, "anchors");
    expect_error("---\na: 1\nb: *x\n---\n", 3, 4, "anchors");
    expect_error("---\n- a\n---\n", 2, 1, "expected keys");
    expect_error("---\n{a: 1}\n---\n", 2, 1, "expected keys");
    expect_error("---\n? a\n: 1\n---\n", 2, 3, "cannot be edited");
    expect_error("---\n[a]: 1\n---\n", 2, 1, "a key that is no text");
    expect_error("---\na: \x01\n---\n", 2, 4, "control characters");
    open_text("---\na: 1\n---\n");
    assert_false(edit_set(document, json_true(), &error));
    expect("---\na: 1\n---\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_values_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_stay_as_they_are_laid_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line_ends_may_be_mixed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_front_matter_errors_name_line_and_column, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
