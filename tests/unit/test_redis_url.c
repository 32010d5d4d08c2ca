/* Redis URLs: what they may look like, and what is in them. */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "redis_url.h"
#include "util.h"

static void good_ones_are_taken_apart(void **state)
{
    static const struct {
        const char *url;
        struct redis_address expected;
    } rows[] = {
        {"redis://cache", {.host = "cache", .port = 6379}},
        {"redis://cache/", {.host = "cache", .port = 6379}},
        {"redis://127.0.0.1:6380", {.host = "127.0.0.1", .port = 6380}},
        {"redis://127.0.0.1:6380/", {.host = "127.0.0.1", .port = 6380}},
        {"redis://cache.example.org:1/15", {.host = "cache.example.org", .port = 1, .database = 15}},
        {"redis://cache/0", {.host = "cache", .port = 6379}},
        {"redis://cache:65535/1024", {.host = "cache", .port = 65535, .database = 1024}},
        {"redis://[::1]", {.host = "::1", .port = 6379}},
        {"redis://[2001:db8::7]:7000/2", {.host = "2001:db8::7", .port = 7000, .database = 2}},
        {"redis://:secret@cache", {.host = "cache", .port = 6379, .password = "secret"}},
        {"redis://ccr:secret@cache", {.host = "cache", .port = 6379, .user = "ccr", .password = "secret"}},
        {"redis://ccr@cache", {.host = "cache", .port = 6379, .user = "ccr"}},
        {"redis://@cache", {.host = "cache", .port = 6379}},
        {"redis://:@cache", {.host = "cache", .port = 6379}},
        {"redis://:a:b@cache", {.host = "cache", .port = 6379, .password = "a:b"}},
        {"redis://:a@b@cache", {.host = "cache", .port = 6379, .password = "a@b"}},
        {"redis://:p%40s%3as%2Fw%25@cache/3", {.host = "cache", .port = 6379, .password = "p@s:s/w%", .database = 3}},
        {"redis://u%3A:%e5%af%86@[::1]:1/1",
         {.host = "::1", .port = 1, .user = "u:", .password = "\xe5\xaf\x86", .database = 1}},
        {"unix:/run/redis/redis.sock", {.path = "/run/redis/redis.sock"}},
        {"unix:///run/redis/redis.sock", {.path = "/run/redis/redis.sock"}},
        {"unix:/a%20b", {.path = "/a b"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct redis_address got;
        memset(&got, 0xff, sizeof got);
        if (!redis_url_parse(rows[i].url, &got))
            fail_msg("%s is refused", rows[i].url);
        assert_string_equal(got.path, rows[i].expected.path);
        assert_string_equal(got.host, rows[i].expected.host);
        assert_int_equal(got.port, rows[i].expected.port);
        assert_string_equal(got.user, rows[i].expected.user);
        assert_string_equal(got.password, rows[i].expected.password);
        assert_int_equal(got.database, rows[i].expected.database);
    }
}

static void bad_ones_are_refused(void **state)
{
    static const char *const urls[] = {
        "",
        "cache",
        "cache:6379",
        "redis",
        "redis:",
        "redis:/",
        "redis:cache",
        "redis://",
        "redis:///",
        "redis:///1",
        "redis://:6379",
        "redis://user@",
        "redis://user@:6379",
        "http://cache",
        "rediss://cache",
        "REDIS://cache",
        " redis://cache",
        "redis://cache:",
        "redis://cache:0",
        "redis://cache:65536",
        "redis://cache:-1",
        "redis://cache:+1",
        "redis://cache: 1",
        "redis://cache:port",
        "redis://cache:99999999999",
        "redis://cache/x",
        "redis://cache/-1",
        "redis://cache/1025",
        "redis://cache/1/",
        "redis://cache/1/2",
        "redis://cache/ 1",
        "redis://cache?db=1",
        "redis://cache/1?x=y",
        "redis://cache#1",
        "redis://[::1",
        "redis://::1]",
        "redis://[]",
        "redis://[::1]x",
        "redis://[::1]6379",
        "redis://[::1]:",
        "redis://:%@cache",
        "redis://:%4@cache",
        "redis://:%4g@cache",
        "redis://:%g4@cache",
        "redis://:a%00b@cache",
        "redis://%@cache",
        "redis://ca%che",
        "unix:",
        "unix:relative",
        "unix://relative/path",
        "unix:/a%00b",
        "unix:/a%2",
        "/socket",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct redis_address got;
        bool good = redis_url_parse(urls[i], &got);
        if (good)
            fail_msg("\"%s\" is taken", urls[i]);
    }
}

/* Each part as long as its member holds, and one byte longer. */
static void parts_have_a_greatest_length(void **state)
{
    struct redis_address got;
    const struct {
        const char *before, *after;
        size_t room;
        const char *member;
    } rows[] = {
        {"redis://", "", sizeof got.host, got.host},
        {"redis://", "@cache", sizeof got.user, got.user},
        {"redis://:", "@cache", sizeof got.password, got.password},
        {"unix:/", "", sizeof got.path - 1, got.path + 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t length = rows[i].room - 1; length <= rows[i].room; length++) {
            char part[1024], url[1100];
            memset(part, 'x', length);
            part[length] = '\0';
            snprintf(url, sizeof url, "%s%s%s", rows[i].before, part, rows[i].after);
            assert_int_equal(redis_url_parse(url, &got), length < rows[i].room);
            if (length < rows[i].room)
                assert_string_equal(rows[i].member, part);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken_apart),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(parts_have_a_greatest_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
