/* Usage as it can be read: reports by any grouping, a summary, who reports, and sessions with their calls. Administrators of the workspace see
 * everybody's; other members their own, and beside it what the workspace comes to as a whole. */
#include <string.h>
#include <strings.h>

#include "csv.h"
#include "currency.h"
#include "page.h"
#include "usage_report.h"

enum { ROWS_DEFAULT = 100, ROWS_MAX = 1000, CSV_ROWS_MAX = 50000, OFFSET_MAX = 1000000000, FILTER_MAX = 20000 };

#define TEXT(name_, max_)                                                                                              \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_TEXT, .max = (max_)                                                             \
    }
#define CHOICE(name_, choices_)                                                                                        \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_TEXT, .choices = (choices_)                                                     \
    }
#define PAGE(most)                                                                                                     \
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = (most)},                                                     \
    {                                                                                                                  \
        .name = "offset", .type = FIELD_INT, .min = 0, .max = OFFSET_MAX                                               \
    }

static const char *const filters[] = {"user", "machine", "platform", "provider", "profile", "model", "project"};

static const struct field report_query[] = {
    TEXT("from", 40),
    TEXT("to", 40),
    TEXT("group", 100),
    TEXT("zone", 100),
    CHOICE("compare", "previous"),
    CHOICE("order", "cost|tokens|calls|name"),
    CHOICE("format", "json|csv"),
    TEXT("user", FILTER_MAX),
    TEXT("machine", FILTER_MAX),
    TEXT("platform", FILTER_MAX),
    TEXT("provider", FILTER_MAX),
    TEXT("profile", FILTER_MAX),
    TEXT("model", FILTER_MAX),
    TEXT("project", FILTER_MAX),
    PAGE(CSV_ROWS_MAX),
    {0},
};

/* What money is counted in, and what it may be shown in. */
static enum error write_money(struct request *rq, struct json_writer *w)
{
    const char *display;
    enum error error = currency_text(&rq->actor, &display);
    json_string_member(w, "currency", "USD");
    json_string_member(w, "unit", "USD");
    json_raw_member(w, "display", display);
    return error;
}

/* ---- report ----------------------------------------------------------------------------------------------------- */

static bool wants_csv(const struct request *rq)
{
    const char *format = request_query_or(rq, "format", NULL), *accept = request_header(rq, "Accept");
    if (format)
        return strcmp(format, "csv") == 0;
    return accept && strncasecmp(accept, "text/csv", strlen("text/csv")) == 0;
}

/* Whoever sees his own only may ask for himself by name, and for nobody else. */
static enum error check_user(struct request *rq)
{
    const char *user = request_query_or(rq, "user", NULL);
    if (!user || !usage_scope(&rq->actor) || strcasecmp(user, rq->actor.who.username) == 0)
        return ERR_NONE;
    return fail(&rq->actor, MSG_ROLE, role_names[ROLE_ADMIN], NULL);
}

static enum error read_limits(struct request *rq, bool csv, struct usage_question *question)
{
    question->limit = csv ? CSV_ROWS_MAX : ROWS_DEFAULT; /* parse_int leaves them alone when there is no number */
    parse_int(request_query(rq, "limit"), 1, CSV_ROWS_MAX, &question->limit);
    parse_int(request_query(rq, "offset"), 0, OFFSET_MAX, &question->offset);
    return csv || question->limit <= ROWS_MAX
               ? ERR_NONE
               : fail_field(&rq->actor, "limit", MSG_RANGE, "1", number_text(&rq->actor, ROWS_MAX), NULL);
}

