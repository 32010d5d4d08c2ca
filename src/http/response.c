/* Response: the envelope, the error body, entity tags. */
#include "response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etag.h"
#include "log.h"
#include "util.h"

enum { HEADERS_MAX = 16 * KIB, BODY_MAX = 32 * MIB };

void response_init(struct response *rs)
{
    memset(rs, 0, sizeof *rs);
    buffer_init(&rs->headers, HEADERS_MAX);
    buffer_init(&rs->body, BODY_MAX);
    response_reset(rs);
}

void response_reset(struct response *rs)
{
    buffer_reset(&rs->headers);
    response_restart(rs, 0);
    rs->unsent = false;
}

void response_restart(struct response *rs, size_t headers)
{
    buffer_cut(&rs->headers, headers);
    buffer_reset(&rs->body);
    json_begin(&rs->json, &rs->body);
    rs->status = 0;
    rs->enveloped = rs->written = false;
    rs->revision = 0;
}

void response_free(struct response *rs)
{
    buffer_free(&rs->headers);
    buffer_free(&rs->body);
}

void response_header(struct response *rs, const char *name, const char *value)
{
    if (strpbrk(value, "\r\n")) {
        log_error("header value with a line break dropped", LOG_STR("header", name));
        return;
    }
    buffer_text(&rs->headers, name);
    buffer_text(&rs->headers, ": ");
    buffer_text(&rs->headers, value);
    buffer_text(&rs->headers, "\r\n");
}

static struct json_writer *begin_answer(struct response *rs, int status, bool enveloped)
{
    buffer_reset(&rs->body);
    json_begin(&rs->json, &rs->body);
    rs->status = status;
    rs->enveloped = enveloped;
    rs->written = true;
    if (enveloped)
        buffer_text(&rs->body, "{\"success\":true,\"data\":");
    return &rs->json;
}

struct json_writer *respond_begin(struct response *rs, int status)
{
    return begin_answer(rs, status, true);
}

struct json_writer *respond_begin_bare(struct response *rs, int status)
{
    return begin_answer(rs, status, false);
}

struct json_writer *respond_object(struct response *rs, int status)
{
    json_open_object(respond_begin(rs, status));
    return &rs->json;
}

struct json_writer *respond_object_bare(struct response *rs, int status)
{
    json_open_object(respond_begin_bare(rs, status));
    return &rs->json;
}

enum error respond_end(struct response *rs)
{
    if (rs->json.depth)
        json_close_object(&rs->json);
    if (rs->enveloped)
        buffer_text(&rs->body, ",\"message\":null}");
    rs->enveloped = false;
    return ERR_NONE;
}

enum error respond_row(struct response *rs, int status, const struct row *row)
{
    row_write(row, respond_object(rs, status));
    return respond_end(rs);
}

enum error respond_text(struct response *rs, int status, const char *text)
{
    json_put_string(respond_begin(rs, status), text);
    return respond_end(rs);
}

enum error respond_null(struct response *rs)
{
    return respond_text(rs, 200, NULL);
}

enum error respond_bare_text(struct response *rs, int status, const char *text)
{
    json_put_string(respond_begin_bare(rs, status), text);
    return respond_end(rs);
}

static void write_details(struct json_writer *w, const struct request *rq)
{
    json_key(w, "details");
    json_open_object(w);
    if (rq->actor.failure.fields) {
        json_key(w, "fields");
        json_open_array(w);
        for (const struct field_failure *f = rq->actor.failure.fields; f; f = f->next) {
            json_open_object(w);
            json_string_member(w, "field", f->field);
            json_string_member(w, "message", f->message);
            json_close_object(w);
        }
        json_close_array(w);
        if (rq->actor.failure.field_count > FIELDS_MAX)
            json_int_member(w, "more", (long long)(rq->actor.failure.field_count - FIELDS_MAX));
    }
    if (rq->actor.failure.message == MSG_CONFIRM)
        json_bool_member(w, "confirm", true);
    json_close_object(w);
}

