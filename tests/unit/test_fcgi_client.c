/* FastCGI records, and replies as a good, a slow and a broken server would send them. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../fcgi_params.h"
#include "fcgi_client.h"
#include "fcgi_record.h"
#include "util.h"

static struct buffer wire;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    buffer_init(&wire, 1 * MIB);
    arena = arena_new(1 * MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&wire);
    arena_free(arena);
    return 0;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void headers_are_as_specified(void **state)
{
    (void)state;
    static const unsigned char expected[] = {1, 6, 0x12, 0x34, 0xab, 0xcd, 0, 0};
    unsigned char header[RECORD_HEADER];
    record_header(header, RECORD_STDOUT, 0x1234, 0xabcd);
    assert_memory_equal(header, expected, sizeof expected);
    record_begin(&wire, 1);
    static const unsigned char begin[] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    assert_int_equal(wire.length, sizeof begin);
    assert_memory_equal(wire.data, begin, sizeof begin);
}

static void records_come_back(void **state)
{
    (void)state;
    struct record record;
    record_put(&wire, RECORD_STDIN, 7, "hello", 5);
    record_put(&wire, RECORD_STDIN, 7, NULL, 0);
    assert_int_equal(record_next(wire.data, wire.length, &record), 13);
    assert_int_equal(record.type, RECORD_STDIN);
    assert_int_equal(record.id, 7);
    assert_int_equal(record.length, 5);
    assert_memory_equal(record.content, "hello", 5);
    assert_int_equal(record_next(wire.data + 13, wire.length - 13, &record), 8);
    assert_int_equal(record.length, 0);
    for (size_t cut = 0; cut < 13; cut++)
        assert_int_equal(record_next(wire.data, cut, &record), 0);
    assert_int_equal(record_next("\x02nope", 5, &record), -1);
    assert_int_equal(record_next("HTTP/1.1 400 Bad Request", 24, &record), -1);
}

static void padding_is_skipped(void **state)
{
    (void)state;
    static const char padded[] = "\x01\x06\x00\x01\x00\x03\x05\x00"
                                 "abc"
                                 "\0\0\0\0\0";
    struct record record;
    assert_int_equal(record_next(padded, 15, &record), 0);
    assert_int_equal(record_next(padded, 16, &record), 16);
    assert_int_equal(record.length, 3);
}

static void long_content_is_split(void **state)
{
    (void)state;
    const size_t total = 2 * RECORD_MAX + 100;
    char *content = malloc(total);
    assert_non_null(content);
    memset(content, 'x', total);
    record_put(&wire, RECORD_STDOUT, 1, content, total);
    free(content);
    static const size_t lengths[] = {RECORD_MAX, RECORD_MAX, 100};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct record record;
        ssize_t size = record_next(wire.data + at, wire.length - at, &record);
        assert_true(size > 0);
        assert_int_equal(record.length, lengths[i]);
        at += (size_t)size;
    }
    assert_int_equal(at, wire.length);
}

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static void short_lengths_take_one_byte(void **state)
{
    (void)state;
    record_param(&wire, "AB", "xyz");
    assert_int_equal(wire.length, 7);
    assert_memory_equal(wire.data,
                        "\x02\x03"
                        "ABxyz",
                        7);
}

static void lengths_over_127_take_four(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 126, 127, 128, 129, 255, 256, 65536, 100000};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char *value = malloc(lengths[i] + 1), *pair;
        assert_non_null(value);
        memset(value, 'v', lengths[i]);
        value[lengths[i]] = '\0';
        buffer_reset(&wire);
        arena_reset(arena);
        record_param(&wire, "NAME", value);
        assert_int_equal(wire.length, 1 + (lengths[i] > 127 ? 4 : 1) + 4 + lengths[i]);
        assert_int_equal(record_param_next(wire.data, wire.length, arena, &pair), wire.length);
        assert_memory_equal(pair, "NAME=", 5);
        assert_string_equal(pair + 5, value);
        free(value);
    }
}

static void cut_parameters_are_noticed(void **state)
{
    (void)state;
    char *pair, value[200];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    record_param(&wire, "NAME", value);
    assert_int_equal(record_param_next(wire.data, 0, arena, &pair), 0);
    for (size_t cut = 1; cut < wire.length; cut++)
        assert_int_equal(record_param_next(wire.data, cut, arena, &pair), -1);
    /* Two lengths of 0x7ffffffe: what makes libfcgi's caller end must not make us add them up. */
    assert_int_equal(record_param_next("\xff\xff\xff\xfe\xff\xff\xff\xfe"
                                       "abcd",
                                       12, arena, &pair),
                     -1);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static void a_request_holds_path_and_query(void **state)
{
    (void)state;
    struct record record;
    fcgi_client_request(&wire, "/api/system/status?verbose=1");
    ssize_t begin = record_next(wire.data, wire.length, &record);
    assert_int_equal(record.type, RECORD_BEGIN);
    ssize_t params = record_next(wire.data + begin, wire.length - (size_t)begin, &record);
    assert_int_equal(record.type, RECORD_PARAMS);
    bool uri = false, document = false, query = false;
    for (size_t at = 0; at < record.length;) {
        char *pair;
        ssize_t size = record_param_next(record.content + at, record.length - at, arena, &pair);
        assert_true(size > 0);
        uri |= strcmp(pair, "REQUEST_URI=/api/system/status?verbose=1") == 0;
        document |= strcmp(pair, "DOCUMENT_URI=/api/system/status") == 0;
        query |= strcmp(pair, "QUERY_STRING=verbose=1") == 0;
        at += (size_t)size;
    }
    assert_true(uri && document && query);
    const char *rest = wire.data + begin + params;
    assert_memory_equal(rest, "\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00", 16);
    assert_ptr_equal(rest + 16, wire.data + wire.length);
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static const char good_head[] = "Status: 503\r\nContent-Type: application/json\r\n\r\n";

static void make_reply(const char *output)
{
    buffer_reset(&wire);
    record_put(&wire, RECORD_STDERR, 1, "warning", 7);
    record_put(&wire, RECORD_STDOUT, 1, output, strlen(output));
    record_put(&wire, RECORD_STDOUT, 1, "{}", 2);
    record_put(&wire, RECORD_STDOUT, 1, NULL, 0);
    record_put(&wire, RECORD_END, 1, "\0\0\0\0\0\0\0", 8);
}

static void replies_arrive_in_any_pieces(void **state)
{
    (void)state;
    make_reply(good_head);
    for (size_t piece = 1; piece <= wire.length; piece++) {
        struct fcgi_reply reply;
        fcgi_reply_init(&reply);
        bool more = true;
        for (size_t at = 0; at < wire.length; at += piece) {
            assert_true(more);
            more = fcgi_reply_feed(&reply, wire.data + at, wire.length - at < piece ? wire.length - at : piece);
        }
        assert_false(more);
        assert_true(fcgi_reply_finish(&reply));
        assert_int_equal(reply.status, 503);
        assert_int_equal(reply.body_length, 2);
        assert_string_equal(reply.body, "{}");
        assert_string_equal(buffer_string(&reply.errors), "warning");
        fcgi_reply_free(&reply);
    }
}

static void truncated_replies_are_no_replies(void **state)
{
    (void)state;
    make_reply(good_head);
    for (size_t cut = 0; cut < wire.length; cut++) {
        struct fcgi_reply reply;
        fcgi_reply_init(&reply);
        assert_true(fcgi_reply_feed(&reply, wire.data, cut));
        assert_false(fcgi_reply_finish(&reply));
        fcgi_reply_free(&reply);
    }
}

static void heads_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int status; /* 0 = refused */
    } rows[] = {
        {"Content-Type: text/plain\r\n\r\n", 200},
        {"Content-Type: text/plain\r\nstatus:  404 Not Found\r\n\r\n", 404},
        {"Status: 200\r\n\r\n", 200},
        {"Status: 20\r\n\r\n", 0},
        {"Status: abc\r\n\r\n", 0},
        {"Status:\r\n\r\n", 0},
        {"Status: 200\r\n", 0},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fcgi_reply reply;
        fcgi_reply_init(&reply);
        make_reply(rows[i].head);
        fcgi_reply_feed(&reply, wire.data, wire.length);
        if (fcgi_reply_finish(&reply) != (rows[i].status != 0) || reply.status != rows[i].status)
            fail_msg("row %zu: status %d", i, reply.status);
        fcgi_reply_free(&reply);
    }
}

