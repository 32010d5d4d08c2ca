/* Invitations: how somebody becomes a member of a workspace. Its administrators invite a name, the invited accepts or declines.
 * Sessions only: a personal access token is no reader of other workspaces' names. */
#include "invitations.h"

#include "page.h"
#include "workspace_answer.h"
#include "workspaces.h"

enum { DAYS_DEFAULT = 7, DAYS_MAX = 30 };

static const struct field invite_fields[] = {
    {.name = "username", .type = FIELD_NAME, .flags = FIELD_REQUIRED},
    {.name = "role", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "viewer|editor|admin|owner"},
    {.name = "expires_in_days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX},
    {0},
};

#define OPEN   " FROM workspace_invitations i WHERE i.expires_at > now() AND "
#define COMMON "SELECT i.id, i.role, i.inviter AS invited_by, i.created_at, i.expires_at, "
#define SENT   COMMON "i.username" OPEN "i.workspace_id = ccr_workspace()"
#define RECEIVED                                                                                                       \
    COMMON "json_build_object('slug', i.workspace_slug, 'name', i.workspace_name) AS workspace" OPEN                   \
           "i.user_id = ccr_user()"
#define PAGE " ORDER BY i.created_at DESC, i.id LIMIT $1::int OFFSET $2::int"

static const struct statement invitation_select = {"invitation_select", SENT " AND i.id = $1"};

static const struct listing sent = {.name = "invitations",
                                    .count = {"invitations_sent_count",
                                              "SELECT count(*)" OPEN "i.workspace_id = ccr_workspace()"},
                                    .page = {"invitations_sent", SENT PAGE}},
                            received = {.name = "invitations",
                                        .count = {"invitations_received_count",
                                                  "SELECT count(*)" OPEN "i.user_id = ccr_user()"},
                                        .page = {"invitations_received", RECEIVED PAGE}};

/* ---- the workspace's side --------------------------------------------------------------------------------------- */

static enum error sent_list(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    return error ? error : respond_page(rq, rs, &sent, DB_NO_ARGS);
}

static enum error invite(struct request *rq, struct response *rs)
{
    const char *id;
    struct row workspace, row;
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    if (!error)
        error = invitation_send(&rq->actor, body_text(rq, "username"), body_text(rq, "role"),
                                body_int(rq, "expires_in_days", DAYS_DEFAULT), &id);
    if (!error)
        error = db_one(rq->actor.db, &invitation_select, &row, DB_ARGS(id));
    return error ? error : respond_row(rs, 201, &row);
}

static enum error withdraw(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    if (!error)
        error = invitation_withdraw(&rq->actor, path_arg(rq, "id"));
    return error ? error : respond_null(rs);
}

/* ---- the invited's side ----------------------------------------------------------------------------------------- */

static enum error accept(struct request *rq, struct response *rs)
{
    enum error error = invitation_accept(&rq->actor, path_arg(rq, "id"));
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error decline(struct request *rq, struct response *rs)
{
    enum error error = invitation_decline(&rq->actor, path_arg(rq, "id"));
    return error ? error : respond_null(rs);
}

const struct route invitations_routes[] = {
    {METHOD_GET, "/api/workspaces/{slug}/invitations", sent_list, .access = ACCESS_USER, .query = page_query,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/workspaces/{slug}/invitations", invite, .access = ACCESS_USER, .body = invite_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}/invitations/{id}", withdraw, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/invitations", list_all, .access = ACCESS_USER, .query = page_query, .flags = ROUTE_SESSION_ONLY,
     .data = &received},
    {METHOD_POST, "/api/invitations/{id}/accept", accept, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/invitations/{id}/decline", decline, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
