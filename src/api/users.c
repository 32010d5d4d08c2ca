/* Users, for site administrators. */
#include <string.h>

#include "accounts.h"
#include "audit.h"
#include "login_throttle.h"
#include "page.h"
#include "util.h"

#define SITE_ROLES "user|admin"

static const struct field create_fields[] = {
    {.name = "username", .type = FIELD_NAME, .flags = FIELD_REQUIRED},
    FIELD_NEW_PASSWORD("password"),
    {.name = "display_name", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 200},
    {.name = "site_role", .type = FIELD_TEXT, .choices = SITE_ROLES},
    {0},
};
static const struct field change_fields[] = {
    {.name = "display_name", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 200},
    {.name = "site_role", .type = FIELD_TEXT, .choices = SITE_ROLES},
    {.name = "disabled", .type = FIELD_BOOL},
    {0},
};
static const struct field reset_fields[] = {
    FIELD_NEW_PASSWORD("password"),
    {.name = "keep_tokens", .type = FIELD_BOOL},
    {0},
};

#define USERS                                                                                                          \
    "SELECT id, username, display_name, site_role, disabled_at IS NOT NULL AS disabled, created_at, last_login_at,"    \
    " revision FROM users"

enum column { ID, USERNAME, DISPLAY_NAME, SITE_ROLE, DISABLED, CREATED_AT, LAST_LOGIN_AT, REVISION };

static const struct statement
    users_select = {"users_select", USERS " WHERE lower(username) = lower($1)"},
    users_lock = {"users_lock", USERS " WHERE lower(username) = lower($1) FOR NO KEY UPDATE"},
    users_update = {"users_update", "UPDATE users SET display_name = $2, site_role = $3, revision = revision + 1"
                                    " WHERE id = $1"},
    users_delete = {"users_delete", "DELETE FROM users WHERE id = $1"};

static const struct listing users = {
    .name = "users",
    .count = {"users_count", "SELECT count(*) FROM users"},
    .page = {"users_page", USERS " ORDER BY lower(username), id LIMIT $1 OFFSET $2"},
};

static enum error find_user(struct request *rq, const struct statement *statement, struct row *user)
{
    const char *username = path_arg(rq, "username");
    enum error error = db_one(rq->actor.db, statement, user, DB_ARGS(username));
    return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_USER_UNKNOWN, username);
}

static enum error respond_user(struct request *rq, struct response *rs, int status, const char *username)
{
    struct row user;
    enum error error = db_one(rq->actor.db, &users_select, &user, DB_ARGS(username));
    if (error)
        return error;
    bool reading = rq->method == METHOD_GET || rq->method == METHOD_HEAD;
    if (reading && respond_not_modified(rq, rs, row_string(&user, REVISION)))
        return ERR_NONE;
    if (!reading)
        response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%s\"", row_string(&user, REVISION)));
    return respond_row(rs, status, &user);
}

/* ---- handlers --------------------------------------------------------------------------------------------------- */

static enum error user_get(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error = find_user(rq, &users_select, &user);
    return error ? error : respond_user(rq, rs, 200, row_string(&user, USERNAME));
}

static enum error user_create(struct request *rq, struct response *rs)
{
    const char *role = body_text(rq, "site_role");
    struct account account = {
        .username = body_text(rq, "username"),
        .password = body_text(rq, "password"),
        .display_name = body_text(rq, "display_name"),
        .site_admin = role && strcmp(role, "admin") == 0,
    };
    char user_id[UUID_TEXT];
    enum error error = account_create(&rq->actor, &account, user_id);
    if (!error)
        error = audit_site(&rq->actor, "user.create", account.username);
    return error ? error : respond_user(rq, rs, 201, account.username);
}

/* What the body says, else what is stored; an explicit null empties the display name. */
static enum error store_change(struct request *rq, const struct row *user)
{
    const char *role = body_has(rq, "site_role") ? body_text(rq, "site_role") : row_text(user, SITE_ROLE);
    bool renamed = json_object_get(rq->body, "display_name") != NULL;
    const char *display_name = renamed ? body_text(rq, "display_name") : row_text(user, DISPLAY_NAME);
    enum error error = db_run(rq->actor.db, &users_update, DB_ARGS(row_text(user, ID), display_name, role));
    bool disabled = row_bool(user, DISABLED), disable = body_bool(rq, "disabled", disabled);
    if (error || disable == disabled)
        return error;
    return account_set_disabled(&rq->actor, row_text(user, ID), disable);
}

