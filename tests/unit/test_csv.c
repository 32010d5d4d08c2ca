/* CSV: quotes, and what a spreadsheet would take for a formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "csv.h"
#include "util.h"

static const struct {
    const char *text, *cell;
} cells[] = {
    {NULL, "\"\""},
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"a \"word\", and more", "\"a \"\"word\"\", and more\""},
    {"two\r\nlines", "\"two\r\nlines\""},
    {"=1+1", "\"'=1+1\""},
    {"+1", "\"'+1\""},
    {"-1", "\"'-1\""},
    {"@x", "\"'@x\""},
    {"\t=1", "\"'\t=1\""},
    {"\r", "\"'\r\""},
    {"\"=1", "\"\"\"=1\""},
    {"1=1", "\"1=1\""},
    {"项目", "\"项目\""},
};

static void cells_are_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        struct buffer out;
        buffer_init(&out, 1000);
        csv_put_cell(&out, cells[i].text);
        assert_string_equal(buffer_string(&out), cells[i].cell);
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_are_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
