/* Usage as it can be read: reports by any grouping, a summary, who reports, and sessions with their calls. Administrators of the workspace see
 * everybody's; other members their own, and beside it what the workspace comes to as a whole. */
#include <string.h>
#include <strings.h>

#include "csv.h"
#include "page.h"
#include "usage_report.h"

enum { ROWS_DEFAULT = 100, ROWS_MAX = 1000, CSV_ROWS_MAX = 50000, OFFSET_MAX = 1000000000, FILTER_MAX = 20000 };

#define DOLLARS "{\"currency\":\"USD\",\"unit\":\"USD\"}"
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
    json_put_members(w, DOLLARS);
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
    enum error error = write_workspace(rq, w, question);
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

const struct route usage_reports_routes[] = {
    {METHOD_GET, "/api/usage/report", show_report, ACCESS_VIEWER, .query = report_query},
    {0},
};
