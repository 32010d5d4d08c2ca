/* Workspaces and their members. The {slug} of the path is the workspace acted on, whatever the header says; one the user
 * is no member of does not exist for him. Owners make and unmake owners and administrators, administrators everybody
 * else. Writes need a login session; an access token sees only the workspace it acts in, as it may be bound to it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audit.h"
#include "page.h"
#include "util.h"
#include "workspaces.h"

static const struct field create_fields[] = {
    {.name = "slug", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 63},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 200},
    {0},
};
static const struct field change_fields[] = {
    {.name = "slug", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 63},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 200},
    {0},
};
static const struct field member_fields[] = {
    {.name = "role", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .choices = "viewer|editor|admin|owner"},
    {0},
};

/* $1 user, $2 NULL or the only workspace to be seen. Without a current workspace the personal one counts as current. */
#define MINE                                                                                                           \
    " FROM workspaces w JOIN memberships m ON m.workspace_id = w.id AND m.user_id = $1"                                \
    " JOIN users u ON u.id = m.user_id WHERE ($2::uuid IS NULL OR w.id = $2)"
#define CREATED SQL_TIME("w.created_at")
#define WORKSPACE_COLUMNS                                                                                              \
    "SELECT w.id, w.slug, w.name, w.personal_user_id IS NOT NULL, m.role,"                                             \
    " coalesce(w.id = u.current_workspace_id, w.personal_user_id = u.id, false), w.revision, " CREATED MINE

enum column { ID, SLUG, NAME, PERSONAL, ROLE, CURRENT, REVISION, CREATED_AT };

