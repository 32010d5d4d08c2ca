/* What happens around handlers: transactions, a database that goes away, memory that must not grow. */
#include "harness.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "router.h"
#include "util.h"

#define PASSWORD "correct horse battery"
#define PROFILE  "{\"name\":\"%s\",\"base_url\":\"https://x.example\",\"auth_token\":\"sk-0123456789abcdef\"}"

static char username[64];

/* ---- routes that misbehave, beside the program's own ------------------------------------------------------------ */

static const struct statement note = {"test_note",
                                      "INSERT INTO login_failures (subject, failures, last_failed_at, blocked_until)"
                                      " VALUES ($1, 1, now(), now())"};

static enum error write_it(struct request *rq)
{
    return db_run(rq->actor.db, &note, DB_ARGS(path_arg(rq, "name")));
}

static enum error write_then_fail(struct request *rq, struct response *rs)
{
    respond_text(rs, 200, "all is well");
    enum error error = write_it(rq);
    return error ? error : fail(&rq->actor, MSG_CONFIG_UNKNOWN, "it", NULL);
}

static enum error write_then_fail_but_keep(struct request *rq, struct response *rs)
{
    rq->actor.keep_changes = true;
    return write_then_fail(rq, rs);
}

static enum error say_nothing(struct request *rq, struct response *rs)
{
    (void)rs;
    return write_it(rq);
}

/* More statements than a connection's table of prepared ones holds, each under a name of its own, twice; in one transaction. */
static enum error run_many_statements(struct request *rq, struct response *rs)
{
    enum { MANY = 2500, TWICE = 2 };
    static char names[MANY][24];
    enum error error = ERR_NONE;
    for (int i = 0; !error && i < TWICE * MANY; i++) {
        char *name = names[i % MANY];
        snprintf(name, sizeof names[0], "test_many_%d", i % MANY);
        struct row row;
        const struct statement one = {name, "SELECT $1"};
        error = db_one(rq->actor.db, &one, &row, DB_ARGS(name));
        if (!error && strcmp(row_string(&row, 0), name) != 0)
            return ERR_INTERNAL;
    }
    respond_text(rs, 200, "each was run");
    return error ? error : write_it(rq);
}

static enum error answer_a_row(struct request *rq, struct response *rs)
{
    static const struct statement types = {
        "test_types",
        "SELECT true AS yes, NULL::boolean AS unsaid, 7 AS small, 9007199254740993 AS large, NULL::integer AS none,"
        " '{\"a\": [1]}'::json AS json, 'x\"y' AS text, timestamptz '2026-01-31 13:00:00+01' AS whole,"
        " timestamptz '2026-01-31 12:00:00.5Z' AS half, timestamptz '2026-01-31 12:00:00.123987Z' AS long,"
        " NULL::timestamptz AS never"};
    struct row row;
    enum error error = db_one(rq->actor.db, &types, &row, DB_NO_ARGS);
    return error ? error : respond_row(rs, 200, &row);
}

static const struct route bad_routes[] = {
    {METHOD_POST, "/test/row", answer_a_row, ACCESS_USER},
    {METHOD_POST, "/test/many/{name}", run_many_statements, ACCESS_USER},
    {METHOD_POST, "/test/fail/{name}", write_then_fail, ACCESS_USER},
    {METHOD_POST, "/test/keep/{name}", write_then_fail_but_keep, ACCESS_USER},
    {METHOD_POST, "/test/silent/{name}", say_nothing, ACCESS_USER},
    {METHOD_GET, "/test/{name}", say_nothing, ACCESS_USER},
    {0},
};

extern const struct route auth_routes[], profiles_routes[], system_routes[];
const struct route *const route_tables[] = {auth_routes, profiles_routes, system_routes, bad_routes, NULL};

void routes_make(void)
{
}

static int set_up(void **state)
{
    (void)state;
    set_headers(NULL);
    use_database(NULL);
    snprintf(username, sizeof username, "%s", unique_name("ada"));
    add_user(username, PASSWORD, false);
    log_in(username, PASSWORD);
    return 0;
}

static struct reply create(const char *name)
{
    char body[256];
    snprintf(body, sizeof body, PROFILE, name);
    return call("POST", "/api/configs", body);
}

