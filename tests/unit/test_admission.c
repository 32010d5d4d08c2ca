/* Admission: how many workers whoever may have, and what kind of work a route is. The rules under load are tested with the
 * whole system (tests/integration/test_admission.py). */
#include "../test.h"

#include "admission.h"
#include "util.h"

static void capacities_leave_some_to_the_others(void **state)
{
    static const struct {
        int workers, processors, checks;
        struct capacity expected;
    } rows[] = {
        {1, 2, 0, {1, 1, 1, 1, 1}},        {2, 2, 0, {1, 1, 1, 1, 1}},
        {3, 2, 0, {1, 2, 2, 1, 1}},        {4, 2, 0, {2, 3, 2, 1, 1}},
        {8, 2, 0, {4, 6, 5, 1, 2}},        {8, 1, 0, {4, 6, 5, 1, 2}},
        {64, 32, 0, {32, 48, 47, 16, 16}}, {8, 64, 0, {4, 6, 5, 6, 2}},
        {8, 2, 3, {4, 6, 5, 3, 2}},        {1024, 4, 1024, {512, 768, 767, 768, 256}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct settings settings = {.max_connections = rows[i].workers,
                                          .user_share = 50,
                                          .heavy_share = 75,
                                          .stream_share = 25,
                                          .password_checks = rows[i].checks};
        struct capacity c = capacity_of(&settings, rows[i].processors);
        assert_int_equal(c.share, rows[i].expected.share);
        assert_int_equal(c.long_ones, rows[i].expected.long_ones);
        assert_int_equal(c.heavy, rows[i].expected.heavy);
        assert_int_equal(c.passwords, rows[i].expected.passwords);
        assert_int_equal(c.outbound, rows[i].expected.outbound);
        assert_int_equal(c.streams, rows[i].expected.outbound); /* a quarter as well, by its setting */
    }
}

static void shares_may_be_everything(void **state)
{
    (void)state;
    struct capacity c = capacity_of(
        &(struct settings){.max_connections = 8, .user_share = 100, .heavy_share = 100, .stream_share = 100}, 2);
    assert_int_equal(c.share, 8);
    assert_int_equal(c.long_ones, 8);
    assert_int_equal(c.heavy, 7); /* a login finds a place */
    assert_int_equal(c.streams, 8);
}

static void the_smallest_share_is_one_stream(void **state)
{
    (void)state;
    struct capacity c = capacity_of(&(struct settings){.max_connections = 4, .stream_share = 1}, 2);
    assert_int_equal(c.streams, 1);
}

static void a_route_says_what_work_it_is(void **state)
{
    static const struct {
        struct route route;
        enum work_kind kind;
    } rows[] = {
        {{.method = METHOD_GET}, WORK_READ},
        {{.method = METHOD_POST}, WORK_WRITE},
        {{.method = METHOD_POST, .flags = ROUTE_READ_ONLY}, WORK_READ},
        {{.method = METHOD_POST, .flags = ROUTE_READ_ONLY | ROUTE_HEAVY}, WORK_HEAVY},
        {{.method = METHOD_GET, .flags = ROUTE_HEAVY}, WORK_HEAVY},
        {{.method = METHOD_POST, .flags = ROUTE_PASSWORD | ROUTE_LOGIN}, WORK_PASSWORD},
        {{.method = METHOD_GET, .flags = ROUTE_OUTBOUND | ROUTE_SECRETS}, WORK_OUTBOUND},
        {{.method = METHOD_POST, .flags = ROUTE_USAGE | ROUTE_STREAM}, WORK_STREAM},
        {{.method = METHOD_POST, .flags = ROUTE_USAGE}, WORK_WRITE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(work_of(&rows[i].route), rows[i].kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacities_leave_some_to_the_others),
        cmocka_unit_test(shares_may_be_everything),
        cmocka_unit_test(the_smallest_share_is_one_stream),
        cmocka_unit_test(a_route_says_what_work_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
