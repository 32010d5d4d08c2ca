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

#define TIME SQL_TIME("created_at")

static const struct statement select_page = {
    "history_select",
    "SELECT id, " TIME " AS timestamp, substr(action, 9) AS operation, actor,"
    " coalesce(from_config, CASE WHEN action <> 'profile.switch' AND action NOT LIKE 'profile.export%' THEN target END)"
    " AS from_config, to_config, changes, platform"
    " FROM audit_log WHERE workspace_id = ccr_workspace() AND action LIKE 'profile.%'"
    " AND ($3::text IS NULL OR action = 'profile.' || $3)"
    " ORDER BY created_at DESC, id LIMIT $1::integer OFFSET $2::integer"};

enum error history_page(struct actor *actor, const char *limit, const char *offset, const char *operation,
                        struct rows *rows)
{
    return db_all(actor->db, &select_page, rows, DB_ARGS(limit, offset, operation));
}

static enum error list_history(struct request *rq, struct response *rs)
{
    struct rows rows;
    enum error error =
        history_page(&rq->actor, request_query_or(rq, "limit", "100"), request_query_or(rq, "offset", "0"),
                     request_query_or(rq, "operation", NULL), &rows);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_key(w, "entries");
    rows_write(&rows, w);
    json_int_member(w, "total", rows.count);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

const struct route history_routes[] = {
    {METHOD_GET, "/api/history", list_history, ACCESS_VIEWER, .query = history_query, .flags = ROUTE_CACHED},
    {0},
};