static long long count(const char *query, const char *argument)
{
    return sql_number(query, argument);
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

/* The audit row, which is written last, violates an index made for this test: nothing of the request may stay. */
static void a_failure_in_the_last_statement_undoes_the_first(void **state)
{
    (void)state;
    char name[64], index[256];
    snprintf(name, sizeof name, "%s", unique_name("once"));
    struct reply reply = create(name);
    assert_status(reply, 201);
    char target[128];
    snprintf(target, sizeof target, "/api/configs/%s", name);
    reply = call("DELETE", target, NULL);
    assert_status(reply, 200);
    snprintf(
        index, sizeof index,
        "CREATE UNIQUE INDEX test_once ON audit_log (action, target) WHERE action = 'profile.create' AND target = '%s'",
        name);
    sql(index);
    reply = create(name);
    sql("DROP INDEX test_once");
    assert_status(reply, 409);
    assert_int_equal(count("SELECT count(*) FROM resources WHERE name = $1", name), 0);
    assert_int_equal(count("SELECT count(*) FROM audit_log WHERE action = 'profile.create' AND target = $1", name), 1);
    /* And the connection is none the worse for it. */
    reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    reply = create(name);
    assert_status(reply, 201);
}

static long long notes(const char *name)
{
    return count("SELECT count(*) FROM login_failures WHERE subject = $1", name);
}

static void a_handler_that_fails_leaves_nothing_behind(void **state)
{
    char name[64], target[128];
    (void)state;
    snprintf(name, sizeof name, "%s", unique_name("note"));
    snprintf(target, sizeof target, "/test/fail/%s", name);
    struct reply reply = call("POST", target, NULL);
    assert_status(reply, 404);
    assert_null(strstr(reply.text, "all is well"));
    assert_int_equal(notes(name), 0);
    snprintf(target, sizeof target, "/test/keep/%s", name);
    reply = call("POST", target, NULL);
    assert_status(reply, 404);
    assert_int_equal(notes(name), 1); /* as a failed login is counted */
}

static void a_handler_without_an_answer_is_our_fault(void **state)
{
    char name[64], target[128];
    (void)state;
    snprintf(name, sizeof name, "%s", unique_name("note"));
    snprintf(target, sizeof target, "/test/silent/%s", name);
    struct reply reply = call("POST", target, NULL);
    assert_status(reply, 500);
    assert_string_equal(reply_text(&reply, "error.code"), "INTERNAL_SERVER_ERROR");
    assert_non_null(strstr(reply.headers, "X-Request-Id: "));
    assert_int_equal(notes(name), 0); /* who is told that it failed must find that it did */
}

static void a_row_is_answered_by_the_types_of_its_columns(void **state)
{
    (void)state;
    struct reply reply = call("POST", "/test/row", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply.text,
                        "{\"success\":true,\"data\":{\"yes\":true,\"unsaid\":null,\"small\":7,"
                        "\"large\":9007199254740993,\"none\":null,\"json\":{\"a\": [1]},\"text\":\"x\\\"y\","
                        "\"whole\":\"2026-01-31T12:00:00.000Z\",\"half\":\"2026-01-31T12:00:00.500Z\","
                        "\"long\":\"2026-01-31T12:00:00.123Z\",\"never\":null},\"message\":null}");
}

static void a_name_that_is_taken_changes_nothing(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "%s", unique_name("taken"));
    struct reply reply = create(name);
    assert_status(reply, 201);
    reply = create(name);
    assert_status(reply, 409);
    assert_string_equal(reply_text(&reply, "error.code"), "CONFLICT");
    assert_int_equal(count("SELECT count(*) FROM resource_revisions WHERE name = $1", name), 1);
}

static void a_read_leaves_no_transaction_open(void **state)
{
    (void)state;
    struct reply reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    reply = create(unique_name("x"));
    assert_status(reply, 201);
    assert_int_equal(count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND state LIKE 'idle in transaction%'",
                           NULL),
                     0);
}

/* ---- a database that goes away ---------------------------------------------------------------------------------- */

static void kill_connections(void)
{
    assert_true(count("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                      " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()",
                      NULL) >= 1);
}

/* Until the server's last words have arrived, as they have in a worker that was idle for a moment. */
static void kill_connections_and_wait(void)
{
    kill_connections();
    wait_a_moment();
}

