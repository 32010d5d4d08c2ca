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

#define TIMES   SQL_TIME("i.created_at") ", " SQL_TIME("i.expires_at")
#define OPEN    " FROM workspace_invitations i WHERE i.expires_at > now() AND "
#define COLUMNS "SELECT i.id, i.role, i.inviter, " TIMES ", i.username, i.workspace_slug, i.workspace_name" OPEN

enum column { ID, ROLE, INVITER, CREATED_AT, EXPIRES_AT, USERNAME, SLUG, NAME };

static const struct statement invitation_select = {"invitation_select", COLUMNS "i.workspace_id = $1 AND i.id = $2"};

static void write_common(struct json_writer *w, const struct row *row)
{
    json_string_member(w, "id", row_text(row, ID));
    json_string_member(w, "role", row_text(row, ROLE));
    json_string_member(w, "invited_by", row_text(row, INVITER));
    json_string_member(w, "created_at", row_text(row, CREATED_AT));
    json_string_member(w, "expires_at", row_text(row, EXPIRES_AT));
}

static void write_sent(struct request *rq, struct json_writer *w, const struct row *row)
{
    (void)rq;
    json_open_object(w);
    write_common(w, row);
    json_string_member(w, "username", row_text(row, USERNAME));
    json_close_object(w);
}

static void write_received(struct request *rq, struct json_writer *w, const struct row *row)
{
    (void)rq;
    json_open_object(w);
    write_common(w, row);
    json_key(w, "workspace");
    json_open_object(w);
    json_string_member(w, "slug", row_text(row, SLUG));
    json_string_member(w, "name", row_text(row, NAME));
    json_close_object(w);
    json_close_object(w);
}

static const struct listing
    sent = {.name = "invitations",
            .count = {"invitations_sent_count", "SELECT count(*)" OPEN "i.workspace_id = $1"},
            .page = {"invitations_sent",
                     COLUMNS "i.workspace_id = $1 ORDER BY i.created_at DESC, i.id LIMIT $2::int OFFSET $3::int"},
            .write = write_sent},
    received = {.name = "invitations",
                .count = {"invitations_received_count", "SELECT count(*)" OPEN "i.user_id = $1"},
                .page = {"invitations_received",
                         COLUMNS "i.user_id = $1 ORDER BY i.created_at DESC, i.id LIMIT $2::int OFFSET $3::int"},
                .write = write_received};

/* ---- the workspace's side --------------------------------------------------------------------------------------- */

static enum error sent_list(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    return error ? error : respond_page(rq, rs, &sent, DB_ARGS(rq->actor.who.workspace_id));
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
        error = db_one(rq->actor.db, &invitation_select, &row, DB_ARGS(rq->actor.who.workspace_id, id));
    if (error)
        return error;
    write_sent(rq, respond_begin(rs, 201), &row);
    respond_end(rs);
    return ERR_NONE;
}

static enum error withdraw(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = workspace_enter_to_change(&rq->actor, path_arg(rq, "slug"), ROLE_ADMIN, &workspace);
    if (!error)
        error = invitation_withdraw(&rq->actor, path_arg(rq, "id"));
    if (!error)
        respond_null(rs);
    return error;
}

/* ---- the invited's side ----------------------------------------------------------------------------------------- */

static enum error received_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &received, DB_ARGS(rq->actor.who.user_id));
}

static enum error accept(struct request *rq, struct response *rs)
{
    enum error error = invitation_accept(&rq->actor, path_arg(rq, "id"));
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error decline(struct request *rq, struct response *rs)
{
    enum error error = invitation_decline(&rq->actor, path_arg(rq, "id"));
    if (!error)
        respond_null(rs);
    return error;
}

const struct route invitations_routes[] = {
    {METHOD_GET, "/api/workspaces/{slug}/invitations", sent_list, .access = ACCESS_USER, .query = page_query,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/workspaces/{slug}/invitations", invite, .access = ACCESS_USER, .body = invite_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}/invitations/{id}", withdraw, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/invitations", received_list, .access = ACCESS_USER, .query = page_query,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/invitations/{id}/accept", accept, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/invitations/{id}/decline", decline, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
