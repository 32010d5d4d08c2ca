/* Log: lines as another program reads them from the other end of standard error. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "log.h"
#include "util.h"

enum { LINE_LIMIT = 16 * KIB };

static int reader, saved_stderr = -1;
static char line[64 * KIB];

/* A packet socket in place of stderr: one read gives what one write wrote. */
static int set_up(void **state)
{
    (void)state;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    reader = ends[0];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reader);
    return 0;
}

/* The text of the one write there was, without its newline; NULL when there was none. */
static const char *next_write(void)
{
    ssize_t length = read(reader, line, sizeof line - 1);
    if (length < 0)
        return NULL;
    assert_in_range(length, 1, LINE_LIMIT);
    assert_int_equal(line[length - 1], '\n');
    line[length - 1] = '\0';
    assert_int_equal(strlen(line), length - 1);
    assert_null(strchr(line, '\n'));
    assert_true(utf8_valid(line, strlen(line)));
    return line;
}

static json_t *next_json(void)
{
    const char *text = next_write();
    assert_non_null(text);
    struct json_failure failure;
    json_t *value = json_parse(text, strlen(text), &failure);
    if (!value)
        fail_msg("%s at %d in %.200s", failure.message, failure.column, text);
    assert_true(json_is_object(value));
    return value;
}

