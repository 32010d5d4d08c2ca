/* Invitations: sending, withdrawing, accepting and declining one. Whoever invites is told the same whether there is such a user or
 * not: an invitation to nobody is kept like any other, and so is one that was declined, until it expires. */
#include "invitations.h"

#include "audit.h"
#include "util.h"
#include "workspaces.h"

enum { OPEN_MAX = 200 };

#define OPEN " FROM workspace_invitations i WHERE i.expires_at > now() AND "

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
    withdraw = {"invitation_withdraw",
                "DELETE FROM workspace_invitations WHERE workspace_id = $1 AND id = $2 RETURNING username"},
    invitation_own = {"invitation_own", "SELECT i.workspace_id" OPEN "i.user_id = $1 AND i.id = $2"},
    invitation_take =
        {"invitation_take",
         "DELETE FROM workspace_invitations i WHERE i.user_id = $1 AND i.id = $2 AND i.expires_at > now()"
         " RETURNING i.role, (SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id"
         " WHERE m.workspace_id = i.workspace_id AND m.user_id = i.invited_by AND u.disabled_at IS NULL)"},
    /* It is nobody's from now on, and looks to the workspace as before. */
    decline = {"invitation_decline", "UPDATE workspace_invitations SET user_id = NULL"
                                     " WHERE workspace_id = $1 AND user_id = $2 AND id = $3"};

static enum error audit_invitation(struct actor *actor, const char *action, const char *username, const char *role)
{
    const char *changes =
        role ? arena_printf(actor->arena, "[{\"key\":\"role\",\"old_value\":null,\"new_value\":\"%s\"}]", role) : NULL;
    return audit_write(actor, &(struct audit){.action = action, .target = username, .changes = changes});
}

/* ---- the workspace's side --------------------------------------------------------------------------------------- */

static enum error check_room(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &invitation_count, &row, DB_ARGS(actor->who.workspace_id));
    if (error || row_int(&row, 0) < OPEN_MAX)
        return error;
    return fail(actor, MSG_INVITATIONS_MANY, number_text(actor, OPEN_MAX), NULL);
}

static enum error check_no_member(struct actor *actor, const char *username)
{
    struct row row;
    enum error error = db_one(actor->db, &invitation_member, &row, DB_ARGS(actor->who.workspace_id, username));
    if (error == ERR_NOT_FOUND)
        return ERR_NONE;
    return error ? error : fail(actor, MSG_MEMBER_EXISTS, username, NULL);
}

enum error invitation_send(struct actor *actor, const char *username, const char *role, long long days, const char **id)
{
    struct row put;
    const struct identity *who = &actor->who;
    enum error error = workspace_need_to_grant(actor, role_from_name(role));
    if (!error)
        error = check_no_member(actor, username);
    if (!error)
        error = check_room(actor);
    if (!error)
        error =
            db_one(actor->db, &invitation_put, &put,
                   DB_ARGS(who->workspace_id, username, role, who->user_id, who->username, number_text(actor, days)));
    if (error)
        return error;
    *id = row_text(&put, 0);
    return audit_invitation(actor, "member.invite", username, role);
}

enum error invitation_withdraw(struct actor *actor, const char *id)
{
    struct row gone;
    enum error error =
        uuid_valid(id) ? db_one(actor->db, &withdraw, &gone, DB_ARGS(actor->who.workspace_id, id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
    return audit_invitation(actor, "member.uninvite", row_text(&gone, 0), NULL);
}

/* ---- the invited's side ----------------------------------------------------------------------------------------- */

/* Acts in the workspace of one's own invitation, behind the lock of its members. */
static enum error enter_invited(struct actor *actor, const char *id)
{
    struct row own;
    enum error error =
        uuid_valid(id) ? db_one(actor->db, &invitation_own, &own, DB_ARGS(actor->who.user_id, id)) : ERR_NOT_FOUND;
    if (!error)
        error = workspace_enter_as_guest(actor, row_string(&own, 0));
    return fail_as(actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
}

enum error invitation_accept(struct actor *actor, const char *id)
{
    struct row taken;
    enum error error = enter_invited(actor, id);
    if (error)
        return error;
    error = db_one(actor->db, &invitation_take, &taken, DB_ARGS(actor->who.user_id, id));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
    enum role offered = role_from_name(row_text(&taken, 0)), inviter = role_from_name(row_text(&taken, 1));
    if (inviter < (offered >= ROLE_ADMIN ? ROLE_OWNER : ROLE_ADMIN))
        return fail(actor, MSG_INVITATION_UNKNOWN, id, NULL);
    return member_add(actor, actor->who.user_id, actor->who.username, offered);
}

enum error invitation_decline(struct actor *actor, const char *id)
{
    enum error error = enter_invited(actor, id);
    if (!error)
        error = db_run(actor->db, &decline, DB_ARGS(actor->who.workspace_id, actor->who.user_id, id));
    /* The site's row: one of the workspace's would tell that there is such a user. */
    return error ? error : audit_site(actor, "member.decline", actor->who.workspace_slug);
}
