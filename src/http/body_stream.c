/* Bodies in pieces: as they are, or unpacked by libarchive, whose memory is its own. */
#include "body_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <strings.h>

#include "util.h"

enum { PIECE = 64 * KIB };

struct body_stream {
    struct arena *arena; /* its own */
    struct request *rq;
    struct archive *archive; /* NULL = it is not packed */
    long long max, left;     /* bytes, unpacked */
    bool broken;             /* the client broke off */
    char taken[PIECE];       /* as it came */
    char unpacked[PIECE];
};

/* An arena that is exhausted leaves its request in the middle of everything: what was open then is closed by the next one. */
static struct body_stream *open_one;

static const struct {
    const char *name;
    int (*filter)(struct archive *archive);
} encodings[] = {{"identity", NULL},
                 {"gzip", archive_read_support_filter_gzip},
                 {"x-gzip", archive_read_support_filter_gzip},
                 {"zstd", archive_read_support_filter_zstd}};

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

static la_ssize_t take_packed(struct archive *archive, void *data, const void **bytes)
{
    struct body_stream *stream = data;
    (void)archive;
    *bytes = stream->taken;
    return take(stream);
}

static enum error say_broken(struct body_stream *stream)
{
    if (stream->broken)
        return fail(&stream->rq->actor, MSG_VALIDATION, NULL);
    const char *why = archive_error_string(stream->archive);
    return fail(&stream->rq->actor, MSG_USAGE_PACKED, why ? why : "it is cut short", NULL);
}

static enum error unpack(struct body_stream *stream, int (*filter)(struct archive *archive))
{
    struct archive_entry *entry;
    stream->archive = archive_read_new();
    if (!stream->archive)
        return ERR_INTERNAL;
    filter(stream->archive);
    archive_read_support_format_raw(stream->archive);
    archive_read_support_format_empty(stream->archive);
    if (archive_read_open(stream->archive, stream, NULL, take_packed, NULL) != ARCHIVE_OK)
        return say_broken(stream);
    int found = archive_read_next_header(stream->archive, &entry);
    if (found == ARCHIVE_EOF)
        stream->left = -1;
    else if (found != ARCHIVE_OK)
        return say_broken(stream);
    else if (archive_filter_code(stream->archive, 0) == ARCHIVE_FILTER_NONE)
        return fail(&stream->rq->actor, MSG_USAGE_PACKED, "it is not packed in that way", NULL);
    return ERR_NONE;
}

enum error body_stream_open(struct request *rq, long long max, struct body_stream **out)
{
    const char *encoding = request_header(rq, "Content-Encoding");
    size_t i = 0;
    while (encoding && *encoding && i < ARRAY_SIZE(encodings) && strcasecmp(encoding, encodings[i].name) != 0)
        i++;
    if (i == ARRAY_SIZE(encodings))
        return fail(&rq->actor, MSG_USAGE_ENCODING, NULL);
    body_stream_close(open_one);
    struct arena *arena = arena_new(MIB);
    struct body_stream *stream = arena_alloc(arena, sizeof *stream);
    stream->arena = arena;
    stream->rq = rq;
    stream->archive = NULL;
    stream->max = stream->left = max;
    stream->broken = false;
    *out = open_one = stream;
    return encodings[i].filter ? unpack(stream, encodings[i].filter) : ERR_NONE;
}

enum error body_stream_next(struct body_stream *stream, const char **bytes, size_t *length)
{
    *length = 0;
    if (stream->left < 0)
        return ERR_NONE;
    *bytes = stream->archive ? stream->unpacked : stream->taken;
    la_ssize_t n =
        stream->archive ? archive_read_data(stream->archive, stream->unpacked, sizeof stream->unpacked) : take(stream);
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
    if (!stream)
        return;
    if (stream->archive)
        archive_read_free(stream->archive);
    if (open_one == stream)
        open_one = NULL;
    arena_free(stream->arena);
}
