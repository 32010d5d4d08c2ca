/* Requests: escapes, queries, headers, cookies, and how failures are put into words. */
#include "request_fixture.h"

/* ---- percent decoding ------------------------------------------------------------------------------------------- */

static void escapes_are_decoded(void **state)
{
    static const struct {
        const char *text, *plain, *form; /* NULL = refused */
    } cases[] = {
        {"", "", ""},
        {"abc", "abc", "abc"},
        {"a+b", "a+b", "a b"},
        {"a%20b", "a b", "a b"},
        {"%2F%2f", "//", "//"},
        {"%e4%B8%ad", "中", "中"},
        {"%2B", "+", "+"},
        {"%2541", "%41", "%41"}, /* once only */
        {"%", NULL, NULL},
        {"%4", NULL, NULL},
        {"a%", NULL, NULL},
        {"%zz", NULL, NULL},
        {"%4g", NULL, NULL},
        {"%00", NULL, NULL},
        {"a%00b", NULL, NULL},
        {"%ff", NULL, NULL},
        {"%c0%80", NULL, NULL},    /* overlong NUL */
        {"%ed%a0%80", NULL, NULL}, /* a surrogate */
        {"%e4%b8", NULL, NULL},    /* cut off */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int form = 0; form < 2; form++) {
            const char *expected = form ? cases[i].form : cases[i].plain;
            char *got = percent_decode(arena, cases[i].text, strlen(cases[i].text), form);
            if (!expected != !got || (got && strcmp(got, expected) != 0))
                fail_msg("%s: %s", cases[i].text, got ? got : "refused");
        }
    }
}

static void decoding_stops_at_the_length_given(void **state)
{
    (void)state;
    assert_string_equal(percent_decode(arena, "ab%41", 2, false), "ab");
    assert_null(percent_decode(arena, "ab%41", 3, false));
    assert_null(percent_decode(arena, "ab%41", 4, false));
    assert_string_equal(percent_decode(arena, "ab%41", 5, false), "abA");
}

/* ---- target ----------------------------------------------------------------------------------------------------- */

static void a_query_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(parse_target("/api/configs?platform=codex&limit=10&q=a+b%26c&empty=&bare&&"), ERR_NONE);
    assert_string_equal(rq.path, "/api/configs");
    assert_int_equal(rq.query_count, 5);
    assert_string_equal(request_query(&rq, "platform"), "codex");
    assert_string_equal(request_query(&rq, "q"), "a b&c");
    assert_string_equal(request_query(&rq, "empty"), "");
    assert_string_equal(request_query(&rq, "bare"), "");
    assert_null(request_query(&rq, "Platform"));
    assert_string_equal(request_query_or(&rq, "empty", "x"), "x");
    assert_string_equal(request_query_or(&rq, "missing", "x"), "x");
    assert_string_equal(request_query_or(&rq, "limit", "x"), "10");
}

static void values_may_hold_equal_signs(void **state)
{
    (void)state;
    assert_int_equal(parse_target("/?a=b=c&d==&=e"), ERR_NONE);
    assert_string_equal(request_query(&rq, "a"), "b=c");
    assert_string_equal(request_query(&rq, "d"), "=");
    assert_string_equal(request_query(&rq, ""), "e");
}

static void bad_targets_are_refused(void **state)
{
    static const struct {
        const char *target;
        enum message message;
    } cases[] = {
        {"", MSG_BAD_PATH},
        {"api", MSG_BAD_PATH},
        {"*", MSG_BAD_PATH},
        {"?a=b", MSG_BAD_PATH},
        {"http://evil.example/api/configs", MSG_BAD_PATH},
        {"/\xff", MSG_BAD_PATH},
        {"/?a=%", MSG_BAD_QUERY},
        {"/?%zz=1", MSG_BAD_QUERY},
        {"/?a=%00", MSG_BAD_QUERY},
        {"/?a=%ff", MSG_BAD_QUERY},
        {"/?a=1&a=2", MSG_BAD_QUERY},
        {"/?a=1&%61=2", MSG_BAD_QUERY}, /* the same name, written otherwise */
        {"/?a&a", MSG_BAD_QUERY},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (parse_target(cases[i].target) != ERR_VALIDATION || rq.actor.failure.message != cases[i].message)
            fail_msg("%s was let in or refused for another reason", cases[i].target);
    }
}

