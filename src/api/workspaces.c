/* Workspaces and their members. The {slug} of the path is the workspace acted on, whatever the header says; one the user
 * is no member of does not exist for him. Writes need a login session; an access token sees only the workspace it acts in. */
#include "workspaces.h"

#include "page.h"
#include "workspace_answer.h"

static const struct field create_fields[] = {
    {.name = "slug", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 63},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 200},
    {0},
};
static const struct field change_fields[] = {
    {.name = "slug", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 63},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 200},
    {.name = "time_zone", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 100},
    {0},
};
static const struct field member_fields[] = {
    {.name = "role", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "viewer|editor|admin|owner"},
    {0},
};

/* ---- workspaces ------------------------------------------------------------------------------------------------- */

static const struct listing workspaces = {
    .name = "workspaces",
    .count = {"workspaces_count", "SELECT count(*)" WORKSPACES_MINE},
    .page = {"workspaces_page", WORKSPACE_COLUMNS WORKSPACE_ORDER " LIMIT $3 OFFSET $4"},
};

static enum error list_workspaces(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &workspaces, DB_ARGS(rq->actor.who.user_id, workspaces_visible(&rq->actor)));
}

static enum error show_workspace(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter(&rq->actor, path_arg(rq, "slug"), ROLE_VIEWER, &workspace);
    if (error || respond_not_modified(rq, rs, workspace_tag(rq, &workspace)))
        return error;
    return respond_row(rs, 200, &workspace);
}

static enum error make_workspace(struct request *rq, struct response *rs)
{
    const char *slug = body_text(rq, "slug");
    enum error error = workspace_check_slug(&rq->actor, slug);
    if (!error)
        error = workspace_create(&rq->actor, slug, body_text(rq, "name"));
    return error ? error : workspace_respond(rq, rs, 201);
}

/* The one in the path, if it is still as If-Match has it. */
static enum error enter_to(struct request *rq, enum role needed,
                           enum error (*enter)(struct actor *, const char *, enum role, struct row *))
{
    struct row workspace;
    enum error error = enter(&rq->actor, path_arg(rq, "slug"), needed, &workspace);
    return error ? error : check_if_match(rq, row_int(&workspace, WORKSPACE_REVISION));
}

/* A personal one has a time zone as well, and nothing else to change. */
static enum error change_workspace(struct request *rq, struct response *rs)
{
    const char *slug = body_text(rq, "slug"), *name = body_text(rq, "name"), *zone = body_text(rq, "time_zone");
    bool renamed = slug || name || !zone;
    enum error error = workspace_check_slug(&rq->actor, slug);
    if (!error)
        error = enter_to(rq, ROLE_ADMIN, renamed ? workspace_enter_to_change : workspace_enter_to_set);
    if (!error)
        error = workspace_set_time_zone(&rq->actor, zone);
    if (!error && renamed)
        error = workspace_change(&rq->actor, slug, name);
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error delete_workspace(struct request *rq, struct response *rs)
{
    enum error error = enter_to(rq, ROLE_OWNER, workspace_enter_to_change);
    if (!error)
        error = workspace_delete(&rq->actor);
    return error ? error : respond_null(rs);
}

static enum error switch_workspace(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter(&rq->actor, path_arg(rq, "slug"), ROLE_VIEWER, &workspace);
    if (!error)
        error = workspace_switch(&rq->actor);
    return error ? error : workspace_respond(rq, rs, 200);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static const struct listing members = {
    .name = "members",
    .count = {"members_count", "SELECT count(*) FROM memberships WHERE workspace_id = ccr_workspace()"},
    .page = {"members_page",
             "SELECT u.username, u.display_name, m.role, m.created_at AS joined_at"
             " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = ccr_workspace()"
             " ORDER BY lower(u.username), u.id LIMIT $1 OFFSET $2"},
};

static enum error list_members(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter(&rq->actor, path_arg(rq, "slug"), ROLE_VIEWER, &workspace);
    return error ? error : respond_page(rq, rs, &members, DB_NO_ARGS);
}

static enum error set_member(struct request *rq, struct response *rs)
{
    struct row workspace;
    struct member member;
    enum role wanted = role_from_name(body_text(rq, "role"));
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    if (!error)
        error = member_set(&rq->actor, path_arg(rq, "username"), wanted, &member);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, member.role ? 200 : 201);
    json_string_member(w, "username", member.username);
    json_string_member(w, "role", role_names[wanted]);
    return respond_end(rs);
}

static enum error remove_member(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_VIEWER, &workspace);
    if (!error)
        error = member_remove(&rq->actor, path_arg(rq, "username"));
    return error ? error : respond_null(rs);
}

const struct route workspaces_routes[] = {
    {METHOD_GET, "/api/workspaces", list_workspaces, .access = ACCESS_USER, .query = page_query},
    {METHOD_POST, "/api/workspaces", make_workspace, .access = ACCESS_USER, .body = create_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/workspaces/{slug}", show_workspace, .access = ACCESS_USER},
    {METHOD_PATCH, "/api/workspaces/{slug}", change_workspace, .access = ACCESS_USER, .body = change_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}", delete_workspace, .access = ACCESS_USER,
     .flags = ROUTE_HEAVY | ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/workspaces/{slug}/switch", switch_workspace, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/workspaces/{slug}/members", list_members, .access = ACCESS_USER, .query = page_query},
    {METHOD_PUT, "/api/workspaces/{slug}/members/{username}", set_member, .access = ACCESS_USER, .body = member_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}/members/{username}", remove_member, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {0},
};
