/* History: the part of the audit log that is about profiles, as the frontend shows it. */
#include "history.h"

#include <string.h>

#include "router.h"

static const struct field history_query[] = {
    {"limit", FIELD_INT, .min = 1, .max = 100},
    {"offset", FIELD_INT, .min = 0, .max = 1000000},
    {"operation", FIELD_TEXT, .max = 20},
    {0},
};

static const struct statement select_page = {
    "history_select",
    "SELECT id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), substr(action, 9), actor,"
    " coalesce(from_config, CASE WHEN action <> 'profile.switch' AND action NOT LIKE 'profile.export%' THEN target END),"
    " to_config, changes, platform, target"
    " FROM audit_log WHERE workspace_id = ccr_workspace() AND action LIKE 'profile.%'"
    " AND ($3::text IS NULL OR action = 'profile.' || $3)"
    " ORDER BY created_at DESC, id LIMIT $1::integer OFFSET $2::integer"};

enum error history_page(struct actor *actor, const char *limit, const char *offset, const char *operation,
                        struct rows *rows)
{
    return db_all(actor->db, &select_page, rows, DB_ARGS(limit, offset, operation));
}

static void write_history_entry(struct json_writer *w, const struct row *row)
{
    json_open_object(w);
    json_string_member(w, "id", row_text(row, HISTORY_ID));
    json_string_member(w, "timestamp", row_text(row, HISTORY_TIME));
    json_string_member(w, "operation", row_text(row, HISTORY_OPERATION));
    json_string_member(w, "actor", row_text(row, HISTORY_ACTOR));
    json_string_member(w, "from_config", row_text(row, HISTORY_FROM));
    json_string_member(w, "to_config", row_text(row, HISTORY_TO));
    json_raw_member(w, "changes", row_text(row, HISTORY_CHANGES));
    json_string_member(w, "platform", row_text(row, HISTORY_PLATFORM));
    json_close_object(w);
}

static enum error list_history(struct request *rq, struct response *rs)
{
    struct rows rows;
    enum error error =
        history_page(&rq->actor, request_query_or(rq, "limit", "100"), request_query_or(rq, "offset", "0"),
                     request_query_or(rq, "operation", NULL), &rows);
    if (error)
        return error;
    struct json_writer *w = respond_begin_bare(rs, 200);
    json_open_object(w);
    json_key(w, "entries");
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        write_history_entry(w, &row);
    }
    json_close_array(w);
    json_int_member(w, "total", rows.count);
    json_close_object(w);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

const struct route history_routes[] = {
    {METHOD_GET, "/api/history", list_history, ACCESS_VIEWER, .query = history_query, .flags = ROUTE_CACHED},
    {0},
};
