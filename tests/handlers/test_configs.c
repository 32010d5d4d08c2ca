/* Profiles: listing, creating, switching, conditional requests, the body of an error, and who sees what. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

#define PASSWORD "correct horse battery"
#define RELAY                                                                                                          \
    "{\"name\":\"relay\",\"base_url\":\"https://relay.example/api\",\"auth_token\":\"sk-relay-0123456789abcdef\","     \
    "\"model\":\"m-1\",\"tags\":[\"a\",\"b\"]}"

static int set_up(void **state)
{
    const char *name = unique_name("ada");
    (void)state;
    set_headers(NULL);
    add_user(name, PASSWORD, false);
    log_in(name, PASSWORD);
    return 0;
}

static void create(const char *body)
{
    struct reply reply = call("POST", "/api/configs", body);
    assert_status(reply, 201);
}

static void a_created_profile_is_listed_masked(void **state)
{
    (void)state;
    struct reply reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    assert_int_equal(json_array_size(reply_value(&reply, "configs")), 0);
    create(RELAY);
    reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "configs.0.name"), "relay");
    assert_string_equal(reply_text(&reply, "configs.0.auth_token"), "sk-r...cdef");
    assert_string_equal(reply_text(&reply, "configs.0.base_url"), "https://relay.example/api");
    assert_int_equal(json_array_size(reply_value(&reply, "configs.0.tags")), 2);
    assert_null(strstr(reply.text, "0123456789"));
}

static void switching_changes_the_current_profile(void **state)
{
    (void)state;
    create(RELAY);
    struct reply reply = call("POST", "/api/switch", "{\"config_name\":\"relay\"}");
    assert_status(reply, 200);
    assert_string_equal(reply.text, "\"Configuration switched successfully\"");
    reply = call("GET", "/api/configs", NULL);
    assert_string_equal(reply_text(&reply, "current_config"), "relay");
    assert_true(json_is_true(reply_value(&reply, "configs.0.is_current")));
    reply = call("GET", "/api/history", NULL);
    assert_status(reply, 200);
    assert_non_null(strstr(reply.text, "relay"));
    reply = call("POST", "/api/switch", "{\"config_name\":\"nowhere\"}");
    assert_status(reply, 400);
    assert_string_equal(reply_text(&reply, "error.details.fields.0.field"), "config_name");
    reply = call("DELETE", "/api/configs/relay", NULL);
    assert_status(reply, 409);
}

static void a_write_that_repeats_the_mask_keeps_the_token(void **state)
{
    (void)state;
    create(RELAY);
    struct reply reply =
        call("PUT", "/api/configs/relay", "{\"base_url\":\"https://other.example\",\"auth_token\":\"sk-r...cdef\"}");
    assert_status(reply, 200);
    reply = call("POST", "/api/configs/relay/reveal", "{}");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "data.auth_token"), "sk-relay-0123456789abcdef");
}

static void conditional_requests_follow_the_revision(void **state)
{
    (void)state;
    char tag[160], match[200];
    create(RELAY);
    struct reply reply = call("GET", "/api/configs/relay", NULL);
    assert_status(reply, 200);
    snprintf(tag, sizeof tag, "%s", reply_header(&reply, "ETag"));
    assert_true(strlen(tag) > 2);
    snprintf(match, sizeof match, "If-None-Match: W/%s, \"x\"", tag);
    set_headers((const char *const[]){match, NULL});
    reply = call("GET", "/api/configs/relay", NULL);
    assert_status(reply, 304);
    assert_string_equal(reply.text, "");
    set_headers((const char *const[]){"If-Match: \"999\"", NULL});
    reply = call("DELETE", "/api/configs/relay", NULL);
    assert_status(reply, 412);
    snprintf(match, sizeof match, "If-Match: %s", tag);
    set_headers((const char *const[]){match, NULL});
    reply = call("DELETE", "/api/configs/relay", NULL);
    assert_status(reply, 200);
}

static void an_error_has_one_body(void **state)
{
    (void)state;
    set_headers((const char *const[]){"X-Request-Id: test-request-1", NULL});
    struct reply reply = call("GET", "/api/configs/nowhere", NULL);
    assert_status(reply, 404);
    assert_true(json_is_false(reply_value(&reply, "success")));
    assert_true(json_is_null(reply_value(&reply, "data")));
    assert_string_equal(reply_text(&reply, "error.code"), "NOT_FOUND");
    assert_string_equal(reply_text(&reply, "error.message"), "Config 'nowhere' not found");
    assert_string_equal(reply_text(&reply, "message"), "Config 'nowhere' not found");
    assert_true(json_is_object(reply_value(&reply, "error.details")));
    assert_true(uuid_valid(reply_text(&reply, "error.error_id")));
    assert_string_equal(reply_text(&reply, "request_id"), "test-request-1");
    assert_string_equal(reply_header(&reply, "X-Request-Id"), "test-request-1");
    assert_non_null(strchr(reply_text(&reply, "timestamp"), 'T'));
    set_headers((const char *const[]){"Accept-Language: zh-CN,en;q=0.5", NULL});
    reply = call("GET", "/api/configs/nowhere", NULL);
    assert_string_equal(reply_text(&reply, "message"), "配置节 'nowhere' 不存在");
}

static void all_wrong_fields_are_named_at_once(void **state)
{
    (void)state;
    struct reply reply =
        call("POST", "/api/configs", "{\"base_url\":\"ftp://x\",\"auth_token\":7,\"tags\":[1],\"unknown\":true}");
    assert_status(reply, 400);
    assert_string_equal(reply_text(&reply, "error.code"), "VALIDATION_ERROR");
    assert_int_equal(json_array_size(reply_value(&reply, "error.details.fields")), 4);
    assert_string_equal(reply_text(&reply, "error.details.fields.0.field"), "name");
    assert_string_equal(reply_text(&reply, "error.details.fields.3.field"), "tags");
}

static void bad_bodies_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{",
        "[]",
        "null",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{} {}",
        "{\"a\":\"\\u0000\"}",
        "\"x\"",
        "{\"a\":\"\xff\"}",
        "{\"a\":1e999}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply reply = call("POST", "/api/configs", bad[i]);
        assert_status(reply, 400);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    struct reply reply = call("POST", "/api/configs", deep);
    assert_status(reply, 400);
}

static void a_body_over_the_limit_is_refused(void **state)
{
    enum { SIZE = 3 * 1024 * 1024 };
    static char large[SIZE + 1];
    (void)state;
    memset(large, ' ', SIZE);
    struct reply reply = call("POST", "/api/configs", large);
    assert_status(reply, 413);
    assert_true(last_arena_used() < 64 * 1024); /* nothing was read */
}

