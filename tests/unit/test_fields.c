/* Fields: bodies and queries against tables. */
#include "request_fixture.h"

static enum error check(const struct field *fields, const char *json)
{
    struct json_failure failure;
    assert_int_equal(parse_target("/"), ERR_NONE);
    rq.body = json_parse(json, strlen(json), &failure);
    if (!rq.body)
        fail_msg("%s: %s", json, failure.message);
    return check_body(&rq, fields);
}

/* What the one wrong field is told; "" when all is well. */
static const char *complaint(const struct field *field, const char *value)
{
    const struct field fields[] = {*field, {0}};
    static char json[40000];
    snprintf(json, sizeof json, "{\"f\":%s}", value);
    enum error error = check(fields, json);
    assert_int_equal(error, rq.actor.failure.fields ? ERR_VALIDATION : ERR_NONE);
    return rq.actor.failure.fields ? rq.actor.failure.fields->message : "";
}

static void assert_accepted(const struct field *field, const char *const *values)
{
    for (; *values; values++)
        if (*complaint(field, *values))
            fail_msg("%s: %s", *values, rq.actor.failure.fields->message);
}

static void assert_refused(const struct field *field, const char *const *values)
{
    for (; *values; values++)
        if (!*complaint(field, *values))
            fail_msg("%s was let in", *values);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void text(void **state)
{
    static const struct field f = {"f", FIELD_TEXT, .min = 2, .max = 4};
    (void)state;
    assert_accepted(&f, LIST("\"ab\"", "\"中文字字\"", "\"a\\nb\"", "\"a\\tb\\r\"", "null"));
    assert_refused(&f, LIST("\"a\"", "\"abcde\"", "\"中文字字字\"", "1", "true", "[]", "{}", "\"\""));
    assert_refused(&f, LIST("\"a\\u0001\"", "\"a\\u001f\"", "\"ab\\u007f\"", "\"a\\u000b\""));
    assert_string_equal(complaint(&f, "\"abcde\""), "must have at most 4 characters");
    assert_string_equal(complaint(&f, "\"a\""), "must have at least 2 characters");
    assert_string_equal(complaint(&f, "\"ab\\u0001\""), "must not hold control characters");
    assert_string_equal(complaint(&f, "5"), "must be a string");
}

static void text_without_a_limit_has_one_all_the_same(void **state)
{
    static const struct field f = {"f", FIELD_TEXT};
    char value[1100];
    (void)state;
    memset(value, 'a', sizeof value);
    value[0] = value[1001] = '"';
    value[1002] = '\0';
    assert_string_equal(complaint(&f, value), "");
    value[1001] = 'a';
    value[1002] = '"';
    value[1003] = '\0';
    assert_string_equal(complaint(&f, value), "must have at most 1000 characters");
}

static void required(void **state)
{
    static const struct field f = {"f", FIELD_TEXT, FIELD_REQUIRED};
    (void)state;
    assert_string_equal(complaint(&f, "null"), "is required");
    assert_refused(&f, LIST("\"\"", "\"  \"", "\"\\t\\n\"", "\"\\u3000\""));
    assert_string_equal(complaint(&f, "\" \""), "must not be empty");
    assert_accepted(&f, LIST("\"a\"", "\" a\""));
    assert_string_equal(body_text(&rq, "f"), " a"); /* not trimmed */
}

static void trimmed(void **state)
{
    static const struct field f = {"f", FIELD_TEXT, FIELD_TRIM, .max = 3};
    (void)state;
    assert_string_equal(complaint(&f, "\"  abc \\n\""), "");
    assert_string_equal(body_text(&rq, "f"), "abc");
    assert_string_equal(complaint(&f, "\"   \""), "");
    assert_false(body_has(&rq, "f"));
    assert_string_equal(complaint(&f, "\" abcd \""), "must have at most 3 characters");
}

static void name(void **state)
{
    static const struct field f = {"f", FIELD_NAME};
    (void)state;
    assert_accepted(&f, LIST("\"a\"", "\"a-b_c.1\"", "\"中文\"", "\"...\""));
    assert_refused(&f, LIST("\"\"", "\".\"", "\"..\"", "\"a b\"", "\"a/b\"", "\"a'b\"", "\"a;b\"", "\"a\\\\b\""));
}

static void label(void **state)
{
    static const struct field f = {"f", FIELD_LABEL, FIELD_TRIM};
    (void)state;
    assert_accepted(&f, LIST("\"a\"", "\"GLM 4.5\"", "\"😀\"", "\"a/b\"", "\" a \"", "\"a%2F'\\\"\""));
    assert_refused(&f, LIST("\".\"", "\"..\"", "\"a/..\"", "\"a\\nb\"", "1"));
}

static void url(void **state)
{
    static const struct field f = {"f", FIELD_URL};
    (void)state;
    assert_accepted(&f, LIST("\"http://x\"", "\"https://x.example:8443/a?b=c#d\"", "\"\"", "\"https://中文.example\"",
                             "\"HTTPS://X.example\"", "\"Http://127.0.0.1:65535\"", "\"https://[::1]:8080/v1\"",
                             "\"https://x/路径\"", "\"https://x/a@b?c@d#e@f\""));
    assert_refused(&f, LIST("\"https://user:pass@x/\"", "\"https://token@x\"", "\"https://@x\""));
    assert_refused(&f,
                   LIST("\"http://\"", "\"https://\"", "\"ftp://x\"", "\"x\"", "\"javascript:alert(1)\"",
                        "\"http://a b\"", "\"http://a\\nb\"", "\"http://a\\\"b\"", "\"http://<x>\"", "\" http://x\""));
    assert_refused(&f,
                   LIST("\"https:///x\"", "\"https:/x\"", "\"https://?x\"", "\"https://#x\"", "\"https://:443\"",
                        "\"https://u@\"", "\"https://u@:1/\"", "\"https://x:\"", "\"https://x:/\"", "\"https://x:0\"",
                        "\"https://x:65536\"", "\"https://x:-1\"", "\"https://x:80a\"", "\"https://x:8:8\"",
                        "\"https://[::1\"", "\"https://::1]\"", "\"https://[::1]x\"", "\"https://[zz]\"",
                        "\"https://[]\"", "\"https://a]b\"", "\"https://a[b]\"", "\"https://a\u3000b\"",
                        "\"https://a/\u00a0\"", "\"https://a%20b/\"", "\"https://a\\u007f\"", "\"https://a\\u0085\""));
    assert_string_equal(complaint(&f, "\"ftp://x\""), "must start with http:// or https://");
    assert_non_null(strstr(complaint(&f, "\"https://\""), "a host"));
}

static void key(void **state)
{
    static const struct field f = {"f", FIELD_KEY, FIELD_TRIM, .max = 8};
    (void)state;
    assert_accepted(&f, LIST("\"sk-1\"", "\" sk-1\\n\"", "\"密钥\"", "\"\"", "null"));
    assert_refused(
        &f, LIST("\"a b\"", "\"a\\tb\"", "\"a\u3000b\"", "\"a\\u0007b\"", "\"a\\u0085b\"", "\"123456789\"", "1"));
}

static bool asked_for;

static bool is_asked_for(const json_t *object, const char *platform)
{
    (void)object;
    (void)platform;
    return asked_for;
}

static void required_sometimes(void **state)
{
    static const struct field f = {"f", FIELD_TEXT, FIELD_TRIM, .required = is_asked_for};
    (void)state;
    asked_for = false;
    assert_accepted(&f, LIST("null", "\" \"", "\"a\""));
    asked_for = true;
    assert_string_equal(complaint(&f, "null"), "is required");
    assert_string_equal(complaint(&f, "\" \""), "must not be empty");
    assert_accepted(&f, LIST("\"a\""));
}

static void whole_number(void **state)
{
    static const struct field any = {"f", FIELD_INT}, f = {"f", FIELD_INT, .min = 1, .max = 10};
    (void)state;
    assert_accepted(&f, LIST("1", "10", "\"\"", "null"));
    assert_refused(&f, LIST("0", "11", "-1", "1.0", "1.5", "\"5\"", "true", "[1]", "1e1"));
    assert_string_equal(complaint(&f, "11"), "must be between 1 and 10");
    assert_accepted(&any, LIST("-9223372036854775808", "9223372036854775807", "0"));
    complaint(&any, "\"\"");
    assert_false(body_has(&rq, "f"));
}

static void amount_of_money(void **state)
{
    static const struct field f = {"f", FIELD_AMOUNT}, needed = {"f", FIELD_AMOUNT, FIELD_REQUIRED};
    static const struct field positive = {"f", FIELD_AMOUNT, FIELD_POSITIVE};
    (void)state;
    assert_accepted(&f, LIST("0", "0.3", "\"0.3\"", "1000000", "\"\"", "null"));
    assert_refused(&f, LIST("-1", "1000001", "\"a\"", "\"1e3\"", "0.0000000001", "true", "[1]"));
    assert_string_equal(complaint(&f, "true"), "must be a number");
    assert_string_equal(complaint(&needed, "\"\""), "must not be empty");
    complaint(&f, "0.30");
    assert_string_equal(body_text(&rq, "f"), "0.3");
    complaint(&f, "\"12.340\"");
    assert_string_equal(body_text(&rq, "f"), "12.34");
    complaint(&f, "\"\"");
    assert_false(body_has(&rq, "f"));
    assert_refused(&positive, LIST("0", "0.0", "\"0\"", "\"0.000\"", "-0.5"));
    assert_accepted(&positive, LIST("0.000000001", "\"0.5\"", "1000000", "\"\"", "null"));
    assert_string_equal(complaint(&positive, "0"), "must be more than 0");
}

static void date(void **state)
{
    static const char *const right[] = {"2026-01-31", "2024-02-29", "0001-01-01"};
    static const char *const wrong[] = {"2026-02-29", "2026-13-01",  "2026-1-31",  "2026-01-3",
                                        "26-01-31-1", "2026- 1- 3",  "2026/01/31", "20260131",
                                        "0000-01-01", "2026-01-31T", "today",      ""};
    const char *out;
    (void)state;
    assert_int_equal(field_date(&rq.actor, "f", NULL, &out), ERR_NONE);
    assert_null(out);
    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        assert_int_equal(field_date(&rq.actor, "f", right[i], &out), ERR_NONE);
        assert_string_equal(out, right[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        if (field_date(&rq.actor, "f", wrong[i], &out) != ERR_VALIDATION)
            fail_msg("%s was let in", wrong[i]);
}

static void true_or_false(void **state)
{
    static const struct field f = {"f", FIELD_BOOL};
    (void)state;
    assert_accepted(&f, LIST("true", "false", "null"));
    assert_refused(&f, LIST("0", "1", "\"true\"", "\"\"", "[]"));
}

static void list_of_whole_numbers(void **state)
{
    static const struct field f = {"f", FIELD_INTS, .max = 2};
    (void)state;
    assert_accepted(&f, LIST("[]", "[1]", "[-1,0]", "null"));
    assert_refused(&f, LIST("[1,2,3]", "[1.5]", "[1.0]", "[\"1\"]", "[true]", "[null]", "1", "\"1\"", "{}"));
    assert_string_equal(complaint(&f, "1"), "must be an array of whole numbers");
}

static void list_of_strings(void **state)
{
    static const struct field f = {"f", FIELD_STRINGS, .max = 2}, two = {"f", FIELD_STRINGS, .choices = "a|b"};
    (void)state;
    assert_accepted(&f, LIST("[]", "[\"a\"]", "[\"a\",\"\"]", "null"));
    assert_refused(&f, LIST("[1]", "[\"a\",null]", "[[\"a\"]]", "\"a\"", "{\"a\":\"b\"}", "[\"a\\u0001\"]"));
    assert_string_equal(complaint(&f, "[\"a\",\"b\",\"c\"]"), "must have at most 2 entries");
    assert_accepted(&two, LIST("[\"a\",\"b\",\"a\"]"));
    assert_refused(&two, LIST("[\"a\",\"c\"]", "[\"\"]", "[\"a|b\"]"));
}

static void object(void **state)
{
    static const struct field f = {"f", FIELD_OBJECT};
    (void)state;
    assert_accepted(&f, LIST("{}", "{\"a\":[1]}", "null"));
    assert_refused(&f, LIST("[]", "\"{}\"", "1"));
}

static void choices(void **state)
{
    static const struct field f = {"f", FIELD_TEXT, .choices = "red|green|blue"};
    (void)state;
    assert_accepted(&f, LIST("\"red\"", "\"green\"", "\"blue\""));
    assert_refused(&f, LIST("\"\"", "\"re\"", "\"redd\"", "\"red|green\"", "\"Red\"", "\"|\""));
    assert_string_equal(complaint(&f, "\"x\""), "must be one of: red, green, blue");
}

static void every_wrong_field_is_named(void **state)
{
    static const struct field fields[] = {
        {"a", FIELD_TEXT, FIELD_REQUIRED}, {"b", FIELD_INT}, {"c", FIELD_BOOL}, {"d", FIELD_TEXT}, {0}};
    (void)state;
    assert_int_equal(check(fields, "{\"b\":\"x\",\"c\":1,\"d\":\"fine\",\"unknown\":{}}"), ERR_VALIDATION);
    assert_string_equal(rq.actor.failure.fields->field, "a");
    assert_string_equal(rq.actor.failure.fields->next->field, "b");
    assert_string_equal(rq.actor.failure.fields->next->next->field, "c");
    assert_null(rq.actor.failure.fields->next->next->next);
    assert_int_equal(check(fields, "{\"a\":\"x\"}"), ERR_NONE);
}

static void no_body_counts_as_an_empty_one(void **state)
{
    static const struct field optional[] = {{"a", FIELD_TEXT}, {0}},
                              needed[] = {{"a", FIELD_TEXT, FIELD_REQUIRED}, {0}};
    (void)state;
    parse_target("/");
    assert_int_equal(check_body(&rq, optional), ERR_NONE);
    parse_target("/");
    assert_int_equal(check_body(&rq, needed), ERR_VALIDATION);
}

static void queries(void **state)
{
    static const struct field fields[] = {{"limit", FIELD_INT, .min = 1, .max = 100},
                                          {"all", FIELD_BOOL},
                                          {"sort", FIELD_TEXT, .choices = "name|time"},
                                          {0}};
    static const char *const good[] = {"/", "/?limit=1&all=true&sort=time", "/?limit=100&all=0",
                                       "/?limit=&sort=", "/?other=%01"};
    static const char *const bad[] = {"/?limit=0",      "/?limit=101",  "/?limit=1x", "/?limit=+1",
                                      "/?limit=%201",   "/?limit=1.0",  "/?all=yes",  "/?sort=size",
                                      "/?sort=name%01", "/?limit=0x10", "/?all=TRUE", "/?limit=9999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(parse_target(good[i]), ERR_NONE);
        if (check_query(&rq, fields) != ERR_NONE)
            fail_msg("%s: %s", good[i], rq.actor.failure.text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(parse_target(bad[i]), ERR_NONE);
        if (check_query(&rq, fields) != ERR_VALIDATION)
            fail_msg("%s was let in", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(text_without_a_limit_has_one_all_the_same),
        cmocka_unit_test(required),
        cmocka_unit_test(trimmed),
        cmocka_unit_test(name),
        cmocka_unit_test(label),
        cmocka_unit_test(url),
        cmocka_unit_test(key),
        cmocka_unit_test(required_sometimes),
        cmocka_unit_test(whole_number),
        cmocka_unit_test(amount_of_money),
        cmocka_unit_test(date),
        cmocka_unit_test(true_or_false),
        cmocka_unit_test(list_of_strings),
        cmocka_unit_test(list_of_whole_numbers),
        cmocka_unit_test(object),
        cmocka_unit_test(choices),
        cmocka_unit_test(every_wrong_field_is_named),
        cmocka_unit_test(no_body_counts_as_an_empty_one),
        cmocka_unit_test(queries),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
