/* Check-in: what was recorded. Days are those of UTC. A day counts as checked in when a check-in of it went well, or the provider said that
 * it had been done already. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ui_checkin.h"
#include "util.h"

enum { PAGE_SIZE = 100, PAGE_SIZE_MAX = 500, PAGES_MAX = 1000000, EXPORTED_MAX = 10000, DAYS = 30, DAYS_MAX = 365 };

/* ---- records ---------------------------------------------------------------------------------------------------- */

#define SQL_RECORD                                                                                                     \
    "json_strip_nulls(json_build_object('id', c.id, 'account_id', c.account_id, 'account_name', c.account_name,"       \
    " 'provider_name', c.provider_name, 'status', c.status, 'message', c.message, 'reward', c.reward,"                 \
    " 'checked_in_at', " SQL_TIME("c.checked_at") "))"
#define SQL_FOUND                                                                                                      \
    " FROM checkin_records c WHERE c.workspace_id = (SELECT ccr_workspace()) AND ($1::text IS NULL OR c.status = $1)"  \
    " AND ($2::text IS NULL OR c.provider_id::text = $2) AND ($3::text IS NULL OR c.account_id::text = $3)"            \
    " AND ($4::text IS NULL OR strpos(lower(concat_ws(' ', c.account_name, c.provider_name, c.message, c.reward)), lower($4)) > 0)"

static const struct statement count_records = {"checkin_records_count", "SELECT count(*)" SQL_FOUND},
                              page_records = {"checkin_records_page",
                                              "SELECT " SQL_RECORD SQL_FOUND " ORDER BY c.checked_at DESC, c.id"
                                              " LIMIT $5::integer OFFSET $6::bigint"};

#define FILTERS                                                                                                        \
    {"status", FIELD_TEXT, .choices = "success|already_checked_in|failed"}, {"provider_id", FIELD_TEXT, .max = 36},    \
        {"account_id", FIELD_TEXT, .max = 36},                                                                         \
    {                                                                                                                  \
        "keyword", FIELD_TEXT, .max = 200                                                                              \
    }
static const struct field export_query[] = {FILTERS, {0}};
static const struct field records_query[] = {
    FILTERS,
    {"page", FIELD_INT, .min = 1, .max = PAGES_MAX},
    {"page_size", FIELD_INT, .min = 1, .max = PAGE_SIZE_MAX},
    {"limit", FIELD_INT, .min = 1, .max = PAGE_SIZE_MAX},
    {0},
};

