/* UTF-8, names, numbers and time at their edges. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"

static void utf8_accepts_well_formed(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "",
        "a",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "日本語 und ü",
    };
    for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
        if (!utf8_valid(valid[i], strlen(valid[i])))
            fail_msg("row %zu was refused", i);
}

static void utf8_refuses_ill_formed(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "\x80", /* lone continuation */
        "\xbf",
        "\xc3", /* ends early */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(", /* no continuation */
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong U+7F */
        "\xe0\x9f\xbf",     /* overlong U+7FF */
        "\xf0\x8f\xbf\xbf", /* overlong U+FFFF */
        "\xed\xa0\x80",     /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* U+110000 */
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", /* five bytes */
        "\xfe",
        "\xff",
        "fine until here \xc3",
    };
    for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
        if (utf8_valid(invalid[i], strlen(invalid[i])))
            fail_msg("row %zu was accepted", i);
    assert_false(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xc3\xa4", 1)); /* the length counts, not the NUL */
}

static void utf8_reads_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char text[5] = {0};
        if (code < 0x80) {
            text[0] = (char)code;
        } else if (code < 0x800) {
            text[0] = (char)(0xc0 | code >> 6);
            text[1] = (char)(0x80 | (code & 0x3f));
        } else if (code < 0x10000) {
            text[0] = (char)(0xe0 | code >> 12);
            text[1] = (char)(0x80 | (code >> 6 & 0x3f));
            text[2] = (char)(0x80 | (code & 0x3f));
        } else {
            text[0] = (char)(0xf0 | code >> 18);
            text[1] = (char)(0x80 | (code >> 12 & 0x3f));
            text[2] = (char)(0x80 | (code >> 6 & 0x3f));
            text[3] = (char)(0x80 | (code & 0x3f));
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        size_t length = surrogate ? 0 : strlen(text);
        const char *at = text;
        if (utf8_valid(text, strlen(text)) == surrogate || utf8_sequence(text) != length ||
            utf8_next(&at) != (surrogate ? 0xfffd : code) || at != text + (surrogate ? 1 : length))
            fail_msg("U+%04X", (unsigned)code);
    }
}

static void utf8_counts_and_walks(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(""), 0);
    assert_int_equal(utf8_length("aä日😀"), 4);
    const char *text = "ä😀";
    assert_int_equal(utf8_next(&text), 0xe4);
    assert_int_equal(utf8_next(&text), 0x1f600);
    assert_int_equal(utf8_next(&text), 0);
    assert_int_equal(utf8_next(&text), 0); /* stays at the end */
    const char *broken = "\xf0";
    assert_int_equal(utf8_next(&broken), 0xfffd);
    assert_int_equal(utf8_next(&broken), 0); /* does not step over the NUL */
    assert_int_equal(utf8_sequence("\xe2\x82"), 0);
    assert_int_equal(utf8_sequence("€uro"), 3);
    assert_int_equal(utf8_sequence(""), 0);
}

static void names_in_any_script(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "a",     "A-b_c.9", "...",     ".hidden", "-",        "_", "müller",    "配置", "конфиг",
        "إعداد", "हिन्दी",   "ภาษาไทย", "한국어",  "ひらがな", "٣", "e\xcc\x81", "𠮷",   "ª",
    };
    for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
        if (!name_valid(valid[i]))
            fail_msg("'%s' was refused", valid[i]);
}

static void names_that_are_none(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "",
        ".",
        "..",
        " ",
        "a b",
        "a/b",
        "a\\b",
        "a:b",
        "a\n",
        "a%",
        "a+b",
        "a@b",
        "'",
        "\"",
        "a\x7f",
        "😀",
        "a\xe2\x80\x8b" /* ZWSP */,
        "\xe2\x80\xae" /* right-to-left override */,
        "½",
        "—",
        "、",
        "\xee\x80\x80" /* private use */,
        "a\xff",
        "\xed\xa0\x80",
        "a\xc2\xa0",
        "\xe3\x80\x80",
    };
    for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
        if (name_valid(invalid[i]))
            fail_msg("'%s' was accepted", invalid[i]);
    assert_false(name_valid(NULL));
}

