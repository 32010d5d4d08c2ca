/* Responses: the envelope, the error body, entity tags, headers that must not break. */
#include "request_fixture.h"

#include "log.h"
#include "response.h"

static struct response rs;

static int set_up(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    response_init(&rs);
    return fixture_start(state);
}

static int tear_down(void **state)
{
    response_free(&rs);
    return fixture_stop(state);
}

static const char *body(void)
{
    return buffer_string(&rs.body);
}

static const char *headers(void)
{
    return buffer_string(&rs.headers);
}

static void envelopes(void **state)
{
    (void)state;
    respond_text(&rs, 201, "a \"b\"");
    assert_int_equal(rs.status, 201);
    assert_string_equal(body(), "{\"success\":true,\"data\":\"a \\\"b\\\"\",\"message\":null}");
    respond_bare_text(&rs, 200, "x");
    assert_string_equal(body(), "\"x\"");
    respond_object(&rs, 200);
    json_int_member(&rs.json, "n", 1);
    assert_int_equal(respond_end(&rs), ERR_NONE);
    assert_string_equal(body(), "{\"success\":true,\"data\":{\"n\":1},\"message\":null}");
    respond_object_bare(&rs, 200);
    json_int_member(&rs.json, "n", 1);
    respond_end(&rs);
    assert_string_equal(body(), "{\"n\":1}");
    respond_null(&rs);
    assert_string_equal(body(), "{\"success\":true,\"data\":null,\"message\":null}");
    respond_begin(&rs, 200);
    json_open_array(&rs.json);
    json_put_int(&rs.json, 1);
    json_close_array(&rs.json);
    respond_end(&rs);
    respond_end(&rs); /* once is enough */
    assert_string_equal(body(), "{\"success\":true,\"data\":[1],\"message\":null}");
    assert_true(rs.written);
    response_reset(&rs);
    assert_false(rs.written);
    assert_string_equal(body(), "");
}

static void headers_cannot_be_broken(void **state)
{
    (void)state;
    response_header(&rs, "X-A", "1");
    response_header(&rs, "X-B", "2\r\nSet-Cookie: evil=1");
    response_header(&rs, "X-C", "3\n");
    response_header(&rs, "X-D", "4\r");
    response_header(&rs, "X-E", "");
    assert_string_equal(headers(), "X-A: 1\r\nX-E: \r\n");
    response_reset(&rs);
}

static json_t *error_body(enum error error)
{
    struct json_failure failure;
    respond_error(&rq, &rs, error);
    json_t *json = json_parse(body(), rs.body.length, &failure);
    if (!json)
        fail_msg("%s: %s", failure.message, body());
    return json;
}

static const char *member(json_t *json, const char *first, const char *second)
{
    json_t *value = json_object_get(json, first);
    return json_string_value(second ? json_object_get(value, second) : value);
}

static void an_error_says_what_fail_said(void **state)
{
    (void)state;
    parse(VARIABLES("HTTP_X_REQUEST_ID=request-7"));
    enum error error = fail(&rq.actor, MSG_CONFIG_UNKNOWN, "x", NULL);
    json_t *json = error_body(error);
    assert_int_equal(rs.status, 404);
    assert_string_equal(member(json, "message", NULL), "Config 'x' not found");
    assert_string_equal(member(json, "error", "message"), "Config 'x' not found");
    assert_string_equal(member(json, "error", "code"), "NOT_FOUND");
    assert_true(uuid_valid(member(json, "error", "error_id")));
    assert_string_equal(member(json, "request_id", NULL), "request-7");
    assert_true(json_is_false(json_object_get(json, "success")));
    assert_true(json_is_null(json_object_get(json, "data")));
    assert_int_equal(json_object_size(json_object_get(json_object_get(json, "error"), "details")), 0);
    response_reset(&rs);
}

static void what_was_said_of_another_error_does_not_count(void **state)
{
    (void)state;
    parse(VARIABLES("REQUEST_METHOD=PUT"));
    fail(&rq.actor, MSG_CONFIG_UNKNOWN, "secret", NULL);
    json_t *json = error_body(ERR_INTERNAL);
    assert_int_equal(rs.status, 500);
    assert_string_equal(member(json, "message", NULL), "Something went wrong on the server");
    assert_null(strstr(body(), "secret"));
    json = error_body(ERR_METHOD);
    assert_string_equal(member(json, "message", NULL), "This address does not take PUT requests");
    response_reset(&rs);
}

static void wrong_fields_are_in_the_details(void **state)
{
    (void)state;
    parse(VARIABLES("X=1"));
    fail_field(&rq.actor, "base_url", MSG_REQUIRED, NULL);
    json_t *json = error_body(ERR_VALIDATION);
    json_t *fields = json_object_get(json_object_get(json_object_get(json, "error"), "details"), "fields");
    assert_int_equal(json_array_size(fields), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(fields, 0), "field")), "base_url");
    response_reset(&rs);
}