static const struct statement
    workspace_find = {"workspace_find", WORKSPACE_COLUMNS " AND w.slug = $3"},
    workspace_insert = {"workspace_insert", "INSERT INTO workspaces (id, slug, name) VALUES ($1, $2, $3)"},
    workspace_update = {"workspace_update",
                        "UPDATE workspaces SET slug = coalesce($2, slug), name = coalesce($3, name),"
                        " revision = revision + 1 WHERE id = $1 RETURNING slug"},
    workspace_delete = {"workspace_delete", "DELETE FROM workspaces WHERE id = $1"},
    workspace_switch = {"workspace_switch", "UPDATE users SET current_workspace_id = $2 WHERE id = $1"},
    member_find = {"member_find", "SELECT u.id, u.username, m.role FROM users u LEFT JOIN memberships m"
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

/* ---- finding and answering -------------------------------------------------------------------------------------- */

static const char *only_visible(const struct request *rq)
{
    static const char none[] = "00000000-0000-0000-0000-000000000000";
    if (rq->actor.who.credential != CREDENTIAL_ACCESS_TOKEN)
        return NULL;
    return rq->actor.who.workspace_id[0] ? rq->actor.who.workspace_id : none;
}

static enum error find_workspace(struct request *rq, const char *slug, struct row *workspace)
{
    enum error error =
        db_one(rq->actor.db, &workspace_find, workspace, DB_ARGS(rq->actor.who.user_id, only_visible(rq), slug));
    return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
}

/* From here on the request acts in that workspace: its row-level security, its audit trail, the user's role there. */
static void act_in(struct request *rq, const char *id, const char *slug, enum role role)
{
    snprintf(rq->actor.who.workspace_id, sizeof rq->actor.who.workspace_id, "%s", id);
    snprintf(rq->actor.who.workspace_slug, sizeof rq->actor.who.workspace_slug, "%s", slug);
    rq->actor.who.role = role;
    db_tenant(rq->actor.db, rq->actor.who.workspace_id, rq->actor.who.user_id);
}

static enum error need_role(struct request *rq, enum role role)
{
    return rq->actor.who.role >= role ? ERR_NONE : fail(&rq->actor, MSG_ROLE, role_names[role], NULL);
}

static enum error enter_workspace(struct request *rq, enum role needed, struct row *workspace)
{
    enum error error = find_workspace(rq, path_arg(rq, "slug"), workspace);
    if (error)
        return error;
    act_in(rq, row_string(workspace, ID), row_string(workspace, SLUG), role_from_name(row_text(workspace, ROLE)));
    return need_role(rq, needed);
}

enum error workspace_enter(struct request *rq, enum role needed)
{
    struct row workspace;
    return enter_workspace(rq, needed, &workspace);
}

/* Owners and roles read behind the lock are true until the end of the transaction. */
static enum error enter_to_change(struct request *rq, enum role needed, struct row *workspace)
{
    struct row locked;
    const char *slug = path_arg(rq, "slug");
    enum error error = find_workspace(rq, slug, workspace);
    if (!error)
        error = db_one(rq->actor.db, &workspace_lock_id, &locked, DB_ARGS(row_text(workspace, ID)));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
    error = enter_workspace(rq, needed, workspace);
    if (error)
        return error;
    return row_bool(workspace, PERSONAL) ? fail(&rq->actor, MSG_WORKSPACE_PERSONAL, NULL) : ERR_NONE;
}

enum error workspace_enter_to_change(struct request *rq, enum role needed)
{
    struct row workspace;
    return enter_to_change(rq, needed, &workspace);
}

enum error workspace_enter_as_guest(struct request *rq, const char *workspace_id)
{
    struct row locked;
    act_in(rq, workspace_id, "", ROLE_NONE);
    enum error error = db_one(rq->actor.db, &workspace_lock_id, &locked, DB_ARGS(workspace_id));
    if (!error)
        act_in(rq, workspace_id, row_string(&locked, 0), ROLE_NONE);
    return error;
}

static void write_workspace(struct request *rq, struct json_writer *w, const struct row *workspace)
{
    (void)rq;
    json_open_object(w);
    json_string_member(w, "id", row_text(workspace, ID));
    json_string_member(w, "slug", row_text(workspace, SLUG));
    json_string_member(w, "name", row_text(workspace, NAME));
    json_bool_member(w, "personal", row_bool(workspace, PERSONAL));
    json_string_member(w, "role", row_text(workspace, ROLE));
    json_bool_member(w, "current", row_bool(workspace, CURRENT));
    json_int_member(w, "revision", row_int(workspace, REVISION));
    json_string_member(w, "created_at", row_text(workspace, CREATED_AT));
    json_close_object(w);
}

/* Role and current flag are the reader's own, so the tag names them beside the revision. */
static char *workspace_tag(struct request *rq, const struct row *workspace)
{
    return arena_printf(rq->actor.arena, "%s-%s%s", row_string(workspace, REVISION), row_string(workspace, ROLE),
                        row_bool(workspace, CURRENT) ? "-current" : "");
}

/* As it is now, after a write. */
enum error workspace_respond(struct request *rq, struct response *rs, int status)
{
    struct row workspace;
    enum error error = find_workspace(rq, rq->actor.who.workspace_slug, &workspace);
    if (error)
        return error;
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%s\"", workspace_tag(rq, &workspace)));
    write_workspace(rq, respond_begin(rs, status), &workspace);
    respond_end(rs);
    return ERR_NONE;
}

/* ---- workspaces ------------------------------------------------------------------------------------------------- */

static const struct listing workspaces = {
    .name = "workspaces",
    .count = {"workspaces_count", "SELECT count(*)" MINE},
    .page = {"workspaces_page", WORKSPACE_COLUMNS " ORDER BY w.personal_user_id IS NULL, w.slug LIMIT $3 OFFSET $4"},
    .write = write_workspace,
};

static enum error workspaces_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &workspaces, DB_ARGS(rq->actor.who.user_id, only_visible(rq)));
}

static enum error workspace_get(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = enter_workspace(rq, ROLE_VIEWER, &workspace);
    if (error || respond_not_modified(rq, rs, workspace_tag(rq, &workspace)))
        return error;
    write_workspace(rq, respond_begin(rs, 200), &workspace);
    respond_end(rs);
    return ERR_NONE;
}

/* What a header can carry; NULL is left as it is. */
static enum error check_slug(struct request *rq, const char *slug)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = slug ? strlen(slug) : 0;
    bool good = !slug || (length > 0 && slug[0] != '-' && slug[length - 1] != '-' && strspn(slug, allowed) == length);
    return good ? ERR_NONE : fail_field(&rq->actor, "slug", MSG_SLUG, NULL);
}

