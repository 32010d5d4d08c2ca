/* Body streams: what was sent comes out piece by piece, however it was packed and however it was cut on its way; and what is broken says so. */
#include "request_fixture.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "body_stream.h"

enum { ROOM = 4 * MIB };

/* What a client sends: so many bytes, in pieces of at most `piece`; then the end, or it breaks off. */
static struct {
    const unsigned char *bytes;
    size_t length, sent, piece;
    bool breaks_off;
} client;
static int deadlines; /* that were moved */

static unsigned char packed[ROOM];
static char text[ROOM], out[ROOM];
static size_t out_length;

static size_t client_read(void *source, char *to, size_t size)
{
    size_t n = client.length - client.sent;
    (void)source;
    if (n == 0 && client.breaks_off)
        return (size_t)-1;
    n = n < client.piece ? n : client.piece;
    n = n < size ? n : size;
    memcpy(to, client.bytes + client.sent, n);
    client.sent += n;
    return n;
}

static void client_more_time(void *source)
{
    (void)source;
    deadlines++;
}

static void send_bytes(const void *bytes, size_t length, size_t piece)
{
    client.bytes = bytes;
    client.length = length;
    client.sent = 0;
    client.piece = piece;
    client.breaks_off = false;
    deadlines = 0;
}

static struct body_stream *open_as(const char *encoding, long long max, enum error *error)
{
    static char header[100];
    struct body_stream *stream = NULL;
    snprintf(header, sizeof header, "HTTP_CONTENT_ENCODING=%s", encoding ? encoding : "");
    assert_int_equal(parse(VARIABLES("REQUEST_METHOD=POST", "REQUEST_URI=/", encoding ? header : "A=b")), ERR_NONE);
    rq.read = client_read;
    rq.more_time = client_more_time;
    rq.source = &client;
    *error = body_stream_open(&rq, max, &stream);
    return stream;
}

/* All that comes out, into `out`. */
static enum error take_all(const char *encoding, long long max)
{
    enum error error;
    const char *bytes = NULL;
    size_t length = 0;
    struct body_stream *stream = open_as(encoding, max, &error);
    out_length = 0;
    while (!error && !(error = body_stream_next(stream, &bytes, &length)) && length) {
        assert_true(out_length + length <= sizeof out);
        memcpy(out + out_length, bytes, length);
        out_length += length;
    }
    body_stream_close(stream);
    return error;
}

/* Appends the text to what is packed already, and says how long that is now. */
static size_t pack(int (*filter)(struct archive *archive), size_t at, const char *from, size_t length)
{
    size_t used = 0;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    filter(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(archive_write_open_memory(archive, packed + at, sizeof packed - at, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, from, length), (la_ssize_t)length);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(archive);
    return at + used;
}

static const struct {
    const char *name;
    int (*filter)(struct archive *archive);
} packers[] = {{"gzip", archive_write_add_filter_gzip}, {"zstd", archive_write_add_filter_zstd}};

/* Lines that no packer makes much shorter, so that several pieces are needed. */
static size_t make_text(size_t length)
{
    uint32_t x = 1;
    for (size_t i = 0; i < length; i++) {
        x = x * 1664525u + 1013904223u;
        text[i] = (char)(i % 100 == 99 ? '\n' : (x >> 24 & 63) + ' ');
    }
    return length;
}

static void assert_all(size_t length)
{
    assert_int_equal(out_length, length);
    assert_memory_equal(out, text, length);
}

static void as_it_is(void **state)
{
    static const char *const names[] = {NULL, "", "identity", "IDENTITY"};
    size_t length = make_text(200 * KIB);
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        send_bytes(text, length, 1000);
        assert_int_equal(take_all(names[i], ROOM), ERR_NONE);
        assert_all(length);
    }
    send_bytes("x", 1, 1);
    text[0] = 'x';
    assert_int_equal(take_all(NULL, ROOM), ERR_NONE);
    assert_all(1);
}

