/* Import of usage: the logs of coding CLIs as they are, read as they come. One body may bring many files, each behind a line that names it:
 *
 *     {"ccr_file": "PATH", "at": BYTES}
 *
 * What was read of a file that grows is remembered with its last transaction, so that it is safe to send anything again, and to go on where
 * reading stopped. */
#include <string.h>

#include "body_stream.h"
#include "router.h"
#include "usage_intake.h"
#include "util.h"

enum {
    FILE_MAX = 1000,            /* characters of a name */
    NAMING_MAX = 8 * KIB,       /* bytes of a line that names a file */
    BATCH = LEDGER_BATCH - 500, /* a piece of the body holds no more than those */
};

static const char naming[] = "\n{\"ccr_file\":"; /* the line's end in front of it is the file's before */
enum { NAMING = sizeof naming - 2 };             /* bytes without that */

#define PLATFORM_AND_MACHINE                                                                                           \
    {.name = "platform", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "claude|codex|gemini|qwen|droid"},    \
    {                                                                                                                  \
        .name = "machine", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = LEDGER_MACHINE_MAX                          \
    }

static const struct field import_query[] = {PLATFORM_AND_MACHINE,
                                            {.name = "file", .type = FIELD_TEXT, .max = FILE_MAX},
                                            {.name = "at", .type = FIELD_INT, .min = 0, .max = INT64_MAX / 2},
                                            {0}};
static const struct field position_query[] = {
    PLATFORM_AND_MACHINE, {.name = "file", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .max = FILE_MAX}, {0}};

struct import {
    struct request *rq;
    struct usage_intake *intake;
    struct usage_reader *reader; /* of the file at hand; NULL between two */
    struct usage_place place;
    char file[4 * FILE_MAX + 1];
    bool grows; /* it has a name: an unfinished last line comes later */
    long long files;
    /* Where the body is: in a line of a file; at the beginning of a line, of which `held` may turn out to name a file; in such a line. */
    enum { IN_LINE, AT_LINE, IN_NAME } where;
    char held[NAMING_MAX];
    size_t held_length;
};

/* An exhausted arena leaves a reader behind: freed by the next import. */
static struct usage_reader *open_reader;

/* ---- files ------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static void keep_place(struct import *import)
{
    if (!import->grows)
        return;
    import->place.position = usage_reader_position(import->reader);
    import->place.state = usage_reader_state(import->reader);
    usage_intake_keep(import->intake, &import->place);
}

static enum error file_open(struct import *import, const char *file, long long at)
{
    struct actor *actor = &import->rq->actor;
    snprintf(import->file, sizeof import->file, "%s", file);
    import->grows = *file != '\0' && !ends_with(file, ".json");
    import->place.file = import->intake->file = import->file;
    const char *state = NULL;
    if (at) {
        enum error error = usage_intake_find(import->intake, &import->place);
        if (error)
            return error;
        if (import->place.position != at)
            return fail(actor, MSG_USAGE_POSITION, number_text(actor, import->place.position), NULL);
        state = import->place.state;
    }
    import->reader = open_reader = usage_reader_new(import->place.platform, *file ? import->file : NULL, state,
                                                    usage_intake_take, usage_intake_complain, import->intake);
    import->files++;
    return import->reader ? ERR_NONE : fail(actor, MSG_USAGE_PLATFORM, import->place.platform, NULL);
}

static enum error reader_failed(struct import *import)
{
    if (import->intake->error)
        return import->intake->error;
    return fail(&import->rq->actor, MSG_USAGE_LINE, usage_reader_problem(import->reader), NULL);
}

static enum error file_feed(struct import *import, const char *bytes, size_t length)
{
    if (length && !usage_reader_feed(import->reader, bytes, length))
        return reader_failed(import);
    if (ledger_waiting(import->intake->ledger) < BATCH)
        return ERR_NONE;
    keep_place(import);
    return usage_intake_write(import->intake, BATCH);
}

static enum error file_close(struct import *import)
{
    if (!import->reader)
        return ERR_NONE;
    enum error error = usage_reader_end(import->reader, !import->grows) ? ERR_NONE : reader_failed(import);
    if (!error)
        keep_place(import);
    if (!error)
        error = usage_intake_write(import->intake, BATCH);
    usage_intake_count(import->intake, usage_reader_lines(import->reader));
    usage_reader_free(import->reader);
    import->reader = open_reader = NULL;
    return error;
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* The one that the query names. */
static enum error open_first(struct import *import)
{
    long long at = 0;
    parse_int(request_query_or(import->rq, "at", "0"), 0, INT64_MAX, &at);
    return file_open(import, request_query_or(import->rq, "file", ""), at);
}

