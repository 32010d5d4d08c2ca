/* Tests of edits in TOML: where a new key, table or list element goes, and what goes with an old one. */
#include "edit_fixture.h"

static int setup(void **state)
{
    (void)state;
    return edit_setup(EDIT_TOML);
}

static void test_a_value_is_replaced(void **state)
{
    (void)state;
    open_text(
        "a = 1_000 # one\r\n'b c' = [ 1, 2, ] # two\r\nd = 1979-05-27 07:32:00 # three\r\ns = \"\"\"x\"\"\"\"\" # four");
    set(EDIT_PATH("a"), "1000");
    expect(
        "a = 1_000 # one\r\n'b c' = [ 1, 2, ] # two\r\nd = 1979-05-27 07:32:00 # three\r\ns = \"\"\"x\"\"\"\"\" # four");
    set(EDIT_PATH("a"), "\"x\\ny\"");
    set(EDIT_PATH("b c", "1"), "3.5");
    set(EDIT_PATH("b c", "-"), "true");
    set(EDIT_PATH("d"), "{\"$toml\": \"datetime\", \"value\": \"2026-01-31\"}");
    set(EDIT_PATH("s"), "{\"a\": {\"b\": []}}");
    expect(
        "a = \"x\\ny\" # one\r\n'b c' = [ 1, 3.5, true, ] # two\r\nd = 2026-01-31 # three\r\ns = { a = { b = [] } } # four");
}

static void test_a_key_is_added(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"", "n = 1\n"},
        {"# only a comment\n", "# only a comment\nn = 1\n"},
        {"# only a comment", "# only a comment\nn = 1"},
        {"a=1", "a=1\nn=1"},
        {"a = 1\n\n# about t\n[t]\nb = 2\n", "a = 1\nn = 1\n\n# about t\n[t]\nb = 2\n"},
        {"[t]\nb = 2\n", "n = 1\n\n[t]\nb = 2\n"},
        {"# the file\n\n# about t\n[t]\nb = 2\n", "# the file\n\nn = 1\n\n# about t\n[t]\nb = 2\n"},
        {"  a = 1 # one\n  # more\n", "  a = 1 # one\n  n = 1\n  # more\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        set(EDIT_PATH("n"), "1");
        expect(rows[i].after);
    }
}

static void test_a_key_is_added_to_a_table(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"[t]\n[u]\nc = 1\n", "[t]\nn = 1\n[u]\nc = 1\n"},
        {"[t]\nb = 2\n# behind b\n\n[u]\n", "[t]\nb = 2\nn = 1\n# behind b\n\n[u]\n"},
        {"[t.s]\nb = 2\n\n[u]\n", "[t.s]\nb = 2\n\n[t]\nn = 1\n\n[u]\n"},
        {"t.a = 1\nu = 2\n", "t.a = 1\nt.n = 1\nu = 2\n"},
        {"[x]\n\"t\".a.b = 1\n[t]\n", "[x]\n\"t\".a.b = 1\n[t]\nn = 1\n"},
        {"t = {}\n", "t = { n = 1 }\n"},
        {"t = {a=1}\n", "t = {a=1, n=1}\n"},
        {"t = { a.b = 1 }\n", "t = { a = { b = 1 }, n = 1 }\n"},
        {"t = {\n  a = 1, # one\n  b = 2 # two\n}\n", "t = {\n  a = 1, # one\n  b = 2, # two\n  n = 1\n}\n"},
        {"a = 1\n", "a = 1\n\n[t]\nn = 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        set(EDIT_PATH("t", "n"), "1");
        expect(rows[i].after);
    }
}