static enum error user_change(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error = find_user(rq, &users_select, &user);
    const char *role = body_text(rq, "site_role");
    if (!error && ((role && strcmp(role, "admin") != 0) || body_bool(rq, "disabled", false)))
        error = account_spare_admin(&rq->actor, row_string(&user, ID));
    if (!error)
        error = find_user(rq, &users_lock, &user);
    if (!error)
        error = check_if_match(rq, row_int(&user, REVISION));
    if (!error)
        error = store_change(rq, &user);
    if (!error)
        error = audit_site(&rq->actor, "user.update", row_string(&user, USERNAME));
    rq->actor.identity_changed = true;
    return error ? error : respond_user(rq, rs, 200, row_string(&user, USERNAME));
}

static enum error user_delete(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error = find_user(rq, &users_select, &user);
    if (!error)
        error = account_spare_admin(&rq->actor, row_string(&user, ID));
    if (!error)
        error = throttle_forget(&rq->actor, row_string(&user, ID));
    if (!error)
        error = account_leave_workspaces(&rq->actor, row_string(&user, ID), row_string(&user, USERNAME));
    if (!error)
        error = find_user(rq, &users_lock, &user);
    if (!error)
        error = check_if_match(rq, row_int(&user, REVISION));
    if (!error) /* before the row it may refer to is gone */
        error = audit_site(&rq->actor, "user.delete", row_string(&user, USERNAME));
    if (!error)
        error = db_run(rq->actor.db, &users_delete, DB_ARGS(row_text(&user, ID)));
    if (error)
        return error;
    rq->actor.identity_changed = true;
    return respond_null(rs);
}

static enum error respond_reset(struct request *rq, struct response *rs, const struct password_change *change)
{
    struct row user;
    enum error error = find_user(rq, &users_select, &user);
    if (error)
        return error;
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%s\"", row_string(&user, REVISION)));
    struct json_writer *w = respond_object(rs, 200);
    row_write(&user, w);
    password_change_write(w, change);
    return respond_end(rs);
}

/* The counter of failed logins first: a login takes the two locks in that order, too. The own password is changed by who
 * knows the old one only, or five minutes at somebody else's desk would be enough to take an account over. */
static enum error user_reset_password(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error = find_user(rq, &users_select, &user);
    if (!error && strcmp(row_string(&user, ID), rq->actor.who.user_id) == 0)
        error = fail(&rq->actor, MSG_OWN_PASSWORD, NULL);
    if (!error)
        error = throttle_forget(&rq->actor, row_string(&user, ID));
    if (error)
        return error;
    struct password_change change = {
        .user_id = row_string(&user, ID),
        .username = row_string(&user, USERNAME),
        .password = body_text(rq, "password"),
        .field = "password",
        .keep_tokens = body_bool(rq, "keep_tokens", false),
    };
    error = account_set_password(&rq->actor, &change);
    if (!error)
        error = password_change_audit(&rq->actor, "user.password", &change);
    return error ? error : respond_reset(rq, rs, &change);
}

const struct route users_routes[] = {
    {METHOD_GET, "/api/users", list_all, .access = ACCESS_SITE_ADMIN, .query = page_query, .data = &users},
    {METHOD_POST, "/api/users", user_create, .access = ACCESS_SITE_ADMIN, .body = create_fields,
     .flags = ROUTE_PASSWORD | ROUTE_CONFIRMED},
    {METHOD_GET, "/api/users/{username}", user_get, .access = ACCESS_SITE_ADMIN},
    {METHOD_PATCH, "/api/users/{username}", user_change, .access = ACCESS_SITE_ADMIN, .body = change_fields,
     .flags = ROUTE_CONFIRMED},
    {METHOD_DELETE, "/api/users/{username}", user_delete, .access = ACCESS_SITE_ADMIN,
     .flags = ROUTE_HEAVY | ROUTE_CONFIRMED},
    {METHOD_POST, "/api/users/{username}/password", user_reset_password, .access = ACCESS_SITE_ADMIN,
     .body = reset_fields, .flags = ROUTE_PASSWORD | ROUTE_CONFIRMED},
    {0},
};
