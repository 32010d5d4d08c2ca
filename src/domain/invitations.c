/* Invitations: sending, withdrawing, accepting and declining one. Whoever invites is told the same whether there is such a user or
 * not: an invitation to nobody is kept like any other, and so is one that was declined, until it expires. One without a name is for
 * whoever has its link, which says in which workspace it is to be looked for, so that row-level security holds. */
#include "invitations.h"

#include <string.h>

#include "accounts.h"
#include "audit.h"
#include "crypto.h"
#include "sessions.h"
#include "util.h"
#include "workspaces.h"

enum { OPEN_MAX = 200, LINK_BYTES = 32 };

#define OPEN " FROM workspace_invitations i WHERE i.expires_at > now() AND "

/* What whoever sent it is in the workspace by now. */
#define INVITER_ROLE                                                                                                   \
    "(SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id"                                               \
    " WHERE m.workspace_id = i.workspace_id AND m.user_id = i.invited_by AND u.disabled_at IS NULL)"

#define MAKES_ACCOUNTS                                                                                                 \
    "(i.accounts AND EXISTS (SELECT 1 FROM users u WHERE u.id = i.invited_by AND u.disabled_at IS NULL"                \
    " AND u.site_role = 'admin'))"

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
    link_put = {"invitation_link_put",
                "INSERT INTO workspace_invitations (workspace_id, link_hash, accounts, role, invited_by, inviter,"
                " workspace_slug, workspace_name, expires_at) SELECT $1, $2, $3, $4, $5, $6, w.slug, w.name,"
                " now() + make_interval(days => $7::int) FROM workspaces w WHERE w.id = $1 RETURNING id"},
    link_select =
        {"invitation_link_select",
         "SELECT i.workspace_name AS workspace, i.role, i.inviter AS invited_by, i.expires_at, " MAKES_ACCOUNTS
         " AS accounts" OPEN "i.workspace_id = $1 AND i.link_hash = $2"},
    link_take = {"invitation_link_take", "DELETE FROM workspace_invitations i WHERE i.workspace_id = $1"
                                         " AND i.link_hash = $2 AND i.expires_at > now()"
                                         " RETURNING i.role, " INVITER_ROLE ", " MAKES_ACCOUNTS},
    withdraw = {"invitation_withdraw",
                "DELETE FROM workspace_invitations WHERE workspace_id = $1 AND id = $2 RETURNING username"},
    invitation_own = {"invitation_own", "SELECT i.workspace_id" OPEN "i.user_id = $1 AND i.id = $2"},
    own_take = {"invitation_take",
                "DELETE FROM workspace_invitations i WHERE i.user_id = $1 AND i.id = $2 AND i.expires_at > now()"
                " RETURNING i.role, " INVITER_ROLE},
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

enum error invitation_make_link(struct actor *actor, const struct invitation_link *wanted, const char **link,
                                const char **id)
{
    struct row put;
    char hash[CRYPTO_HASH_TEXT];
    const struct identity *who = &actor->who;
    enum error error = workspace_need_to_grant(actor, role_from_name(wanted->role));
    if (!error && wanted->accounts)
        error = who->site_admin ? session_confirmed(actor) : fail(actor, MSG_SITE_ADMIN, NULL);
    if (!error)
        error = check_room(actor);
    if (error)
        return error;
    *link = arena_printf(actor->arena, "%s.%s", who->workspace_id, random_token(actor->arena, LINK_BYTES));
    token_hash(hash, *link);
    error = db_one(actor->db, &link_put, &put,
                   DB_ARGS(who->workspace_id, hash, wanted->accounts ? "true" : "false", wanted->role, who->user_id,
                           who->username, number_text(actor, wanted->days)));
    if (error)
        return error;
    *id = row_text(&put, 0);
    return audit_invitation(actor, "member.invite", NULL, wanted->role);
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

/* Whether who sent it may still grant what it offers: of a row with both roles. */
static bool still_given(const struct row *taken)
{
    enum role offered = role_from_name(row_text(taken, 0)), inviter = role_from_name(row_text(taken, 1));
    return inviter >= (offered >= ROLE_ADMIN ? ROLE_OWNER : ROLE_ADMIN);
}

enum error invitation_accept(struct actor *actor, const char *id)
{
    struct row taken;
    enum error error = enter_invited(actor, id);
    if (error)
        return error;
    error = db_one(actor->db, &own_take, &taken, DB_ARGS(actor->who.user_id, id));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_INVITATION_UNKNOWN, id);
    if (!still_given(&taken))
        return fail(actor, MSG_INVITATION_UNKNOWN, id, NULL);
    return member_add(actor, actor->who.user_id, actor->who.username, role_from_name(row_text(&taken, 0)));
}

