/* Tests of TOML: reading, order, limits, writing, and that nothing gets lost between text, tree and JSON. */
#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "toml.h"
#include "util.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * MIB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct toml *parse(const char *text)
{
    struct toml_error error;
    struct toml *root = toml_parse(arena, text, strlen(text), &error);

    if (!root)
        fail_msg("line %u, column %u: %s\n%s", error.line, error.column, error.message, text);
    return root;
}

static char *json_of(const struct toml *root)
{
    json_t *json = toml_to_json(root);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

static char *written(const struct toml *root)
{
    struct buffer out;

    buffer_init(&out, 16 * MIB);
    toml_write(&out, root);
    assert_false(out.overflow);
    char *copy = arena_strdup(arena, buffer_string(&out));
    buffer_free(&out);
    return copy;
}

static void expect_json(const char *toml, const char *json)
{
    assert_string_equal(json_of(parse(toml)), json);
}

static void expect_error(const char *text, size_t length, unsigned line, unsigned column, const char *part)
{
    struct toml_error error;

    assert_null(toml_parse(arena, text, length, &error));
    if (!strstr(error.message, part))
        fail_msg("\"%s\" lacks \"%s\"", error.message, part);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}

#define EXPECT_ERROR(text, line, column, part) expect_error((text), sizeof(text) - 1, (line), (column), (part))

/* ---- reading ---- */

static void profile_keeps_order_and_types(void **state)
{
    (void)state;
    struct toml *root = parse("# comment\n"
                              "default_config = \"relay\"\n"
                              "current_config = \"relay\"\n"
                              "\n"
                              "[settings]\n"
                              "skip_confirmation = false\n"
                              "\n"
                              "[relay]\n"
                              "description = \"Relay (OpenAI 兼容示例)\"\n"
                              "auth_token = \"sk-your-relay-token\"\n"
                              "tags = [\"production\", \"relay\"]\n"
                              "usage_count = 0\n"
                              "enabled = true\n"
                              "[another]\n"
                              "base_url = \"https://example.com/v1\"\n");
    assert_string_equal(json_of(root),
                        "{\"default_config\":\"relay\",\"current_config\":\"relay\","
                        "\"settings\":{\"skip_confirmation\":false},"
                        "\"relay\":{\"description\":\"Relay (OpenAI 兼容示例)\",\"auth_token\":\"sk-your-relay-token\","
                        "\"tags\":[\"production\",\"relay\"],\"usage_count\":0,\"enabled\":true},"
                        "\"another\":{\"base_url\":\"https://example.com/v1\"}}");
    const struct toml *relay = toml_get(root, "relay");
    assert_int_equal(relay->type, TOML_TABLE);
    assert_int_equal(toml_get(relay, "usage_count")->type, TOML_INTEGER);
    assert_int_equal(toml_get(relay, "tags")->line, 11);
    assert_int_equal(toml_get(relay, "tags")->column, 8);
    assert_null(toml_get(relay, "absent"));
}

static void implicit_tables_stand_where_first_written(void **state)
{
    (void)state;
    expect_json("[z.y.x]\nv = 1\n[m]\n[a.q]\n[z]\nb = 2\na = 3\n",
                "{\"z\":{\"y\":{\"x\":{\"v\":1}},\"b\":2,\"a\":3},\"m\":{},\"a\":{\"q\":{}}}");
    expect_json("b.z = 1\na = 2\nb.a = 3\n", "{\"b\":{\"z\":1,\"a\":3},\"a\":2}");
    expect_json("[[t]]\nz = 1\n[t.sub]\nk = 1\n[b]\n[[t]]\na = 2\n",
                "{\"t\":[{\"z\":1,\"sub\":{\"k\":1}},{\"a\":2}],\"b\":{}}");
    expect_json("k = { z = 1, y.b = 2, a = 3, y.a = 4 }\n", "{\"k\":{\"z\":1,\"y\":{\"b\":2,\"a\":4},\"a\":3}}");
    expect_json("\"é\" = 1\n\"\xF0\x9F\x98\x80\" = 2\na = 3\n", "{\"é\":1,\"\xF0\x9F\x98\x80\":2,\"a\":3}");
}

static void values_of_every_type(void **state)
{
    (void)state;
    expect_json("i = [-9223372036854775808, 9223372036854775807, 0xff, 0o17, 0b101, 1_000]\n",
                "{\"i\":[-9223372036854775808,9223372036854775807,255,15,5,1000]}");
    expect_json("s = [\"\\t\\u00e9\", 'C:\\x', \"\"\"\na\\\n   b\"\"\", '''\n'q'''']\n",
                "{\"s\":[\"\\té\",\"C:\\\\x\",\"ab\",\"'q'\"]}");
    expect_json("d = 1979-05-27T07:32:00.50-07:00\n",
                "{\"d\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00.5-07:00\"}}");
    expect_json("d = 1979-05-27 07:32:00z\n", "{\"d\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00Z\"}}");
    expect_json("d = 1979-05-27T07:32:00\n", "{\"d\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00\"}}");
    expect_json("d = 0099-05-07\n", "{\"d\":{\"$toml\":\"datetime\",\"value\":\"0099-05-07\"}}");
    expect_json("d = 07:32:00.000000001\n", "{\"d\":{\"$toml\":\"datetime\",\"value\":\"07:32:00.000000001\"}}");
    expect_json("f = [inf, -inf, nan, 1.5, -0.0]\n",
                "{\"f\":[{\"$toml\":\"float\",\"value\":\"inf\"},{\"$toml\":\"float\",\"value\":\"-inf\"},"
                "{\"$toml\":\"float\",\"value\":\"nan\"},1.5,-0.0]}");
    expect_json("", "{}");
    expect_json("\xEF\xBB\xBFk = 1\r\n", "{\"k\":1}");
}

/* What TOML 1.1 has more than 1.0, and what was planned for it and is not in it. */
static void toml_1_1(void **state)
{
    (void)state;
    expect_json("env = {\n  A = \"1\", # comment }\n  B = { C = 2, },\n}\nafter = {\r\n}\n",
                "{\"env\":{\"A\":\"1\",\"B\":{\"C\":2}},\"after\":{}}");
    expect_json("s = \"\\e[0m\\x41\\xe9\\x7f\"\nm = \"\"\"\\e\\x0a\"\"\"\nl = '\\e\\x41'\n",
                "{\"s\":\"\\u001B[0mAé\x7f\",\"m\":\"\\u001B\\n\",\"l\":\"\\\\e\\\\x41\"}");
    expect_json("t = 07:32\nd = 1979-05-27T07:32\nu = 1979-05-27 07:32Z\no = 1979-05-27 07:32-07:00\n",
                "{\"t\":{\"$toml\":\"datetime\",\"value\":\"07:32:00\"},"
                "\"d\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00\"},"
                "\"u\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00Z\"},"
                "\"o\":{\"$toml\":\"datetime\",\"value\":\"1979-05-27T07:32:00-07:00\"}}");
    EXPECT_ERROR("a = {\n b = 1\n c = 2 }\n", 3, 2, "comma");
    EXPECT_ERROR("a = { , }\n", 1, 7, "comma");
    EXPECT_ERROR("a = {\n b =\n 1 }\n", 2, 5, "");
    EXPECT_ERROR("a = \"\\x4\"\n", 1, 9, "hex digit");
    EXPECT_ERROR("a = \"\\x00\"\n", 1, 5, "U+0000");
    EXPECT_ERROR("t = 07:32.5\n", 1, 10, "");
    EXPECT_ERROR("\"0x1p2\" = 1\nb = 2 # 0x1p0\na = [\n 0x1.8p3]\n", 4, 2, "hexadecimal");
    EXPECT_ERROR("é = 1\n", 1, 1, "");
    EXPECT_ERROR("a+b = 1\n", 1, 2, "");
    expect_json("0x1p = 0x1F\n", "{\"0x1p\":31}");
}

static void errors_tell_where(void **state)
{
    (void)state;
    EXPECT_ERROR("a = 1\nb = \n", 2, 5, "expected value");
    EXPECT_ERROR("a = 1\na = 2\n", 2, 5, "redefine");
    EXPECT_ERROR("[a]\n[a]\n", 2, 1, "redefine");
    EXPECT_ERROR("a = \"\\q\"\n", 1, 7, "escape");
    EXPECT_ERROR("a = \"x\nb = 1\n", 1, 7, "");
    EXPECT_ERROR("a = 99999999999999999999\n", 1, 25, "");
    EXPECT_ERROR("a = \"\x80\"\n", 1, 5, "");
    EXPECT_ERROR("a = \"\xED\xA0\x80\"\n", 1, 5, "");
}

static void what_toml_plus_plus_only_asserts_is_an_error(void **state)
{
    (void)state;
    EXPECT_ERROR("a = 1\n[}\n", 2, 2, "expected a key");
    EXPECT_ERROR("a = [\n[1], # [\n\"[\"]\n [ [ \n", 4, 4, ""); /* toml++ words this one itself */
    EXPECT_ERROR("x = '''\n[}\n'''\n[ 配置]\n", 4, 3, "needs quotes");
    EXPECT_ERROR("[[配置]]\n", 1, 3, "needs quotes");
    EXPECT_ERROR("\xD2\x84 = 1\n", 1, 1, ""); /* U+0484 ran into "unreachable" code */
    expect_json("a = \"\"\"\\\n\xD2\x84\"\"\"\n", "{\"a\":\"\xD2\x84\"}");
}

static void nul_is_refused(void **state)
{
    (void)state;
    EXPECT_ERROR("a = 1\nb = { c = [\"x\\u0000y\"] }\n", 2, 12, "U+0000");
    EXPECT_ERROR("a = 1\n\"k\\u0000\" = 1\n", 2, 1, "U+0000");
    EXPECT_ERROR("a = \"x\0y\"\n", 1, 7, "");
    EXPECT_ERROR("\0", 1, 1, "");
}

static const char *repeat(const char *head, const char *part, unsigned count, const char *middle, const char *end)
{
    struct buffer out;

    buffer_init(&out, 32 * MIB);
    buffer_text(&out, head);
    for (unsigned i = 0; i < count; i++)
        buffer_text(&out, part);
    buffer_text(&out, middle);
    for (unsigned i = 0; i < count; i++)
        buffer_text(&out, end);
    char *copy = arena_strdup(arena, buffer_string(&out));
    buffer_free(&out);
    return copy;
}

static void expect_nesting(const char *good, const char *bad)
{
    struct toml_error error;

    parse(good);
    assert_null(toml_parse(arena, bad, strlen(bad), &error));
    assert_non_null(strstr(error.message, "32"));
    assert_int_equal(error.line, 1);
}

static void nesting_is_limited_to_32(void **state)
{
    (void)state;
    expect_nesting(repeat("a = ", "[", 31, "", "]"), repeat("a = ", "[", 32, "", "]"));
    expect_nesting(repeat("a = ", "{a=", 31, "1", "}"), repeat("a = ", "{a=", 32, "1", "}"));
    expect_nesting(repeat("", "a.", 31, "a = 1", ""), repeat("", "a.", 32, "a = 1", ""));
    expect_nesting(repeat("[", "a.", 30, "a]", ""), repeat("[", "a.", 31, "a]", ""));
    expect_nesting(repeat("[[", "a.", 29, "a]]", ""), repeat("[[", "a.", 30, "a]]", ""));
}

static void endless_keys_do_not_overflow_the_stack(void **state)
{
    struct toml_error error;
    const char *bad[] = {
        repeat("", "a.", repeated(500000), "a = 1", ""),
        repeat("[", "\"b\" . ", repeated(300000), "a]", ""),
        repeat("a = \"\"\"x\"\"\"\"\"\nb = '''y'''''\n[", "'c'.", repeated(300000), "a]", ""),
        repeat("a = { ", "a.", repeated(500000), "a = 1 }", ""),
        repeat("a = ", "[", repeated(500000), "", ""),
        repeat("a = ", "{a.a.a.a.a.a=", repeated(100000), "", ""),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_null(toml_parse(arena, bad[i], strlen(bad[i]), &error));
    parse(repeat("a = \"", "a.", 100, "\" # ", ".b"));
    parse(repeat("a = [ ", "1.5,\n", 100, "]", ""));
}

static jmp_buf out_of_memory;

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(out_of_memory, 1);
}

static void a_full_arena_leaves_nothing_behind(void **state)
{
    struct arena *small = arena_new(1 * MIB);
    const char *big = repeat("a = [", "{ b = \"text\" }, ", 20000, "1]\n", "");
    struct toml_error error;

    (void)state;
    arena_on_exhausted(small, on_exhausted, NULL);
    for (volatile int i = 0; i < 3; i++) {
        if (setjmp(out_of_memory) == 0) {
            toml_parse(small, big, strlen(big), &error);
            fail_msg("1 MB was enough");
        }
    }
    arena_free(small);
    expect_json("k = 1\n", "{\"k\":1}"); /* also lets go of what the longjmp left; LeakSanitizer looks */
}

/* ---- writing ---- */

static void written_form(void **state)
{
    (void)state;
    assert_string_equal(
        written(parse("a = 1\nt = { x = 1 }\n'k k' = [1, 2.0]\n\n[b.c]\nd = {}\n[[b.e]]\nn = 1\n[z]\n[z.y]\n[z.x]\n")),
        "a = 1\n"
        "t = { x = 1 }\n"
        "\"k k\" = [1, 2.0]\n"
        "\n[b]\n"
        "c = { d = {} }\n"
        "e = [{ n = 1 }]\n"
        "\n[z.y]\n"
        "\n[z.x]\n");
    assert_string_equal(written(parse("")), "");
    assert_string_equal(written(parse("a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u0001\\u007f\\u00e9\"")),
                        "a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u0001\\u007Fé\"\n");
}

static void floats_are_short_and_stay_floats(void **state)
{
    (void)state;
    assert_string_equal(
        written(parse(
            "f = [0.1, 100.0, 1e22, 1e300, -0.0, 5e-324, 0.30000000000000004, "
            "1.7976931348623157e308, inf, -inf, nan, 123456789.0, 1e-7, 0.00012, 1e16, 1234567890123456.0, 5e-1]")),
        "f = [0.1, 100.0, 1e+22, 1e+300, -0.0, 5e-324, 0.30000000000000004, "
        "1.7976931348623157e+308, inf, -inf, nan, 123456789.0, 1e-07, 0.00012, 1e+16, 1234567890123456.0, 0.5]\n");
}

static void building(void **state)
{
    (void)state;
    struct toml *root = toml_table(arena, NULL, NULL);
    toml_string(arena, root, "name", "x");
    struct toml *list = toml_array(arena, root, "list");
    toml_integer(arena, list, NULL, 7);
    toml_boolean(arena, toml_table(arena, root, "t"), "on", true);
    assert_string_equal(written(root), "name = \"x\"\nlist = [7]\n\n[t]\non = true\n");
    toml_string(arena, root, "late", "y"); /* a value behind the table: it can no longer have a header */
    assert_string_equal(written(root), "name = \"x\"\nlist = [7]\nt = { on = true }\nlate = \"y\"\n");
}

static void expect_round_trips(const char *text)
{
    struct toml *root = parse(text);
    const char *json = json_of(root);
    const char *output = written(root);
    struct toml *again = parse(output);

    assert_string_equal(json_of(again), json);
    assert_string_equal(written(again), output);

    json_error_t error;
    json_t *loaded = json_loads(json, JSON_REJECT_DUPLICATES, &error); /* as it comes back from the database */
    assert_non_null(loaded);
    struct toml *from_json = toml_from_json(arena, NULL, NULL, loaded);
    assert_string_equal(json_of(from_json), json);
    assert_string_equal(written(from_json), output);
    json_decref(loaded);
}

static void round_trips(void **state)
{
    static const char *const documents[] = {
        "",
        "a = 1",
        "[settings]\nskip = false\n\n[duckcoding]\nmodel = \"gpt-5.1-codex\"\nrequires_openai_auth = true\n",
        "\"\" = 1\n'\"' = 2\n\"a.b\" = { \"c d\" = 1, \"\" = {} }\n[\"x.y\".\"\"]\n['[z]'.'#']\nk = '#'\n",
        "[a]\n[a.b]\n[a.b.c]\n[d]\n[a.e]\n",
        "[a.b]\nx = 1\n[c]\n[a]\ny = 2\n",
        "[a.b.c]\n[a]\n[a.b]\nz = 1\n",
        "a.b.c = 1\na.d = 2\ne = 3\na.b.f = 4\n",
        "[[a]]\n[[a.b]]\nx = 1\n[[a.b]]\n[a.c]\n[[a]]\n[t]\n",
        "e = []\nn = [[], [[]], [{}], [{ a = [{ b = 1 }] }]]\nm = [1, 'two', 3.0, true, 1979-05-27, [4], { five = 5 "
        "}]\n",
        "f = [0.1, 1e300, -0.0, inf, -inf, nan, 5e-324, 2.2250738585072014e-308, 9007199254740993.0, 1e15, 1e16, "
        "123456.0]\n",
        "d = [1979-05-27T07:32:00.123456789-07:00, 1979-05-27T00:00:00+14:00, 1979-05-27T07:32:00Z, 1979-05-27, "
        "00:00:00]\n",
        "m = \"\"\"\nline \\\n   joined \"\"quoted\"\" \\u0001 \\U0010FFFF\n\"\"\"\nl = '''\n\\raw'' '''\n",
        "crlf = \"\"\"a\r\nb\"\"\"\r\nnext = 1\r\n",
        "\"$toml\" = \"datetime\"\nvalue = \"1979-05-27\"\n",
        "a = { \"$toml\" = \"float\", value = \"nan\" }\nb = { \"$toml\" = \"table\", value = { \"$toml\" = 1 } }\n",
        "a = [{ \"$toml\" = { \"$toml\" = 2 } }]\n",
        "i = [-9223372036854775808, 9223372036854775807]\nb = [true, false]\n",
        "z = 1\nt = { }\ny = 2\n[u]\n[u.v]\nk = 1\n[u.w]\n",
        "e = {\n a = \"\\e\\x80\", # one\n b = [ 07:32, ],\n}\nd = 1979-05-27 07:32\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
        expect_round_trips(documents[i]);
    expect_round_trips(repeat("long = \"", "long \\\\ text é ", repeated(100000), "\"\n", ""));
    expect_round_trips(repeat("a = ", "[", 31, "", "]"));
    expect_round_trips(repeat("", "a.", 31, "a = 1", ""));
}

/* Any tree the builders can make: keys and kinds from a fixed-seed generator. */
static uint32_t seed = 12345;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void grow(struct toml *parent, unsigned level)
{
    static const char *const keys[] = {"a",  "b-1",   "",      "a.b",        "键",  "\"",
                                       "\n", "$toml", "value", "1979-05-27", "x y", "#"};
    static const char *const texts[] = {"",         "plain",    "\"\"\"", "'''", "\\",
                                        "a\nb\r\n", "\x01\x7f", "😀",      "nan", "table"};
    bool in_array = parent->type == TOML_ARRAY;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *key = in_array ? NULL : keys[(i * 5 + level) % ARRAY_SIZE(keys)];
        switch (pick(level < 6 ? 8 : 5)) {
        case 0:
            toml_string(arena, parent, key, texts[pick(ARRAY_SIZE(texts))]);
            break;
        case 1:
            toml_integer(arena, parent, key, (long long)pick(1000) - 500);
            break;
        case 2:
            toml_boolean(arena, parent, key, pick(2));
            break;
        case 5:
            grow(toml_array(arena, parent, key), level + 3);
            break;
        case 6:
        case 7:
            grow(toml_table(arena, parent, key), level + 1 + pick(2));
            break;
        default:
            break; /* nothing under this key */
        }
    }
}

static void any_built_tree_survives(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct toml *root = toml_table(arena, NULL, NULL);
        grow(root, 2);
        assert_string_equal(json_of(parse(written(root))), json_of(root));
        arena_reset(arena);
    }
}

