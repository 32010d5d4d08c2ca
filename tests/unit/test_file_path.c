/* Paths of files that travel: what every system can have, and what leads nowhere else. */
#include "../test.h"
#include "file_path.h"

#include <string.h>

static void paths_that_any_system_can_have(void **state)
{
    static const char *const good[] = {"a",           "a.b",         ".gitignore", "scripts/run.sh", "参考/说明.md",
                                       "a b/c d.txt", "console.log", "com10",      "nul_",           "a..b",
                                       "...a"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!file_path_valid(good[i]))
            fail_msg("%s is refused", good[i]);
}

static void paths_that_are_refused(void **state)
{
    static const char *const bad[] = {
        "",    "/",    "/etc/passwd", "a/",   "a//b",    ".",     "..",       "../a",      "a/../b",   "a/..",
        "./a", "a/.",  "C:",          "C:/a", "a\\b",    "..\\a", "a\nb",     "a\x7f",     "a\x01",    "a ",
        "a.",  "a /b", "a./b",        "nul",  "NUL.txt", "a/Con", "com1.a.b", "CON ",      "aux .txt", "LPT9",
        "a?",  "a*",   "a<b",         "a>b",  "a|b",     "a\"b",  "a\xff",    "a\xc0\xaf", "conin$"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (file_path_valid(bad[i]))
            fail_msg("'%s' is taken", bad[i]);
    assert_false(file_name_valid("a/b"));
    assert_true(file_name_valid("a b"));
}

static void long_and_deep_paths(void **state)
{
    char path[FILE_PATH_BYTES + 3] = "";
    (void)state;
    memset(path, 'a', FILE_NAME_BYTES);
    assert_true(file_path_valid(path));
    path[FILE_NAME_BYTES] = 'a';
    assert_false(file_path_valid(path));
    path[FILE_NAME_BYTES] = '/';
    memset(path + FILE_NAME_BYTES + 1, 'b', FILE_PATH_BYTES - FILE_NAME_BYTES - 1);
    assert_true(file_path_valid(path));
    path[FILE_PATH_BYTES] = 'b';
    assert_false(file_path_valid(path));
    for (size_t i = 0; i < (size_t)FILE_PATH_DEPTH * 2; i++)
        path[i] = i % 2 ? '/' : 'a';
    path[FILE_PATH_DEPTH * 2 - 1] = '\0';
    assert_true(file_path_valid(path));
    strcpy(path + FILE_PATH_DEPTH * 2 - 1, "/a");
    assert_false(file_path_valid(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_any_system_can_have),
        cmocka_unit_test(paths_that_are_refused),
        cmocka_unit_test(long_and_deep_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
