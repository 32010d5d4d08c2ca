/* CCR UI's page of commands: those that a user wants again, and those that he ran. They name things of a workspace, so each user has his
 * own in each workspace. */
#include "command_line.h"
#include "ui_page.h"

#define FAVORITES_MAX "200"
#define HISTORY_KEPT  "499" /* beside a new one */

#define OWN      "workspace_id = ccr_workspace() AND user_id = ccr_user()"
#define FAVORITE "id, command, args::json AS args, display_name, module, " SQL_TIME("created_at") " AS created_at"
#define RUN                                                                                                            \
    "id, concat_ws(' ', 'ccr', command, (SELECT string_agg(a.text, ' ' ORDER BY a.place) FROM"                         \
    " json_array_elements_text(args::json) WITH ORDINALITY a (text, place))) AS full_command, command,"                \
    " args::json AS args, success, created_at AS executed_at, duration_ms"

enum { COMMAND_MAX = 50, ARGS_MAX = 16, RUNS_MAX = 500, RUNS_SHOWN = 50, DURATION_MAX = 2147483647 };

static const struct field favorite_fields[] = {
    {"command", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = COMMAND_MAX},
    {"args", FIELD_STRINGS, .max = ARGS_MAX},
    {"display_name", FIELD_TEXT, FIELD_TRIM, .max = 100},
    {"module", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = COMMAND_MAX},
    {0},
};
static const struct field run_fields[] = {
    {"command", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = COMMAND_MAX},
    {"args", FIELD_STRINGS, .max = ARGS_MAX},
    {"success", FIELD_BOOL, FIELD_REQUIRED},
    {"duration_ms", FIELD_INT, FIELD_REQUIRED, .max = DURATION_MAX},
    {0},
};
static const struct field history_query[] = {{"limit", FIELD_INT, .min = 1, .max = RUNS_MAX}, {0}};

static enum error respond_true(struct response *rs)
{
    json_put_bool(respond_begin(rs, 200), true);
    return respond_end(rs);
}

/* ---- favourites ------------------------------------------------------------------------------------------------- */

static enum error list_favorites(struct request *rq, struct response *rs)
{
    static const struct statement select = {"ui_favorites", "SELECT " FAVORITE " FROM ui_favorites WHERE " OWN
                                                            " ORDER BY ui_favorites.created_at DESC, id"};
    struct rows rows;
    enum error error = db_all(rq->actor.db, &select, &rows, DB_NO_ARGS);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "favorites");
    rows_write(&rows, w);
    return respond_end(rs);
}

/* One that is there already is the answer. */
static enum error add_favorite(struct request *rq, struct response *rs)
{
    static const struct statement insert = {
        "ui_favorites_add",
        "INSERT INTO ui_favorites (workspace_id, user_id, command, args, display_name, module)"
        " SELECT ccr_workspace(), ccr_user(), $1, $2, $3, $4 WHERE (SELECT count(*) FROM ui_favorites WHERE " OWN
        " AND (command, args) <> ($1, $2)) < " FAVORITES_MAX
        " ON CONFLICT (workspace_id, user_id, command, args) DO UPDATE SET command = excluded.command"
        " RETURNING " FAVORITE};
    struct row row;
    const char *command = body_text(rq, "command"), *args;
    enum error error = command_line_keep(&rq->actor, command, body_value(rq, "args"), &args);
    if (!error)
        error = db_one(rq->actor.db, &insert, &row,
                       DB_ARGS(command, args, body_text(rq, "display_name"), body_text(rq, "module")));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_FAVORITES_MAX, FAVORITES_MAX, NULL);
    return error ? error : respond_row(rs, 200, &row);
}

static enum error remove_favorite(struct request *rq, struct response *rs)
{
    static const struct statement delete = {"ui_favorites_remove",
                                            "DELETE FROM ui_favorites WHERE " OWN " AND id = $1::uuid RETURNING id"};
    struct row row;
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? db_one(rq->actor.db, &delete, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_FAVORITE_UNKNOWN, NULL);
    return error ? error : respond_true(rs);
}

/* ---- what was run ----------------------------------------------------------------------------------------------- */

static enum error list_history(struct request *rq, struct response *rs)
{
    static const struct statement count = {"ui_history_count", "SELECT count(*) FROM ui_history WHERE " OWN},
                                  select = {"ui_history", "SELECT " RUN " FROM ui_history WHERE " OWN
                                                          " ORDER BY created_at DESC, id LIMIT $1::integer"};
    struct rows rows;
    struct row total;
    long long limit = RUNS_SHOWN; /* parse_int leaves it alone when there is no number */
    parse_int(request_query(rq, "limit"), 1, RUNS_MAX, &limit);
    enum error error = db_all(rq->actor.db, &select, &rows, DB_ARGS(number_text(&rq->actor, limit)));
    if (!error)
        error = db_one(rq->actor.db, &count, &total, DB_NO_ARGS);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "history");
    rows_write(&rows, w);
    json_int_member(w, "total", row_int(&total, 0));
    return respond_end(rs);
}

static enum error add_run(struct request *rq, struct response *rs)
{
    static const struct statement insert = {
        "ui_history_add", "WITH old AS (DELETE FROM ui_history WHERE id IN (SELECT id FROM ui_history WHERE " OWN
                          " ORDER BY created_at DESC, id OFFSET " HISTORY_KEPT "))"
                          " INSERT INTO ui_history (workspace_id, user_id, command, args, success, duration_ms)"
                          " VALUES (ccr_workspace(), ccr_user(), $1, $2, $3::boolean, $4::integer) RETURNING " RUN};
    struct row row;
    const char *command = body_text(rq, "command"), *args;
    long long duration_ms = json_integer_value(body_value(rq, "duration_ms"));
    enum error error = command_line_keep(&rq->actor, command, body_value(rq, "args"), &args);
    if (!error)
        error = db_one(rq->actor.db, &insert, &row,
                       DB_ARGS(command, args, body_bool(rq, "success", false) ? "true" : "false",
                               number_text(&rq->actor, duration_ms)));
    return error ? error : respond_row(rs, 200, &row);
}

static enum error clear_history(struct request *rq, struct response *rs)
{
    static const struct statement delete = {"ui_history_clear", "DELETE FROM ui_history WHERE " OWN};
    enum error error = db_run(rq->actor.db, &delete, DB_NO_ARGS);
    return error ? error : respond_true(rs);
}

const struct route ui_state_routes[] = {
    {METHOD_GET, "/api/ui-state/favorites", list_favorites, ACCESS_VIEWER},
    {METHOD_POST, "/api/ui-state/favorites", add_favorite, ACCESS_VIEWER, .body = favorite_fields},
    {METHOD_DELETE, "/api/ui-state/favorites/{id}", remove_favorite, ACCESS_VIEWER},
    {METHOD_GET, "/api/ui-state/history", list_history, ACCESS_VIEWER, .query = history_query},
    {METHOD_POST, "/api/ui-state/history", add_run, ACCESS_VIEWER, .body = run_fields},
    {METHOD_DELETE, "/api/ui-state/history", clear_history, ACCESS_VIEWER},
    {0},
};
