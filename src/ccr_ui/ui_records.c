/* Single calls, and what Codex used, as CCR UI's pages read them. Who is no administrator of the workspace sees what is his own. */
#include <string.h>

#include "json.h"
#include "ui_page.h"
#include "usage_report.h"
#include "util.h"

enum { LIMIT_DEFAULT = 10000, LIMIT_MAX = 50000 };

/* clang-format off */
#define WHOSE "($1::uuid IS NULL OR g.user_id = $1::uuid)"

/* $1 whose, NULL = everybody's; $2 platform, $3 limit. No index has a workspace's newest calls; the sums of days say how far back they go, and
 * sessions with a call since then lead to them. */
static const struct statement
    how_far_back = {"ui_records_since",
        "WITH d AS (SELECT s.start, sum(s.calls) AS calls FROM usage_facet_days s JOIN usage_facets g ON g.id = s.facet_id"
        " WHERE s.workspace_id = (SELECT ccr_workspace()) AND s.facet = CASE WHEN $1::uuid IS NULL THEN 'L'::\"char\" ELSE 'l' END"
        " AND g.platform = $2 AND " WHOSE " GROUP BY s.start),"
        " r AS (SELECT d.start, d.calls, sum(d.calls) OVER (ORDER BY d.start DESC) AS so_far FROM d)"
        " SELECT min(r.start) FILTER (WHERE r.so_far - r.calls < $3::bigint) AS since, sum(r.calls)::bigint AS total FROM r"},
    newest_calls = {"ui_records",
        "SELECT c.key AS uuid, c.at AS \"timestamp\", g.model, c.input, c.output, c.cache_read FROM usage_sessions e"
        " JOIN usage_calls c ON c.session_id = e.id JOIN usage_groups g ON g.id = c.group_id"
        " WHERE e.workspace_id = (SELECT ccr_workspace()) AND e.platform = $2 AND e.last_at >= $4::timestamptz"
        " AND c.workspace_id = (SELECT ccr_workspace()) AND c.at >= $4::timestamptz AND c.input + c.output > 0 AND " WHOSE
        " ORDER BY c.at DESC, c.key LIMIT $3::int"},
    /* Codex counts what comes from a cache as input. */
    codex_usage = {"ui_codex_usage",
        "WITH t AS (SELECT date_bin(interval '15 minutes', now(), timestamptz 'epoch') + interval '15 minutes' AS now),"
        " f AS MATERIALIZED (SELECT s.grain, s.start, CASE g.model WHEN '' THEN 'unknown' ELSE g.model END AS model,"
        " s.input + s.cache_read + s.cache_write + s.cache_write_1h AS input, s.output, s.calls"
        " FROM usage_sums s JOIN usage_groups g ON g.id = s.group_id WHERE s.workspace_id = (SELECT ccr_workspace())"
        " AND g.platform = 'codex' AND " WHOSE " AND (s.grain = 'd' OR (s.grain = 'q' AND s.start >= (SELECT t.now - interval '7 days' FROM t))))"
        " SELECT w.place, w.name, coalesce(sum(f.input), 0)::bigint AS input, coalesce(sum(f.output), 0)::bigint AS output,"
        " coalesce(sum(f.calls), 0)::bigint AS calls, w.since, CASE WHEN w.since IS NOT NULL THEN w.until END AS until"
        " FROM t CROSS JOIN LATERAL (VALUES (0, 'five_hour', 'q'::\"char\", t.now - interval '5 hours', t.now),"
        " (1, 'seven_day', 'q', t.now - interval '7 days', t.now), (2, 'all_time', 'd', NULL, NULL)) AS w (place, name, grain, since, until)"
        " LEFT JOIN f ON f.grain = w.grain AND (w.since IS NULL OR (f.start >= w.since AND f.start < w.until)) GROUP BY 1, 2, 6, 7"
        " UNION ALL SELECT 3, f.model, sum(f.input)::bigint, sum(f.output)::bigint, sum(f.calls)::bigint, NULL, NULL FROM f WHERE f.grain = 'd'"
        " GROUP BY f.model HAVING sum(f.calls) > 0 ORDER BY 1, 2"};
/* clang-format on */