static void names_have_100_code_points_at_most(void **state)
{
    (void)state;
    char name[102 * 3 + 1] = "";
    for (size_t i = 0; i < 100; i++)
        memcpy(name + 3 * i, "名", 3);
    assert_true(name_valid(name));
    name[300] = 'x';
    assert_false(name_valid(name));
}

static void labels(void **state)
{
    (void)state;
    static const char *const valid[] = {"a",
                                        "a b",
                                        "😀",
                                        "a/b",
                                        "/a/",
                                        "a%2Fb",
                                        "\"",
                                        "'",
                                        "...",
                                        "a/...",
                                        "GLM 4.5（智谱）",
                                        "a\xe2\x80\x8b",
                                        "a\xe3\x80\x80z",
                                        "\\",
                                        "#?&=+",
                                        "[x]",
                                        "é.ü"};
    static const char *const invalid[] = {"",          " ",    "\xe3\x80\x80", " a",         "a ",   "a\xe3\x80\x80",
                                          "\xc2\xa0x", ".",    "..",           "../a",       "a/..", "a/./b",
                                          "a\nb",      "a\tb", "a\x7f",        "a\xc2\x85z", "a\xff"};
    for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
        if (!label_valid(valid[i]))
            fail_msg("'%s' was refused", valid[i]);
    for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
        if (label_valid(invalid[i]))
            fail_msg("'%s' was accepted", invalid[i]);
    assert_false(label_valid(NULL));
    char name[101 * 4 + 1] = "";
    for (size_t i = 0; i < 100; i++)
        memcpy(name + 4 * i, "😀", 4);
    assert_true(label_valid(name));
    name[400] = 'x';
    assert_false(label_valid(name));
}

static void white_space_at_the_ends(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a", "a"}, {" a b\n", "a b"},       {"\xe3\x80\x80日\xc2\xa0", "日"},
                                           {"", ""},   {" \t\xe3\x80\x80", ""}, {"é ", "é"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *text = cases[i][0];
        size_t length = trim_white_space(&text);
        assert_int_equal(length, strlen(cases[i][1]));
        assert_memory_equal(text, cases[i][1], length);
    }
    assert_true(has_white_space("a b") && has_white_space("\xe3\x80\x80") && has_white_space("a\n"));
    assert_false(has_white_space("") || has_white_space("a\xe2\x80\x8b日"));
}

static void control_characters(void **state)
{
    (void)state;
    static const char *const with[] = {"\x01", "a\n", "\t", "\x1f", "a\x7f", "\xc2\x80", "x\xc2\x9f", "\x1b[0m"};
    static const char *const without[] = {"\xff", "\x80", "", " ", "~", "\xc2\xa0", "日本", "\xc3\x80"};
    for (size_t i = 0; i < ARRAY_SIZE(with); i++)
        if (!has_control(with[i]))
            fail_msg("row %zu was missed", i);
    for (size_t i = 0; i < ARRAY_SIZE(without); i++)
        if (has_control(without[i]))
            fail_msg("row %zu was found", i);
}

static void uuids(void **state)
{
    (void)state;
    assert_true(uuid_valid("01234567-89ab-cdef-ABCD-EF0123456789"));
    static const char *const invalid[] = {
        "",
        "01234567-89ab-cdef-ABCD-EF012345678",
        "01234567-89ab-cdef-ABCD-EF01234567890",
        "01234567-89ab-cdef-ABCD-EF012345678g",
        "0123456789ab-cdef-ABCD-EF0123456789----",
        "01234567089ab-cdef-ABCD-EF012345678",
        "{1234567-89ab-cdef-ABCD-EF012345678}",
        "01234567-89ab-cdef-ABCD+EF0123456789",
        "\2621234567-89ab-cdef-ABCD-EF0123456789",
    };
    for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
        if (uuid_valid(invalid[i]))
            fail_msg("'%s' was accepted", invalid[i]);
    assert_false(uuid_valid(NULL));
}

