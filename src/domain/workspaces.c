/* Workspaces: acting in one, and who is a member of it. Owners make and unmake owners and administrators, administrators
 * everybody else. */
#include "workspaces.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit.h"
#include "util.h"

static const struct statement
    workspace_select = {"workspace_select", WORKSPACE_COLUMNS " AND w.slug = $3"},
    workspace_insert = {"workspace_insert", "INSERT INTO workspaces (id, slug, name) VALUES ($1, $2, $3)"},
    workspace_update = {"workspace_update",
                        "UPDATE workspaces SET slug = coalesce($2, slug), name = coalesce($3, name),"
                        " revision = revision + 1 WHERE id = $1 RETURNING slug"},
    workspace_drop = {"workspace_drop", "DELETE FROM workspaces WHERE id = $1"},
    workspace_make_current = {"workspace_make_current", "UPDATE users SET current_workspace_id = $2 WHERE id = $1"},
    member_select = {"member_select",
                     "SELECT u.id, u.username, m.role FROM users u LEFT JOIN memberships m"
                     " ON m.user_id = u.id AND m.workspace_id = $1 WHERE lower(u.username) = lower($2)"},
    member_other_owners = {"member_other_owners", "SELECT count(*) FROM memberships"
                                                  " WHERE workspace_id = $1 AND role = 'owner' AND user_id <> $2"},
    workspace_lock_id = {"workspace_lock_id", "SELECT slug FROM workspaces WHERE id = $1 FOR NO KEY UPDATE"},
    workspace_reinvite = {"workspace_reinvite", "UPDATE workspace_invitations SET workspace_slug = w.slug,"
                                                " workspace_name = w.name FROM workspaces w"
                                                " WHERE workspace_id = $1 AND w.id = $1"},
    /* A shared workspace may be called like somebody's personal one, but not like that of a member. */
    workspace_namesakes = {"workspace_namesakes", "SELECT count(*) FROM memberships WHERE workspace_id = $1"
                                                  " AND ccr_personal_slug(user_id) = $2"},
    member_namesake = {"member_namesake", "SELECT ccr_personal_slug($1) = $2"},
    member_insert = {"member_insert", "INSERT INTO memberships (workspace_id, user_id, role) VALUES ($1, $2, $3)"
                                      " ON CONFLICT (workspace_id, user_id) DO NOTHING RETURNING user_id"},
    member_update = {"member_update", "UPDATE memberships SET role = $3 WHERE workspace_id = $1 AND user_id = $2"},
    member_uninvite = {"member_uninvite", "DELETE FROM workspace_invitations WHERE workspace_id = $1 AND user_id = $2"},
    member_delete = {"member_delete", "DELETE FROM memberships WHERE workspace_id = $1 AND user_id = $2"},
    member_tokens = {"member_tokens", "DELETE FROM access_tokens WHERE workspace_id = $1 AND user_id = $2"},
    member_current = {"member_current", "UPDATE users SET current_workspace_id = NULL"
                                        " WHERE id = $2 AND current_workspace_id = $1"};

/* ---- acting in one ---------------------------------------------------------------------------------------------- */

const char *workspaces_visible(const struct actor *actor)
{
    static const char none[] = "00000000-0000-0000-0000-000000000000";
    if (actor->who.credential != CREDENTIAL_ACCESS_TOKEN)
        return NULL;
    return actor->who.workspace_id[0] ? actor->who.workspace_id : none;
}

