/* Subscriptions: found by workspace, removed by subscriber. */
#include "../test.h"

#include <stdio.h>

#include "subscriptions.h"

enum { MANY = 2000 };

static void workspace_named(char out[UUID_TEXT], unsigned number)
{
    snprintf(out, UUID_TEXT, "%08x-0000-4000-8000-000000000000", number * 2654435761u);
}

static void finds_whom_to_tell(void **state)
{
    struct subscriptions table;
    const struct subscription *first;
    char one[UUID_TEXT], other[UUID_TEXT];
    (void)state;
    workspace_named(one, 1);
    workspace_named(other, 2);
    subscriptions_init(&table, 10);
    assert_int_equal(subscriptions_of(&table, one, &first), 0);
    assert_true(subscriptions_add(&table, one, 7));
    assert_true(subscriptions_add(&table, other, 7));
    assert_true(subscriptions_add(&table, one, 3));
    assert_true(subscriptions_add(&table, one, 3));
    assert_int_equal(subscriptions_of(&table, one, &first), 2);
    assert_int_equal(first[0].subscriber, 3);
    assert_int_equal(first[1].subscriber, 7);
    subscriptions_remove(&table, 7);
    assert_int_equal(subscriptions_of(&table, one, &first), 1);
    assert_int_equal(subscriptions_of(&table, other, &first), 0);
    subscriptions_clear(&table);
    assert_int_equal(subscriptions_of(&table, one, &first), 0);
    subscriptions_free(&table);
}

static void refuses_more_than_it_may_hold(void **state)
{
    struct subscriptions table;
    const struct subscription *first;
    char one[UUID_TEXT];
    (void)state;
    workspace_named(one, 1);
    subscriptions_init(&table, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(subscriptions_add(&table, one, i));
    assert_false(subscriptions_add(&table, one, 3));
    assert_int_equal(subscriptions_of(&table, one, &first), 3);
    subscriptions_remove(&table, 0);
    assert_true(subscriptions_add(&table, one, 3));
    assert_int_equal(subscriptions_of(&table, one, &first), 3);
    subscriptions_free(&table);
}

static void holds_many(void **state)
{
    struct subscriptions table;
    const struct subscription *first;
    char name[UUID_TEXT];
    (void)state;
    subscriptions_init(&table, 3 * MANY);
    for (unsigned i = 0; i < 3 * MANY; i++) {
        workspace_named(name, i % MANY);
        assert_true(subscriptions_add(&table, name, i / 2));
    }
    for (unsigned i = 0; i < MANY; i++) {
        workspace_named(name, i);
        assert_int_equal(subscriptions_of(&table, name, &first), 3);
    }
    subscriptions_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_whom_to_tell),
        cmocka_unit_test(refuses_more_than_it_may_hold),
        cmocka_unit_test(holds_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
