/* Sessions of usage, their calls, and who reports. Administrators of the workspace see everybody's; other members their own. */
#include "page.h"
#include "usage_report.h"

enum { NAME_MAX_LENGTH = 1000, LIMIT_MAX = 500, OFFSET_MAX = 1000000000 };

#define TEXT(name_, max_)                                                                                              \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_TEXT, .max = (max_)                                                             \
    }

static const struct field list_query[] = {
    TEXT("search", 200),
    {.name = "platform", .type = FIELD_TEXT, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    TEXT("user", NAME_MAX_LENGTH),
    TEXT("machine", NAME_MAX_LENGTH),
    TEXT("project", NAME_MAX_LENGTH),
    TEXT("from", 40),
    TEXT("to", 40),
    {.name = "order", .type = FIELD_TEXT, .choices = "last|first|cost|tokens|calls|duration"},
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {.name = "offset", .type = FIELD_INT, .min = 0, .max = OFFSET_MAX},
    {0},
};

/* clang-format off */
/* $1 whose, NULL = everybody's; $2 search, $3 platform, $4 user, $5 machine, $6 project, $7 from, $8 to, $9 order */
#define MATCHING                                                                                                       \
    " FROM usage_sessions s LEFT JOIN users u ON u.id = s.user_id"                                                     \
    " WHERE s.workspace_id = (SELECT ccr_workspace()) AND s.calls > 0 AND ($1::uuid IS NULL OR s.user_id = $1::uuid)"  \
    " AND ($2::text IS NULL OR strpos(lower(concat_ws(E'\\n', s.project, s.branch, s.session, s.machine, u.username)), lower($2)) > 0)" \
    " AND ($3::text IS NULL OR s.platform = $3) AND ($4::text IS NULL OR lower(u.username) = lower($4))"               \
    " AND ($5::text IS NULL OR s.machine = $5) AND ($6::text IS NULL OR s.project = $6)"                               \
    " AND ($7::timestamptz IS NULL OR s.last_at >= $7::timestamptz)"                                                   \
    " AND ($8::timestamptz IS NULL OR s.first_at < $8::timestamptz)"
#define TOKENS "s.input + s.output + s.cache_read + s.cache_write + s.cache_write_1h"
#define COUNTS(t) t ".input, " t ".output, " t ".cache_read, " t ".cache_write, " t ".cache_write_1h, " t ".reasoning, "
#define COST(cost) "trim_scale(round(" cost ", 6))::text::json AS cost"
#define SESSION                                                                                                        \
    "SELECT s.id, s.session, s.platform, u.username AS \"user\", s.machine, s.project, s.branch, s.first_at, s.last_at," \
    " s.calls, " COUNTS("s") COST("s.cost") ", s.unpriced"
#define COUNT_OF(more) "SELECT count(*) FROM (SELECT" MATCHING more " LIMIT 10000) AS n"

/* The newest first is what an index has; any other order looks at all of them. */
static const struct listing
    newest = {.name = "sessions", .also = "{\"currency\":\"USD\",\"unit\":\"USD\"}",
              .count = {"usage_sessions_count", COUNT_OF("")},
              .page = {"usage_sessions_page", SESSION MATCHING " ORDER BY s.last_at DESC, s.id LIMIT $9::int OFFSET $10::int"}},
    ordered = {.name = "sessions", .also = "{\"currency\":\"USD\",\"unit\":\"USD\"}",
               .count = {"usage_sessions_ordered_count", COUNT_OF(" AND $9::text IS NOT NULL")},
               .page = {"usage_sessions_ordered", SESSION MATCHING
                        " ORDER BY CASE $9 WHEN 'cost' THEN s.cost WHEN 'tokens' THEN " TOKENS " WHEN 'calls' THEN s.calls"
                        " WHEN 'duration' THEN extract(epoch FROM s.last_at - s.first_at) END DESC NULLS LAST,"
                        " CASE $9 WHEN 'first' THEN s.first_at END, s.last_at DESC, s.id LIMIT $10::int OFFSET $11::int"}};

static const struct statement find_session = {
    "usage_session", SESSION " FROM usage_sessions s LEFT JOIN users u ON u.id = s.user_id"
                     " WHERE s.id = $1::bigint AND s.workspace_id = (SELECT ccr_workspace()) AND s.calls > 0"
                     " AND ($2::uuid IS NULL OR s.user_id = $2::uuid)"};
enum { SESSION_FIRST_AT = 7, SESSION_LAST_AT };

#define SOURCES(bits)                                                                                                  \
    "concat_ws('+', CASE WHEN " bits " & 1 <> 0 THEN 'log' END, CASE WHEN " bits " & 2 <> 0 THEN 'event' END,"         \
    " CASE WHEN " bits " & 4 <> 0 THEN 'record' END) AS source"
/* Between the session's first and last call there is no other month to look in. */
#define CALLS_OF                                                                                                       \
    " FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id WHERE c.session_id = $1::bigint"                     \
    " AND c.workspace_id = (SELECT ccr_workspace()) AND c.at >= $2::timestamptz AND c.at <= $3::timestamptz"
static const struct listing calls = {
    .name = "calls",
    .count = {"usage_session_calls_count", "SELECT count(*)" CALLS_OF},
    .page = {"usage_session_calls", "SELECT c.key AS id, c.at, g.model, g.provider, g.profile, g.tier, g.machine, g.project, g.branch, "
             COUNTS("c") COST("c.cost") ", " SOURCES("c.sources") ", c.log_output, c.event_output" CALLS_OF
             " ORDER BY c.at, c.key LIMIT $4::int OFFSET $5::int"}};

#define REPORTERS                                                                                                      \
    " FROM usage_reporters r LEFT JOIN users u ON u.id = r.user_id WHERE r.workspace_id = (SELECT ccr_workspace())"    \
    " AND ($1::uuid IS NULL OR r.user_id = $1::uuid)"
static const struct listing reporters = {
    .name = "sources",
    .count = {"usage_sources_count", "SELECT count(*)" REPORTERS},
    .page = {"usage_sources", "SELECT u.username AS \"user\", r.machine, r.platform, " SOURCES("r.source")
             ", r.first_seen, r.last_seen, r.last_call, r.calls, extract(epoch FROM now() - r.last_seen)::bigint AS silent_seconds"
             REPORTERS " ORDER BY r.last_seen DESC, r.user_id, r.machine, r.platform, r.source LIMIT $2::int OFFSET $3::int"}};
/* clang-format on */

static enum error list_sources(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &reporters, DB_ARGS(usage_scope(&rq->actor)));
}

