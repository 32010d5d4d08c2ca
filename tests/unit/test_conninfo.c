/* DATABASE_URL: what it says wins over our defaults, what cannot be is refused, and what is no name is not looked up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/store/pg.h"
#include "../test.h"
#include "util.h"

/* ---- the forms a URL may have ----------------------------------------------------------------------------------- */

/* Connection to nowhere: what libpq made of the parameters. */
static PGconn *start(struct conninfo *info)
{
    PGconn *conn = NULL;
    const char *problem;
    struct addresses found;
    int64_t end = monotonic_ms() + 30000;
    conninfo_ask(info);
    /* On a busy machine the other hosts would do before all are known. */
    for (size_t i = 0; i < info->host_count; i++)
        while (info->lookups[i] && lookup_look(info->lookups[i], &found) == LOOKUP_PENDING && monotonic_ms() < end)
            lookup_wait(&info->lookups[i], 1, end);
    while (monotonic_ms() < end) {
        enum conninfo_result result = conninfo_connect(info, &conn, &problem);
        if (result == CONNINFO_STARTED)
            return conn;
        if (result == CONNINFO_FAILED)
            fail_msg("%s", problem);
        conninfo_wait(info, end);
    }
    fail_msg("the name is never looked up");
    return NULL;
}

static void expect_values(const char *url, const char *const (*expected)[2], size_t count)
{
    char why[256] = "";
    struct conninfo *info = conninfo_new(url, why, sizeof why);
    if (!info)
        fail_msg("%s: %s", url, why);
    PGconn *conn = start(info);
    PQconninfoOption *options = PQconninfo(conn);
    for (size_t i = 0; i < count; i++)
        for (const PQconninfoOption *option = options; option->keyword; option++)
            if (strcmp(option->keyword, expected[i][0]) == 0 &&
                strcmp(option->val ? option->val : "", expected[i][1]) != 0)
                fail_msg("%s: %s is \"%s\", not \"%s\"", url, option->keyword, option->val, expected[i][1]);
    PQconninfoFree(options);
    PQfinish(conn);
    conninfo_free(info);
}

#define EXPECT(url, ...)                                                                                               \
    expect_values(url, (const char *const[][2]){__VA_ARGS__}, ARRAY_SIZE(((const char *const[][2]){__VA_ARGS__})))

static void what_the_url_says_wins(void **state)
{
    (void)state;
    EXPECT("postgresql://u:p@127.0.0.1:1/d", {"user", "u"}, {"password", "p"}, {"host", "127.0.0.1"}, {"port", "1"},
           {"dbname", "d"}, {"gssencmode", "disable"}, {"keepalives_idle", "30"}, {"tcp_user_timeout", "15000"},
           {"target_session_attrs", "any"}, {"client_encoding", "UTF8"},
           {"fallback_application_name", "ccr-ui-backend"});
    EXPECT("postgresql://u@127.0.0.1:1/d?gssencmode=prefer&keepalives_idle=7&tcp_user_timeout=0&application_name=mine"
           "&target_session_attrs=primary&keepalives=0&keepalives_interval=3&keepalives_count=2&sslmode=disable"
           "&client_encoding=utf-8&options=-c%20lock_timeout%3D7s",
           {"gssencmode", "prefer"}, {"keepalives_idle", "7"}, {"tcp_user_timeout", "0"}, {"application_name", "mine"},
           {"target_session_attrs", "primary"}, {"keepalives", "0"}, {"keepalives_interval", "3"},
           {"keepalives_count", "2"}, {"sslmode", "disable"}, {"client_encoding", "utf-8"},
           {"options", "-c lock_timeout=7s"});
}

static void several_hosts_are_told_by_libpq(void **state)
{
    (void)state;
    EXPECT("postgresql://u:a,b,c@127.0.0.1:1/d", {"password", "a,b,c"}, {"target_session_attrs", "any"});
    EXPECT("postgresql://u:a@127.0.0.1:1/d,e", {"dbname", "d,e"}, {"target_session_attrs", "any"});
    EXPECT("postgresql://u,v@127.0.0.1:1/d?application_name=a,b", {"user", "u,v"}, {"target_session_attrs", "any"});
    EXPECT("postgresql://u@127.0.0.1:1,127.0.0.2:1/d", {"host", "127.0.0.1,127.0.0.2"}, {"port", "1,1"},
           {"target_session_attrs", "read-write"});
    EXPECT("postgresql://u@127.0.0.1:1,127.0.0.2:1/d?target_session_attrs=any", {"target_session_attrs", "any"});
    EXPECT("postgresql://u@/d?host=127.0.0.1,%2Fnowhere&port=1,2", {"host", "127.0.0.1,/nowhere"}, {"port", "1,2"},
           {"target_session_attrs", "read-write"});
    EXPECT("postgresql://u@/d?hostaddr=127.0.0.1,127.0.0.2&port=1", {"hostaddr", "127.0.0.1,127.0.0.2"},
           {"target_session_attrs", "read-write"});
}