static void other_protocols_are_refused(void **state)
{
    (void)state;
    struct fcgi_reply reply;
    fcgi_reply_init(&reply);
    assert_false(fcgi_reply_feed(&reply, "SSH-2.0-OpenSSH", 15));
    assert_true(reply.broken);
    assert_false(fcgi_reply_finish(&reply));
    fcgi_reply_free(&reply);
}

/* ---- over a socket ---------------------------------------------------------------------------------------------- */

/* A server that reads a request, sends `reply` and then stays silent or closes; returns its pid. */
static pid_t serve_once(const char *path, const struct buffer *reply, bool close_after)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        char drop[4096];
        int fd = accept(listener, NULL, NULL);
        if (read(fd, drop, sizeof drop) > 0 && reply->length)
            (void)!write(fd, reply->data, reply->length);
        if (!close_after)
            pause();
        _exit(0);
    }
    close(listener);
    return pid;
}

enum { GENEROUS_MS = 30000, IN_VAIN_MS = 300 };

static enum fcgi_outcome exchange(const struct buffer *answer, bool close_after, int limit_ms, int *status,
                                  char *problem, size_t size)
{
    char folder[] = "/tmp/ccr-client-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    pid_t server = serve_once(path, answer, close_after);
    struct fcgi_reply reply;
    fcgi_reply_init(&reply);
    const struct fcgi_target target = {.socket_path = path};
    enum fcgi_outcome outcome = fcgi_client_get(&target, "/health", limit_ms, &reply, problem, size);
    *status = reply.status;
    fcgi_reply_free(&reply);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    unlink(path);
    rmdir(folder);
    return outcome;
}