static void packed_in_each_way_and_cut_anywhere(void **state)
{
    size_t length = make_text(300 * KIB);
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = pack(packers[i].filter, 0, text, length);
        assert_true(size > 64 * KIB); /* more than a piece */
        for (size_t piece = 1; piece < 200000; piece = piece * 7 + 1) {
            send_bytes(packed, size, piece);
            assert_int_equal(take_all(packers[i].name, ROOM), ERR_NONE);
            assert_all(length);
            assert_int_equal(client.sent, size);
        }
    }
    size_t size = pack(archive_write_add_filter_gzip, 0, text, length);
    send_bytes(packed, size, 5000);
    assert_int_equal(take_all("X-GZip", ROOM), ERR_NONE);
    assert_all(length);
}

/* What `gzip -c a b`, `cat a.gz b.gz` and programs that flush make. */
static void several_members_are_one_body(void **state)
{
    size_t length = make_text(90 * KIB);
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = 0;
        for (size_t at = 0; at < length; at += 30 * KIB)
            size = pack(packers[i].filter, size, text + at, 30 * KIB);
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all(packers[i].name, ROOM), ERR_NONE);
        assert_all(length);
    }
}

static void nothing_is_nothing(void **state)
{
    static const char *const names[] = {NULL, "identity", "gzip", "zstd"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        send_bytes("", 0, 1);
        assert_int_equal(take_all(names[i], ROOM), ERR_NONE);
        assert_int_equal(out_length, 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = pack(packers[i].filter, 0, "", 0);
        send_bytes(packed, size, 3);
        assert_int_equal(take_all(packers[i].name, ROOM), ERR_NONE);
        assert_int_equal(out_length, 0);
    }
}

/* Wherever it ends too early: never taken for the whole. */
static void cut_short(void **state)
{
    size_t length = make_text(3000);
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = pack(packers[i].filter, 0, text, length);
        for (size_t cut = 1; cut < size; cut += cut < 40 || cut + 40 > size ? 1 : 97) {
            send_bytes(packed, cut, 500);
            if (take_all(packers[i].name, ROOM) == ERR_NONE)
                fail_msg("%s: %zu of %zu bytes are taken for the whole", packers[i].name, cut, size);
            assert_non_null(rq.actor.failure.text);
        }
    }
}

/* A bit that fell over anywhere in gzip is found by its checksum; what is wrong in zstd only where its frame has one. */
static void broken(void **state)
{
    size_t length = make_text(100 * KIB), size = pack(archive_write_add_filter_gzip, 0, text, length);
    (void)state;
    for (size_t at = 10; at < size; at += 1009) {
        packed[at] ^= 4;
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all("gzip", ROOM), ERR_VALIDATION);
        packed[at] ^= 4;
    }
    for (size_t at = size - 8; at < size; at++) {
        packed[at] ^= 4;
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all("gzip", ROOM), ERR_VALIDATION);
        packed[at] ^= 4;
    }
    send_bytes(packed, size, 1000);
    assert_int_equal(take_all("gzip", ROOM), ERR_NONE);
    assert_all(length);
    memcpy(packed + size, "{}\n", 3); /* what stands behind is no member */
    send_bytes(packed, size + 3, 1000);
    assert_int_equal(take_all("gzip", ROOM), ERR_VALIDATION);
    size = pack(archive_write_add_filter_zstd, 0, text, length);
    packed[4] = 0xff;
    send_bytes(packed, size, 1000);
    assert_int_equal(take_all("zstd", ROOM), ERR_VALIDATION);
}

static void not_packed_in_that_way(void **state)
{
    static const char *const others[] = {"{\"type\":\"user\"}\n", "x", "PK\3\4", "BZh91AY", "\x1f\x8b", "\x28\xb5\x2f"};
    size_t length = make_text(3000);
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        for (size_t other = 0; other < ARRAY_SIZE(others); other++) {
            send_bytes(others[other], strlen(others[other]), 100);
            assert_int_equal(take_all(packers[i].name, ROOM), ERR_VALIDATION);
        }
        size_t size = pack(packers[1 - i].filter, 0, text, length);
        send_bytes(packed, size, 100);
        assert_int_equal(take_all(packers[i].name, ROOM), ERR_VALIDATION);
    }
}

