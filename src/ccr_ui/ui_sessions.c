/* Sessions as CCR UI's page and its first page read them. No text of any is here: a session has no title, and its messages are its calls. Who is
 * no administrator of the workspace sees what is his own. */
#include "json.h"
#include "ui_page.h"
#include "usage_report.h"
#include "util.h"

enum { DAYS_DEFAULT = 30, DAYS_MAX = 365, LIMIT_DEFAULT = 50, LIMIT_MAX = 50000 };

/* clang-format off */
#define SESSIONS                                                                                                       \
    " FROM usage_sessions e WHERE e.workspace_id = (SELECT ccr_workspace()) AND e.calls > 0"                           \
    " AND ($1::uuid IS NULL OR e.user_id = $1::uuid)"
#define OWN_SPACE " FROM workspaces w WHERE w.id = (SELECT ccr_workspace())"

/* $1 whose, NULL = everybody's */
static const struct statement
    newest_sessions = {"ui_sessions",
        "SELECT e.id::text AS id, CASE e.platform WHEN 'iflow' THEN 'IFlow' ELSE initcap(e.platform) END AS platform, NULL::text AS title,"
        " e.project AS cwd, e.first_at AS created_at, e.last_at AS updated_at, e.calls AS message_count" SESSIONS
        " AND ($2::text IS NULL OR e.platform = $2) ORDER BY e.last_at DESC, e.id LIMIT $3::int OFFSET $4::int"},
    count_sessions = {"ui_sessions_count", "SELECT e.platform, count(*)" SESSIONS " GROUP BY e.platform ORDER BY e.platform"},
    /* $2 days before today. Each session is on the day of its last call; three platforms are always there. */
    sessions_by_day = {"ui_sessions_by_day",
        "WITH t AS (SELECT w.time_zone AS zone, date_trunc('day', now() AT TIME ZONE w.time_zone) AS today" OWN_SPACE "),"
        " f AS MATERIALIZED (SELECT date_trunc('day', e.last_at AT TIME ZONE t.zone) AS day, e.platform, count(*) AS sessions,"
        " sum(e.calls)::bigint AS messages, sum(e.input + e.output + e.cache_read + e.cache_write + e.cache_write_1h)::bigint AS tokens,"
        " sum(extract(epoch FROM e.last_at - e.first_at))::bigint AS seconds FROM t CROSS JOIN LATERAL (SELECT e.*" SESSIONS
        " AND e.last_at >= (t.today - $2::int * interval '1 day') AT TIME ZONE t.zone AND e.last_at < (t.today + interval '1 day') AT TIME ZONE t.zone"
        ") AS e GROUP BY 1, 2)"
        " SELECT to_char(d.day, 'YYYY-MM-DD') AS date, p.platform, coalesce(f.sessions, 0) AS sessions, coalesce(f.messages, 0) AS messages,"
        " coalesce(f.tokens, 0) AS tokens, coalesce(f.seconds, 0) AS duration_seconds"
        " FROM t CROSS JOIN LATERAL generate_series(t.today - $2::int * interval '1 day', t.today, interval '1 day') AS d (day)"
        " CROSS JOIN (VALUES ('claude'), ('codex'), ('gemini')) AS p (platform) LEFT JOIN f ON f.day = d.day AND f.platform = p.platform"
        " UNION ALL SELECT NULL, f.platform, sum(f.sessions)::bigint, sum(f.messages)::bigint, sum(f.tokens)::bigint, sum(f.seconds)::bigint FROM f GROUP BY f.platform"
        " UNION ALL SELECT NULL, NULL, coalesce(sum(f.sessions), 0)::bigint, coalesce(sum(f.messages), 0)::bigint, coalesce(sum(f.tokens), 0)::bigint,"
        " coalesce(sum(f.seconds), 0)::bigint FROM f ORDER BY 1 NULLS LAST, 2 NULLS LAST"};
/* clang-format on */