static void an_error_throws_away_what_was_written(void **state)
{
    (void)state;
    parse(VARIABLES("X=1"));
    json_put_string(respond_begin(&rs, 200), "half a reply");
    error_body(ERR_DATABASE);
    assert_int_equal(rs.status, 503);
    assert_null(strstr(body(), "half"));
    assert_non_null(strstr(headers(), "Retry-After: 1\r\n"));
    response_reset(&rs);
    parse(VARIABLES("X=1"));
    rq.actor.failure.retry_after = 42;
    error_body(ERR_RATE_LIMIT);
    assert_non_null(strstr(headers(), "Retry-After: 42\r\n"));
    response_reset(&rs);
}

/* ---- entity tags ------------------------------------------------------------------------------------------------ */

static void if_none_match(void **state)
{
    static const struct {
        const char *header;
        bool same;
    } cases[] = {
        {"HTTP_IF_NONE_MATCH=\"7-a\"", true},
        {"HTTP_IF_NONE_MATCH=W/\"7-a\"", true}, /* compared weakly */
        {"HTTP_IF_NONE_MATCH=\"x\", \"7-a\"", true},
        {"HTTP_IF_NONE_MATCH=\"x\",W/\"7-a\" , \"y\"", true},
        {"HTTP_IF_NONE_MATCH=*", true},
        {"HTTP_IF_NONE_MATCH=\"7-a-gzip\"", true},  /* Apache */
        {"HTTP_IF_NONE_MATCH=\"7-a--gzip\"", true}, /* Jetty */
        {"HTTP_IF_NONE_MATCH=\"7-a;br\"", true},
        {"HTTP_IF_NONE_MATCH=\"x, y\", W/\"7-a-br\"", true}, /* a comma may stand in a tag */
        {"HTTP_IF_NONE_MATCH=\"7-agzip\"", false},
        {"HTTP_IF_NONE_MATCH=\"7-a-zip\"", false},
        {"HTTP_IF_NONE_MATCH=\"gzip\"", false},
        {"HTTP_IF_NONE_MATCH=\"-gzip\"", false},
        {"HTTP_IF_NONE_MATCH=**", false},
        {"HTTP_IF_NONE_MATCH=\"7\"", false},
        {"HTTP_IF_NONE_MATCH=\"7-ab\"", false},
        {"HTTP_IF_NONE_MATCH=7-a", false},
        {"HTTP_IF_NONE_MATCH=\"7-a\"x", false},
        {"HTTP_IF_NONE_MATCH=", false},
        {"HTTP_IF_NONE_MATCH=,,,", false},
        {"X=1", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        parse(VARIABLES(cases[i].header));
        response_reset(&rs);
        if (respond_not_modified(&rq, &rs, "7-a") != cases[i].same)
            fail_msg("%s", cases[i].header);
        assert_true(rs.written == cases[i].same);
        assert_int_equal(rs.status, cases[i].same ? 304 : 0);
        assert_non_null(strstr(headers(), "ETag: \"7-a\"\r\n"));
        assert_int_equal(rs.body.length, 0);
    }
    response_reset(&rs);
}

static void if_match(void **state)
{
    static const struct {
        const char *header;
        bool passes;
    } cases[] = {
        {"X=1", true},
        {"HTTP_IF_MATCH=*", true},
        {"HTTP_IF_MATCH=\"7\"", true},
        {"HTTP_IF_MATCH=\"7-variant\"", true},
        {"HTTP_IF_MATCH=\"1\", \"7\"", true},
        {"HTTP_IF_MATCH=W/\"7\"", true}, /* Nginx and others make tags weak when they compress */
        {"HTTP_IF_MATCH=W/\"7-variant-gzip\"", true},
        {"HTTP_IF_MATCH=\"7-gzip\"", true},
        {"HTTP_IF_MATCH=\"7;br\"", true},
        {"HTTP_IF_MATCH=\"1\", W/\"7\"", true},
        {"HTTP_IF_MATCH= * ", true},
        {"HTTP_IF_MATCH=W/\"8\"", false},
        {"HTTP_IF_MATCH=w/\"7\"", false},
        {"HTTP_IF_MATCH=\"a, \"7\"", false},
        {"HTTP_IF_MATCH=\"7;x\"", false},
        {"HTTP_IF_MATCH=\"8\"", false},
        {"HTTP_IF_MATCH=\"77\"", false},
        {"HTTP_IF_MATCH=7", false},
        {"HTTP_IF_MATCH=\"\"", false},
        {"HTTP_IF_MATCH=\"-7\"", false},
        {"HTTP_IF_MATCH=\" 7\"", false},
        {"HTTP_IF_MATCH=\"+7\"", false},
        {"HTTP_IF_MATCH=\"7x\"", false},
        {"HTTP_IF_MATCH=\"7", false},
        {"HTTP_IF_MATCH=", false},
        {"HTTP_IF_MATCH=\"99999999999999999999999999\"", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        parse(VARIABLES(cases[i].header));
        if ((check_if_match(&rq, 7) == ERR_NONE) != cases[i].passes)
            fail_msg("%s", cases[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),
        cmocka_unit_test(headers_cannot_be_broken),
        cmocka_unit_test(an_error_says_what_fail_said),
        cmocka_unit_test(what_was_said_of_another_error_does_not_count),
        cmocka_unit_test(wrong_fields_are_in_the_details),
        cmocka_unit_test(an_error_throws_away_what_was_written),
        cmocka_unit_test(if_none_match),
        cmocka_unit_test(if_match),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