/* libpq looks up nothing itself: it gets an address with each name, and keeps the name for the certificate. */
static void names_get_their_addresses(void **state)
{
    (void)state;
    char why[256];
    struct conninfo *info = conninfo_new("postgresql://u@localhost:1,/d?sslmode=verify-full", why, sizeof why);
    assert_non_null(info);
    assert_true(info->asks);
    assert_non_null(info->lookups[0]);
    assert_null(info->lookups[1]);
    PGconn *conn = start(info);
    PQconninfoOption *options = PQconninfo(conn);
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (strcmp(option->keyword, "host") == 0) {
            assert_int_equal(strncmp(option->val, "localhost", 9), 0);
            assert_int_equal(option->val[strlen(option->val) - 1], ','); /* the second is libpq's default */
        } else if (strcmp(option->keyword, "hostaddr") == 0) {
            assert_true(strstr(option->val, "127.0.0.1") || strstr(option->val, "::1"));
        } else if (strcmp(option->keyword, "port") == 0) {
            assert_int_equal(strncmp(option->val, "1,", 2), 0);
        }
    }
    PQconninfoFree(options);
    PQfinish(conn);
    conninfo_free(info);
}

static void what_is_no_name_is_not_looked_up(void **state)
{
    static const char *const urls[] = {
        "postgresql://u@127.0.0.1/d",
        "postgresql://u@[::1]/d",
        "postgresql://u@%2Frun%2Fpg/d",
        "postgresql://u@/d?host=/run/pg",
        "postgresql:///d",
        "postgresql://u@/d?host=@abstract",
        "postgresql://u@name/d?hostaddr=1.2.3.4",
        "postgresql://u@[fe80::1%25lo]/d",
        "postgresql://u@a,b/d?hostaddr=1.2.3.4,::1",
        "postgresql://u@a,b,c/d?hostaddr=1.2.3.4",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        char why[256];
        struct conninfo *info = conninfo_new(urls[i], why, sizeof why);
        if (!info || info->asks)
            fail_msg("%s: %s", urls[i], info ? "is looked up" : why);
        conninfo_free(info);
    }
}

/* As libpq does it: the URL, its service, PG* variables. */
static void names_of_the_environment_are_looked_up_too(void **state)
{
    (void)state;
    char why[256], path[] = "/tmp/ccr-service-XXXXXX";
    int fd = mkstemp(path);
    static const char services[] = "[ours]\nhost=localhost\nport=7\n";
    assert_true(fd >= 0 && write(fd, services, strlen(services)) == (ssize_t)strlen(services));
    close(fd);
    setenv("PGHOST", "localhost", 1);
    struct conninfo *info = conninfo_new("postgresql:///d", why, sizeof why);
    assert_true(info && info->asks);
    conninfo_free(info);
    setenv("PGHOST", "127.0.0.1", 1);
    setenv("PGSERVICEFILE", path, 1);
    info = conninfo_new("postgresql:///d?service=ours", why, sizeof why);
    assert_true(info && info->asks);
    assert_string_equal(info->hosts[0].name, "localhost");
    assert_string_equal(info->hosts[0].port, "7");
    assert_null(getenv("PGSERVICE"));
    conninfo_free(info);
    unsetenv("PGHOST");
    unsetenv("PGSERVICEFILE");
    unlink(path);
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"client_encoding=LATIN1", "client_encoding=LATIN1: the program speaks UTF8 only; leave it out, or use UTF8"},
        {"client_encoding=auto", "client_encoding=auto: the program speaks UTF8 only"},
        {"target_session_attrs=standby", "target_session_attrs=standby: it may lead to a server that takes no writes"},
        {"target_session_attrs=read-only", "takes no writes; leave it out, or use any"},
        {"target_session_attrs=prefer-standby", "takes no writes"},
        {"target_session_attrs=bogus", "takes no writes"},
        {"replication=database", "a replication connection cannot serve requests"},
        {"connect_timeout=soon", "connect_timeout=soon is not a number of seconds"},
        {"options=-c%20statement_timeout%3D5s", "options: leave statement_timeout out: set STATEMENT_TIMEOUT instead"},
        {"options=-cstatement_timeout%3D5s", "options: leave statement_timeout out"},
        {"options=--statement-timeout%3D5s", "options: leave statement_timeout out"},
        {"options=-c%20geqo%3Doff%20%20-c%20Statement_Timeout%3D5s", "options: leave statement_timeout out"},
        {"options=-c%20search_path%3Da%5C%20b%20--row_security%3Doff", "options: leave row_security out"},
        {"options=-c%20ccr.maintenance%3Don", "options: ccr.maintenance is set by the program itself"},
        {"options=-c%20CCR.workspace%3Dx", "options: CCR.workspace is set by the program itself"},
        {"options=-c%20client_encoding%3DLATIN1", "options: leave client_encoding out"},
        {"options=-c%20default_transaction_read_only%3Don", "options: leave default_transaction_read_only out"},
        {"nonsense=1", "libpq cannot use it: invalid URI query parameter"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char url[256], why[256] = "accepted";
        snprintf(url, sizeof url, "postgresql://u:hunter2@h/d?%s", cases[i][0]);
        if (conninfo_new(url, why, sizeof why) || !strstr(why, cases[i][1]) || strstr(why, "hunter2"))
            fail_msg("%s: %s", cases[i][0], why);
        assert_false(db_url_valid(url, why, sizeof why));
    }
}