enum error invitation_decline(struct actor *actor, const char *id)
{
    enum error error = enter_invited(actor, id);
    if (!error)
        error = db_run(actor->db, &decline, DB_ARGS(actor->who.workspace_id, actor->who.user_id, id));
    /* The site's row: one of the workspace's would tell that there is such a user. */
    return error ? error : audit_site(actor, "member.decline", actor->who.workspace_slug);
}

/* ---- by a link -------------------------------------------------------------------------------------------------- */

/* The workspace that it says it is for. */
static bool take_workspace(const char *link, char id[UUID_TEXT])
{
    const char *dot = strchr(link, '.');
    if (!dot || dot - link != UUID_TEXT - 1)
        return false;
    memcpy(id, link, UUID_TEXT - 1);
    id[UUID_TEXT - 1] = '\0';
    return uuid_valid(id);
}

enum error invitation_look(struct actor *actor, const char *link, struct row *shown)
{
    char id[UUID_TEXT], hash[CRYPTO_HASH_TEXT];
    if (!take_workspace(link, id))
        return fail(actor, MSG_LINK_UNKNOWN, NULL);
    token_hash(hash, link);
    db_tenant(actor->db, id, actor->who.user_id);
    enum error error = db_one(actor->db, &link_select, shown, DB_ARGS(id, hash));
    return fail_as(actor, error, ERR_NOT_FOUND, MSG_LINK_UNKNOWN, NULL);
}

/* Spends it, behind the lock of the workspace's members, in which the actor is then; for a new account only one that may make such. */
static enum error link_spend(struct actor *actor, const char *link, bool for_account, enum role *role)
{
    struct row taken;
    char id[UUID_TEXT], hash[CRYPTO_HASH_TEXT];
    if (!take_workspace(link, id))
        return fail(actor, MSG_LINK_UNKNOWN, NULL);
    token_hash(hash, link);
    enum error error = workspace_enter_as_guest(actor, id);
    if (!error)
        error = db_one(actor->db, &link_take, &taken, DB_ARGS(id, hash));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_LINK_UNKNOWN, NULL);
    *role = role_from_name(row_text(&taken, 0));
    if (for_account && !row_bool(&taken, 2))
        return fail(actor, MSG_LINK_NO_ACCOUNTS, NULL);
    return still_given(&taken) ? ERR_NONE : fail(actor, MSG_LINK_UNKNOWN, NULL);
}

enum error invitation_take(struct actor *actor, const char *link)
{
    enum role role = ROLE_NONE;
    enum error error = link_spend(actor, link, false, &role);
    return error ? error : member_add(actor, actor->who.user_id, actor->who.username, role);
}

enum error invitation_join(struct actor *actor, const char *link, const struct account *account)
{
    enum role role = ROLE_NONE;
    char user_id[UUID_TEXT], workspace_id[UUID_TEXT];
    enum error error = link_spend(actor, link, true, &role);
    if (error)
        return error;
    memcpy(workspace_id, actor->who.workspace_id, sizeof workspace_id);
    error = account_create(actor, account, user_id);
    if (error)
        return error;
    actor_is_user(actor, user_id, account->username);
    error = audit_site(actor, "user.create", account->username);
    if (!error)
        error = workspace_enter_as_guest(actor, workspace_id); /* the account was made in its own */
    return error ? error : member_add(actor, user_id, account->username, role);
}