static enum error read_question(struct request *rq, bool csv, struct usage_question *question)
{
    *question = (struct usage_question){.user_id = usage_scope(&rq->actor),
                                        .from = request_query_or(rq, "from", NULL),
                                        .to = request_query_or(rq, "to", NULL),
                                        .zone = request_query_or(rq, "zone", NULL),
                                        .filters = json_object(),
                                        .compare = *request_query_or(rq, "compare", "") != '\0'};
    enum error error = check_user(rq);
    if (error)
        return error;
    usage_group_by(&rq->actor, question, request_query_or(rq, "group", "day"));
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        usage_filter(&rq->actor, question->filters, filters[i], request_query_or(rq, filters[i], NULL));
    read_limits(rq, csv, question);
    question->order = request_query_or(rq, "order", usage_has_time(question) ? "name" : "cost");
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

static void write_period(struct json_writer *w, const struct usage_report *report, bool compare)
{
    json_literal_key(w, "period");
    json_open_object(w);
    json_string_member(w, "from", report->period.from);
    json_string_member(w, "to", report->period.to);
    json_close_object(w);
    if (compare) {
        json_literal_key(w, "previous_period");
        json_open_object(w);
        json_string_member(w, "from", report->period.before);
        json_string_member(w, "to", report->period.from);
        json_close_object(w);
    }
    json_string_member(w, "zone", report->period.zone);
}

static void write_totals(struct json_writer *w, const struct usage_report *report, bool compare)
{
    struct row whole = rows_at(&report->rows, 0);
    json_open_object(w);
    usage_report_write_sums(&whole, false, w);
    if (compare) {
        json_literal_key(w, "previous");
        json_open_object(w);
        usage_report_write_sums(&whole, true, w);
        json_close_object(w);
    }
    json_close_object(w);
}

/* What the workspace comes to as a whole, for whoever sees no more of it than that. */
static enum error write_workspace(struct request *rq, struct json_writer *w, const struct usage_question *question)
{
    struct usage_report all;
    struct usage_question whole = *question;
    if (!question->user_id)
        return ERR_NONE;
    whole.user_id = NULL;
    whole.filters = NULL;
    whole.limit = 0;
    memset(whole.groups, 0, sizeof whole.groups);
    enum error error = usage_report(&rq->actor, &whole, &all);
    if (error)
        return error;
    json_literal_key(w, "workspace");
    write_totals(w, &all, question->compare);
    return ERR_NONE;
}

static enum error respond_report(struct request *rq, struct response *rs, const struct usage_question *question,
                                 const struct usage_report *report)
{
    struct json_writer *w = respond_object(rs, 200);
    write_period(w, report, question->compare);
    enum error error = write_money(rq, w);
    json_string_member(w, "scope", question->user_id ? "own" : "workspace");
    json_literal_key(w, "group");
    json_open_array(w);
    for (size_t i = 0; i < USAGE_GROUPS_MAX && report->groups[i]; i++)
        json_put_string(w, report->groups[i]);
    json_close_array(w);
    json_literal_key(w, "rows");
    json_open_array(w);
    for (int i = 1; i < report->rows.count; i++) {
        struct row row = rows_at(&report->rows, i);
        usage_report_write_row(report, &row, question->compare, w);
    }
    json_close_array(w);
    json_literal_key(w, "totals");
    write_totals(w, report, question->compare);
    if (!error)
        error = write_workspace(rq, w, question);
    json_int_member(w, "total", report->total);
    json_int_member(w, "limit", question->limit);
    json_int_member(w, "offset", question->offset);
    if (error)
        return error;
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

static void write_csv_sums(struct buffer *out, const struct row *row, bool before)
{
    for (size_t i = 0; i < USAGE_SUMS; i++) {
        buffer_char(out, ',');
        buffer_text(out, row ? usage_report_sum(row, i, before) : usage_sum_names[i]);
    }
}

/* The first line when row is NULL. */
static void write_csv_line(struct buffer *out, const struct usage_report *report, const struct row *row, bool compare)
{
    for (size_t i = 0; i < USAGE_GROUPS_MAX && report->groups[i]; i++) {
        buffer_text(out, i ? "," : "");
        if (row)
            csv_put_cell(out, usage_report_group(report, row, i));
        else
            buffer_text(out, report->groups[i]);
    }
    write_csv_sums(out, row, false);
    for (size_t i = 0; compare && i < USAGE_SUMS; i++)
        buffer_printf(out, row ? ",%s" : ",previous_%s", row ? usage_report_sum(row, i, true) : usage_sum_names[i]);
    buffer_text(out, "\r\n");
}

static enum error respond_csv(struct request *rq, struct response *rs, const struct usage_report *report, bool compare)
{
    respond_begin_bare(rs, 200);
    response_header(rs, "Content-Type", "text/csv; charset=utf-8; header=present");
    response_header(rs, "Content-Disposition", "attachment; filename=\"usage.csv\"");
    write_csv_line(&rs->body, report, NULL, compare);
    for (int i = 1; i < report->rows.count; i++) {
        struct row row = rows_at(&report->rows, i);
        write_csv_line(&rs->body, report, &row, compare);
    }
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : respond_end(rs);
}

static enum error show_report(struct request *rq, struct response *rs)
{
    struct usage_question question;
    struct usage_report report;
    bool csv = wants_csv(rq);
    enum error error = read_question(rq, csv, &question);
    if (!error)
        error = usage_report(&rq->actor, &question, &report);
    if (error)
        return error;
    return csv ? respond_csv(rq, rs, &report, question.compare) : respond_report(rq, rs, &question, &report);
}

/* ---- summary ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
/* $1 whose, NULL = everybody's. Days are added up once, and then what consists of days. */
#define LOCAL(what) "(" what ") AT TIME ZONE w.time_zone"
#define OWN " AND ($1::uuid IS NULL OR s.facet_id IN (SELECT f.id FROM usage_facets f WHERE f.workspace_id = (SELECT ccr_workspace())" \
    " AND f.facet = 't' AND f.user_id = $1::uuid))"
#define SUM(column) "coalesce(sum(d." column "), 0)::text::json AS " column
#define SUM_OF_DAY(column) "sum(s." column ") AS " column
static const struct statement
    sum_up = {"usage_summary",
        "WITH w AS (SELECT time_zone, date_trunc('day', now() AT TIME ZONE time_zone) AS day, date_trunc('week', now() AT TIME ZONE time_zone) AS week,"
        " date_trunc('month', now() AT TIME ZONE time_zone) AS month FROM workspaces WHERE id = (SELECT ccr_workspace())),"
        " p AS (SELECT p.place, p.name, " LOCAL("p.since") " AS since, " LOCAL("p.until") " AS until FROM w CROSS JOIN LATERAL (VALUES"
        " (1, 'today', w.day, w.day + interval '1 day'), (2, 'yesterday', w.day - interval '1 day', w.day),"
        " (3, 'week', w.week, w.week + interval '1 week'), (4, 'previous_week', w.week - interval '1 week', w.week),"
        " (5, 'month', w.month, w.month + interval '1 month'), (6, 'previous_month', w.month - interval '1 month', w.month))"
        " AS p (place, name, since, until)),"
        " d AS MATERIALIZED (SELECT s.start, " SUM_OF_DAY("calls") ", " SUM_OF_DAY("input") ", " SUM_OF_DAY("output") ", "
        SUM_OF_DAY("cache_read") ", " SUM_OF_DAY("cache_write") ", " SUM_OF_DAY("cache_write_1h") ", " SUM_OF_DAY("reasoning") ", "
        SUM_OF_DAY("cost") ", " SUM_OF_DAY("unpriced") " FROM usage_facet_days s WHERE s.workspace_id = (SELECT ccr_workspace())"
        " AND s.facet = CASE WHEN $1::uuid IS NULL THEN 'T'::\"char\" ELSE 't' END AND s.start >= (SELECT min(p.since) FROM p) AND s.start < (SELECT max(p.until) FROM p)" OWN " GROUP BY s.start)"
        " SELECT p.name, (SELECT time_zone FROM w) AS zone, " SQL_TIME("p.since") " AS \"from\", " SQL_TIME("p.until") " AS \"to\", "
        SUM("calls") ", " SUM("input") ", " SUM("output") ", " SUM("cache_read") ", " SUM("cache_write") ", " SUM("cache_write_1h") ", "
        SUM("reasoning") ", trim_scale(round(coalesce(sum(d.cost), 0), 6))::text::json AS cost, " SUM("unpriced")
        " FROM p LEFT JOIN d ON d.start >= p.since AND d.start < p.until GROUP BY p.place, p.name, p.since, p.until ORDER BY p.place"},
    find_unpriced = {"usage_unpriced",
        "SELECT g.price_model AS model, g.tier, sum(s.unpriced)::bigint AS calls,"
        " sum(s.input + s.output + s.cache_read + s.cache_write + s.cache_write_1h)::bigint AS tokens"
        " FROM usage_facet_days d JOIN usage_sums s ON s.workspace_id = d.workspace_id AND s.grain = 'd' AND s.start = d.start"
        " JOIN usage_groups g ON g.id = s.group_id WHERE d.workspace_id = (SELECT ccr_workspace()) AND d.facet = 'T'"
        " AND d.start >= now() - interval '62 days' AND d.unpriced > 0 AND s.unpriced > 0 AND ($1::uuid IS NULL OR g.user_id = $1::uuid)"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100"},
    /* Who reported in a month and has been silent for three days: a weekend is no gap. */
    find_gaps = {"usage_gaps",
        "SELECT u.username AS \"user\", r.machine, r.platform, CASE r.source WHEN 1 THEN 'log' WHEN 2 THEN 'event' ELSE 'record' END AS source,"
        " r.last_seen, r.last_call, extract(epoch FROM now() - r.last_seen)::bigint AS silent_seconds"
        " FROM usage_reporters r LEFT JOIN users u ON u.id = r.user_id WHERE r.workspace_id = (SELECT ccr_workspace())"
        " AND r.last_seen BETWEEN now() - interval '30 days' AND now() - interval '3 days' AND ($1::uuid IS NULL OR r.user_id = $1::uuid)"
        " ORDER BY r.last_seen, r.user_id, r.machine, r.platform, r.source LIMIT 100"};
/* clang-format on */

static enum error write_periods(struct request *rq, struct json_writer *w, const char *user_id, const char **zone)
{
    struct rows rows;
    enum { PERIOD_NAME, PERIOD_ZONE, NOT_SHOWN };
    enum error error = db_all(rq->actor.db, &sum_up, &rows, DB_ARGS(user_id));
    for (int i = 0; !error && i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        *zone = row_string(&row, PERIOD_ZONE);
        json_key(w, row_string(&row, PERIOD_NAME));
        json_open_object(w);
        for (int c = NOT_SHOWN; c < rows_columns(&rows); c++) {
            bool time = c < NOT_SHOWN + 2;
            json_key(w, rows_column(&rows, c));
            (time ? json_put_string : json_put_raw)(w, row_string(&row, c));
        }
        json_close_object(w);
    }
    return error;
}

static enum error write_list(struct request *rq, struct json_writer *w, const char *name,
                             const struct statement *statement, const char *user_id)
{
    struct rows rows;
    enum error error = db_all(rq->actor.db, statement, &rows, DB_ARGS(user_id));
    if (error)
        return error;
    json_key(w, name);
    rows_write(&rows, w);
    return ERR_NONE;
}

static enum error show_summary(struct request *rq, struct response *rs)
{
    const char *user_id = usage_scope(&rq->actor), *zone = "";
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "scope", user_id ? "own" : "workspace");
    enum error error = write_money(rq, w);
    if (!error)
        error = write_periods(rq, w, user_id, &zone);
    json_string_member(w, "zone", zone);
    if (!error)
        error = write_list(rq, w, "unpriced", &find_unpriced, user_id);
    if (!error)
        error = write_list(rq, w, "gaps", &find_gaps, user_id);
    if (!error && user_id) {
        json_literal_key(w, "workspace");
        json_open_object(w);
        error = write_periods(rq, w, NULL, &zone);
        json_close_object(w);
    }
    return error ? error : respond_end(rs);
}

const struct route usage_reports_routes[] = {
    {METHOD_GET, "/api/usage/summary", show_summary, ACCESS_VIEWER},
    {METHOD_GET, "/api/usage/report", show_report, ACCESS_VIEWER, .query = report_query},
    {0},
};