static enum error feed(struct import *import, const char *bytes, size_t length)
{
    if (!length)
        return ERR_NONE;
    enum error error = import->reader ? ERR_NONE : open_first(import);
    return error ? error : file_feed(import, bytes, length);
}

/* The line that is held names the next file. There may be a hundred thousand: nothing of it stays in the arena. */
static enum error next_file(struct import *import)
{
    struct json_failure failure = {0};
    struct actor *actor = &import->rq->actor;
    struct arena_mark mark = arena_mark(actor->arena);
    json_t *line = json_parse(import->held, import->held_length, &failure);
    const char *file = json_text_at(line, "ccr_file");
    long long at = json_integer_value(json_object_get(line, "at"));
    if (!file || !*file || utf8_length(file) > FILE_MAX || at < 0)
        return fail_field(actor, "ccr_file", MSG_USAGE_NAMING, NULL);
    enum error error = file_close(import);
    if (!error)
        error = file_open(import, file, at);
    if (!error)
        arena_release(actor->arena, mark);
    return error;
}

static enum error hold(struct import *import, const char *bytes, size_t length)
{
    if (length > sizeof import->held - import->held_length)
        return fail_field(&import->rq->actor, "ccr_file", MSG_USAGE_NAMING, NULL);
    memcpy(import->held + import->held_length, bytes, length);
    import->held_length += length;
    return ERR_NONE;
}

/* Each of these takes what belongs to where the body is, and says how much that was. */
static enum error take_in_name(struct import *import, const char *bytes, size_t length, size_t *used)
{
    const char *end = memchr(bytes, '\n', length);
    size_t more = end ? (size_t)(end - bytes) : length;
    enum error error = hold(import, bytes, more);
    *used = more + (end ? 1 : 0);
    if (error || !end)
        return error;
    error = next_file(import);
    import->held_length = 0;
    import->where = AT_LINE;
    return error;
}

static enum error take_at_line(struct import *import, const char *bytes, size_t length, size_t *used)
{
    size_t same = 0;
    while (same < length && import->held_length + same < NAMING &&
           bytes[same] == naming[1 + import->held_length + same])
        same++;
    *used = same;
    enum error error = hold(import, bytes, same);
    if (error || import->held_length == NAMING) {
        import->where = IN_NAME;
        return error;
    }
    if (same == length)
        return ERR_NONE;
    size_t held = import->held_length; /* it is another line */
    import->held_length = 0;
    import->where = IN_LINE;
    return feed(import, import->held, held);
}

/* Bytes up to the beginning of the last line, if what there is of it may name a file; else all. */
static size_t without_beginning(const char *bytes, size_t length)
{
    size_t from = length > NAMING ? length - NAMING : 0;
    const char *end = find_last(bytes + from, length - from, '\n');
    size_t begun = end ? (size_t)(bytes + length - end) : 0;
    return end && memcmp(end, naming, begun) == 0 ? length - begun + 1 : length;
}

/* Where a line within these bytes begins to name a file, at the end of the line before. By memchr, which is many times as fast as memmem. */
static const char *find_naming(const char *bytes, size_t length)
{
    const char *end = bytes + length, *at = bytes;
    while ((at = memchr(at, '\n', (size_t)(end - at))) && (size_t)(end - at) > NAMING) {
        if (memcmp(at, naming, NAMING + 1) == 0)
            return at;
        at++;
    }
    return NULL;
}

