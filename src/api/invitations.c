/* Invitations: how somebody becomes a member of a workspace. Its administrators invite a name, the invited accepts or declines.
 * Whoever invites is told the same whether there is such a user or not: an invitation to nobody is kept like any other, and so is one
 * that was declined, until it expires. Sessions only: a personal access token is no reader of other workspaces' names. */
#include <string.h>

#include "audit.h"
#include "page.h"
#include "util.h"
#include "workspaces.h"

enum { DAYS_DEFAULT = 7, DAYS_MAX = 30, OPEN_MAX = 200 };

static const struct field invite_fields[] = {
    {.name = "username", .type = FIELD_NAME, .flags = FIELD_REQUIRED},
    {.name = "role", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "viewer|editor|admin|owner"},
    {.name = "expires_in_days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX},
    {0},
};

#define TIMES SQL_TIME("i.created_at") ", " SQL_TIME("i.expires_at")
#define OPEN  " FROM workspace_invitations i WHERE i.expires_at > now() AND "
#define COLUMNS                                                                                                        \
    "SELECT i.id, i.role, i.inviter, " TIMES ", i.username, i.workspace_slug, i.workspace_name, i.workspace_id" OPEN

enum column { ID, ROLE, INVITER, CREATED_AT, EXPIRES_AT, USERNAME, SLUG, NAME, WORKSPACE };

static const struct statement
    invitation_member = {"invitation_member", "SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id"
                                              " WHERE m.workspace_id = $1 AND lower(u.username) = lower($2)"},
    invitation_count = {"invitation_count", "SELECT count(*)" OPEN "i.workspace_id = $1"},
    /* A second one to the same name takes the place of the first. */
    invitation_put =
        {"invitation_put",
         "INSERT INTO workspace_invitations AS i (workspace_id, username, user_id, role, invited_by, inviter,"
         " workspace_slug, workspace_name, expires_at)"
         " SELECT $1, $2, (SELECT id FROM users WHERE lower(username) = lower($2)), $3, $4, $5, w.slug, w.name,"
         " now() + make_interval(days => $6::int) FROM workspaces w WHERE w.id = $1"
         " ON CONFLICT (workspace_id, lower(username)) DO UPDATE SET id = gen_random_uuid(), username = excluded.username,"
         " user_id = excluded.user_id, role = excluded.role, invited_by = excluded.invited_by, inviter = excluded.inviter,"
         " created_at = now(), expires_at = excluded.expires_at RETURNING id"},
    invitation_select = {"invitation_select", COLUMNS "i.workspace_id = $1 AND i.id = $2"},
    invitation_withdraw = {"invitation_withdraw",
                           "DELETE FROM workspace_invitations WHERE workspace_id = $1 AND id = $2 RETURNING username"},
    invitation_own = {"invitation_own", COLUMNS "i.user_id = $1 AND i.id = $2"},
    invitation_take =
        {"invitation_take",
         "DELETE FROM workspace_invitations i WHERE i.user_id = $1 AND i.id = $2 AND i.expires_at > now()"
         " RETURNING i.role, (SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id"
         " WHERE m.workspace_id = i.workspace_id AND m.user_id = i.invited_by AND u.disabled_at IS NULL)"},
    /* It is nobody's from now on, and looks to the workspace as before. */
    invitation_decline = {"invitation_decline", "UPDATE workspace_invitations SET user_id = NULL"
                                                " WHERE workspace_id = $1 AND user_id = $2 AND id = $3"};

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

static enum error audit_invitation(struct request *rq, const char *action, const char *username, const char *role)
{
    const char *changes =
        role ? arena_printf(rq->actor.arena, "[{\"key\":\"role\",\"old_value\":null,\"new_value\":\"%s\"}]", role)
             : NULL;
    return audit_write(&rq->actor, &(struct audit){.action = action, .target = username, .changes = changes});
}

/* ---- the workspace's side --------------------------------------------------------------------------------------- */

static enum error sent_list(struct request *rq, struct response *rs)
{
    enum error error = workspace_enter(rq, ROLE_ADMIN);
    return error ? error : respond_page(rq, rs, &sent, DB_ARGS(rq->actor.who.workspace_id));
}

static enum error check_room(struct request *rq)
{
    struct row row;
    enum error error = db_one(rq->actor.db, &invitation_count, &row, DB_ARGS(rq->actor.who.workspace_id));
    if (error || row_int(&row, 0) < OPEN_MAX)
        return error;
    return fail(&rq->actor, MSG_INVITATIONS_MANY, arena_printf(rq->actor.arena, "%d", OPEN_MAX), NULL);
}

static enum error check_no_member(struct request *rq, const char *username)
{
    struct row row;
    enum error error = db_one(rq->actor.db, &invitation_member, &row, DB_ARGS(rq->actor.who.workspace_id, username));
    if (error == ERR_NOT_FOUND)
        return ERR_NONE;
    return error ? error : fail(&rq->actor, MSG_MEMBER_EXISTS, username, NULL);
}

static enum error invite(struct request *rq, struct response *rs)
{
    const char *username = body_text(rq, "username"), *role = body_text(rq, "role");
    const char *days = arena_printf(rq->actor.arena, "%lld", body_int(rq, "expires_in_days", DAYS_DEFAULT));
    struct row put, row;
    enum error error = workspace_enter_to_change(rq, ROLE_ADMIN);
    if (!error)
        error = workspace_need_to_grant(rq, role_from_name(role));
    if (!error)
        error = check_no_member(rq, username);
    if (!error)
        error = check_room(rq);
    if (!error)
        error = db_one(
            rq->actor.db, &invitation_put, &put,
            DB_ARGS(rq->actor.who.workspace_id, username, role, rq->actor.who.user_id, rq->actor.who.username, days));
    if (!error)
        error = audit_invitation(rq, "member.invite", username, role);
    if (!error)
        error = db_one(rq->actor.db, &invitation_select, &row, DB_ARGS(rq->actor.who.workspace_id, row_text(&put, 0)));
    if (error)
        return error;
    write_sent(rq, respond_begin(rs, 201), &row);
    respond_end(rs);
    return ERR_NONE;
}

static enum error withdraw(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    struct row gone;
    enum error error = workspace_enter_to_change(rq, ROLE_ADMIN);
    if (error)
        return error;
    error = uuid_valid(id) ? db_one(rq->actor.db, &invitation_withdraw, &gone, DB_ARGS(rq->actor.who.workspace_id, id))
                           : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
    error = audit_invitation(rq, "member.uninvite", row_text(&gone, 0), NULL);
    if (!error)
        respond_null(rs);
    return error;
}

/* ---- the invited's side ----------------------------------------------------------------------------------------- */

static enum error received_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &received, DB_ARGS(rq->actor.who.user_id));
}

