/* Logging in and out, and what a worker remembers of who somebody is. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD "correct horse battery"

static const char *ada;

static int set_up(void **state)
{
    (void)state;
    set_headers(NULL);
    use_token("");
    ada = unique_name("ada");
    add_user(ada, PASSWORD, false);
    return 0;
}

static void login_gives_tokens_and_cookies(void **state)
{
    (void)state;
    char body[256];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", ada, PASSWORD);
    struct reply reply = call("POST", "/api/auth/login", body);
    assert_status(reply, 200);
    assert_true(json_is_true(reply_value(&reply, "success")));
    assert_true(json_is_null(reply_value(&reply, "message")));
    assert_string_equal(reply_text(&reply, "data.token_type"), "Bearer");
    assert_string_equal(reply_text(&reply, "data.user.username"), ada);
    assert_int_equal(json_integer_value(reply_value(&reply, "data.expires_in")), 900);
    assert_true(strlen(reply_text(&reply, "data.refresh_token")) >= 40);
    const char *cookie = strstr(reply.headers, "Set-Cookie: ccr_access=");
    assert_non_null(cookie);
    assert_non_null(strstr(cookie, "HttpOnly; SameSite=Strict"));
    assert_non_null(strstr(cookie, "; Secure")); /* the host is not this machine */
    assert_non_null(strstr(reply.headers, "Set-Cookie: ccr_refresh="));
    assert_string_equal(reply_header(&reply, "Cache-Control"), "no-store");
    assert_string_equal(reply_header(&reply, "X-Content-Type-Options"), "nosniff");
}

static void unknown_user_and_wrong_password_look_the_same(void **state)
{
    (void)state;
    char body[256], first[256];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"not the password\"}", ada);
    struct reply reply = call("POST", "/api/auth/login", body);
    assert_status(reply, 401);
    assert_string_equal(reply_text(&reply, "error.code"), "AUTHENTICATION_ERROR");
    snprintf(first, sizeof first, "%s", reply_text(&reply, "message"));
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"not the password\"}", unique_name("nobody"));
    reply = call("POST", "/api/auth/login", body);
    assert_status(reply, 401);
    assert_string_equal(reply_text(&reply, "message"), first);
    assert_null(strstr(reply.headers, "Set-Cookie"));
    /* Both were counted, though the request failed. */
    assert_int_equal(sql_number("SELECT failures FROM login_failures WHERE user_id = (SELECT id FROM users"
                                " WHERE username = $1)",
                                ada),
                     1);
}

static void me_says_who_one_is(void **state)
{
    (void)state;
    struct reply reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 401);
    assert_string_equal(reply_header(&reply, "WWW-Authenticate"), "Bearer realm=\"ccr-ui\"");
    log_in(ada, PASSWORD);
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "data.username"), ada);
    assert_string_equal(reply_text(&reply, "data.site_role"), "user");
    assert_string_equal(reply_text(&reply, "data.workspace.role"), "owner");
}

static void a_logged_out_token_is_forgotten_at_once(void **state)
{
    (void)state;
    log_in(ada, PASSWORD);
    for (int i = 0; i < 3; i++) { /* remembered by now */
        struct reply reply = call("GET", "/api/auth/me", NULL);
        assert_status(reply, 200);
    }
    struct reply reply = call("POST", "/api/auth/logout", "{}");
    assert_status(reply, 200);
    assert_non_null(strstr(reply.headers, "ccr_access=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 401);
}

/* Another host ends the session: PostgreSQL's notification is all this worker hears of it. */
static void a_session_ended_elsewhere_is_forgotten_at_once(void **state)
{
    (void)state;
    log_in(ada, PASSWORD);
    struct reply reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    sql_number("WITH ended AS (UPDATE sessions SET revoked_at = now() WHERE user_id ="
               " (SELECT id FROM users WHERE username = $1) RETURNING 1) SELECT count(*) FROM ended",
               ada);
    wait_a_moment();
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 401);
}

/* Without PostgreSQL's notification, a worker knows of it from the scoreboard alone. */
static void an_identity_is_remembered_until_its_generation_ends(void **state)
{
    (void)state;
    log_in(ada, PASSWORD);
    struct reply reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    wait_a_moment();
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    sql("ALTER TABLE sessions DISABLE TRIGGER sessions_ended");
    sql_number("WITH ended AS (UPDATE sessions SET revoked_at = now() WHERE user_id ="
               " (SELECT id FROM users WHERE username = $1) RETURNING 1) SELECT count(*) FROM ended",
               ada);
    sql("ALTER TABLE sessions ENABLE TRIGGER sessions_ended");
    wait_a_moment();
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    change_identities();
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 401);
}