static enum error take_in_line(struct import *import, const char *bytes, size_t length, size_t *used)
{
    const char *name = find_naming(bytes, length);
    *used = name ? (size_t)(name - bytes) + 1 : without_beginning(bytes, length);
    if (name || *used < length || bytes[length - 1] == '\n')
        import->where = AT_LINE;
    return feed(import, bytes, *used);
}

static enum error take_bytes(struct import *import, const char *bytes, size_t length)
{
    static enum error (*const takers[])(struct import *, const char *, size_t, size_t *) = {
        [IN_LINE] = take_in_line, [AT_LINE] = take_at_line, [IN_NAME] = take_in_name};
    enum error error = ERR_NONE;
    for (size_t used; !error && length; bytes += used, length -= used)
        error = takers[import->where](import, bytes, length, &used);
    return error;
}

/* What is held at the end begins no name any more; one that is cut short is none. */
static enum error end_body(struct import *import)
{
    enum error error = import->where == IN_NAME ? next_file(import) : feed(import, import->held, import->held_length);
    if (!error && !import->files) /* nothing came: the file is where it was */
        error = open_first(import);
    return error ? error : file_close(import);
}

static enum error take_body(struct import *import, struct body_stream *body)
{
    const char *bytes = NULL;
    size_t length;
    enum error error;
    while (!(error = body_stream_next(body, &bytes, &length)) && length)
        if ((error = take_bytes(import, bytes, length)))
            return error;
    if (!error)
        error = end_body(import);
    return error ? error : usage_intake_finish(import->intake);
}

/* ---- the routes ------------------------------------------------------------------------------------------------- */

static enum error answer(struct import *import, struct response *rs)
{
    struct json_writer *w = respond_object(rs, 200);
    usage_intake_describe(import->intake, w);
    json_int_member(w, "files", import->files);
    json_literal_key(w, "position");
    if (import->grows)
        json_put_int(w, import->place.position);
    else
        json_put_null(w);
    json_close_object(w);
    return respond_end(rs);
}

static enum error usage_import(struct request *rq, struct response *rs)
{
    struct body_stream *body = NULL;
    usage_reader_free(open_reader);
    open_reader = NULL;
    struct import *import = arena_alloc(rq->actor.arena, sizeof *import);
    import->rq = rq;
    import->where = AT_LINE;
    import->place =
        (struct usage_place){.platform = request_query(rq, "platform"), .machine = request_query_or(rq, "machine", "")};
    enum error error = body_stream_open(rq, rq->service->settings->usage_import_max * (long long)MIB, &body);
    if (!error) {
        import->intake = usage_intake_new(&rq->actor, USAGE_LOG, import->place.machine);
        error = take_body(import, body);
        if (!error)
            error = answer(import, rs);
    }
    usage_reader_free(import->reader);
    open_reader = NULL;
    usage_intake_free(import->intake);
    body_stream_close(body);
    return error;
}

static enum error usage_position(struct request *rq, struct response *rs)
{
    struct usage_place place = {.platform = request_query(rq, "platform"),
                                .machine = request_query_or(rq, "machine", ""),
                                .file = request_query_or(rq, "file", "")};
    struct usage_intake *intake = usage_intake_new(&rq->actor, USAGE_LOG, place.machine);
    enum error error = usage_intake_find(intake, &place);
    usage_intake_free(intake);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_int_member(w, "position", place.position);
    json_close_object(w);
    return respond_end(rs);
}

const struct route usage_import_routes[] = {
    {METHOD_GET, "/api/usage/import", usage_position, ACCESS_VIEWER, .query = position_query, .flags = ROUTE_USAGE},
    {METHOD_POST, "/api/usage/import", usage_import, ACCESS_VIEWER, .query = import_query,
     .flags = ROUTE_USAGE | ROUTE_STREAM},
    {0},
};