static const struct field records_query[] = {
    {"platform", FIELD_TEXT, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    {"limit", FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {0}};

static void write_record(struct json_writer *w, const struct row *row)
{
    enum { UUID, TIMESTAMP, MODEL, INPUT, OUTPUT, CACHE_READ };
    const char *at = row_string(row, TIMESTAMP);
    char time[TIME_TEXT];
    json_open_object(w);
    json_string_member(w, "uuid", row_string(row, UUID));
    snprintf(time, sizeof time, "%.10sT%.8sZ", at, at + sizeof "2026-01-31");
    json_string_member(w, "timestamp", time);
    if (*row_string(row, MODEL))
        json_string_member(w, "model", row_string(row, MODEL));
    json_literal_key(w, "usage");
    json_open_object(w);
    json_raw_member(w, "input_tokens", row_string(row, INPUT));
    json_raw_member(w, "output_tokens", row_string(row, OUTPUT));
    json_raw_member(w, "cache_read_input_tokens", row_string(row, CACHE_READ));
    json_close_object(w);
    json_close_object(w);
}

/* Calls without input and output are in the sums, and not among the records: then it goes further back. */
static enum error read_newest(struct request *rq, long long limit, struct rows *rows, long long *total)
{
    enum { SINCE, TOTAL };
    struct row far;
    const char *platform = request_query_or(rq, "platform", "claude"), *whose = usage_scope(&rq->actor);
    const char *most = number_text(&rq->actor, limit);
    enum error error = ERR_NONE;
    bool enough = false;
    for (long long reach = limit; !error && !enough; reach *= 2) {
        error = db_one(rq->actor.db, &how_far_back, &far, DB_ARGS(whose, platform, number_text(&rq->actor, reach)));
        if (error || !row_text(&far, SINCE))
            break;
        error = db_all(rq->actor.db, &newest_calls, rows, DB_ARGS(whose, platform, most, row_string(&far, SINCE)));
        enough = rows->count >= limit || reach >= row_int(&far, TOTAL);
    }
    if (!error)
        *total = row_int(&far, TOTAL);
    return error;
}

static enum error show_records(struct request *rq, struct response *rs)
{
    struct rows rows = {0};
    long long limit = LIMIT_DEFAULT, total = 0;
    parse_int(request_query(rq, "limit"), 1, LIMIT_MAX, &limit); /* left alone when there is no number */
    enum error error = read_newest(rq, limit, &rows, &total);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "records");
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        write_record(w, &row);
    }
    json_close_array(w);
    bool truncated = rows.count == limit && total > limit;
    json_int_member(w, "total_records", truncated ? total : rows.count);
    json_bool_member(w, "truncated", truncated);
    return respond_end(rs);
}

/* Without the key. */
static void write_used(struct json_writer *w, const struct row *row)
{
    enum { PLACE, NAME, INPUT, OUTPUT, CALLS, SINCE, UNTIL };
    char time[TIME_TEXT];
    json_open_object(w);
    json_raw_member(w, "total_input_tokens", row_string(row, INPUT));
    json_raw_member(w, "total_output_tokens", row_string(row, OUTPUT));
    json_raw_member(w, "total_requests", row_string(row, CALLS));
    for (int i = SINCE; i <= UNTIL && row_text(row, i); i++) {
        snprintf(time, sizeof time, "%.10sT%.8sZ", row_string(row, i), row_string(row, i) + sizeof "2026-01-31");
        json_key(w, i == SINCE ? "window_start" : "window_end");
        json_put_string(w, time);
    }
    json_close_object(w);
}

static enum error show_codex(struct request *rq, struct response *rs)
{
    enum { PLACE, NAME, WINDOWS = 3 };
    struct rows rows;
    enum error error = db_all(rq->actor.db, &codex_usage, &rows, DB_ARGS(usage_scope(&rq->actor)));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        if (i == WINDOWS) {
            json_literal_key(w, "by_model");
            json_open_object(w);
        }
        json_key(w, row_string(&row, NAME));
        write_used(w, &row);
    }
    if (rows.count == WINDOWS)
        json_raw_member(w, "by_model", "{}");
    else
        json_close_object(w);
    json_close_object(w);
    return respond_end(rs);
}

const struct route ui_records_routes[] = {
    {METHOD_GET, "/api/usage/records", show_records, ACCESS_VIEWER, .query = records_query},
    {METHOD_GET, "/api/codex/usage", show_codex, ACCESS_VIEWER},
    {0},
};
