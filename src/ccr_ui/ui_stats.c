/* What usage costs, as CCR UI's pages of statistics read it: of the ledger's sums by day, in the workspace's time zone. Who is no
 * administrator of the workspace sees what is his own. */
#include <string.h>

#include "json.h"
#include "ui_page.h"
#include "usage_report.h"
#include "util.h"

enum { SESSIONS_DEFAULT = 10, SESSIONS_MAX = 1000 };

/* clang-format off */
#define RANGES "today|week|month"
#define LOCAL_DAY "date_trunc('day', now() AT TIME ZONE w.time_zone)"
#define SINCE(range)                                                                                                   \
    "((CASE " range " WHEN 'month' THEN date_trunc('month', " LOCAL_DAY ") WHEN 'week' THEN " LOCAL_DAY                \
    " - interval '6 days' ELSE " LOCAL_DAY " END) AT TIME ZONE w.time_zone)"
#define OWN_SPACE "FROM workspaces w WHERE w.id = (SELECT ccr_workspace())"
/* Of facets, which are capital letters for everybody. */
#define DAYS(facets)                                                                                                   \
    " FROM usage_facet_days s JOIN usage_facets g ON g.id = s.facet_id WHERE s.workspace_id = (SELECT ccr_workspace())" \
    " AND s.facet = ANY (CASE WHEN $1::uuid IS NULL THEN upper('" facets "') ELSE '" facets "' END::\"char\"[])"        \
    " AND s.start < now() AND ($1::uuid IS NULL OR g.user_id = $1::uuid)"
#define SUM(column) "coalesce(sum(f." column "), 0) AS " column
#define SUMS                                                                                                           \
    SUM("calls") ", " SUM("cost") ", " SUM("input") ", " SUM("output") ", " SUM("cache_read") ", " SUM("written")
#define NUMBER(expression) "trim_scale(round(" expression ", 6))::text::json"

/* $1 whose, NULL = everybody's; $2 range. The sum of all, then by each of four. */
static const struct statement
    cost_of = {"ui_cost",
        "WITH f AS MATERIALIZED (SELECT strpos('tvmp', lower(s.facet::text)) - 1 AS part, s.start,"
        " coalesce(nullif(g.provider || g.price_model || g.project, ''), 'unknown') COLLATE \"C\" AS name," /* it has one of them */
        " s.calls, s.cost, s.input, s.output, s.cache_read, s.cache_write + s.cache_write_1h AS written"
        DAYS("{t,v,m,p}") " AND s.start >= (SELECT " SINCE("$2::text") " " OWN_SPACE ")),"
        " r AS (SELECT 0 AS part, NULL::text AS name, NULL::timestamptz AS start, " SUMS " FROM f WHERE f.part = 0"
        " UNION ALL SELECT f.part, f.name, NULL, " SUMS " FROM f WHERE f.part > 0 GROUP BY f.part, f.name"
        " UNION ALL SELECT 4, to_char(f.start AT TIME ZONE (SELECT w.time_zone " OWN_SPACE "), 'YYYY-MM-DD'), f.start, " SUMS
        " FROM f WHERE f.part = 0 GROUP BY f.start)"
        " SELECT r.part, r.name, r.calls, " NUMBER("r.cost") " AS cost, r.input, r.output,"
        " r.cache_read + r.written AS cached, CASE WHEN r.cache_read + r.written > 0"
        " THEN round(100.0 * r.cache_read / (r.cache_read + r.written), 2) ELSE 0 END AS efficiency"
        " FROM r WHERE r.calls <> 0 OR r.part = 0 ORDER BY r.part, r.start, r.cost DESC, r.name"},
    costs_in_short = {"ui_cost_summary",
        "WITH f AS MATERIALIZED (SELECT s.start, s.cost" DAYS("{t}") " AND s.start >= (SELECT least(" SINCE("'week'") ", " SINCE("'month'") ") " OWN_SPACE "))"
        " SELECT " NUMBER("coalesce(sum(f.cost) FILTER (WHERE f.start >= " SINCE("'today'") "), 0)") " AS today_cost, "
        NUMBER("coalesce(sum(f.cost) FILTER (WHERE f.start >= " SINCE("'week'") "), 0)") " AS week_cost, "
        NUMBER("coalesce(sum(f.cost) FILTER (WHERE f.start >= " SINCE("'month'") "), 0)") " AS month_cost,"
        " (SELECT count(*) FROM usage_sessions e WHERE e.workspace_id = (SELECT ccr_workspace()) AND e.calls > 0"
        " AND ($1::uuid IS NULL OR e.user_id = $1::uuid)) AS total_sessions"
        " FROM workspaces w LEFT JOIN f ON true WHERE w.id = (SELECT ccr_workspace()) GROUP BY w.id"},
    dearest_sessions = {"ui_dearest_sessions",
        "SELECT CASE e.session WHEN '' THEN e.id::text ELSE e.session END AS session_id, " NUMBER("e.cost") " AS cost FROM usage_sessions e"
        " WHERE e.workspace_id = (SELECT ccr_workspace()) AND e.calls > 0 AND ($1::uuid IS NULL OR e.user_id = $1::uuid)"
        " ORDER BY e.cost DESC, e.id LIMIT $2::int"},
    tokens_by_day = {"ui_heatmap",
        "SELECT to_char(s.start AT TIME ZONE (SELECT w.time_zone " OWN_SPACE "), 'YYYY-MM-DD') AS day,"
        " sum(s.input + s.output + s.cache_read)::bigint AS tokens" DAYS("{t}")
        " AND s.start >= now() - interval '365 days' GROUP BY s.start HAVING sum(s.input + s.output + s.cache_read) > 0 ORDER BY s.start"};