static void names_may_be_encoded(void **state)
{
    (void)state;
    create("{\"name\":\"中文.v1\",\"base_url\":\"https://x.example\",\"auth_token\":\"t\"}");
    struct reply reply = call("GET", "/api/configs/%E4%B8%AD%E6%96%87.v1", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "name"), "中文.v1");
    reply = call("GET", "/api/configs/%2F..%2Fetc", NULL);
    assert_status(reply, 404);
    reply = call("GET", "/api/configs/a%00b", NULL);
    assert_status(reply, 400);
    reply = call("GET", "/api/configs/%E4%B8", NULL);
    assert_status(reply, 400);
}

static void other_methods_are_refused_by_name(void **state)
{
    (void)state;
    struct reply reply = call("PATCH", "/api/configs", "{}");
    assert_status(reply, 405);
    assert_string_equal(reply_header(&reply, "Allow"), "GET, HEAD, POST, OPTIONS");
    reply = call("OPTIONS", "/api/configs", NULL);
    assert_status(reply, 204);
    assert_string_equal(reply_header(&reply, "Allow"), "GET, HEAD, POST, OPTIONS");
    reply = call("BREW", "/api/configs", NULL);
    assert_status(reply, 405);
    reply = call("HEAD", "/api/configs", NULL);
    assert_status(reply, 200);
}

static void nobody_sees_the_profiles_of_another(void **state)
{
    (void)state;
    create(RELAY);
    const char *eve = unique_name("eve");
    add_user(eve, PASSWORD, false);
    log_in(eve, PASSWORD);
    struct reply reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    assert_int_equal(json_array_size(reply_value(&reply, "configs")), 0);
    reply = call("GET", "/api/configs/relay", NULL);
    assert_status(reply, 404);
    reply = call("DELETE", "/api/configs/relay", NULL);
    assert_status(reply, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_created_profile_is_listed_masked, set_up),
        cmocka_unit_test_setup(switching_changes_the_current_profile, set_up),
        cmocka_unit_test_setup(a_write_that_repeats_the_mask_keeps_the_token, set_up),
        cmocka_unit_test_setup(conditional_requests_follow_the_revision, set_up),
        cmocka_unit_test_setup(an_error_has_one_body, set_up),
        cmocka_unit_test_setup(all_wrong_fields_are_named_at_once, set_up),
        cmocka_unit_test_setup(bad_bodies_are_refused, set_up),
        cmocka_unit_test_setup(a_body_over_the_limit_is_refused, set_up),
        cmocka_unit_test_setup(names_may_be_encoded, set_up),
        cmocka_unit_test_setup(other_methods_are_refused_by_name, set_up),
        cmocka_unit_test_setup(nobody_sees_the_profiles_of_another, set_up),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
