/* Invitations: how somebody becomes a member of a workspace. Its administrators invite a name, the invited accepts or declines; or they
 * make a link, and whoever has it is taken in once, also with an account that he makes with it where a site administrator allowed that.
 * Sessions only: a personal access token is no reader of other workspaces' names. */
#include "invitations.h"

#include "page.h"
#include "workspace_answer.h"
#include "workspaces.h"

enum { DAYS_DEFAULT = 7, DAYS_MAX = 30, BODY_MAX = 4096 };

static const struct field invite_fields[] = {
    {
        .name = "username",
        .type = FIELD_NAME,
    },
    {.name = "role", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "viewer|editor|admin|owner"},
    {.name = "expires_in_days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX},
    {.name = "accounts", .type = FIELD_BOOL},
    {0},
};
#define LINK                                                                                                           \
    {                                                                                                                  \
        .name = "link", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = 200                         \
    }
static const struct field link_fields[] = {LINK, {0}};
static const struct field join_fields[] = {
    LINK,
    {.name = "username", .type = FIELD_NAME, .flags = FIELD_REQUIRED},
    {.name = "display_name", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 200},
    FIELD_NEW_PASSWORD("password"),
    {0},
};

#define OPEN   " FROM workspace_invitations i WHERE i.expires_at > now() AND "
#define COMMON "SELECT i.id, i.role, i.inviter AS invited_by, i.created_at, i.expires_at, "
#define SENT   COMMON "i.username, i.accounts" OPEN "i.workspace_id = ccr_workspace()"
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
    const char *id, *link = NULL, *username = body_text(rq, "username");
    struct row workspace, row;
    const struct invitation_link wanted = {.role = body_text(rq, "role"),
                                           .days = body_int(rq, "expires_in_days", DAYS_DEFAULT),
                                           .accounts = body_bool(rq, "accounts", false)};
    if (username && wanted.accounts)
        return fail_field(&rq->actor, "accounts", MSG_LINK_ONLY, NULL);
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    if (!error)
        error = username ? invitation_send(&rq->actor, username, wanted.role, wanted.days, &id)
                         : invitation_make_link(&rq->actor, &wanted, &link, &id);
    if (!error)
        error = db_one(rq->actor.db, &invitation_select, &row, DB_ARGS(id));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 201);
    row_write(&row, w);
    if (link)
        json_string_member(w, "link", link);
    return respond_end(rs);
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

/* ---- by a link -------------------------------------------------------------------------------------------------- */

static enum error look(struct request *rq, struct response *rs)
{
    struct row shown;
    enum error error = invitation_look(&rq->actor, body_text(rq, "link"), &shown);
    return error ? error : respond_row(rs, 200, &shown);
}

static enum error take(struct request *rq, struct response *rs)
{
    enum error error = invitation_take(&rq->actor, body_text(rq, "link"));
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error join(struct request *rq, struct response *rs)
{
    const struct account account = {.username = body_text(rq, "username"),
                                    .password = body_text(rq, "password"),
                                    .display_name = body_text(rq, "display_name"),
                                    .own_password = true};
    enum error error = invitation_join(&rq->actor, body_text(rq, "link"), &account);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 201);
    json_string_member(w, "username", account.username);
    return respond_end(rs);
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
    {METHOD_POST, "/api/invitations/look", look, .access = ACCESS_PUBLIC, .body = link_fields, .flags = ROUTE_LOGIN,
     .body_max = BODY_MAX},
    {METHOD_POST, "/api/invitations/take", take, .access = ACCESS_USER, .body = link_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/invitations/join", join, .access = ACCESS_PUBLIC, .body = join_fields,
     .flags = ROUTE_PASSWORD | ROUTE_LOGIN, .body_max = BODY_MAX},
    {METHOD_POST, "/api/invitations/{id}/decline", decline, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