enum error workspace_find(struct actor *actor, const char *slug, struct row *workspace)
{
    enum error error =
        db_one(actor->db, &workspace_select, workspace, DB_ARGS(actor->who.user_id, workspaces_visible(actor), slug));
    return fail_as(actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
}

/* From here on the actor acts in that workspace: its row-level security, its audit trail, the user's role there. */
static void act_in(struct actor *actor, const char *id, const char *slug, enum role role)
{
    snprintf(actor->who.workspace_id, sizeof actor->who.workspace_id, "%s", id);
    snprintf(actor->who.workspace_slug, sizeof actor->who.workspace_slug, "%s", slug);
    actor->who.role = role;
    db_tenant(actor->db, actor->who.workspace_id, actor->who.user_id);
}

static enum error need_role(struct actor *actor, enum role role)
{
    return actor->who.role >= role ? ERR_NONE : fail(actor, MSG_ROLE, role_names[role], NULL);
}

enum error workspace_enter(struct actor *actor, const char *slug, enum role needed, struct row *workspace)
{
    enum error error = workspace_find(actor, slug, workspace);
    if (error)
        return error;
    act_in(actor, row_string(workspace, WORKSPACE_ID), row_string(workspace, WORKSPACE_SLUG),
           role_from_name(row_text(workspace, WORKSPACE_ROLE)));
    return need_role(actor, needed);
}

/* Owners and roles read behind the lock are true until the end of the transaction. */
enum error workspace_enter_to_set(struct actor *actor, const char *slug, enum role needed, struct row *workspace)
{
    struct row locked;
    enum error error = workspace_find(actor, slug, workspace);
    if (!error)
        error = db_one(actor->db, &workspace_lock_id, &locked, DB_ARGS(row_text(workspace, WORKSPACE_ID)));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
    return workspace_enter(actor, slug, needed, workspace);
}

enum error workspace_enter_to_change(struct actor *actor, const char *slug, enum role needed, struct row *workspace)
{
    enum error error = workspace_enter_to_set(actor, slug, needed, workspace);
    if (error)
        return error;
    return row_bool(workspace, WORKSPACE_PERSONAL) ? fail(actor, MSG_WORKSPACE_PERSONAL, NULL) : ERR_NONE;
}

enum error workspace_enter_as_guest(struct actor *actor, const char *workspace_id)
{
    struct row locked;
    act_in(actor, workspace_id, "", ROLE_NONE);
    enum error error = db_one(actor->db, &workspace_lock_id, &locked, DB_ARGS(workspace_id));
    if (!error)
        act_in(actor, workspace_id, row_string(&locked, 0), ROLE_NONE);
    return error;
}

/* ---- making, changing, deleting --------------------------------------------------------------------------------- */

/* What a header can carry; NULL is left as it is. */
enum error workspace_check_slug(struct actor *actor, const char *slug)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = slug ? strlen(slug) : 0;
    bool good = !slug || (length > 0 && slug[0] != '-' && slug[length - 1] != '-' && strspn(slug, allowed) == length);
    return good ? ERR_NONE : fail_field(actor, "slug", MSG_SLUG, NULL);
}

enum error workspace_create(struct actor *actor, const char *slug, const char *name)
{
    char id[UUID_TEXT];
    struct row namesake, member;
    random_uuid(id);
    act_in(actor, id, slug, ROLE_OWNER);
    enum error error = db_one(actor->db, &member_namesake, &namesake, DB_ARGS(actor->who.user_id, slug));
    if (!error)
        error = row_bool(&namesake, 0) ? ERR_CONFLICT : db_run(actor->db, &workspace_insert, DB_ARGS(id, slug, name));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_WORKSPACE_EXISTS, slug);
    error = db_one(actor->db, &member_insert, &member, DB_ARGS(id, actor->who.user_id, role_names[ROLE_OWNER]));
    return error ? error : audit_write(actor, &(struct audit){.action = "workspace.create", .target = slug});
}

static enum error check_namesakes(struct actor *actor, const char *slug)
{
    struct row namesakes;
    if (!slug)
        return ERR_NONE;
    enum error error = db_one(actor->db, &workspace_namesakes, &namesakes, DB_ARGS(actor->who.workspace_id, slug));
    return error || !row_int(&namesakes, 0) ? error : ERR_CONFLICT;
}

enum error workspace_change(struct actor *actor, const char *slug, const char *name)
{
    struct row changed;
    enum error error = check_namesakes(actor, slug);
    if (!error)
        error = db_one(actor->db, &workspace_update, &changed, DB_ARGS(actor->who.workspace_id, slug, name));
    if (!error)
        error = db_run(actor->db, &workspace_reinvite, DB_ARGS(actor->who.workspace_id));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_WORKSPACE_EXISTS, slug ? slug : "");
    snprintf(actor->who.workspace_slug, sizeof actor->who.workspace_slug, "%s", row_string(&changed, 0));
    actor->identity_changed = true;
    return audit_write(actor, &(struct audit){.action = "workspace.update", .target = actor->who.workspace_slug});
}

enum error workspace_delete(struct actor *actor)
{
    actor->identity_changed = true;
    enum error error = audit_site(actor, "workspace.delete", actor->who.workspace_slug); /* its own goes with it */
    return error ? error : db_run(actor->db, &workspace_drop, DB_ARGS(actor->who.workspace_id));
}

