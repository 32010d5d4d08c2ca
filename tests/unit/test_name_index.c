/* Name index: found by name, whatever the name, however many there are. */
#include "../test.h"

#include <stdio.h>

#include "name_index.h"

enum { MANY = 20000 };

static void finds_what_was_added(void **state)
{
    struct name_index index = name_index_new();
    size_t place = 7;
    (void)state;
    assert_false(name_index_find(&index, "a", &place));
    assert_int_equal(place, 7);
    name_index_add(&index, "a", 0);
    name_index_add(&index, "", 1);
    name_index_add(&index, "张三 \xff", 2); /* no UTF-8: names are bytes here */
    assert_true(name_index_find(&index, "a", &place));
    assert_int_equal(place, 0);
    assert_true(name_index_find(&index, "", &place));
    assert_int_equal(place, 1);
    assert_true(name_index_find(&index, "张三 \xff", &place));
    assert_int_equal(place, 2);
    assert_false(name_index_find(&index, "A", NULL));
    json_decref(index.places);
}

static void notes_a_name_once(void **state)
{
    struct name_index index = name_index_new();
    (void)state;
    assert_true(name_index_note(&index, "a"));
    assert_false(name_index_note(&index, "a"));
    assert_true(name_index_note(&index, "b"));
    json_decref(index.places);
}

static void holds_many(void **state)
{
    struct name_index index = name_index_new();
    char name[32];
    size_t place;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "profile-%zu", i);
        name_index_add(&index, name, i);
    }
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "profile-%zu", i);
        assert_true(name_index_find(&index, name, &place));
        assert_int_equal(place, i);
    }
    json_decref(index.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(notes_a_name_once),
        cmocka_unit_test(holds_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