/* ---- JSON ---- */

static struct toml *from_json(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    assert_non_null(json);
    struct toml *node = toml_from_json(arena, NULL, NULL, json);
    json_decref(json);
    return node;
}

static void json_cannot_smuggle_text_into_a_file(void **state)
{
    static const char *const bad[] = {
        "1979-05-27\\n[evil]",
        "",
        "x",
        "1979-02-30",
        "1979-13-01",
        "24:00:00",
        "07:32",
        "07:32:00.",
        "1979-05-27T",
        "1979-05-27T07:32:00Zx",
        "1979-05-27T07:32:00+25:00",
        "1979-05-27Z",
        "07:32:00Z",
        "07:32:00.1234567890",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct toml *node = from_json(arena_printf(arena, "{\"$toml\":\"datetime\",\"value\":\"%s\"}", bad[i]));
        assert_int_equal(node->type, TOML_TABLE); /* an ordinary table whose strings get quoted */
    }
    assert_int_equal(from_json("{\"$toml\":\"datetime\",\"value\":\"2024-02-29\"}")->type, TOML_DATETIME);
    assert_int_equal(from_json("{\"$toml\":\"float\",\"value\":\"1\"}")->type, TOML_TABLE);
    assert_int_equal(from_json("{\"$toml\":\"float\",\"value\":\"-inf\"}")->type, TOML_FLOAT);
    assert_int_equal(from_json("{\"$toml\":\"float\",\"value\":\"nan\",\"more\":1}")->type, TOML_TABLE);
}

