/* Origin: which pages are our own. */
#include "../test.h"

#include "origin.h"

static void own_is_what_host_names(void **state)
{
    (void)state;
    assert_true(origin_is_own("https://ccr.example.org", "ccr.example.org"));
    assert_true(origin_is_own("http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(origin_is_own("https://CCR.example.org", "ccr.example.ORG"));
    assert_false(origin_is_own("https://ccr.example.org:8443", "ccr.example.org"));
    assert_false(origin_is_own("https://ccr.example.org.evil.example", "ccr.example.org"));
    assert_false(origin_is_own("https://evil.example/://ccr.example.org", "ccr.example.org"));
    assert_false(origin_is_own("null", "ccr.example.org"));
    assert_false(origin_is_own("", ""));
}

static void listed_is_whole(void **state)
{
    (void)state;
    assert_true(origin_listed("https://a.example, https://b.example", "https://b.example"));
    assert_false(origin_listed("https://a.example", "https://a.example.evil"));
    assert_false(origin_listed("https://a.example.evil", "https://a.example"));
    assert_false(origin_listed("", "https://a.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_is_what_host_names),
        cmocka_unit_test(listed_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