/* clang-format on */

enum { PART, NAME, CALLS, COST, INPUT, OUTPUT, CACHED, EFFICIENCY };
enum cost_part { TOTAL, BY_PROVIDER, BY_MODEL, BY_PROJECT, BY_DAY };

static const struct field range_query[] = {{"range", FIELD_TEXT, .choices = RANGES}, {0}};
static const struct field top_query[] = {{"limit", FIELD_INT, .min = 1, .max = SESSIONS_MAX}, {0}};

/* Of a route's own range, or the query's. */
static enum error read_costs(struct request *rq, struct rows *rows)
{
    const char *range = rq->route->data;
    return db_all(rq->actor.db, &cost_of, rows,
                  DB_ARGS(usage_scope(&rq->actor), range ? range : request_query_or(rq, "range", "today")));
}

static void write_map(struct json_writer *w, const struct rows *rows, enum cost_part part, int column)
{
    json_open_object(w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        if (row_int(&row, PART) != (long long)part)
            continue;
        json_key(w, row_string(&row, NAME));
        json_put_raw(w, row_string(&row, column));
    }
    json_close_object(w);
}

static void write_trend(struct json_writer *w, const struct rows *rows)
{
    json_open_array(w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        if (row_int(&row, PART) != BY_DAY)
            continue;
        json_open_object(w);
        json_string_member(w, "date", row_string(&row, NAME));
        json_raw_member(w, "cost", row_string(&row, COST));
        json_raw_member(w, "count", row_string(&row, CALLS));
        json_close_object(w);
    }
    json_close_array(w);
}

static enum error show_cost(struct request *rq, struct response *rs)
{
    struct rows rows;
    enum error error = read_costs(rq, &rows);
    if (error)
        return error;
    struct row total = rows_at(&rows, 0);
    struct json_writer *w = respond_object_bare(rs, 200);
    json_raw_member(w, "total_cost", row_string(&total, COST));
    json_raw_member(w, "record_count", row_string(&total, CALLS));
    json_literal_key(w, "token_stats");
    json_open_object(w);
    json_raw_member(w, "total_input_tokens", row_string(&total, INPUT));
    json_raw_member(w, "total_output_tokens", row_string(&total, OUTPUT));
    json_raw_member(w, "total_cache_tokens", row_string(&total, CACHED));
    json_raw_member(w, "cache_efficiency", row_string(&total, EFFICIENCY));
    json_close_object(w);
    json_literal_key(w, "by_provider");
    write_map(w, &rows, BY_PROVIDER, CALLS);
    json_literal_key(w, "by_model");
    write_map(w, &rows, BY_MODEL, COST);
    json_literal_key(w, "by_project");
    write_map(w, &rows, BY_PROJECT, COST);
    json_literal_key(w, "trend");
    if (row_int(&total, CALLS))
        write_trend(w, &rows);
    else
        json_put_null(w);
    return respond_end(rs);
}