static void a_query_has_an_end(void **state)
{
    char target[512] = "/?";
    (void)state;
    for (int i = 0; i < MAX_QUERY; i++)
        snprintf(target + strlen(target), sizeof target - strlen(target), "k%d=v&", i);
    assert_int_equal(parse_target(target), ERR_NONE);
    assert_int_equal(rq.query_count, MAX_QUERY);
    snprintf(target + strlen(target), sizeof target - strlen(target), "one=more");
    assert_int_equal(parse_target(target), ERR_VALIDATION);
    assert_int_equal(rq.query_count, MAX_QUERY);
}

static void the_path_stays_encoded_and_loses_query_and_fragment(void **state)
{
    (void)state;
    assert_int_equal(parse_target("/a%2Fb?x=1"), ERR_NONE);
    assert_string_equal(rq.path, "/a%2Fb");
    assert_int_equal(parse_target("/a#b?x=1"), ERR_NONE);
    assert_string_equal(rq.path, "/a");
    assert_int_equal(rq.query_count, 0);
}

/* ---- variables -------------------------------------------------------------------------------------------------- */

static void what_is_missing_has_a_default(void **state)
{
    (void)state;
    assert_int_equal(parse(VARIABLES("X=1")), ERR_NONE);
    assert_int_equal(rq.method, METHOD_GET);
    assert_string_equal(rq.target, "/");
    assert_string_equal(rq.actor.address, "unknown");
    assert_true(uuid_valid(rq.actor.request_id));
}

static void methods_are_case_sensitive(void **state)
{
    (void)state;
    parse(VARIABLES("REQUEST_METHOD=DELETE"));
    assert_int_equal(rq.method, METHOD_DELETE);
    parse(VARIABLES("REQUEST_METHOD=delete"));
    assert_int_equal(rq.method, METHOD_OTHER);
    parse(VARIABLES("REQUEST_METHOD=OTHER"));
    assert_int_equal(rq.method, METHOD_OTHER);
    parse(VARIABLES("REQUEST_METHOD="));
    assert_int_equal(rq.method, METHOD_OTHER);
}

static void headers_are_found_by_name(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_IF_MATCH=\"1\"", "HTTP_X_CCR_WORKSPACE=team", "HTTP_X=y", "HTTP_XY=z"));
    assert_string_equal(request_header(&rq, "If-Match"), "\"1\"");
    assert_string_equal(request_header(&rq, "x-ccr-workspace"), "team");
    assert_string_equal(request_header(&rq, "X"), "y");
    assert_null(request_header(&rq, "If-None-Match"));
    char longest[200];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(request_header(&rq, longest));
}

static void a_harmless_request_id_is_kept(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_X_REQUEST_ID=client-id_1.2"));
    assert_string_equal(rq.actor.request_id, "client-id_1.2");
    static const char *const others[] = {
        "HTTP_X_REQUEST_ID=short",
        "HTTP_X_REQUEST_ID=",
        "HTTP_X_REQUEST_ID=with space here",
        "HTTP_X_REQUEST_ID=line\nbreak-in-it",
        "HTTP_X_REQUEST_ID=quote\"in-it-here",
        "HTTP_X_REQUEST_ID=0123456789012345678901234567890123456", /* 37: one too many */
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        parse(VARIABLES(others[i]));
        assert_true(uuid_valid(rq.actor.request_id));
    }
    parse(VARIABLES("HTTP_X_REQUEST_ID=012345678901234567890123456789012345"));
    assert_string_equal(rq.actor.request_id, "012345678901234567890123456789012345");
}