enum error workspace_switch(struct actor *actor)
{
    actor->identity_changed = true;
    enum error error = db_run(actor->db, &workspace_make_current, DB_ARGS(actor->who.user_id, actor->who.workspace_id));
    if (error)
        return error;
    return audit_write(actor, &(struct audit){.action = "workspace.switch", .target = actor->who.workspace_slug});
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

/* Whether a name that is no member's is a user's is nothing to tell: only a site administrator, who sees all of them, gets
 * one that is (with ROLE_NONE). */
static enum error find_member(struct actor *actor, const char *username, enum message otherwise, struct member *member)
{
    struct row row;
    *member = (struct member){0};
    enum error error = db_one(actor->db, &member_select, &row, DB_ARGS(actor->who.workspace_id, username));
    if (error && error != ERR_NOT_FOUND)
        return error;
    if (error || (!row_text(&row, 2) && !actor->who.site_admin))
        return fail(actor, actor->who.site_admin ? MSG_USER_UNKNOWN : otherwise, username, NULL);
    *member = (struct member){
        .user_id = row_text(&row, 0),
        .username = row_text(&row, 1),
        .role = role_from_name(row_text(&row, 2)),
        .self = strcmp(row_string(&row, 0), actor->who.user_id) == 0,
    };
    return ERR_NONE;
}

enum error workspace_need_to_grant(struct actor *actor, enum role wanted)
{
    return need_role(actor, wanted >= ROLE_ADMIN ? ROLE_OWNER : ROLE_ADMIN);
}

/* May the user make `member` a `wanted` (ROLE_NONE: remove him)? Anybody may step down. */
static enum error check_member_change(struct actor *actor, const struct member *member, enum role wanted)
{
    if (member->self && wanted < member->role)
        return ERR_NONE;
    return workspace_need_to_grant(actor, wanted > member->role ? wanted : member->role);
}

static enum error spare_last_owner(struct actor *actor, const struct member *member, enum role wanted)
{
    struct row others;
    if (member->role != ROLE_OWNER || wanted == ROLE_OWNER)
        return ERR_NONE;
    enum error error =
        db_one(actor->db, &member_other_owners, &others, DB_ARGS(actor->who.workspace_id, member->user_id));
    if (error)
        return error;
    return row_int(&others, 0) > 0 ? ERR_NONE : fail(actor, MSG_LAST_OWNER, NULL);
}

/* One row for a membership that began, changed or ended. */
static enum error audit_member(struct actor *actor, const struct member *member, enum role wanted)
{
    const char *action = !member->role ? "member.add" : wanted ? "member.change" : "member.remove";
    const char *from = member->role ? arena_printf(actor->arena, "\"%s\"", role_names[member->role]) : "null";
    const char *to = wanted ? arena_printf(actor->arena, "\"%s\"", role_names[wanted]) : "null";
    struct audit entry = {
        .action = action,
        .target = member->username,
        .changes = arena_printf(actor->arena, "[{\"key\":\"role\",\"old_value\":%s,\"new_value\":%s}]", from, to),
    };
    actor->identity_changed = true;
    return audit_write(actor, &entry);
}

enum error member_add(struct actor *actor, const char *user_id, const char *username, enum role role)
{
    struct row row;
    const struct member member = {.user_id = user_id, .username = username};
    enum error error = db_one(actor->db, &member_namesake, &row, DB_ARGS(user_id, actor->who.workspace_slug));
    if (!error && row_bool(&row, 0))
        return fail(actor, MSG_WORKSPACE_NAMESAKE, username, actor->who.workspace_slug, NULL);
    if (!error)
        error = db_one(actor->db, &member_insert, &row, DB_ARGS(actor->who.workspace_id, user_id, role_names[role]));
    if (error == ERR_NOT_FOUND)
        return fail(actor, MSG_MEMBER_EXISTS, username, NULL);
    if (!error)
        error = db_run(actor->db, &member_uninvite, DB_ARGS(actor->who.workspace_id, user_id));
    return error ? error : audit_member(actor, &member, role);
}

static enum error member_change(struct actor *actor, const struct member *member, enum role wanted)
{
    enum error error = spare_last_owner(actor, member, wanted);
    if (!error)
        error =
            db_run(actor->db, &member_update, DB_ARGS(actor->who.workspace_id, member->user_id, role_names[wanted]));
    return error ? error : audit_member(actor, member, wanted);
}

enum error member_set(struct actor *actor, const char *username, enum role wanted, struct member *member)
{
    enum error error = find_member(actor, username, MSG_MEMBER_INVITE, member);
    if (!error)
        error = check_member_change(actor, member, wanted);
    if (error)
        return error;
    return member->role ? member_change(actor, member, wanted)
                        : member_add(actor, member->user_id, member->username, wanted);
}

enum error member_remove(struct actor *actor, const char *username)
{
    struct member member;
    enum error error = ERR_NONE;
    if (strcasecmp(username, actor->who.username) != 0)
        error = need_role(actor, ROLE_ADMIN); /* before it tells who is a user */
    if (!error)
        error = find_member(actor, username, MSG_MEMBER_UNKNOWN, &member);
    if (!error && !member.role)
        error = fail(actor, MSG_MEMBER_UNKNOWN, member.username, NULL);
    if (!error)
        error = check_member_change(actor, &member, ROLE_NONE);
    if (!error)
        error = spare_last_owner(actor, &member, ROLE_NONE);
    if (!error)
        error = audit_member(actor, &member, ROLE_NONE);
    if (!error)
        error = db_run(actor->db, &member_tokens, DB_ARGS(actor->who.workspace_id, member.user_id));
    if (!error)
        error = db_run(actor->db, &member_current, DB_ARGS(actor->who.workspace_id, member.user_id));
    if (!error)
        error = db_run(actor->db, &member_delete, DB_ARGS(actor->who.workspace_id, member.user_id));
    return error;
}