static void blanks(void **state)
{
    (void)state;
    static const char *const blank[] = {"", " ", "\t\r\n\v\f ", "\xe3\x80\x80", "\xc2\xa0 \xe2\x80\x83"};
    static const char *const filled[] = {"a", "  .", "\xe3\x80\x80名", "\xc2", "\xe2\x80\x8b"};
    assert_true(is_blank(NULL));
    for (size_t i = 0; i < ARRAY_SIZE(blank); i++)
        if (!is_blank(blank[i]))
            fail_msg("row %zu is blank", i);
    for (size_t i = 0; i < ARRAY_SIZE(filled); i++)
        if (is_blank(filled[i]))
            fail_msg("row %zu is not blank", i);
}

static void users_in_urls(void **state)
{
    static const char *const with[] = {"https://ada:pw@host/", "http://token@host", "see ftp://u@h/ and more",
                                       "x://a://b@c",          "https://:pw@host",  "https://a/b then https://u:p@h"},
                             *const without[] = {
                                 "",         "https://host/a@b",  "https://host?q=a@b", "https://host#a@b",
                                 "ada@host", "https://host\\u@h", "https://host u@h",   "mailto:ada@host"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(with); i++)
        assert_true(url_has_userinfo(with[i]));
    for (size_t i = 0; i < ARRAY_SIZE(without); i++)
        assert_false(url_has_userinfo(without[i]));
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long long min, max, value;
    } good[] = {
        {"0", 0, 10, 0},
        {"10", 0, 10, 10},
        {"-5", -5, 5, -5},
        {"007", 0, 10, 7},
        {"9223372036854775807", LLONG_MIN, LLONG_MAX, LLONG_MAX},
        {"-9223372036854775808", LLONG_MIN, LLONG_MAX, LLONG_MIN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        long long value = 99;
        if (!parse_int(good[i].text, good[i].min, good[i].max, &value) || value != good[i].value)
            fail_msg("'%s' gave %lld", good[i].text, value);
    }
    static const char *const bad[] = {
        "",
        " ",
        "-",
        "--1",
        "+1",
        " 1",
        "1 ",
        "\n1",
        "1x",
        "0x10",
        "1.0",
        "1e3",
        "-1",
        "11",
        "９",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        long long value = 99;
        if (parse_int(bad[i], 0, 10, &value))
            fail_msg("'%s' gave %lld", bad[i], value);
        assert_int_equal(value, 99); /* untouched, a default may stand there */
    }
    long long value;
    assert_false(parse_int(NULL, 0, 10, &value));
    assert_false(parse_int("9223372036854775808", LLONG_MIN, LLONG_MAX, &value));
}