static void json_null_has_no_place_in_toml(void **state)
{
    (void)state;
    assert_null(from_json("null"));
    assert_string_equal(written(from_json("{\"a\":null,\"b\":[1,null,2]}")), "b = [1, 2]\n");
}

static void bad_utf8_gives_no_json(void **state)
{
    struct toml *root = toml_table(arena, NULL, NULL);

    (void)state;
    toml_string(arena, root, "a", "fine");
    toml_string(arena, toml_array(arena, root, "b"), NULL, "\xff");
    assert_null(toml_to_json(root));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(profile_keeps_order_and_types),
        TEST(implicit_tables_stand_where_first_written),
        TEST(values_of_every_type),
        TEST(toml_1_1),
        TEST(errors_tell_where),
        TEST(what_toml_plus_plus_only_asserts_is_an_error),
        TEST(nul_is_refused),
        TEST(nesting_is_limited_to_32),
        TEST(endless_keys_do_not_overflow_the_stack),
        TEST(a_full_arena_leaves_nothing_behind),
        TEST(written_form),
        TEST(floats_are_short_and_stay_floats),
        TEST(building),
        TEST(round_trips),
        TEST(any_built_tree_survives),
        TEST(json_cannot_smuggle_text_into_a_file),
        TEST(json_null_has_no_place_in_toml),
        TEST(bad_utf8_gives_no_json),
    };
    return cmocka_run_group_tests_name("toml", tests, NULL, NULL);
}