static void the_language_is_the_first_one_asked_for(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_ACCEPT_LANGUAGE=zh-CN,en;q=0.8"));
    assert_int_equal(rq.actor.language, LANGUAGE_ZH);
    parse(VARIABLES("HTTP_ACCEPT_LANGUAGE=  ZH"));
    assert_int_equal(rq.actor.language, LANGUAGE_ZH);
    parse(VARIABLES("HTTP_ACCEPT_LANGUAGE=de,zh;q=0.9"));
    assert_int_equal(rq.actor.language, LANGUAGE_EN);
    parse(VARIABLES("HTTP_ACCEPT_LANGUAGE="));
    assert_int_equal(rq.actor.language, LANGUAGE_EN);
}

static void cookies_are_found_by_their_whole_name(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_COOKIE=xccr=1; ccr=2;ccr_access=three ; ccrx=4; empty=; ccr=5; last=a=b"));
    assert_string_equal(request_cookie(&rq, "ccr"), "2"); /* the first one */
    assert_string_equal(request_cookie(&rq, "xccr"), "1");
    assert_string_equal(request_cookie(&rq, "ccr_access"), "three ");
    assert_string_equal(request_cookie(&rq, "empty"), "");
    assert_string_equal(request_cookie(&rq, "last"), "a=b");
    assert_null(request_cookie(&rq, "cc"));
    assert_null(request_cookie(&rq, "CCR"));
    parse(VARIABLES("HTTP_COOKIE=ccr"));
    assert_null(request_cookie(&rq, "ccr"));
    parse(VARIABLES("HTTP_COOKIE=;;; ;"));
    assert_null(request_cookie(&rq, "ccr"));
    parse(VARIABLES("X=1"));
    assert_null(request_cookie(&rq, "ccr"));
}

static void parameters_with_odd_names_are_left_out(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_A-B=1", "=x", "no-equal-sign", "HTTP_C D=2", "GOOD_1=3", "HTTP_\xc3\xa4=4"));
    assert_string_equal(request_variable(&rq, "GOOD_1"), "3");
    assert_null(request_variable(&rq, "HTTP_A-B"));
    assert_null(request_variable(&rq, ""));
    assert_null(rq.environment[1]);
}

/* ---- failures and bodies ---------------------------------------------------------------------------------------- */

static void failures_are_put_into_words(void **state)
{
    (void)state;
    parse(VARIABLES("X=1"));
    assert_int_equal(fail(&rq.actor, MSG_CONFIG_UNKNOWN, "a{}b", NULL), ERR_NOT_FOUND);
    assert_string_equal(rq.actor.failure.text, "Config 'a{}b' not found");
    assert_int_equal(fail(&rq.actor, MSG_RESOURCE_REVISION, "x", NULL), ERR_NOT_FOUND);
    assert_string_equal(rq.actor.failure.text, "'x' has no revision ");
    parse(VARIABLES("HTTP_ACCEPT_LANGUAGE=zh"));
    fail(&rq.actor, MSG_CONFIG_UNKNOWN, "x", NULL);
    assert_string_equal(rq.actor.failure.text, "配置节 'x' 不存在");
}

static void wrong_fields_are_collected(void **state)
{
    (void)state;
    parse(VARIABLES("X=1"));
    fail_field(&rq.actor, "a", MSG_REQUIRED, NULL);
    fail_field(&rq.actor, "b", MSG_TOO_LONG, "5", NULL);
    assert_string_equal(rq.actor.failure.fields->field, "a");
    assert_string_equal(rq.actor.failure.fields->next->field, "b");
    assert_string_equal(rq.actor.failure.fields->next->message, "must have at most 5 characters");
    assert_null(rq.actor.failure.fields->next->next);
    assert_string_equal(rq.actor.failure.text,
                        "Some fields are not valid: a is required; b must have at most 5 characters");
}