static void assert_member(json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void json_line(void **state)
{
    (void)state;
    log_warn("worker started", LOG_INT("worker", 3), LOG_STR("name", "a\"b\\c\n\td\x1b\x7f\xc2\x9b"),
             LOG_MS("duration", 250), LOG_STR("absent", NULL), LOG_INT("least", LLONG_MIN), LOG_MS("whole", 7000));
    const char *text = next_write();
    assert_non_null(text);
    assert_memory_equal(text, "{\"time\":\"20", 11);
    assert_string_equal(text + 9 + 24, "\",\"level\":\"warn\",\"message\":\"worker started\",\"worker\":3,"
                                       "\"name\":\"a\\\"b\\\\c\\n\\td\\u001b\\u007f\\u009b\",\"duration\":0.250,"
                                       "\"least\":-9223372036854775808,\"whole\":7}");
    assert_null(next_write()); /* one event, one write */
}

static void json_line_without_fields(void **state)
{
    (void)state;
    log_error("plain");
    json_t *event = next_json();
    assert_member(event, "level", "error");
    assert_member(event, "message", "plain");
    assert_int_equal(json_object_size(event), 3);
    json_decref(event);
}

static void broken_utf8_is_replaced(void **state)
{
    (void)state;
    log_info("bad \xff.", LOG_STR("cut", "\xe2\x82"), LOG_STR("surrogate", "\xed\xa0\x80"), LOG_STR("good", "日😀"));
    json_t *event = next_json();
    assert_member(event, "message", "bad \xef\xbf\xbd.");
    assert_member(event, "cut", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_member(event, "surrogate", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_member(event, "good", "日😀");
    json_decref(event);
}

static void text_line(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("hello\nworld", LOG_STR("plain", "a-b/c:ü"), LOG_STR("space", "a b"), LOG_STR("empty", ""),
             LOG_STR("quote", "a\"b"), LOG_STR("equals", "a=b"), LOG_STR("back", "a\\b"), LOG_STR("escape", "\x1b[0m"),
             LOG_STR("broken", "\xff"), LOG_STR("absent", NULL), LOG_INT("n", -1), LOG_MS("x", 1500007));
    const char *text = next_write();
    assert_non_null(text);
    assert_memory_equal(text, "20", 2);
    assert_string_equal(text + 23,
                        "Z INFO hello\\nworld plain=a-b/c:ü space=\"a b\" empty=\"\" quote=\"a\\\"b\" "
                        "equals=\"a=b\" back=\"a\\\\b\" escape=\"\\u001b[0m\" broken=\xef\xbf\xbd n=-1 x=1500.007");
}

static void levels(void **state)
{
    (void)state;
    for (int enabled = LOG_LEVEL_ERROR; enabled <= LOG_LEVEL_DEBUG; enabled++) {
        log_configure((enum log_level)enabled, LOG_FORMAT_JSON);
        log_error("m");
        log_warn("m");
        log_info("m");
        log_debug("m");
        static const char *const names[] = {"error", "warn", "info", "debug"};
        for (int level = 0; level <= enabled; level++) {
            assert_true(log_enabled((enum log_level)level));
            json_t *event = next_json();
            assert_member(event, "level", names[level]);
            json_decref(event);
        }
        assert_null(next_write());
    }
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    assert_false(log_enabled(LOG_LEVEL_WARN));
}

static void fields_that_are_off_cost_nothing(void **state)
{
    (void)state;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    int calls = 0;
    log_debug("never", LOG_INT("calls", ++calls));
    assert_int_equal(calls, 0);
    log_error("once", LOG_INT("calls", ++calls));
    assert_int_equal(calls, 1);
    assert_non_null(next_write());
}

static char *repeat(const char *unit, size_t length)
{
    static char text[40 * KIB];
    size_t step = strlen(unit);
    size_t at = 0;
    for (; at + step <= length; at += step)
        memcpy(text + at, unit, step);
    text[at] = '\0';
    return text;
}

static void long_lines_are_cut_into_valid_json(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\"", "\x01", "日", "😀", "\xff", "a\\"};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        log_info("long", LOG_STR("first", "1"), LOG_STR("value", repeat(units[i], 39 * KIB)), LOG_STR("last", "3"));
        size_t length = strlen(next_write());
        assert_in_range(length, LINE_LIMIT - 64, LINE_LIMIT - 1); /* as much as fits is kept */
        struct json_failure failure;
        json_t *event = json_parse(line, length, &failure);
        if (!event)
            fail_msg("unit %zu: %s", i, failure.message);
        assert_member(event, "first", "1");
        assert_null(json_object_get(event, "last"));
        assert_true(json_is_true(json_object_get(event, "cut")));
        json_decref(event);
    }
}

/* Walks every part of a line, byte by byte, across the place where it is cut. */
static void any_part_may_meet_the_limit(void **state)
{
    (void)state;
    bool whole = false, cut = false;
    for (size_t length = LINE_LIMIT - 300; length < LINE_LIMIT; length++) {
        for (int form = LOG_FORMAT_JSON; form <= LOG_FORMAT_TEXT; form++) {
            log_configure(LOG_LEVEL_INFO, (enum log_format)form);
            log_info(repeat("m", length), LOG_STR("name", "a value\n\"日"), LOG_INT("number", 1234567890123),
                     LOG_STR("", ""), LOG_MS("real", 123456), LOG_STR("end", "x"));
            if (form == LOG_FORMAT_TEXT) {
                assert_non_null(next_write());
                continue;
            }
            json_t *event = next_json();
            json_t *number = json_object_get(event, "number");
            if (number)
                assert_int_equal(json_integer_value(number), 1234567890123);
            const char *end = json_string_value(json_object_get(event, "end"));
            bool complete = end && strcmp(end, "x") == 0;
            assert_int_equal(complete, json_object_get(event, "cut") == NULL);
            whole = whole || complete;
            cut = cut || !complete;
            json_decref(event);
        }
    }
    assert_true(whole && cut);
}

static void many_fields_are_cut_between_fields(void **state)
{
    (void)state;
    static struct log_field fields[4000];
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        fields[i] = (struct log_field)LOG_INT("n", i);
    log_write(LOG_LEVEL_INFO, "many", fields, ARRAY_SIZE(fields));
    const char *text = next_write();
    assert_non_null(text);
    assert_true(strlen(text) > LINE_LIMIT - 64);
    const char *end = ",\"cut\":true}";
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void errno_survives(void **state)
{
    (void)state;
    errno = EDOM;
    log_info("message");
    assert_int_equal(errno, EDOM);
    next_write();

    int broken = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    close(STDERR_FILENO);
    errno = EDOM;
    log_info("to nobody");
    assert_int_equal(errno, EDOM);
    dup2(broken, STDERR_FILENO);
    close(broken);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/ccr-test-log-XXXXXX", path[64], renamed[64];

static int set_up_folder(void **state)
{
    memcpy(strrchr(folder, '-'), "-XXXXXX", 7);
    if (set_up(state) != 0 || !mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(renamed, sizeof renamed, "%s/log.1", folder);
    return 0;
}

static int tear_down_folder(void **state)
{
    log_open(NULL);
    unlink(path);
    unlink(renamed);
    rmdir(folder);
    return tear_down(state);
}

/* The messages of a file's lines, one after the other. */
static const char *messages(const char *file)
{
    static char found[1024];
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    found[0] = '\0';
    while (fgets(line, sizeof line, in)) {
        struct json_failure failure;
        json_t *event = json_parse(line, strlen(line), &failure);
        assert_non_null(event);
        size_t length = strlen(found);
        snprintf(found + length, sizeof found - length, "%s%s", length ? " " : "",
                 json_string_value(json_object_get(event, "message")));
        json_decref(event);
    }
    fclose(in);
    return found;
}

static void lines_are_appended_to_the_file(void **state)
{
    (void)state;
    mode_t before = umask(0022);
    assert_true(log_open(path));
    umask(before);
    log_info("one");
    assert_true(log_open(path)); /* keeps what is there */
    log_info("two");
    assert_string_equal(messages(path), "one two");
    assert_null(next_write());
    struct stat made;
    assert_int_equal(stat(path, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0640);

    assert_true(log_open(NULL));
    log_info("three");
    assert_non_null(next_write());
    assert_string_equal(messages(path), "one two");
}

static void a_renamed_file_is_written_until_reopened(void **state)
{
    (void)state;
    assert_true(log_reopen()); /* standard error: nothing to do */
    assert_true(log_open(path));
    log_info("one");
    assert_int_equal(rename(path, renamed), 0);
    log_info("two");
    assert_int_equal(access(path, F_OK), -1);
    assert_true(log_reopen());
    log_info("three");
    assert_string_equal(messages(renamed), "one two");
    assert_string_equal(messages(path), "three");
    assert_true(log_reopen());
    log_info("four");
    assert_string_equal(messages(path), "three four");
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_file_that_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    char missing[80], *endless = repeat("/x", PATH_MAX + 2);
    snprintf(missing, sizeof missing, "%s/missing/log", folder);
    errno = 0;
    assert_false(log_open(missing));
    assert_int_equal(errno, ENOENT);
    assert_false(log_open(folder));
    assert_int_equal(errno, EISDIR);
    assert_false(log_open(endless));
    assert_int_equal(errno, ENAMETOOLONG);
    log_info("to standard error");
    assert_non_null(next_write());

    assert_true(log_open(path));
    log_info("one");
    assert_int_equal(rename(path, renamed), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    int open_before = count_descriptors();
    assert_false(log_reopen());
    assert_int_equal(errno, EISDIR);
    log_info("two");
    assert_string_equal(messages(renamed), "one two");
    assert_int_equal(rmdir(path), 0);
    for (int i = 0; i < 10; i++)
        assert_true(log_reopen());
    assert_int_equal(count_descriptors(), open_before);
}

static void a_line_that_does_not_fit_the_disk_goes_to_standard_error(void **state)
{
    (void)state;
    assert_true(log_open("/dev/full"));
    log_info("nowhere");
    json_t *event = next_json();
    assert_member(event, "message", "nowhere");
    json_decref(event);
}

int main(void)
{
#define TEST(function)      cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_FILE(function) cmocka_unit_test_setup_teardown(function, set_up_folder, tear_down_folder)
    const struct CMUnitTest tests[] = {
        TEST(json_line),
        TEST(json_line_without_fields),
        TEST(broken_utf8_is_replaced),
        TEST(text_line),
        TEST(levels),
        TEST(fields_that_are_off_cost_nothing),
        TEST(long_lines_are_cut_into_valid_json),
        TEST(any_part_may_meet_the_limit),
        TEST(many_fields_are_cut_between_fields),
        TEST(errno_survives),
        TEST_FILE(lines_are_appended_to_the_file),
        TEST_FILE(a_renamed_file_is_written_until_reopened),
        TEST_FILE(a_file_that_cannot_be_opened_changes_nothing),
        TEST_FILE(a_line_that_does_not_fit_the_disk_goes_to_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