static enum error show_trend(struct request *rq, struct response *rs)
{
    struct rows rows;
    enum error error = read_costs(rq, &rows);
    if (error)
        return error;
    write_trend(respond_begin_bare(rs, 200), &rows);
    return respond_end(rs);
}

static enum error show_by(struct request *rq, struct response *rs, enum cost_part part)
{
    struct rows rows;
    enum error error = read_costs(rq, &rows);
    if (error)
        return error;
    write_map(respond_begin_bare(rs, 200), &rows, part, COST);
    return respond_end(rs);
}

static enum error show_by_model(struct request *rq, struct response *rs)
{
    return show_by(rq, rs, BY_MODEL);
}

static enum error show_by_project(struct request *rq, struct response *rs)
{
    return show_by(rq, rs, BY_PROJECT);
}

static enum error show_dearest(struct request *rq, struct response *rs)
{
    struct rows rows;
    long long limit = SESSIONS_DEFAULT;
    parse_int(request_query(rq, "limit"), 1, SESSIONS_MAX, &limit); /* left alone when there is no number */
    enum error error = db_all(rq->actor.db, &dearest_sessions, &rows,
                              DB_ARGS(usage_scope(&rq->actor), number_text(&rq->actor, limit)));
    if (error)
        return error;
    rows_write(&rows, respond_begin_bare(rs, 200));
    return respond_end(rs);
}

static enum error show_in_short(struct request *rq, struct response *rs)
{
    struct row row;
    enum error error = db_one(rq->actor.db, &costs_in_short, &row, DB_ARGS(usage_scope(&rq->actor)));
    if (error)
        return error;
    row_write(&row, respond_object_bare(rs, 200));
    return respond_end(rs);
}

static enum error show_heatmap(struct request *rq, struct response *rs)
{
    enum { DAY, TOKENS };
    struct rows rows;
    long long most = 0, total = 0;
    enum error error = db_all(rq->actor.db, &tokens_by_day, &rows, DB_ARGS(usage_scope(&rq->actor)));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "data");
    json_open_object(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        long long tokens = row_int(&row, TOKENS);
        json_key(w, row_string(&row, DAY));
        json_put_int(w, tokens);
        most = tokens > most ? tokens : most;
        total += tokens;
    }
    json_close_object(w);
    json_int_member(w, "max_value", most);
    json_int_member(w, "total_tokens", total);
    json_int_member(w, "active_days", rows.count);
    return respond_end(rs);
}

const struct route ui_stats_routes[] = {
    {METHOD_GET, "/api/stats/cost", show_cost, ACCESS_VIEWER, .query = range_query},
    {METHOD_GET, "/api/stats/cost/today", show_cost, ACCESS_VIEWER, .data = "today"},
    {METHOD_GET, "/api/stats/cost/week", show_cost, ACCESS_VIEWER, .data = "week"},
    {METHOD_GET, "/api/stats/cost/month", show_cost, ACCESS_VIEWER, .data = "month"},
    {METHOD_GET, "/api/stats/cost/trend", show_trend, ACCESS_VIEWER, .query = range_query},
    {METHOD_GET, "/api/stats/cost/by-model", show_by_model, ACCESS_VIEWER, .query = range_query},
    {METHOD_GET, "/api/stats/cost/by-project", show_by_project, ACCESS_VIEWER, .query = range_query},
    {METHOD_GET, "/api/stats/cost/top-sessions", show_dearest, ACCESS_VIEWER, .query = top_query},
    {METHOD_GET, "/api/stats/summary", show_in_short, ACCESS_VIEWER},
    {METHOD_GET, "/api/stats/heatmap", show_heatmap, ACCESS_VIEWER},
    {0},
};