static long long query_int(struct request *rq, const char *name, long long otherwise)
{
    const char *text = request_query_or(rq, name, NULL);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static enum error respond_records(struct request *rq, struct response *rs, long long limit, long long offset)
{
    struct row row;
    const char *args[] = {request_query_or(rq, "status", NULL),     request_query_or(rq, "provider_id", NULL),
                          request_query_or(rq, "account_id", NULL), request_query_or(rq, "keyword", NULL),
                          number_text(&rq->actor, limit),           number_text(&rq->actor, offset)};
    enum error error = db_one(rq->actor.db, &count_records, &row, args, 4);
    long long total = error ? 0 : row_int(&row, 0);
    return error ? error : checkin_respond_all(rq, rs, "records", &page_records, args, ARRAY_SIZE(args), &total);
}

/* `limit` is `page_size` under another name. */
static enum error list_records(struct request *rq, struct response *rs)
{
    long long size = query_int(rq, "page_size", query_int(rq, "limit", PAGE_SIZE)), page = query_int(rq, "page", 1);
    return respond_records(rq, rs, size, (page - 1) * size);
}

static enum error export_records(struct request *rq, struct response *rs)
{
    response_header(rs, "Content-Disposition", "attachment; filename=\"checkin-records.json\"");
    return respond_records(rq, rs, EXPORTED_MAX, 0);
}

/* ---- today ------------------------------------------------------------------------------------------------------ */

/* Of an account that failed and then went well, the latter counts. */
static const struct statement select_today = {
    "checkin_today",
    "SELECT json_build_object('total_accounts', count(*), 'checked_in', count(*) FILTER (WHERE done),"
    " 'not_checked_in', count(*) FILTER (WHERE done IS NOT TRUE), 'failed', count(*) FILTER (WHERE NOT done))"
    " FROM resources r LEFT JOIN LATERAL (SELECT bool_or(status <> 'failed') AS done FROM checkin_records"
    " WHERE account_id = r.id AND checked_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') c ON true"
    " WHERE r.workspace_id = (SELECT ccr_workspace()) AND r.kind = 'checkin_account' AND r.enabled"};

static enum error today(struct request *rq, struct response *rs)
{
    return checkin_respond_one(rq, rs, &select_today, DB_NO_ARGS);
}

/* ---- one account ------------------------------------------------------------------------------------------------ */

static const struct statement select_overview = {
    "checkin_overview",
    "SELECT json_strip_nulls(json_build_object('id', r.id, 'name', r.name, 'provider_id', r.listed->>'provider_id',"
    " 'provider_name', coalesce(p.name, ''), 'enabled', r.enabled, 'last_checkin_at', (SELECT " SQL_TIME("max(checked_at)") " FROM checkin_records WHERE account_id = r.id AND status <> 'failed'), 'last_balance_check_at', " SQL_TIME(
        "b.recorded_at") ", 'latest_balance', b.remaining_quota, 'balance_currency', b.currency, 'total_quota', b.used_quota + b.remaining_quota,"
                         " 'used_quota', b.used_quota, 'remaining_quota', b.remaining_quota)) FROM resources r"
                         " LEFT JOIN resources p ON p.workspace_id = r.workspace_id AND p.kind = 'checkin_provider'"
                         " AND p.id::text = r.listed->>'provider_id' LEFT JOIN LATERAL (SELECT recorded_at, remaining_quota, used_quota, currency"
                         " FROM checkin_balances WHERE account_id = r.id ORDER BY recorded_at DESC LIMIT 1) b ON true"
                         " WHERE r.workspace_id = (SELECT ccr_workspace()) AND r.kind = 'checkin_account' AND r.id = $1::uuid"};

/* Days in a row are those whose distance to their number is the same. A streak goes on until a day is over without a check-in. */
static const struct statement select_streak = {
    "checkin_streak",
    "WITH days AS (SELECT DISTINCT (checked_at AT TIME ZONE 'UTC')::date AS day FROM checkin_records"
    " WHERE account_id = $1::uuid AND status <> 'failed'),"
    " runs AS (SELECT max(day) AS last, count(*) AS length FROM (SELECT day, day - (row_number() OVER (ORDER BY day))::integer"
    " AS run FROM days) numbered GROUP BY run)"
    " SELECT json_strip_nulls(json_build_object('current_streak', coalesce((SELECT length FROM runs"
    " WHERE last >= (now() AT TIME ZONE 'UTC')::date - 1), 0), 'longest_streak', coalesce(max(length), 0),"
    " 'total_check_in_days', coalesce(sum(length), 0), 'last_check_in_date', max(last))) FROM runs"};

/* Each day from $2 to $3. Of balances the last of a day counts, and until the next one; what came in is what the total grew by since the
 * one before. */
static const struct statement select_days = {
    "checkin_days",
    "WITH last AS (SELECT DISTINCT ON (1) (recorded_at AT TIME ZONE 'UTC')::date AS day, remaining_quota, used_quota"
    " FROM checkin_balances WHERE account_id = $1::uuid ORDER BY 1, recorded_at DESC),"
    " grown AS (SELECT day, remaining_quota + used_quota - lag(remaining_quota + used_quota) OVER (ORDER BY day) AS increment FROM last),"
    " done AS (SELECT DISTINCT (checked_at AT TIME ZONE 'UTC')::date AS day FROM checkin_records"
    " WHERE account_id = $1::uuid AND status <> 'failed')"
    " SELECT d::date::text, d::date IN (SELECT day FROM done), g.increment::text, coalesce(b.remaining_quota, 0)::text,"
    " coalesce(b.used_quota, 0)::text, coalesce(b.remaining_quota + b.used_quota, 0)::text,"
    " d::date <= (now() AT TIME ZONE 'UTC')::date"
    " FROM generate_series($2::date, $3::date, interval '1 day') d LEFT JOIN grown g ON g.day = d::date"
    " LEFT JOIN LATERAL (SELECT remaining_quota, used_quota FROM last WHERE last.day <= d::date ORDER BY last.day DESC LIMIT 1) b ON true ORDER BY d"};

enum day_column { DAY, DONE, INCREMENT, BALANCE, USED, TOTAL, BEGUN };

static void write_day(struct json_writer *w, const struct row *row, bool calendar)
{
    json_open_object(w);
    json_string_member(w, "date", row_text(row, DAY));
    json_bool_member(w, "is_checked_in", row_bool(row, DONE));
    const char *increment = row_text(row, INCREMENT);
    json_raw_member(w, "income_increment", increment || calendar ? increment : "0");
    json_raw_member(w, "current_balance", row_text(row, BALANCE));
    if (calendar)
        json_raw_member(w, "total_consumed", row_text(row, USED));
    json_raw_member(w, "total_quota", row_text(row, TOTAL));
    json_close_object(w);
}

static void write_calendar(struct json_writer *w, const char *id, int year, int month, const struct rows *rows)
{
    int begun = 0, done = 0;
    double grown = 0;
    json_open_object(w);
    json_string_member(w, "account_id", id);
    json_int_member(w, "year", year);
    json_int_member(w, "month", month);
    json_literal_key(w, "days");
    json_open_array(w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        write_day(w, &row, true);
        begun += row_bool(&row, BEGUN);
        done += row_bool(&row, DONE);
        grown += strtod(row_string(&row, INCREMENT), NULL);
    }
    json_close_array(w);
    json_literal_key(w, "month_stats");
    json_open_object(w);
    json_int_member(w, "total_days", begun);
    json_int_member(w, "checked_in_days", done);
    json_literal_key(w, "check_in_rate");
    json_put_double(w, begun ? 100.0 * done / begun : 0, 2);
    json_literal_key(w, "total_quota_increment");
    json_put_double(w, grown, 6);
    json_close_object(w);
    json_close_object(w);
}

static void write_trend(struct json_writer *w, const char *id, const struct rows *rows)
{
    struct row first = rows_at(rows, 0), last = rows_at(rows, rows->count - 1);
    json_open_object(w);
    json_string_member(w, "account_id", id);
    json_string_member(w, "start_date", row_text(&first, DAY));
    json_string_member(w, "end_date", row_text(&last, DAY));
    json_literal_key(w, "data_points");
    json_open_array(w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        write_day(w, &row, false);
    }
    json_close_array(w);
    json_close_object(w);
}

static const struct field dashboard_query[] = {
    {"year", FIELD_INT, .min = 2000, .max = 2999},
    {"month", FIELD_INT, .min = 1, .max = 12},
    {"days", FIELD_INT, .min = 1, .max = DAYS_MAX},
    {0},
};

static const char *date_text(struct arena *arena, int year, int month, int day)
{
    struct tm at = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    char text[32];
    (void)timegm(&at); /* day 0 is the last of the month before */
    strftime(text, sizeof text, "%Y-%m-%d", &at);
    return arena_strdup(arena, text);
}

static enum error dashboard(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    struct row overview, streak;
    struct rows month_days, last_days;
    struct tm now;
    struct arena *arena = rq->actor.arena;
    struct db *db = rq->actor.db;
    time_t seconds = time(NULL);
    gmtime_r(&seconds, &now);
    int year = (int)query_int(rq, "year", now.tm_year + 1900), month = (int)query_int(rq, "month", now.tm_mon + 1),
        days = (int)query_int(rq, "days", DAYS);
    enum error error = checkin_account(rq, &r);
    if (!error)
        error = db_one(db, &select_overview, &overview, DB_ARGS(r.id));
    if (!error)
        error = db_one(db, &select_streak, &streak, DB_ARGS(r.id));
    if (!error)
        error = db_all(db, &select_days, &month_days,
                       DB_ARGS(r.id, date_text(arena, year, month, 1), date_text(arena, year, month + 1, 0)));
    if (!error)
        error = db_all(db, &select_days, &last_days,
                       DB_ARGS(r.id, date_text(arena, now.tm_year + 1900, now.tm_mon + 1, now.tm_mday - days + 1),
                               date_text(arena, now.tm_year + 1900, now.tm_mon + 1, now.tm_mday)));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_raw_member(w, "account", row_text(&overview, 0));
    json_raw_member(w, "streak", row_text(&streak, 0));
    json_literal_key(w, "calendar");
    write_calendar(w, r.id, year, month, &month_days);
    json_literal_key(w, "trend");
    write_trend(w, r.id, &last_days);
    return respond_end(rs);
}

const struct route ui_checkin_seen_routes[] = {
    {METHOD_GET, "/api/checkin/records", list_records, ACCESS_VIEWER, .query = records_query},
    {METHOD_GET, "/api/checkin/records/export", export_records, ACCESS_VIEWER, .query = export_query},
    {METHOD_GET, "/api/checkin/stats/today", today, ACCESS_VIEWER},
    {METHOD_GET, "/api/checkin/accounts/{id}/dashboard", dashboard, ACCESS_VIEWER, .query = dashboard_query,
     .data = &kind_checkin_account},
    {0},
};