static enum error workspace_create(struct request *rq, struct response *rs)
{
    const char *slug = body_text(rq, "slug");
    char id[UUID_TEXT];
    enum error error = check_slug(rq, slug);
    if (error)
        return error;
    random_uuid(id);
    act_in(rq, id, slug, ROLE_OWNER);
    struct row namesake, member;
    error = db_one(rq->actor.db, &member_namesake, &namesake, DB_ARGS(rq->actor.who.user_id, slug));
    if (!error)
        error = row_bool(&namesake, 0)
                    ? ERR_CONFLICT
                    : db_run(rq->actor.db, &workspace_insert, DB_ARGS(id, slug, body_text(rq, "name")));
    if (error)
        return fail_as(&rq->actor, error, ERR_CONFLICT, MSG_WORKSPACE_EXISTS, slug);
    error = db_one(rq->actor.db, &member_insert, &member, DB_ARGS(id, rq->actor.who.user_id, role_names[ROLE_OWNER]));
    if (!error)
        error = audit_write(&rq->actor, &(struct audit){.action = "workspace.create", .target = slug});
    return error ? error : workspace_respond(rq, rs, 201);
}

static enum error check_namesakes(struct request *rq, const char *slug)
{
    struct row namesakes;
    if (!slug)
        return ERR_NONE;
    enum error error =
        db_one(rq->actor.db, &workspace_namesakes, &namesakes, DB_ARGS(rq->actor.who.workspace_id, slug));
    return error || !row_int(&namesakes, 0) ? error : ERR_CONFLICT;
}

static enum error workspace_change(struct request *rq, struct response *rs)
{
    struct row workspace, changed;
    const char *slug = body_text(rq, "slug");
    enum error error = check_slug(rq, slug);
    if (!error)
        error = enter_to_change(rq, ROLE_ADMIN, &workspace);
    if (!error)
        error = check_if_match(rq, row_int(&workspace, REVISION));
    if (error)
        return error;
    error = check_namesakes(rq, slug);
    if (!error)
        error = db_one(rq->actor.db, &workspace_update, &changed,
                       DB_ARGS(rq->actor.who.workspace_id, slug, body_text(rq, "name")));
    if (!error)
        error = db_run(rq->actor.db, &workspace_reinvite, DB_ARGS(rq->actor.who.workspace_id));
    if (error)
        return fail_as(&rq->actor, error, ERR_CONFLICT, MSG_WORKSPACE_EXISTS, slug ? slug : "");
    snprintf(rq->actor.who.workspace_slug, sizeof rq->actor.who.workspace_slug, "%s", row_string(&changed, 0));
    rq->actor.identity_changed = true;
    error =
        audit_write(&rq->actor, &(struct audit){.action = "workspace.update", .target = rq->actor.who.workspace_slug});
    return error ? error : workspace_respond(rq, rs, 200);
}

static enum error workspace_remove(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = enter_to_change(rq, ROLE_OWNER, &workspace);
    if (!error)
        error = check_if_match(rq, row_int(&workspace, REVISION));
    if (!error) /* its own audit trail goes with it */
        error = audit_site(&rq->actor, "workspace.delete", rq->actor.who.workspace_slug);
    if (!error)
        error = db_run(rq->actor.db, &workspace_delete, DB_ARGS(rq->actor.who.workspace_id));
    rq->actor.identity_changed = true;
    if (!error)
        respond_null(rs);
    return error;
}

