/* Bodies in pieces: as they are, or unpacked, by libraries whose memory is their own. gzip is zlib's, because libarchive does not look at its
 * checksums: a log that arrived broken would be taken for what it says. */
#include "body_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "util.h"

enum { PIECE = 64 * KIB, GZIP_WINDOW = 16 + MAX_WBITS /* zlib: with gzip's header and trailer */ };

struct body_stream {
    struct request *rq;
    ssize_t (*next)(struct body_stream *stream, const char **bytes);
    struct archive *archive; /* zstd's; else NULL */
    z_stream gzip;
    bool in_member;      /* of gzip, which may have several (RFC 1952 section 2.2) */
    long long max, left; /* bytes, unpacked */
    bool broken;         /* the client broke off */
    char taken[PIECE];   /* as it came */
    char unpacked[PIECE];
};

/* An arena that is exhausted leaves its request in the middle of everything: what was open then is closed by the next one. */
static struct body_stream the_one;
static bool is_open;

/* A new deadline for each piece: a stream may take as long as its pieces do. */
static ssize_t take(struct body_stream *stream)
{
    struct request *rq = stream->rq;
    if (rq->service->slot)
        atomic_store_explicit(&rq->service->slot->heartbeat_ms, monotonic_ms(), memory_order_relaxed);
    if (rq->more_time)
        rq->more_time(rq->source);
    size_t n = rq->read ? rq->read(rq->source, stream->taken, sizeof stream->taken) : 0;
    stream->broken |= n == (size_t)-1;
    return stream->broken ? -1 : (ssize_t)n;
}

static ssize_t next_as_it_is(struct body_stream *stream, const char **bytes)
{
    *bytes = stream->taken;
    return take(stream);
}

/* ---- gzip ------------------------------------------------------------------------------------------------------- */

static bool gzip_open(struct body_stream *stream)
{
    stream->gzip = (z_stream){0};
    return inflateInit2(&stream->gzip, GZIP_WINDOW) == Z_OK;
}

/* False at the end of what is sent, which is an error in the middle of a member. */
static bool gzip_fill(struct body_stream *stream)
{
    ssize_t n = take(stream);
    stream->gzip.next_in = (unsigned char *)stream->taken;
    stream->gzip.avail_in = n > 0 ? (unsigned)n : 0;
    return n > 0;
}

static ssize_t gzip_next(struct body_stream *stream, const char **bytes)
{
    z_stream *gzip = &stream->gzip;
    *bytes = stream->unpacked;
    gzip->next_out = (unsigned char *)stream->unpacked;
    gzip->avail_out = sizeof stream->unpacked;
    while (gzip->avail_out == sizeof stream->unpacked) {
        if (!gzip->avail_in && !gzip_fill(stream))
            return stream->in_member || stream->broken ? -1 : 0;
        stream->in_member = true;
        int result = inflate(gzip, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            stream->in_member = false;
            inflateReset(gzip);
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return -1;
        }
    }
    return (ssize_t)(sizeof stream->unpacked - gzip->avail_out);
}

/* ---- zstd ------------------------------------------------------------------------------------------------------- */

static la_ssize_t take_packed(struct archive *archive, void *data, const void **bytes)
{
    struct body_stream *stream = data;
    (void)archive;
    *bytes = stream->taken;
    return take(stream);
}

static bool zstd_open(struct body_stream *stream)
{
    stream->archive = archive_read_new();
    return stream->archive && archive_read_support_filter_zstd(stream->archive) == ARCHIVE_OK &&
           archive_read_support_format_raw(stream->archive) == ARCHIVE_OK &&
           archive_read_support_format_empty(stream->archive) == ARCHIVE_OK;
}

static ssize_t zstd_next(struct body_stream *stream, const char **bytes)
{
    *bytes = stream->unpacked;
    return archive_read_data(stream->archive, stream->unpacked, sizeof stream->unpacked);
}

/* The first piece is read here: whether it is packed in that way. */
static ssize_t zstd_begin(struct body_stream *stream, const char **bytes)
{
    struct archive_entry *entry;
    if (archive_read_open(stream->archive, stream, NULL, take_packed, NULL) != ARCHIVE_OK)
        return -1;
    int found = archive_read_next_header(stream->archive, &entry);
    if (found == ARCHIVE_EOF)
        return 0;
    if (found != ARCHIVE_OK || archive_filter_code(stream->archive, 0) == ARCHIVE_FILTER_NONE)
        return -1;
    stream->next = zstd_next;
    return zstd_next(stream, bytes);
}

/* ---- the stream ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*open)(struct body_stream *stream);
    ssize_t (*next)(struct body_stream *stream, const char **bytes);
} encodings[] = {{"identity", NULL, next_as_it_is},
                 {"gzip", gzip_open, gzip_next},
                 {"x-gzip", gzip_open, gzip_next},
                 {"zstd", zstd_open, zstd_begin}};

static enum error say_broken(struct body_stream *stream)
{
    if (stream->broken)
        return fail(&stream->rq->actor, MSG_VALIDATION, NULL);
    const char *why = stream->archive ? archive_error_string(stream->archive) : stream->gzip.msg;
    return fail(&stream->rq->actor, MSG_USAGE_PACKED, why ? why : "it is cut short, or not packed in that way", NULL);
}

enum error body_stream_open(struct request *rq, long long max, struct body_stream **out)
{
    const char *encoding = request_header(rq, "Content-Encoding");
    size_t i = 0;
    while (encoding && *encoding && i < ARRAY_SIZE(encodings) && strcasecmp(encoding, encodings[i].name) != 0)
        i++;
    if (i == ARRAY_SIZE(encodings))
        return fail(&rq->actor, MSG_USAGE_ENCODING, NULL);
    struct body_stream *stream = &the_one;
    if (is_open)
        body_stream_close(stream);
    stream->rq = rq;
    stream->next = encodings[i].next;
    stream->archive = NULL;
    stream->gzip = (z_stream){0};
    stream->max = stream->left = max;
    stream->broken = stream->in_member = false;
    is_open = true;
    *out = stream;
    return !encodings[i].open || encodings[i].open(stream) ? ERR_NONE : ERR_INTERNAL;
}

enum error body_stream_next(struct body_stream *stream, const char **bytes, size_t *length)
{
    *length = 0;
    ssize_t n = stream->next(stream, bytes);
    if (n < 0)
        return say_broken(stream);
    if (n > stream->left)
        return fail(&stream->rq->actor, MSG_TOO_LARGE, number_text(&stream->rq->actor, stream->max), NULL);
    stream->left -= n;
    *length = (size_t)n;
    return ERR_NONE;
}

void body_stream_close(struct body_stream *stream)
{
    if (!stream || !is_open)
        return;
    if (stream->archive)
        archive_read_free(stream->archive);
    inflateEnd(&stream->gzip); /* of none that was begun: nothing */
    is_open = false;
}