static void harmless_options_pass(void **state)
{
    static const char *const good[] = {
        "options=",
        "options=-c%20search_path%3Dccr",
        "options=-c%20lock_timeout%3D1s%20-c%20idle_in_transaction_session_timeout%3D9s",
        "options=-c%20application_name%3Dstatement_timeout",
        "options=-c%20search_path%3Da%5C%20-c%5C%20statement_timeout%3D1", /* one value with blanks in it */
        "options=-c",
        "options=-c%20",
        "options=--",
        "options=%5C",
        "options=-S%20100",
        "replication=false",
        "connect_timeout=0",
        "connect_timeout=",
        "client_encoding=Unicode",
        "target_session_attrs=read-write",
    };
    char why[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        char url[256];
        snprintf(url, sizeof url, "postgresql://u@127.0.0.1/d?%s", good[i]);
        if (!db_url_valid(url, why, sizeof why))
            fail_msg("%s: %s", good[i], why);
    }
    struct conninfo *info = conninfo_new("postgresql://u@127.0.0.1/d?options=-clock_timeout%3D1s", why, sizeof why);
    assert_true(info->own_lock_timeout && !info->own_idle_timeout);
    conninfo_free(info);
}

static void an_attempt_has_the_urls_time(void **state)
{
    static const struct {
        const char *query;
        int64_t ms;
    } cases[] = {{"", 30000},
                 {"?connect_timeout=3", 6000}, /* for each of the two hosts, as in libpq */
                 {"?connect_timeout=1", 4000},
                 {"?connect_timeout=0", 30000},
                 {"?connect_timeout=-1", 30000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char url[256], why[256];
        snprintf(url, sizeof url, "postgresql://u@127.0.0.1,127.0.0.2/d%s", cases[i].query);
        struct conninfo *info = conninfo_new(url, why, sizeof why);
        assert_int_equal(conninfo_patience_ms(info, 30), cases[i].ms);
        conninfo_free(info);
    }
}

/* Whatever is written there, libpq's words for it never show the password, and nothing is read beyond its end. */
static void any_text_is_survived(void **state)
{
    static const char *const parts[] = {"postgresql://", "u",     ":hunter2", "@",     "h",         ",",
                                        ":5432",         "/d",    "?",        "host=", "a,b",       "&",
                                        "port=1",        "[::1]", "%2F",      "%",     "options=-c"};
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        char url[512] = "postgresql://", why[256] = "";
        for (unsigned n = (seed = seed * 1103515245 + 12345) >> 16 & 15; n > 0; n--)
            strcat(url, parts[((seed = seed * 1103515245 + 12345) >> 16) % ARRAY_SIZE(parts)]);
        struct conninfo *info = conninfo_new(url, why, sizeof why);
        if (!info && strstr(why, "hunter2"))
            fail_msg("%s: %s", url, why);
        conninfo_free(info);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_url_says_wins),
        cmocka_unit_test(several_hosts_are_told_by_libpq),
        cmocka_unit_test(names_get_their_addresses),
        cmocka_unit_test(what_is_no_name_is_not_looked_up),
        cmocka_unit_test(names_of_the_environment_are_looked_up_too),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(harmless_options_pass),
        cmocka_unit_test(an_attempt_has_the_urls_time),
        cmocka_unit_test(any_text_is_survived),
    };
    return cmocka_run_group_tests_name("conninfo", tests, NULL, NULL);
}