/* What a hundred take, a hundred thousand take too. */
static void thousands_of_wrong_fields_are_counted(void **state)
{
    enum { MANY = 100000 };
    (void)state;
    parse(VARIABLES("X=1"));
    size_t hundred = 0, named = 0;
    for (int i = 0; i < MANY; i++) {
        fail_field(&rq.actor, "field", MSG_TOO_LONG, "5", NULL);
        hundred = i + 1 == FIELDS_MAX ? arena_used(rq.actor.arena) : hundred;
    }
    for (const struct field_failure *f = rq.actor.failure.fields; f; f = f->next)
        named++;
    assert_int_equal(named, FIELDS_MAX);
    assert_int_equal(rq.actor.failure.field_count, MANY);
    assert_int_equal(arena_used(rq.actor.arena), hundred);
    assert_true(strlen(rq.actor.failure.text) < 5 * KIB);
}

static void only_the_error_asked_for_is_reworded(void **state)
{
    (void)state;
    parse(VARIABLES("X=1"));
    assert_int_equal(fail_as(&rq.actor, ERR_NONE, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, "x"), ERR_NONE);
    assert_int_equal(fail_as(&rq.actor, ERR_DATABASE, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, "x"), ERR_DATABASE);
    assert_int_equal(rq.actor.failure.message, MSG_NONE);
    assert_int_equal(fail_as(&rq.actor, ERR_NOT_FOUND, ERR_NOT_FOUND, MSG_TOKEN_INVALID, NULL), ERR_AUTHENTICATION);
    assert_int_equal(rq.actor.failure.message, MSG_TOKEN_INVALID);
}

static void null_in_a_body_counts_as_absent(void **state)
{
    struct json_failure failure;
    static const char text[] = "{\"t\":\"x\",\"n\":null,\"b\":true,\"i\":7}";
    (void)state;
    parse(VARIABLES("X=1"));
    assert_false(body_has(&rq, "t")); /* no body at all */
    rq.body = json_parse(text, sizeof text - 1, &failure);
    assert_true(body_has(&rq, "t"));
    assert_false(body_has(&rq, "n"));
    assert_false(body_has(&rq, "missing"));
    assert_string_equal(body_text(&rq, "t"), "x");
    assert_null(body_text(&rq, "n"));
    assert_null(body_text(&rq, "i"));
    assert_true(body_bool(&rq, "b", false));
    assert_true(body_bool(&rq, "n", true));
    assert_int_equal(body_int(&rq, "i", 0), 7);
    assert_int_equal(body_int(&rq, "t", 3), 3);
}

static void roles_have_names(void **state)
{
    (void)state;
    for (int i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        assert_int_equal(role_from_name(role_names[i]), i);
    assert_int_equal(role_from_name("none"), ROLE_NONE);
    assert_int_equal(role_from_name("root"), ROLE_NONE);
    assert_int_equal(role_from_name(NULL), ROLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(decoding_stops_at_the_length_given),
        cmocka_unit_test(a_query_is_taken_apart),
        cmocka_unit_test(values_may_hold_equal_signs),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(a_query_has_an_end),
        cmocka_unit_test(the_path_stays_encoded_and_loses_query_and_fragment),
        cmocka_unit_test(what_is_missing_has_a_default),
        cmocka_unit_test(methods_are_case_sensitive),
        cmocka_unit_test(headers_are_found_by_name),
        cmocka_unit_test(a_harmless_request_id_is_kept),
        cmocka_unit_test(the_language_is_the_first_one_asked_for),
        cmocka_unit_test(cookies_are_found_by_their_whole_name),
        cmocka_unit_test(parameters_with_odd_names_are_left_out),
        cmocka_unit_test(failures_are_put_into_words),
        cmocka_unit_test(wrong_fields_are_collected),
        cmocka_unit_test(thousands_of_wrong_fields_are_counted),
        cmocka_unit_test(only_the_error_asked_for_is_reworded),
        cmocka_unit_test(null_in_a_body_counts_as_absent),
        cmocka_unit_test(roles_have_names),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