static enum error workspace_make_current(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = enter_workspace(rq, ROLE_VIEWER, &workspace);
    if (!error)
        error = db_run(rq->actor.db, &workspace_switch, DB_ARGS(rq->actor.who.user_id, rq->actor.who.workspace_id));
    if (!error)
        error = audit_write(&rq->actor,
                            &(struct audit){.action = "workspace.switch", .target = rq->actor.who.workspace_slug});
    rq->actor.identity_changed = true;
    return error ? error : workspace_respond(rq, rs, 200);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static void write_member(struct request *rq, struct json_writer *w, const struct row *member)
{
    (void)rq;
    json_open_object(w);
    json_string_member(w, "username", row_text(member, 0));
    json_string_member(w, "display_name", row_text(member, 1));
    json_string_member(w, "role", row_text(member, 2));
    json_string_member(w, "joined_at", row_text(member, 3));
    json_close_object(w);
}

#define JOINED SQL_TIME("m.created_at")

static const struct listing members = {
    .name = "members",
    .count = {"members_count", "SELECT count(*) FROM memberships WHERE workspace_id = $1"},
    .page = {"members_page", "SELECT u.username, u.display_name, m.role, " JOINED
                             " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1"
                             " ORDER BY lower(u.username), u.id LIMIT $2 OFFSET $3"},
    .write = write_member,
};

static enum error members_list(struct request *rq, struct response *rs)
{
    struct row workspace;
    enum error error = enter_workspace(rq, ROLE_VIEWER, &workspace);
    return error ? error : respond_page(rq, rs, &members, DB_ARGS(rq->actor.who.workspace_id));
}

struct member {
    const char *user_id, *username;
    enum role role; /* ROLE_NONE = not in the workspace */
    bool self;
};

/* Whether a name that is no member's is a user's is nothing to tell: only a site administrator, who sees all of them, gets
 * one that is (with ROLE_NONE). */
static enum error find_member(struct request *rq, enum message otherwise, struct member *member)
{
    struct row row;
    const char *username = path_arg(rq, "username");
    *member = (struct member){0};
    enum error error = db_one(rq->actor.db, &member_find, &row, DB_ARGS(rq->actor.who.workspace_id, username));
    if (error && error != ERR_NOT_FOUND)
        return error;
    if (error || (!row_text(&row, 2) && !rq->actor.who.site_admin))
        return fail(&rq->actor, rq->actor.who.site_admin ? MSG_USER_UNKNOWN : otherwise, username, NULL);
    *member = (struct member){
        .user_id = row_text(&row, 0),
        .username = row_text(&row, 1),
        .role = role_from_name(row_text(&row, 2)),
        .self = strcmp(row_string(&row, 0), rq->actor.who.user_id) == 0,
    };
    return ERR_NONE;
}

enum error workspace_need_to_grant(struct request *rq, enum role wanted)
{
    return need_role(rq, wanted >= ROLE_ADMIN ? ROLE_OWNER : ROLE_ADMIN);
}

/* May the user make `member` a `wanted` (ROLE_NONE: remove him)? Anybody may step down. */
static enum error check_member_change(struct request *rq, const struct member *member, enum role wanted)
{
    if (member->self && wanted < member->role)
        return ERR_NONE;
    return workspace_need_to_grant(rq, wanted > member->role ? wanted : member->role);
}

static enum error spare_last_owner(struct request *rq, const struct member *member, enum role wanted)
{
    struct row others;
    if (member->role != ROLE_OWNER || wanted == ROLE_OWNER)
        return ERR_NONE;
    enum error error =
        db_one(rq->actor.db, &member_other_owners, &others, DB_ARGS(rq->actor.who.workspace_id, member->user_id));
    if (error)
        return error;
    return row_int(&others, 0) > 0 ? ERR_NONE : fail(&rq->actor, MSG_LAST_OWNER, NULL);
}

/* One row for a membership that began, changed or ended. */
static enum error audit_member(struct request *rq, const struct member *member, enum role wanted)
{
    const char *action = !member->role ? "member.add" : wanted ? "member.change" : "member.remove";
    const char *from = member->role ? arena_printf(rq->actor.arena, "\"%s\"", role_names[member->role]) : "null";
    const char *to = wanted ? arena_printf(rq->actor.arena, "\"%s\"", role_names[wanted]) : "null";
    struct audit entry = {
        .action = action,
        .target = member->username,
        .changes = arena_printf(rq->actor.arena, "[{\"key\":\"role\",\"old_value\":%s,\"new_value\":%s}]", from, to),
    };
    rq->actor.identity_changed = true;
    return audit_write(&rq->actor, &entry);
}

enum error workspace_member_add(struct request *rq, const char *user_id, const char *username, enum role role)
{
    struct row row;
    const struct member member = {.user_id = user_id, .username = username};
    enum error error = db_one(rq->actor.db, &member_namesake, &row, DB_ARGS(user_id, rq->actor.who.workspace_slug));
    if (!error && row_bool(&row, 0))
        return fail(&rq->actor, MSG_WORKSPACE_NAMESAKE, username, rq->actor.who.workspace_slug, NULL);
    if (!error)
        error =
            db_one(rq->actor.db, &member_insert, &row, DB_ARGS(rq->actor.who.workspace_id, user_id, role_names[role]));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_MEMBER_EXISTS, username, NULL);
    if (!error)
        error = db_run(rq->actor.db, &member_uninvite, DB_ARGS(rq->actor.who.workspace_id, user_id));
    return error ? error : audit_member(rq, &member, role);
}