static void test_a_table_goes_behind_its_siblings(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"", "[m.n]\nc = \"x\"\n\n[m.n.e]\nK = \"v\"\n"},
        {"[m.a]\nc = 1\n\n# other\n[z]\n", "[m.a]\nc = 1\n\n[m.n]\nc = \"x\"\n\n[m.n.e]\nK = \"v\"\n\n# other\n[z]\n"},
        {"[m.a]\nc = 1\n[z]\n[m.b]\n# [off]",
         "[m.a]\nc = 1\n[z]\n[m.b]\n# [off]\n[m.n]\nc = \"x\"\n[m.n.e]\nK = \"v\""},
        {"m.a = 1\n", "m.a = 1\nm.n = { e = { K = \"v\" }, c = \"x\" }\n"},
        {"m = { a = 1 }\n", "m = { a = 1, n = { e = { K = \"v\" }, c = \"x\" } }\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        set(EDIT_PATH("m", "n"), "{\"e\": {\"K\": \"v\"}, \"c\": \"x\"}");
        expect(rows[i].after);
    }
}

static void test_elements_of_a_list_of_tables(void **state)
{
    (void)state;
    open_text("# first\n[[r]]\na = 1\n\n# second\n[[r]]\na = 2\n\n[r.s]\nb = 1\n\n[z]\n");
    set(EDIT_PATH("r", "-"), "{\"a\": 3}");
    set(EDIT_PATH("r", "0", "c"), "4");
    expect("# first\n[[r]]\na = 1\nc = 4\n\n# second\n[[r]]\na = 2\n\n[r.s]\nb = 1\n\n[[r]]\na = 3\n\n[z]\n");
    set(EDIT_PATH("r"), "[{\"a\": 0}, {\"a\": 2, \"s\": {\"b\": 1}}]");
    expect("# first\n[[r]]\na = 0\n\n# second\n[[r]]\na = 2\n\n[r.s]\nb = 1\n\n[z]\n");
    assert_true(remove_at(document, EDIT_PATH("r", "0")));
    expect("# first\n\n# second\n[[r]]\na = 2\n\n[r.s]\nb = 1\n\n[z]\n");
    set(EDIT_PATH("r", "-"), "5");
    set(EDIT_PATH("q", "l"), "[{\"x\": 1}, {\"y\": [{\"z\": 2}]}]");
    expect(
        "r = [{ a = 2, s = { b = 1 } }, 5]\n# first\n\n# second\n\n[z]\n\n[[q.l]]\nx = 1\n\n[[q.l]]\n\n[[q.l.y]]\nz = 2\n");
}