static const struct field sessions_query[] = {
    {"platform", FIELD_TEXT, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    {"limit", FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {"offset", FIELD_INT, .min = 0, .max = LIMIT_MAX},
    {0}};
static const struct field days_query[] = {{"days", FIELD_INT, .min = 1, .max = DAYS_MAX}, {0}};

static enum error list_newest(struct request *rq, struct response *rs)
{
    struct rows rows;
    long long limit = LIMIT_DEFAULT, offset = 0; /* parse_int leaves them alone when there is no number */
    parse_int(request_query(rq, "limit"), 1, LIMIT_MAX, &limit);
    parse_int(request_query(rq, "offset"), 0, LIMIT_MAX, &offset);
    enum error error = db_all(rq->actor.db, &newest_sessions, &rows,
                              DB_ARGS(usage_scope(&rq->actor), request_query_or(rq, "platform", NULL),
                                      number_text(&rq->actor, limit), number_text(&rq->actor, offset)));
    if (error)
        return error;
    rows_write(&rows, respond_begin_bare(rs, 200));
    return respond_end(rs);
}

static enum error show_counts(struct request *rq, struct response *rs)
{
    struct rows rows;
    long long total = 0;
    enum error error = db_all(rq->actor.db, &count_sessions, &rows, DB_ARGS(usage_scope(&rq->actor)));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "by_platform");
    json_open_object(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        json_key(w, row_string(&row, 0));
        json_put_int(w, row_int(&row, 1));
        total += row_int(&row, 1);
    }
    json_close_object(w);
    json_int_member(w, "total", total);
    return respond_end(rs);
}

enum { DATE, PLATFORM, SESSIONS_OF, MESSAGES, TOKENS, SECONDS };

static void write_platform(struct json_writer *w, const struct row *row)
{
    json_key(w, row_string(row, PLATFORM));
    json_open_object(w);
    json_raw_member(w, "sessions", row_string(row, SESSIONS_OF));
    json_raw_member(w, "messages", row_string(row, MESSAGES));
    json_raw_member(w, "tokens", row_string(row, TOKENS));
    json_raw_member(w, "duration_seconds", row_string(row, SECONDS));
    json_close_object(w);
}

/* Rows from *next on while they are of the same day, or of none. */
static void write_platforms(struct json_writer *w, const struct rows *rows, int *next)
{
    struct row first = rows_at(rows, *next), row = first;
    const char *date = row_text(&first, DATE);
    for (; *next < rows->count; ++*next) {
        row = rows_at(rows, *next);
        if (!row_text(&row, PLATFORM) || !text_equal(row_text(&row, DATE), date))
            return;
        write_platform(w, &row);
    }
}

static enum error show_by_day(struct request *rq, struct response *rs)
{
    struct rows rows;
    struct row row;
    char now[TIME_TEXT];
    int next = 0;
    long long days = DAYS_DEFAULT;
    parse_int(request_query_or(rq, "days", ""), 1, DAYS_MAX, &days);
    enum error error =
        db_all(rq->actor.db, &sessions_by_day, &rows, DB_ARGS(usage_scope(&rq->actor), number_text(&rq->actor, days)));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "daily_stats");
    json_open_array(w);
    while (row = rows_at(&rows, next), row_text(&row, DATE)) {
        json_open_object(w);
        json_string_member(w, "date", row_string(&row, DATE));
        write_platforms(w, &rows, &next);
        json_close_object(w);
    }
    json_close_array(w);
    json_literal_key(w, "summary");
    json_open_object(w);
    json_literal_key(w, "by_platform");
    json_open_object(w);
    write_platforms(w, &rows, &next);
    json_close_object(w);
    row = rows_at(&rows, rows.count - 1); /* the sum of all */
    json_raw_member(w, "total_sessions", row_string(&row, SESSIONS_OF));
    json_raw_member(w, "total_messages", row_string(&row, MESSAGES));
    json_raw_member(w, "total_duration_seconds", row_string(&row, SECONDS));
    json_close_object(w);
    time_now_text(now);
    json_string_member(w, "last_updated", now);
    return respond_end(rs);
}

/* There are no files to look through: sessions are there as soon as what was sent is. */
static enum error index_again(struct request *rq, struct response *rs)
{
    (void)rq;
    json_put_raw(respond_begin_bare(rs, 200), "{\"files_scanned\":0,\"sessions_added\":0,\"sessions_updated\":0,"
                                              "\"errors\":0,\"duration_ms\":0}");
    return respond_end(rs);
}

const struct route ui_sessions_routes[] = {
    {METHOD_GET, "/api/sessions", list_newest, ACCESS_VIEWER, .query = sessions_query},
    {METHOD_GET, "/api/sessions/stats", show_counts, ACCESS_VIEWER},
    {METHOD_GET, "/api/sessions/stats/daily", show_by_day, ACCESS_VIEWER, .query = days_query},
    {METHOD_POST, "/api/sessions/reindex", index_again, ACCESS_VIEWER, .flags = ROUTE_READ_ONLY},
    {0},
};