static void a_spent_refresh_token_ends_the_session(void **state)
{
    (void)state;
    char body[256], first[128], access[4097];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", ada, PASSWORD);
    struct reply reply = call("POST", "/api/auth/login", body);
    assert_status(reply, 200);
    snprintf(first, sizeof first, "%s", reply_text(&reply, "data.refresh_token"));
    snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", first);
    reply = call("POST", "/api/auth/refresh", body);
    assert_status(reply, 200);
    assert_string_not_equal(reply_text(&reply, "data.refresh_token"), first);
    snprintf(access, sizeof access, "%s", reply_text(&reply, "data.access_token"));
    use_token(access);
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    use_token("");
    reply = call("POST", "/api/auth/refresh", body);
    assert_status(reply, 200); /* the same client, within seconds */
    set_headers((const char *const[]){"User-Agent: another", NULL});
    reply = call("POST", "/api/auth/refresh", body);
    assert_status(reply, 401);
    set_headers((const char *const[]){NULL});
    use_token(access);
    reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 401); /* whoever of the two was the thief */
}

static void garbage_for_a_token_is_refused(void **state)
{
    static const char *const garbage[] = {"x", "a.b.c", "ccr_pat_", "ccr_pat_AAAA", "....", "eyJhbGciOiJub25lIn0.e30."};
    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        use_token(garbage[i]);
        struct reply reply = call("GET", "/api/auth/me", NULL);
        assert_status(reply, 401);
    }
}

static void a_cookie_counts_only_from_the_own_site(void **state)
{
    (void)state;
    char cookie[4200];
    snprintf(cookie, sizeof cookie, "Cookie: other=1; ccr_access=%s", log_in(ada, PASSWORD));
    use_token("");
    set_headers((const char *const[]){cookie, NULL});
    struct reply reply = call("GET", "/api/auth/me", NULL);
    assert_status(reply, 200);
    reply = call("POST", "/api/switch", "{\"config_name\":\"x\"}");
    assert_status(reply, 403);
    set_headers((const char *const[]){cookie, "Origin: https://evil.example", NULL});
    reply = call("POST", "/api/switch", "{\"config_name\":\"x\"}");
    assert_status(reply, 403);
    set_headers((const char *const[]){cookie, "Origin: https://ccr.example", NULL});
    reply = call("POST", "/api/switch", "{\"config_name\":\"x\"}");
    assert_status(reply, 400); /* let in: there is no such profile */
    set_headers((const char *const[]){cookie, "Origin: https://ccr.example", "Sec-Fetch-Site: cross-site", NULL});
    reply = call("POST", "/api/switch", "{\"config_name\":\"x\"}");
    assert_status(reply, 403);
}

static void only_site_administrators_list_users(void **state)
{
    (void)state;
    log_in(ada, PASSWORD);
    struct reply reply = call("GET", "/api/users", NULL);
    assert_status(reply, 403);
    assert_string_equal(reply_text(&reply, "error.code"), "AUTHORIZATION_ERROR");
    const char *root = unique_name("root");
    add_user(root, PASSWORD, true);
    log_in(root, PASSWORD);
    reply = call("GET", "/api/users", NULL);
    assert_status(reply, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(login_gives_tokens_and_cookies, set_up),
        cmocka_unit_test_setup(unknown_user_and_wrong_password_look_the_same, set_up),
        cmocka_unit_test_setup(me_says_who_one_is, set_up),
        cmocka_unit_test_setup(a_logged_out_token_is_forgotten_at_once, set_up),
        cmocka_unit_test_setup(a_session_ended_elsewhere_is_forgotten_at_once, set_up),
        cmocka_unit_test_setup(an_identity_is_remembered_until_its_generation_ends, set_up),
        cmocka_unit_test_setup(a_spent_refresh_token_ends_the_session, set_up),
        cmocka_unit_test_setup(garbage_for_a_token_is_refused, set_up),
        cmocka_unit_test_setup(a_cookie_counts_only_from_the_own_site, set_up),
        cmocka_unit_test_setup(only_site_administrators_list_users, set_up),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