static enum error member_change(struct request *rq, const struct member *member, enum role wanted)
{
    enum error error = spare_last_owner(rq, member, wanted);
    if (!error)
        error = db_run(rq->actor.db, &member_update,
                       DB_ARGS(rq->actor.who.workspace_id, member->user_id, role_names[wanted]));
    return error ? error : audit_member(rq, member, wanted);
}

/* Changes a role. Whoever is no member is invited (src/api/invitations.c); only a site administrator adds him like this. */
static enum error member_set(struct request *rq, struct response *rs)
{
    struct row workspace;
    struct member member;
    enum role wanted = role_from_name(body_text(rq, "role"));
    enum error error = enter_to_change(rq, ROLE_ADMIN, &workspace);
    if (!error)
        error = find_member(rq, MSG_MEMBER_INVITE, &member);
    if (!error)
        error = check_member_change(rq, &member, wanted);
    if (!error)
        error = member.role ? member_change(rq, &member, wanted)
                            : workspace_member_add(rq, member.user_id, member.username, wanted);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, member.role ? 200 : 201);
    json_open_object(w);
    json_string_member(w, "username", member.username);
    json_string_member(w, "role", role_names[wanted]);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

static enum error member_remove(struct request *rq, struct response *rs)
{
    struct row workspace;
    struct member member;
    enum error error = enter_to_change(rq, ROLE_VIEWER, &workspace);
    if (!error && strcasecmp(path_arg(rq, "username"), rq->actor.who.username) != 0)
        error = need_role(rq, ROLE_ADMIN); /* before it tells who is a user */
    if (!error)
        error = find_member(rq, MSG_MEMBER_UNKNOWN, &member);
    if (!error && !member.role)
        error = fail(&rq->actor, MSG_MEMBER_UNKNOWN, member.username, NULL);
    if (!error)
        error = check_member_change(rq, &member, ROLE_NONE);
    if (!error)
        error = spare_last_owner(rq, &member, ROLE_NONE);
    if (!error)
        error = audit_member(rq, &member, ROLE_NONE);
    if (!error)
        error = db_run(rq->actor.db, &member_tokens, DB_ARGS(rq->actor.who.workspace_id, member.user_id));
    if (!error)
        error = db_run(rq->actor.db, &member_current, DB_ARGS(rq->actor.who.workspace_id, member.user_id));
    if (!error)
        error = db_run(rq->actor.db, &member_delete, DB_ARGS(rq->actor.who.workspace_id, member.user_id));
    if (!error)
        respond_null(rs);
    return error;
}

const struct route workspaces_routes[] = {
    {METHOD_GET, "/api/workspaces", workspaces_list, .access = ACCESS_USER, .query = page_query},
    {METHOD_POST, "/api/workspaces", workspace_create, .access = ACCESS_USER, .body = create_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/workspaces/{slug}", workspace_get, .access = ACCESS_USER},
    {METHOD_PATCH, "/api/workspaces/{slug}", workspace_change, .access = ACCESS_USER, .body = change_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}", workspace_remove, .access = ACCESS_USER,
     .flags = ROUTE_HEAVY | ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/workspaces/{slug}/switch", workspace_make_current, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_GET, "/api/workspaces/{slug}/members", members_list, .access = ACCESS_USER, .query = page_query},
    {METHOD_PUT, "/api/workspaces/{slug}/members/{username}", member_set, .access = ACCESS_USER, .body = member_fields,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/workspaces/{slug}/members/{username}", member_remove, .access = ACCESS_USER,
     .flags = ROUTE_SESSION_ONLY},
    {0},
};