static void outcomes_tell_what_happened(void **state)
{
    (void)state;
    int status;
    char problem[256];
    struct buffer nothing;
    buffer_init(&nothing, 1);
    make_reply("Status: 200\r\n\r\n");
    assert_int_equal(exchange(&wire, true, GENEROUS_MS, &status, problem, sizeof problem), FCGI_ANSWERED);
    assert_int_equal(status, 200);
    assert_int_equal(exchange(&wire, false, GENEROUS_MS, &status, problem, sizeof problem), FCGI_ANSWERED);
    wire.length -= 4;
    assert_int_equal(exchange(&wire, true, GENEROUS_MS, &status, problem, sizeof problem), FCGI_NO_REPLY);
    assert_non_null(strstr(problem, "cut off"));
    assert_int_equal(exchange(&wire, false, IN_VAIN_MS, &status, problem, sizeof problem), FCGI_NO_REPLY);
    assert_non_null(strstr(problem, "300 ms"));
    assert_int_equal(exchange(&nothing, true, GENEROUS_MS, &status, problem, sizeof problem), FCGI_NO_REPLY);
    assert_int_equal(exchange(&nothing, false, IN_VAIN_MS, &status, problem, sizeof problem), FCGI_NO_REPLY);
}

static void nobody_there_is_unreachable(void **state)
{
    (void)state;
    char problem[256];
    struct fcgi_reply reply;
    fcgi_reply_init(&reply);
    const struct fcgi_target targets[] = {
        {.socket_path = "/tmp/ccr-no-such-folder/socket"},
        {.host = "127.0.0.1", .port = "1"},
        {.socket_path =
             "/tmp/a-path-that-is-longer-than-the-108-bytes-which-a-unix-socket-address-may-have-on-linux-and-so-"
             "cannot-be-anything"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        assert_int_equal(fcgi_client_get(&targets[i], "/", 500, &reply, problem, sizeof problem), FCGI_UNREACHABLE);
        assert_non_null(strstr(problem, "cannot connect"));
    }
    fcgi_reply_free(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_are_as_specified),     TEST(records_come_back),
        TEST(padding_is_skipped),           TEST(long_content_is_split),
        TEST(short_lengths_take_one_byte),  TEST(lengths_over_127_take_four),
        TEST(cut_parameters_are_noticed),   TEST(a_request_holds_path_and_query),
        TEST(replies_arrive_in_any_pieces), TEST(truncated_replies_are_no_replies),
        TEST(heads_are_understood),         TEST(other_protocols_are_refused),
        TEST(outcomes_tell_what_happened),  TEST(nobody_there_is_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