/* Acts in the workspace of one's own invitation {id}, behind the lock of its members. */
static enum error enter_invited(struct request *rq)
{
    const char *id = path_arg(rq, "id");
    struct row own;
    enum error error = uuid_valid(id) ? db_one(rq->actor.db, &invitation_own, &own, DB_ARGS(rq->actor.who.user_id, id))
                                      : ERR_NOT_FOUND;
    if (!error)
        error = workspace_enter_as_guest(rq, row_string(&own, WORKSPACE));
    return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
}

/* Good only as long as who sent it may still grant what it offers. */
static enum error accept(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    struct row taken;
    enum error error = enter_invited(rq);
    if (error)
        return error;
    error = db_one(rq->actor.db, &invitation_take, &taken, DB_ARGS(rq->actor.who.user_id, id));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
    enum role offered = role_from_name(row_text(&taken, 0)), inviter = role_from_name(row_text(&taken, 1));
    if (inviter < (offered >= ROLE_ADMIN ? ROLE_OWNER : ROLE_ADMIN))
        return fail(&rq->actor, MSG_INVITATION_UNKNOWN, id, NULL);
    error = workspace_member_add(rq, rq->actor.who.user_id, rq->actor.who.username, offered);
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error decline(struct request *rq, struct response *rs)
{
    enum error error = enter_invited(rq);
    if (!error)
        error = db_run(rq->actor.db, &invitation_decline,
                       DB_ARGS(rq->actor.who.workspace_id, rq->actor.who.user_id, path_arg(rq, "id")));
    /* The site's row: one of the workspace's would tell that there is such a user. */
    if (!error)
        error = audit_site(&rq->actor, "member.decline", rq->actor.who.workspace_slug);
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
