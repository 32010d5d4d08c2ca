/* The audit trail as it can be read: the site's by site administrators, a workspace's by its administrators and them. JSON in
 * pages, or CSV for a spreadsheet. GET /api/history is the part of it that the frontend shows. */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "csv.h"
#include "page.h"
#include "util.h"

enum { JSON_LIMIT_MAX = 500, CSV_LIMIT_MAX = 5000 };

#define FILTERS                                                                                                        \
    {.name = "actor", .type = FIELD_TEXT, .max = 100}, {.name = "action", .type = FIELD_TEXT, .max = 100},             \
        {.name = "target", .type = FIELD_TEXT, .max = 1000}, {.name = "address", .type = FIELD_TEXT, .max = 100},      \
        {.name = "from", .type = FIELD_TEXT, .max = 40}, {.name = "to", .type = FIELD_TEXT, .max = 40},                \
        {.name = "format", .type = FIELD_TEXT, .choices = "json|csv"},                                                 \
        {.name = "limit", .type = FIELD_INT, .min = 1, .max = CSV_LIMIT_MAX},                                          \
    {                                                                                                                  \
        .name = "offset", .type = FIELD_INT, .min = 0, .max = 1000000000                                               \
    }

static const struct field site_query[] = {
    {.name = "workspace", .type = FIELD_TEXT, .max = 100},
    {.name = "user", .type = FIELD_TEXT, .max = 100},
    FILTERS,
    {0},
};
static const struct field workspace_query[] = {FILTERS, {0}};

/* $1 actor, $2 action ("auth.*": all that begin so), $3 target, $4 address, $5 from, $6 to (not included) */
#define MATCHING                                                                                                       \
    " AND ($1::text IS NULL OR lower(actor) = lower($1))"                                                              \
    " AND ($2::text IS NULL OR action = $2 OR (right($2, 1) = '*' AND starts_with(action, left($2, -1))))"             \
    " AND ($3::text IS NULL OR target = $3) AND ($4::text IS NULL OR address = $4)"                                    \
    " AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6)"
#define COLUMNS                                                                                                        \
    "SELECT id, " SQL_TIME("created_at") " AS time, actor, token, action, platform, target, from_config, to_config,"   \
                                         " changes, address, request_id FROM audit_log WHERE workspace_id "
#define PAGE " ORDER BY created_at DESC, id LIMIT $7::int OFFSET $8::int"

/* The trail holds millions of rows, and counting them takes longer than reading a page. */
#define COUNT_OF(rows)                                                                                                 \
    "SELECT count(*) FROM (SELECT FROM audit_log WHERE workspace_id " rows MATCHING " LIMIT 10000) AS n"

static const struct statement workspace_named = {"audit_workspace", "SELECT id FROM ccr_workspace_named($1, $2) AS id"
                                                                    " WHERE id IS NOT NULL"};

static const struct listing site = {.name = "entries",
                                    .count = {"audit_site_count", COUNT_OF("IS NULL")},
                                    .page = {"audit_site_page", COLUMNS "IS NULL" MATCHING PAGE}},
                            workspace = {.name = "entries",
                                         .count = {"audit_count", COUNT_OF("= ccr_workspace()")},
                                         .page = {"audit_page", COLUMNS "= ccr_workspace()" MATCHING PAGE}};

/* ---- filters ---------------------------------------------------------------------------------------------------- */

enum { FILTER_COUNT = 6 }; /* $1 to $6 of MATCHING */

static enum error take_filters(struct request *rq, const char *values[FILTER_COUNT])
{
    static const char *const texts[] = {"actor", "action", "target", "address"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        values[i] = request_query_or(rq, texts[i], NULL);
    enum error from = query_time(rq, "from", &values[4]), to = query_time(rq, "to", &values[5]);
    return from ? from : to;
}

/* ---- CSV (RFC 4180) --------------------------------------------------------------------------------------------- */

static bool wants_csv(const struct request *rq)
{
    const char *format = request_query_or(rq, "format", NULL), *accept = request_header(rq, "Accept");
    if (format)
        return strcmp(format, "csv") == 0;
    return accept && strncasecmp(accept, "text/csv", strlen("text/csv")) == 0;
}

static void write_line(struct buffer *out, const struct rows *rows, int index)
{
    struct row row = rows_at(rows, index);
    for (int c = 0; c < rows_columns(rows); c++) {
        buffer_text(out, c ? "," : "");
        csv_put_cell(out, row_text(&row, c));
    }
    buffer_text(out, "\r\n");
}

static enum error respond_csv(struct request *rq, struct response *rs, const struct listing *listing,
                              const char *const values[FILTER_COUNT])
{
    const char *limit = request_query_or(rq, "limit", "1000"), *offset = request_query_or(rq, "offset", "0");
    struct rows rows;
    enum error error = db_all(rq->actor.db, &listing->page, &rows,
                              DB_ARGS(values[0], values[1], values[2], values[3], values[4], values[5], limit, offset));
    if (error)
        return error;
    respond_begin_bare(rs, 200);
    response_header(rs, "Content-Type", "text/csv; charset=utf-8; header=present");
    response_header(rs, "Content-Disposition", "attachment; filename=\"audit.csv\"");
    for (int c = 0; c < rows_columns(&rows); c++)
        buffer_printf(&rs->body, c ? ",%s" : "%s", rows_column(&rows, c));
    buffer_text(&rs->body, "\r\n");
    for (int i = 0; i < rows.count; i++)
        write_line(&rs->body, &rows, i);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : respond_end(rs);
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static enum error respond_entries(struct request *rq, struct response *rs, const struct listing *listing)
{
    const char *values[FILTER_COUNT];
    long long limit = 0;
    enum error error = take_filters(rq, values);
    bool csv = wants_csv(rq);
    parse_int(request_query(rq, "limit"), 1, CSV_LIMIT_MAX, &limit);
    if (!csv && limit > JSON_LIMIT_MAX)
        error = fail_field(&rq->actor, "limit", MSG_RANGE, "1", "500", NULL);
    if (error)
        return error;
    return csv ? respond_csv(rq, rs, listing, values) : respond_page(rq, rs, listing, values, FILTER_COUNT);
}

static enum error site_list(struct request *rq, struct response *rs)
{
    const char *slug = request_query_or(rq, "workspace", NULL), *user = request_query_or(rq, "user", NULL);
    struct row named;
    if (!slug && !user)
        return respond_entries(rq, rs, &site);
    enum error error = db_one(rq->actor.db, &workspace_named, &named, DB_ARGS(slug, user));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, slug ? MSG_WORKSPACE_UNKNOWN : MSG_USER_UNKNOWN,
                       slug ? slug : user);
    db_tenant(rq->actor.db, row_string(&named, 0), rq->actor.who.user_id);
    return respond_entries(rq, rs, &workspace);
}

static enum error workspace_list(struct request *rq, struct response *rs)
{
    return respond_entries(rq, rs, &workspace);
}

const struct route audit_routes[] = {
    {METHOD_GET, "/api/audit", site_list, .access = ACCESS_SITE_ADMIN, .query = site_query},
    {METHOD_GET, "/api/audit/workspace", workspace_list, .access = ACCESS_ADMIN, .query = workspace_query},
    {0},
};