static const char *message_of(struct request *rq, enum error error)
{
    const char *said = failure_said(&rq->actor, error);
    if (!said)
        return translate(&rq->actor, error_message(error), error == ERR_METHOD ? rq->method_name : "", NULL);
    if (rq->actor.failure.message != MSG_FIELDS || rq->actor.failure.field_count <= FIELDS_MAX)
        return said;
    return translate(&rq->actor, MSG_FIELDS_MORE, said,
                     arena_printf(rq->actor.arena, "%zu", rq->actor.failure.field_count - FIELDS_MAX), NULL);
}

void respond_error(struct request *rq, struct response *rs, enum error error)
{
    char error_id[UUID_TEXT], now[TIME_TEXT];
    const char *message = message_of(rq, error);
    random_uuid(error_id);
    time_now_text(now);
    struct json_writer *w = respond_object_bare(rs, error_status(error));
    json_bool_member(w, "success", false);
    json_key(w, "data");
    json_put_null(w);
    json_string_member(w, "message", message);
    json_key(w, "error");
    json_open_object(w);
    json_string_member(w, "code", error_code(error));
    json_string_member(w, "message", message);
    write_details(w, rq);
    json_string_member(w, "error_id", error_id);
    json_close_object(w);
    json_string_member(w, "request_id", rq->actor.request_id);
    json_string_member(w, "timestamp", now);
    respond_end(rs);
    if (error == ERR_AUTHENTICATION) /* RFC 9110 section 15.5.2: always */
        response_header(rs, "WWW-Authenticate", "Bearer realm=\"ccr-ui\"");
    if ((error == ERR_DATABASE || error == ERR_OVERLOADED || error == ERR_BUSY) && !rq->actor.failure.retry_after)
        rq->actor.failure.retry_after = 1;
    if (rq->actor.failure.retry_after)
        response_header(rs, "Retry-After", number_text(&rq->actor, rq->actor.failure.retry_after));
    if (error == ERR_INTERNAL || error == ERR_DATABASE || error == ERR_EXTERNAL)
        log_error("request failed", LOG_STR("error_id", error_id), LOG_STR("request_id", rq->actor.request_id),
                  LOG_STR("code", error_code(error)), LOG_STR("method", rq->method_name),
                  LOG_STR("database", rq->actor.db && error != ERR_EXTERNAL ? db_message(rq->actor.db) : NULL));
}

/* ---- entity tags (RFC 9110 sections 8.8.3, 13.1) ---------------------------------------------------------------- */

static bool list_has(const char *list, const char *tag)
{
    struct etag known;
    size_t length = strlen(tag);
    while (etag_next(&list, &known))
        if (known.length == length && memcmp(known.text, tag, length) == 0)
            return true;
    return etag_any(list);
}

bool respond_not_modified(struct request *rq, struct response *rs, const char *etag)
{
    const char *known = request_header(rq, "If-None-Match");
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%s\"", etag));
    response_header(rs, "Cache-Control", "private, no-cache");
    if (!known || !list_has(known, etag))
        return false;
    buffer_reset(&rs->body);
    rs->status = 304;
    rs->written = true;
    return true;
}

/* "<revision>" or "<revision>-<variant>". */
static bool names_revision(const struct etag *tag, long long revision)
{
    char *end;
    if (tag->length == 0 || *tag->text < '0' || *tag->text > '9' || strtoll(tag->text, &end, 10) != revision)
        return false;
    return end == tag->text + tag->length || *end == '-';
}

enum error check_if_match(struct request *rq, long long revision)
{
    struct etag tag;
    const char *list = request_header(rq, "If-Match");
    if (!list)
        return ERR_NONE;
    while (etag_next(&list, &tag))
        if (names_revision(&tag, revision))
            return ERR_NONE;
    return etag_any(list) ? ERR_NONE : ERR_PRECONDITION;
}