static void a_request_after_a_killed_connection_is_served(void **state)
{
    (void)state;
    struct reply reply = create("before");
    assert_status(reply, 201);
    kill_connections_and_wait();
    reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "configs.0.name"), "before");
    kill_connections_and_wait();
    reply = create("after");
    assert_status(reply, 201);
    kill_connections_and_wait();
    log_in(username, PASSWORD);
}

/* Killed at the very moment: the statement meets the end and may be answered 503, but not the request after it. */
static void a_connection_killed_under_a_request_costs_only_that_request(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        kill_connections();
        struct reply reply = call("GET", "/api/configs", NULL);
        assert_true(reply.status == 200 || reply.status == 503);
        if (reply.status == 503)
            assert_string_equal(reply_header(&reply, "Retry-After"), "1");
        reply = call("GET", "/api/configs", NULL);
        assert_status(reply, 200);
    }
}

static void no_database_is_503_and_does_not_hang(void **state)
{
    (void)state;
    int64_t began = monotonic_ms();
    use_database("postgresql://ccr@/ccr?host=/nonexistent");
    struct reply reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 503);
    assert_string_equal(reply_text(&reply, "error.code"), "DATABASE_UNAVAILABLE");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    assert_null(strstr(reply.text, "nonexistent"));
    reply = create("x");
    assert_status(reply, 503);
    reply = call("GET", "/api/system/live", NULL);
    assert_status(reply, 200);
    reply = call("GET", "/api/system/status", NULL);
    assert_status(reply, 503);
    assert_true(monotonic_ms() - began < 3000);
    use_database(NULL);
    reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static void more_statements_than_a_connection_keeps_are_run(void **state)
{
    (void)state;
    char name[64], target[128];
    snprintf(name, sizeof name, "%s", unique_name("many"));
    snprintf(target, sizeof target, "/test/many/%s", name);
    struct reply reply = call("POST", target, NULL);
    assert_status(reply, 200);
    assert_int_equal(notes(name), 1);
    reply = call("GET", "/api/configs", NULL);
    assert_status(reply, 200);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void ten_thousand_requests_take_no_more_memory_than_a_few(void **state)
{
    enum { ROUNDS = 2500, WARM = 50 };
    (void)state;
    char name[64], target[128];
    snprintf(name, sizeof name, "%s", unique_name("steady"));
    struct reply reply = create(name);
    assert_status(reply, 201);
    snprintf(target, sizeof target, "/api/configs/%s", name);
    size_t before = 0, arena = 0;
    for (int i = 0; i < ROUNDS; i++) {
        reply = call("GET", target, NULL);
        assert_status(reply, 200);
        if (i == WARM)
            arena = last_arena_used();
        assert_true(!arena || last_arena_used() == arena);
        reply = call("GET", "/api/configs", NULL);
        assert_status(reply, 200);
        reply = call("GET", "/api/configs/nowhere", NULL);
        assert_status(reply, 404);
        reply = call("POST", "/api/switch", "{\"config_name\":\"nowhere\"}");
        assert_status(reply, 400);
        if (i == WARM)
            before = allocated();
    }
    size_t after = allocated();
    if (after > before + 16 * KIB)
        fail_msg("%zu bytes more after %d requests", after - before, 4 * (ROUNDS - WARM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_is_answered_by_the_types_of_its_columns, set_up),
        cmocka_unit_test_setup(a_failure_in_the_last_statement_undoes_the_first, set_up),
        cmocka_unit_test_setup(a_handler_that_fails_leaves_nothing_behind, set_up),
        cmocka_unit_test_setup(a_handler_without_an_answer_is_our_fault, set_up),
        cmocka_unit_test_setup(a_name_that_is_taken_changes_nothing, set_up),
        cmocka_unit_test_setup(a_read_leaves_no_transaction_open, set_up),
        cmocka_unit_test_setup(a_request_after_a_killed_connection_is_served, set_up),
        cmocka_unit_test_setup(a_connection_killed_under_a_request_costs_only_that_request, set_up),
        cmocka_unit_test_setup(no_database_is_503_and_does_not_hang, set_up),
        cmocka_unit_test_setup(more_statements_than_a_connection_keeps_are_run, set_up),
        cmocka_unit_test_setup(ten_thousand_requests_take_no_more_memory_than_a_few, set_up),
    };
    return cmocka_run_group_tests(tests, harness_start, harness_stop);
}
