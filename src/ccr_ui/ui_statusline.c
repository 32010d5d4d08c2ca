/* The status line: CCR UI knows one, without a name. */
#include "ui_page.h"

#include "json.h"
#include "util.h"

extern const struct kind kind_statusline;

#define PLATFORM "claude"

/* What a new one is called, as an import calls it. */
#define NAME "statusline"

static const struct field fields[] = {{"command", FIELD_TEXT, .max = 8000}, {"enabled", FIELD_BOOL}, {0}};

/* The first that is enabled, else the first; *there tells whether there is one. */
static enum error find(struct request *rq, struct resource *r, bool *there)
{
    static const struct statement select_name = {
        "ui_statusline",
        "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
        " ORDER BY enabled DESC, position, name LIMIT 1"};
    struct row row;
    enum error error = db_one(rq->actor.db, &select_name, &row, DB_ARGS(kind_statusline.name, PLATFORM));
    *there = error == ERR_NONE;
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    return resource_find(&rq->actor, &kind_statusline, PLATFORM, row_text(&row, 0), false, r);
}

static enum error get(struct request *rq, struct response *rs)
{
    bool there;
    struct resource r = {.name = ""};
    enum error error = find(rq, &r, &there);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    if (there)
        json_string_member(w, "command", json_text_at(resource_shown(&r), "command"));
    json_bool_member(w, "enabled", there && r.enabled);
    return respond_end(rs);
}

static enum error change(struct request *rq, json_t *sent)
{
    struct resource before = {.name = ""}, after;
    enum error error = resource_to_change(rq, &before);
    if (error)
        return error;
    rq->body = resource_shown(&before);
    json_object_update(rq->body, sent);
    return resource_save_values(rq, &before, rq->body, &after);
}

static enum error make(struct request *rq, json_t *sent)
{
    struct resource r = {.name = ""};
    rq->body = json_copy(sent);
    json_object_set_new(rq->body, "name", json_string(NAME));
    return resource_create(rq, &r);
}

static enum error put(struct request *rq, struct response *rs)
{
    bool there;
    struct resource r = {.name = ""};
    json_t *sent = rq->body, *wanted = json_object();
    enum error error = find(rq, &r, &there);
    if (error)
        return error;
    if (!is_blank(body_text(rq, "command")))
        json_object_set(wanted, "command", body_value(rq, "command"));
    bool now = there ? r.enabled : json_object_size(wanted) > 0;
    json_object_set_new(wanted, "enabled", json_boolean(body_bool(rq, "enabled", now)));
    ui_put_path_arg(rq, "platform", PLATFORM);
    if (there) {
        ui_put_path_arg(rq, "name", r.name);
        error = change(rq, wanted);
    } else if (json_object_get(wanted, "command") || json_is_true(json_object_get(wanted, "enabled"))) {
        error = make(rq, wanted);
    } /* else there is none, and none is wanted */
    rq->body = sent;
    return error ? error : respond_text(rs, 200, "Statusline configuration updated successfully");
}

const struct route ui_statusline_routes[] = {
    {METHOD_GET, "/api/statusline", get, ACCESS_VIEWER, .flags = ROUTE_CACHED, .data = &kind_statusline},
    {METHOD_PUT, "/api/statusline", put, ACCESS_ADMIN, .body = fields, .data = &kind_statusline},
    {0},
};