static enum error list_sessions(struct request *rq, struct response *rs)
{
    const char *from, *to, *order = request_query_or(rq, "order", "last");
    enum error error = query_time(rq, "from", &from), other = query_time(rq, "to", &to);
    if (error || other)
        return error ? error : other;
    const char *args[] = {usage_scope(&rq->actor),
                          request_query_or(rq, "search", NULL),
                          request_query_or(rq, "platform", NULL),
                          request_query_or(rq, "user", NULL),
                          request_query_or(rq, "machine", NULL),
                          request_query_or(rq, "project", NULL),
                          from,
                          to,
                          order};
    bool by_time = text_equal(order, "last");
    return respond_page(rq, rs, by_time ? &newest : &ordered, args, ARRAY_SIZE(args) - (by_time ? 1 : 0));
}

/* {"session": the row, …} beside its calls. */
static const char *session_text(struct request *rq, const struct row *session)
{
    enum { SESSION_TEXT_MAX = 64 * KIB };
    struct buffer text;
    struct json_writer w;
    buffer_init_in(&text, rq->actor.arena, SESSION_TEXT_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    json_literal_key(&w, "session");
    json_open_object(&w);
    row_write(session, &w);
    json_close_object(&w);
    json_string_member(&w, "currency", "USD");
    json_string_member(&w, "unit", "USD");
    json_close_object(&w);
    return buffer_string(&text);
}

static enum error show_session(struct request *rq, struct response *rs)
{
    struct row session;
    long long number;
    const char *id = path_arg(rq, "id");
    enum error error = ERR_NOT_FOUND;
    if (parse_int(id, 1, INT64_MAX, &number))
        error = db_one(rq->actor.db, &find_session, &session, DB_ARGS(id, usage_scope(&rq->actor)));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_USAGE_SESSION, id);
    struct listing list = calls;
    list.also = session_text(rq, &session);
    return respond_page(rq, rs, &list,
                        DB_ARGS(id, row_string(&session, SESSION_FIRST_AT), row_string(&session, SESSION_LAST_AT)));
}

const struct route usage_sessions_routes[] = {
    {METHOD_GET, "/api/usage/sources", list_sources, ACCESS_VIEWER, .query = page_query},
    {METHOD_GET, "/api/usage/sessions", list_sessions, ACCESS_VIEWER, .query = list_query},
    {METHOD_GET, "/api/usage/sessions/{id}", show_session, ACCESS_VIEWER, .query = page_query},
    {0},
};