static void test_what_goes_with_a_member(void **state)
{
    static const struct {
        const char *before;
        const char *path[4];
        const char *after;
    } rows[] = {
        {"# about a\na = 1 # one\nb = 2\n", {"a"}, "# about a\nb = 2\n"},
        {"a = 1\nb = 2", {"b"}, "a = 1"},
        {"a = 1\n", {"a"}, ""},
        {"[t]\na = 1 # one\n\n[u]\n", {"t", "a"}, "[t]\n\n[u]\n"},
        {"# top\n\n# about t\n[t] # one\n# about a\na = 1\n# behind\n\n[t.s]\nb = 1\n\n# about u\n[u]\nc = 2\n",
         {"t"},
         "# top\n\n# about t\n# behind\n\n# about u\n[u]\nc = 2\n"},
        {"[t]\na = 1\n\n[u]\nb = 2\n", {"t"}, "[u]\nb = 2\n"},
        {"t.a = 1\nt.b = 2\nu = 3\n", {"t", "a"}, "t.b = 2\nu = 3\n"},
        {"t.a = 1\nu = 3\n", {"t", "a"}, "u = 3\n"},
        {"t = { a = 1, b = 2 } # x\n", {"t", "a"}, "t = { b = 2 } # x\n"},
        {"t = { a.b = 1, a.c = 2 } # x\n", {"t", "a", "c"}, "t = { a = { b = 1 } } # x\n"},
        {"l = [\n  1, # one\n  # about two\n  2, # two\n]\n", {"l", "1"}, "l = [\n  1, # one\n  # about two\n]\n"},
        {"[t.a]\n[v]\n[t.b]\nx = 1\n", {"t"}, "[v]\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_text(rows[i].before);
        assert_true(remove_at(document, rows[i].path));
        expect(rows[i].after);
    }
}

static void test_a_key_is_renamed_wherever_it_stands(void **state)
{
    struct edit_error error;
    (void)state;
    open_text("a.x = 1 # [m.b]\n\n[m.b] # one\nc = 1\n\n[m . 'b' . e]\nf = 1\n[[m.b.l]]\n[m.b.l.k]\n");
    assert_true(edit_rename(document, EDIT_PATH("m", "b"), "n n", &error));
    assert_true(edit_rename(document, EDIT_PATH("m", "n n", "l"), "L", &error));
    assert_true(edit_rename(document, EDIT_PATH("a"), "A", &error));
    set(EDIT_PATH("m", "n n", "new"), "{\"y\": 1}");
    set(EDIT_PATH("A", "z"), "2");
    expect("A.x = 1 # [m.b]\nA.z = 2\n\n[m.\"n n\"] # one\nc = 1\n\n[m . \"n n\" . e]\nf = 1\n[[m.\"n n\".L]]\n"
           "[m.\"n n\".L.k]\n\n[m.\"n n\".new]\ny = 1\n");
    assert_false(edit_rename(document, EDIT_PATH("A"), "m", &error));
}

static void test_tables_and_values_change_places(void **state)
{
    (void)state;
    open_text("x = 1\n\n[t] # one\na = 1\n\n[u]\n");
    set(EDIT_PATH("t"), "3");
    set(EDIT_PATH("x"), "{\"b\": 1}");
    expect("x = { b = 1 }\nt = 3\n\n[u]\n");
    set(EDIT_PATH("u"), "[1, 2]");
    expect("x = { b = 1 }\nt = 3\nu = [1, 2]\n");
    set(EDIT_WHOLE, "{}");
    expect("");
}

static void test_toml_errors_name_line_and_column(void **state)
{
    struct edit_error error;
    (void)state;
    expect_error("a = 1\na = 2\n", 2, 5, "redefine");
    expect_error("[t]\nb = 1\n\n[t]\n", 4, 1, "redefine");
    expect_error("a = \n", 1, 5, "");
    expect_error("a = 1\n\"$toml\" = 1\n", 2, 8, "cannot be edited");
    open_text("a = 1\nl = [1]\n");
    assert_false(set_at(document, EDIT_PATH("n"), json_null(), &error));
    assert_non_null(strstr(error.message, "null"));
    assert_false(edit_set(document, json_true(), &error));
    assert_false(edit_set(document, json_pack("{s:s, s:s}", "$toml", "float", "value", "nan"), &error));
    assert_non_null(strstr(error.message, "table"));
    expect("a = 1\nl = [1]\n");
}

/* As in test_edit.c, not timed. */
static void test_many_edits_of_many_tables(void **state)
{
    enum { TABLES = 5000 };
    struct edit_error error;
    size_t length;
    (void)state;
    json_t *tables = json_object();
    open_text("");
    for (int i = 0; i < TABLES; i++)
        json_object_set_new(tables, arena_printf(arena, "k%d", i), json_pack("{s:i}", "v", i));
    assert_true(edit_set(document, json_pack("{s:O}", "s", tables), &error));
    const char *text = edit_text(document, &length, &error);
    document = edit_open(arena, format, text, length, &error);
    assert_int_equal(json_object_size(value_at(document, EDIT_PATH("s"))), TABLES);
    for (int i = 0; i < TABLES; i++) {
        const char *name = arena_printf(arena, "k%d", i);
        if (i % 3 == 0)
            json_object_del(tables, name);
        else
            json_object_set_new(json_object_get(tables, name), "w", json_string("x"));
    }
    assert_true(edit_set(document, json_pack("{s:O}", "s", tables), &error));
    text = edit_text(document, &length, &error);
    assert_non_null(text);
    static const char start[] = "[s.k1]\nv = 1\nw = \"x\"\n\n[s.k2]\n";
    assert_memory_equal(text, start, strlen(start));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_value_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_is_added_to_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_table_goes_behind_its_siblings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elements_of_a_list_of_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_goes_with_a_member, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_is_renamed_wherever_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables_and_values_change_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_toml_errors_name_line_and_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_edits_of_many_tables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