static void other_encodings(void **state)
{
    static const char *const names[] = {"br",    "deflate", "compress", "gzip, gzip", "gzip,identity",
                                        "gzipx", "gzi",     " gzip"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        send_bytes("x", 1, 1);
        assert_int_equal(take_all(names[i], ROOM), ERR_MEDIA_TYPE);
        assert_int_equal(client.sent, 0);
    }
}

static void a_limit_is_of_what_comes_out(void **state)
{
    size_t length = make_text(200 * KIB);
    (void)state;
    send_bytes(text, length, 1000);
    assert_int_equal(take_all(NULL, (long long)length), ERR_NONE);
    assert_all(length);
    send_bytes(text, length, 1000);
    assert_int_equal(take_all(NULL, (long long)length - 1), ERR_TOO_LARGE);
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = pack(packers[i].filter, 0, text, length);
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all(packers[i].name, (long long)length), ERR_NONE);
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all(packers[i].name, (long long)length - 1), ERR_TOO_LARGE);
        assert_non_null(strstr(rq.actor.failure.text, "204799"));
    }
}

/* A small body that would become a large one is given up at the limit, not when it is all there. */
static void a_bomb_is_small(void **state)
{
    (void)state;
    memset(text, ' ', sizeof text);
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = 0;
        for (int again = 0; again < 4; again++)
            size = pack(packers[i].filter, size, text, sizeof text);
        send_bytes(packed, size, 1000);
        assert_int_equal(take_all(packers[i].name, MIB), ERR_TOO_LARGE);
        assert_true(out_length <= MIB);
    }
}

static void a_client_that_breaks_off(void **state)
{
    size_t length = make_text(100 * KIB);
    (void)state;
    send_bytes(text, length, 1000);
    client.breaks_off = true;
    assert_int_equal(take_all(NULL, ROOM), ERR_VALIDATION);
    for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
        size_t size = pack(packers[i].filter, 0, text, length);
        size_t cuts[] = {0, 1, size / 2, size - 1};
        for (size_t cut = 0; cut < ARRAY_SIZE(cuts); cut++) {
            send_bytes(packed, cuts[cut], 1000);
            client.breaks_off = true;
            assert_int_equal(take_all(packers[i].name, ROOM), ERR_VALIDATION);
        }
    }
}

/* A deadline is of a piece, and not of the whole. */
static void each_piece_has_a_time_of_its_own(void **state)
{
    size_t length = make_text(10000);
    (void)state;
    send_bytes(text, length, 100);
    assert_int_equal(take_all(NULL, ROOM), ERR_NONE);
    assert_int_equal(deadlines, 101);
}

/* A request whose memory is used up is left in the middle: its stream is closed by the next one. */
static void one_that_was_left_behind(void **state)
{
    enum error error;
    size_t length = make_text(100 * KIB), size = pack(archive_write_add_filter_gzip, 0, text, length);
    (void)state;
    for (int again = 0; again < 3; again++) {
        send_bytes(packed, size, 1000);
        assert_non_null(open_as("gzip", ROOM, &error));
        assert_int_equal(error, ERR_NONE);
    }
    send_bytes(packed, size, 1000);
    assert_int_equal(take_all("gzip", ROOM), ERR_NONE);
    assert_all(length);
    body_stream_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_is),
        cmocka_unit_test(packed_in_each_way_and_cut_anywhere),
        cmocka_unit_test(several_members_are_one_body),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(broken),
        cmocka_unit_test(not_packed_in_that_way),
        cmocka_unit_test(other_encodings),
        cmocka_unit_test(a_limit_is_of_what_comes_out),
        cmocka_unit_test(a_bomb_is_small),
        cmocka_unit_test(a_client_that_breaks_off),
        cmocka_unit_test(each_piece_has_a_time_of_its_own),
        cmocka_unit_test(one_that_was_left_behind),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