static void parts_of_a_text(void **state)
{
    struct part part[4];
    long long port;
    (void)state;
    assert_true(text_matches("a host:5432", "([a-z]+):([0-9]+)(/)?$", part, ARRAY_SIZE(part)));
    assert_memory_equal(part[0].text, "host:5432", part[0].length);
    assert_int_equal(part[0].length, 9);
    assert_int_equal(part[1].length, 4);
    assert_true(parse_int_part(&part[2], 1, 65535, &port));
    assert_int_equal(port, 5432);
    assert_string_equal(part[3].text, ""); /* is not there */
    assert_int_equal(part[3].length, 0);
    assert_false(parse_int_part(&part[3], 1, 65535, &port));
    assert_false(parse_int_part(&part[1], 1, 65535, &port));
    assert_false(parse_int_part(&(struct part){"000000000000000000000001", 24}, 1, 65535, &port));
    assert_false(text_matches("host", "([a-z]+):([0-9]+)", NULL, 0));
    assert_false(text_matches("host", "(", NULL, 0));
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        struct timespec when;
        const char *text;
    } rows[] = {
        {{0, 0}, "1970-01-01T00:00:00.000Z"},
        {{951782400, 999999999}, "2000-02-29T00:00:00.999Z"},
        {{1769860800, 1000000}, "2026-01-31T12:00:00.001Z"},
        {{4294967296, 42999999}, "2106-02-07T06:28:16.042Z"},
        {{-1, 0}, "1969-12-31T23:59:59.000Z"},
    };
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[TIME_TEXT];
        time_text(text, rows[i].when);
        assert_string_equal(text, rows[i].text);
    }
    char text[TIME_TEXT];
    time_text(text, (struct timespec){LLONG_MAX, 0});
    assert_true(strlen(text) < TIME_TEXT);
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1 = none */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"2026-01-31T12:34:56Z", 1769862896000000},
        {"2026-01-31T12:34:56.789Z", 1769862896789000},
        {"2026-01-31t12:34:56,789z", 1769862896789000},
        {"2026-01-31 12:34:56.7891234567Z", 1769862896789123},
        {"2026-01-31T13:34:56+01:00", 1769862896000000},
        {"2026-01-31T07:04:56-0530", 1769862896000000},
        {"2026-02-01T00:34:56+12", 1769862896000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"2000-02-29T23:59:59Z", 951868799000000},
        {"2000-03-01T00:00:00Z", 951868800000000},
        {"2016-12-31T23:59:60Z", 1483228800000000},
        {"2100-03-01T00:00:00Z", 4107542400000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
        {"1970-01-01T00:00:00+00:01", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2025-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-01-00T00:00:00Z", -1},
        {"2026-01-31T24:00:00Z", -1},
        {"2026-01-31T12:60:00Z", -1},
        {"2026-01-31T12:34:61Z", -1},
        {"2026-01-31T12:34:56", -1},
        {"2026-01-31T12:34:56.Z", -1},
        {"2026-01-31T12:34:56.5", -1},
        {"2026-01-31T12:34Z", -1},
        {"2026-01-31T12:34:56Zx", -1},
        {"2026-01-31T12:34:56+1", -1},
        {"2026-01-31T12:34:56+01:", -1},
        {"2026-01-31T12:34:56+24:00", -1},
        {"2026-01-31T12:34:56+01:60", -1},
        {"2026-01-31", -1},
        {"26-01-31T12:34:56Z", -1},
        {" 2026-01-31T12:34:56Z", -1},
        {"1769862896", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t us = -1;
        bool good = time_parse(cases[i].text, &us);
        if (good != (cases[i].us >= 0) || (good && us != cases[i].us))
            fail_msg("%s: %lld", cases[i].text, (long long)us);
    }
}

/* What is written of any time reads as that time: each day of 400 years. */
static void times_that_were_written_are_read(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097; day++) {
        char text[TIME_TEXT];
        int64_t us;
        time_text(text, (struct timespec){.tv_sec = (time_t)(day * 86400 + day % 86400), .tv_nsec = 123000000});
        assert_true(time_parse(text, &us));
        assert_int_equal(us, (day * 86400 + day % 86400) * 1000000 + 123000);
    }
}

static void now_is_now(void **state)
{
    (void)state;
    char before[TIME_TEXT], now[TIME_TEXT], after[TIME_TEXT];
    struct timespec clock;
    clock_gettime(CLOCK_REALTIME, &clock);
    time_text(before, clock);
    time_now_text(now);
    clock_gettime(CLOCK_REALTIME, &clock);
    time_text(after, clock);
    assert_true(strcmp(before, now) <= 0 && strcmp(now, after) <= 0); /* the format sorts by time */
}

static void monotonic_clock_advances(void **state)
{
    (void)state;
    int64_t ms = monotonic_ms(), us = monotonic_us();
    assert_in_range(us / 1000 - ms, 0, 1000);
    usleep(3000);
    assert_true(monotonic_us() - us >= 3000);
    assert_true(monotonic_ms() - ms >= 3);
}

static void wipe_overwrites(void **state)
{
    (void)state;
    char secret[] = "secret!";
    wipe(secret, 6);
    assert_memory_equal(secret, "\0\0\0\0\0\0!", 8);
    wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_accepts_well_formed),
        cmocka_unit_test(utf8_refuses_ill_formed),
        cmocka_unit_test(utf8_reads_every_code_point),
        cmocka_unit_test(utf8_counts_and_walks),
        cmocka_unit_test(names_in_any_script),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(names_have_100_code_points_at_most),
        cmocka_unit_test(labels),
        cmocka_unit_test(white_space_at_the_ends),
        cmocka_unit_test(control_characters),
        cmocka_unit_test(uuids),
        cmocka_unit_test(blanks),
        cmocka_unit_test(users_in_urls),
        cmocka_unit_test(integers),
        cmocka_unit_test(parts_of_a_text),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(times_that_were_written_are_read),
        cmocka_unit_test(now_is_now),
        cmocka_unit_test(monotonic_clock_advances),
        cmocka_unit_test(wipe_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
