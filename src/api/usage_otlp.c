/* OTLP/HTTP: what coding CLIs export by themselves once an environment variable names this server (opentelemetry-proto 1.x, OTLP/HTTP 1.x).
 * Events of the logs are calls; metrics repeat them in sums, and are looked through only. */
#include "usage_otlp.h"

#include <string.h>
#include <strings.h>

#include "body_stream.h"
#include "router.h"
#include "usage_intake.h"
#include "util.h"

enum { EXPORT_MAX = 16 * MIB, WHY = 160 };

static const struct encoding {
    const char *type;
    enum usage_otlp encoding;
    const char *nothing; /* an answer that says that all was taken */
} encodings[] = {{"application/json", USAGE_OTLP_JSON, "{}"}, {"application/x-protobuf", USAGE_OTLP_PROTOBUF, ""}};

static const struct encoding *encoding_of(const struct request *rq)
{
    const char *type = request_variable(rq, "CONTENT_TYPE");
    size_t length = type ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; type && i < ARRAY_SIZE(encodings); i++)
        if (length == strlen(encodings[i].type) && strncasecmp(type, encodings[i].type, length) == 0)
            return &encodings[i];
    return NULL;
}

static enum error read_whole(struct request *rq, struct buffer *out)
{
    size_t length;
    const char *bytes;
    struct body_stream *body = NULL;
    enum error error = body_stream_open(rq, EXPORT_MAX, &body);
    while (!error && !(error = body_stream_next(body, &bytes, &length)) && length)
        buffer_append(out, bytes, length);
    body_stream_close(body);
    return error;
}

/* What comes of it: an empty answer of the request's kind. */
static enum error answer(struct response *rs, const struct encoding *encoding)
{
    response_header(rs, "Content-Type", encoding->type);
    rs->status = 200;
    rs->written = true;
    buffer_text(&rs->body, encoding->nothing);
    return ERR_NONE;
}

static enum error take(struct request *rq, struct response *rs,
                       enum error (*parse)(struct request *rq, const struct encoding *encoding,
                                           const struct buffer *body))
{
    struct buffer body;
    const struct encoding *encoding = encoding_of(rq);
    if (!encoding)
        return fail(&rq->actor, MSG_USAGE_OTLP_TYPE, NULL);
    buffer_init_in(&body, rq->actor.arena, EXPORT_MAX + 1);
    enum error error = read_whole(rq, &body);
    if (!error)
        error = parse(rq, encoding, &body);
    return error ? error : answer(rs, encoding);
}

static enum error parse_logs(struct request *rq, const struct encoding *encoding, const struct buffer *body)
{
    char why[WHY] = "";
    struct usage_lines lines = {0};
    struct usage_intake *intake = usage_intake_new(&rq->actor, USAGE_EVENT, "");
    bool good = usage_otlp_logs(encoding->encoding, buffer_string(body), body->length, usage_intake_take, intake,
                                &lines, why, sizeof why);
    enum error error = intake->error;
    if (!error && !good)
        error = fail(&rq->actor, MSG_USAGE_OTLP, why, NULL);
    if (!error)
        error = usage_intake_finish(intake);
    usage_intake_free(intake);
    return error;
}

static enum error parse_metrics(struct request *rq, const struct encoding *encoding, const struct buffer *body)
{
    char why[WHY] = "";
    struct usage_lines lines = {0};
    return usage_otlp_metrics(encoding->encoding, buffer_string(body), body->length, &lines, why, sizeof why)
               ? ERR_NONE
               : fail(&rq->actor, MSG_USAGE_OTLP, why, NULL);
}

static enum error take_logs(struct request *rq, struct response *rs)
{
    return take(rq, rs, parse_logs);
}

static enum error take_metrics(struct request *rq, struct response *rs)
{
    return take(rq, rs, parse_metrics);
}

const struct route usage_otlp_routes[] = {
    {METHOD_POST, "/v1/logs", take_logs, ACCESS_VIEWER, .flags = ROUTE_USAGE | ROUTE_NO_TRANSACTION},
    {METHOD_POST, "/v1/metrics", take_metrics, ACCESS_VIEWER, .flags = ROUTE_USAGE | ROUTE_NO_TRANSACTION},
    {0},
};
