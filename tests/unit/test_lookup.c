/* Host names: what is one, what is found, what processes share. Silent name servers: tests/integration/test_dns.py. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../test.h"
#include "lookup.h"
#include "util.h"

enum { PATIENT_MS = 30000 };

static enum lookup_state finish(struct lookup *lookup, struct addresses *found)
{
    enum lookup_state state;
    int64_t end = monotonic_ms() + PATIENT_MS;
    while ((state = lookup_look(lookup, found)) == LOOKUP_PENDING && monotonic_ms() < end)
        lookup_wait(&lookup, 1, end);
    return state;
}

static void names_and_what_is_none(void **state)
{
    static const char *const names[] = {"localhost", "db.example.org", "1.2.3.4.5", "a", "::zz", "1.2.3"};
    static const char *const none[] = {"", "127.0.0.1", "::1", "fe80::1%eth0", "/run/postgresql", "@abstract"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_true(lookup_needed(names[i]));
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_false(lookup_needed(none[i]));
    assert_false(lookup_needed(NULL));
}

static void localhost_is_found_again_and_again(void **state)
{
    struct addresses found = {0};
    struct lookup *lookup = lookup_new("localhost");
    (void)state;
    for (int i = 0; i < 3; i++) {
        lookup_ask(lookup, PATIENT_MS);
        assert_int_equal(finish(lookup, &found), LOOKUP_FOUND);
        assert_true(found.count > 0);
        for (size_t a = 0; a < found.count; a++)
            assert_true(!lookup_needed(found.text[a]) && *found.text[a]);
    }
    lookup_free(lookup);
    lookup_free(NULL);
}

/* RFC 1035: 63 bytes a label. It never comes to a question. */
static void what_is_no_name_has_no_address(void **state)
{
    struct addresses found;
    char label[80], name[300];
    (void)state;
    memset(label, 'x', sizeof label);
    label[64] = '\0';
    struct lookup *lookup = lookup_new(label);
    lookup_ask(lookup, PATIENT_MS);
    assert_int_equal(finish(lookup, &found), LOOKUP_FAILED);
    assert_non_null(strstr(lookup_problem(lookup), label));
    lookup_free(lookup);
    memset(name, 'x', sizeof name);
    name[299] = '\0';
    assert_null(lookup_new(name));
}

/* The answer of one process serves another that has none itself; a handle may be given up while its question is open. */
static void processes_share_what_they_found(void **state)
{
    (void)state;
    lookup_init();
    pid_t child = fork();
    if (child == 0) {
        struct addresses found;
        struct lookup *lookup = lookup_new("localhost");
        lookup_ask(lookup, PATIENT_MS);
        _exit(finish(lookup, &found) == LOOKUP_FOUND ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    child = fork();
    if (child == 0) {
        struct addresses found;
        struct lookup *lookup = lookup_new("localhost");
        lookup_ask(lookup, 0); /* for no time only a new answer will do */
        int result = lookup_look(lookup, &found) == LOOKUP_FOUND && found.count ? 0 : 1;
        lookup_free(lookup);
        _exit(result);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* This first: a process that has looked something up must not fork any more. */
        cmocka_unit_test(processes_share_what_they_found),
        cmocka_unit_test(names_and_what_is_none),
        cmocka_unit_test(localhost_is_found_again_and_again),
        cmocka_unit_test(what_is_no_name_has_no_address),
    };
    return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
