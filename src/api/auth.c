/* Logging in and out: passwords, sessions and their rotating refresh tokens. */
#include <string.h>
#include <strings.h>

#include "accounts.h"
#include "audit.h"
#include "authn.h"
#include "login_throttle.h"
#include "page.h"
#include "refresh.h"
#include "sessions.h"
#include "token.h"
#include "user_answer.h"
#include "util.h"

static const struct field login_fields[] = {
    {.name = "username", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "password", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = PASSWORD_MAX},
    {.name = "remember", .type = FIELD_BOOL},
    {0},
};
static const struct field refresh_fields[] = {
    {.name = "refresh_token", .type = FIELD_TEXT, .flags = FIELD_SECRET, .max = 200},
    {0},
};
static const struct field password_fields[] = {
    {.name = "current_password", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = PASSWORD_MAX},
    FIELD_NEW_PASSWORD("new_password"),
    {.name = "keep_tokens", .type = FIELD_BOOL},
    {0},
};
static const struct field confirm_fields[] = {
    {.name = "password", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = PASSWORD_MAX},
    {0},
};

static const struct statement
    /* In the workspace $2, else the current one, else the personal one, which is never missing. */
    auth_user = {"auth_user",
                 "SELECT u.id, u.username, u.display_name, u.site_role, u.password_given,"
                 " json_build_object('slug', w.slug, 'name', w.name, 'role', m.role) AS workspace FROM users u"
                 " LEFT JOIN (memberships m JOIN workspaces w ON w.id = m.workspace_id) ON m.user_id = u.id"
                 " WHERE u.id = $1 ORDER BY w.id IS NOT DISTINCT FROM $2::uuid DESC,"
                 " w.id IS NOT DISTINCT FROM u.current_workspace_id DESC, w.personal_user_id IS NOT NULL DESC LIMIT 1"};

enum error user_shown(struct request *rq, const char *workspace_id, struct row *user)
{
    return db_one(rq->actor.db, &auth_user, user, DB_ARGS(rq->actor.who.user_id, workspace_id));
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* The tokens of a session, in the body and as cookies. A refresh token that came in a cookie goes back in one only: a
 * script on the page must not get to read what HttpOnly hides. */
static enum error respond_tokens(struct request *rq, struct response *rs, const char *session_id, const char *refresh,
                                 bool lasting, bool show_refresh)
{
    struct row user;
    db_tenant(rq->actor.db, "", rq->actor.who.user_id);
    enum error error = user_shown(rq, NULL, &user);
    if (error)
        return error == ERR_NOT_FOUND ? ERR_INTERNAL : error;
    const char *access = access_token_make(&rq->actor, rq->actor.who.user_id, session_id);
    if (!access)
        return ERR_INTERNAL;

    cookies_set(rq, rs, access, refresh, lasting);
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "access_token", access);
    json_string_member(w, "token_type", "Bearer");
    json_int_member(w, "expires_in", rq->service->settings->access_token_ttl);
    json_string_member(w, "refresh_token", show_refresh ? refresh : NULL);
    json_key(w, "user");
    json_open_object(w);
    row_write(&user, w);
    json_close_object(w);
    return respond_end(rs);
}

/* ---- login ------------------------------------------------------------------------------------------------------ */

static void know_browser(struct request *rq, struct response *rs)
{
    cookie_set(rq, rs, COOKIE_BROWSER, throttle_known_browser(&rq->actor, rq->actor.who.user_id),
               (long long)KNOWN_DAYS * 24 * 60 * 60);
}

static enum error login(struct request *rq, struct response *rs)
{
    struct session session = {.lasting = body_bool(rq, "remember", true)};
    enum error error = session_log_in(&rq->actor, body_text(rq, "username"), body_text(rq, "password"),
                                      request_cookie(rq, COOKIE_BROWSER), &session);
    if (error)
        return error;
    know_browser(rq, rs);
    return respond_tokens(rq, rs, session.id, session.refresh, session.lasting, true);
}

/* ---- refresh ---------------------------------------------------------------------------------------------------- */

static enum error refresh(struct request *rq, struct response *rs)
{
    bool in_body = body_has(rq, "refresh_token");
    const char *presented = in_body ? body_text(rq, "refresh_token") : request_cookie(rq, COOKIE_REFRESH);
    struct refreshed next;
    if (!presented)
        return fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    enum error error = refresh_spend(&rq->actor, presented, &next);
    if (error && rq->actor.failure.message == MSG_REFRESH_REUSED)
        cookies_clear(rq, rs);
    if (error)
        return error;
    actor_is_user(&rq->actor, next.user_id, next.username);
    return respond_tokens(rq, rs, next.session_id, next.token, next.lasting, in_body);
}

/* ---- logout ----------------------------------------------------------------------------------------------------- */

static enum error session_of_bearer(struct request *rq, char id[UUID_TEXT])
{
    const char *bearer = bearer_token(rq), *token = bearer ? bearer : request_cookie(rq, COOKIE_ACCESS);
    return token ? session_of_access_token(&rq->actor, token, id) : ERR_NOT_FOUND;
}

/* Whichever of its tokens came along names the session: an expired access token must not keep anybody logged in. */
static enum error find_session(struct request *rq, char id[UUID_TEXT])
{
    const char *refresh_token = body_text(rq, "refresh_token");
    enum error error = refresh_token ? session_of_refresh_token(&rq->actor, refresh_token, id) : ERR_NOT_FOUND;
    if (error == ERR_NOT_FOUND)
        error = session_of_bearer(rq, id);
    const char *cookie = request_cookie(rq, COOKIE_REFRESH);
    if (error == ERR_NOT_FOUND && cookie)
        error = session_of_refresh_token(&rq->actor, cookie, id);
    return error;
}

static enum error logout(struct request *rq, struct response *rs)
{
    char id[UUID_TEXT];
    enum error error = find_session(rq, id);
    if (!error)
        error = session_end(&rq->actor, id, "auth.logout");
    if (error && error != ERR_NOT_FOUND)
        return error;
    cookies_clear(rq, rs);
    return respond_null(rs);
}

/* For whoever gives out pages: 204 or 401. */
static enum error session_look(struct request *rq, struct response *rs)
{
    enum error error = authn_browser(rq);
    if (error)
        return error;
    rs->status = 204;
    rs->written = true;
    return ERR_NONE;
}

/* ---- the user himself ------------------------------------------------------------------------------------------- */

static enum error me(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error = user_shown(rq, rq->actor.who.workspace_id, &user);
    return error ? error : respond_row(rs, 200, &user);
}

static enum error password_change(struct request *rq, struct response *rs)
{
    enum error error = session_check_password(&rq->actor, "current_password", body_text(rq, "current_password"));
    if (error)
        return error;
    struct password_change change = {
        .user_id = rq->actor.who.user_id,
        .username = rq->actor.who.username,
        .password = body_text(rq, "new_password"),
        .field = "new_password",
        .keep_session = rq->actor.who.session_id,
        .keep_tokens = body_bool(rq, "keep_tokens", false),
    };
    error = account_set_password(&rq->actor, &change);
    if (!error)
        error = password_change_audit(&rq->actor, "auth.password", &change);
    if (error)
        return error;
    know_browser(rq, rs); /* the cookie from before the change is worth nothing now */
    password_change_write(respond_object(rs, 200), &change);
    return respond_end(rs);
}

static enum error password_confirm(struct request *rq, struct response *rs)
{
    const char *until;
    enum error error = session_check_password(&rq->actor, "password", body_text(rq, "password"));
    if (!error)
        error = session_confirm(&rq->actor, &until);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "confirmed_until", until);
    return respond_end(rs);
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

/* Those of the user of session $1. */
#define LIVE_SESSIONS                                                                                                  \
    " FROM sessions own JOIN sessions s ON s.user_id = own.user_id WHERE own.id = $1"                                  \
    " AND s.revoked_at IS NULL AND s.expires_at > now()"

static const struct listing sessions = {
    .name = "sessions",
    .count = {"auth_sessions_count", "SELECT count(*)" LIVE_SESSIONS},
    .page = {"auth_sessions",
             "SELECT s.id, s.id = own.id AS current, s.created_at, s.last_used_at, s.expires_at, s.user_agent,"
             " s.address" LIVE_SESSIONS " ORDER BY s.created_at DESC, s.id LIMIT $2 OFFSET $3"},
};

static enum error sessions_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &sessions, DB_ARGS(rq->actor.who.session_id));
}

static enum error session_end_one(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? session_end(&rq->actor, id, "auth.session_end") : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_SESSION_UNKNOWN, id);
    if (strcasecmp(id, rq->actor.who.session_id) == 0)
        cookies_clear(rq, rs);
    return respond_null(rs);
}

static enum error sessions_end_others(struct request *rq, struct response *rs)
{
    long long ended;
    enum error error = sessions_revoke(&rq->actor, rq->actor.who.user_id, rq->actor.who.session_id, &ended);
    if (!error)
        error = audit_site(&rq->actor, "auth.sessions_end", rq->actor.who.username);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_int_member(w, "ended", ended);
    return respond_end(rs);
}

/* Two names, a password or a token: whoever is not logged in must not have more parsed. */
enum { AUTH_BODY_MAX = 16 * KIB };

const struct route auth_routes[] = {
    {METHOD_POST, "/api/auth/login", login, .access = ACCESS_PUBLIC, .body = login_fields,
     .flags = ROUTE_PASSWORD | ROUTE_LOGIN, .body_max = AUTH_BODY_MAX},
    {METHOD_POST, "/api/auth/refresh", refresh, .access = ACCESS_PUBLIC, .body = refresh_fields, .flags = ROUTE_COOKIE,
     .body_max = AUTH_BODY_MAX},
    {METHOD_POST, "/api/auth/logout", logout, .access = ACCESS_PUBLIC, .body = refresh_fields, .flags = ROUTE_COOKIE,
     .body_max = AUTH_BODY_MAX},
    {METHOD_GET, "/api/auth/session", session_look, .access = ACCESS_PUBLIC},
    {METHOD_GET, "/api/auth/me", me, .access = ACCESS_USER},
    {METHOD_POST, "/api/auth/password", password_change, .access = ACCESS_USER, .body = password_fields,
     .flags = ROUTE_PASSWORD | ROUTE_SESSION_ONLY, .body_max = AUTH_BODY_MAX},
    {METHOD_POST, "/api/auth/password/confirm", password_confirm, .access = ACCESS_USER, .body = confirm_fields,
     .flags = ROUTE_PASSWORD | ROUTE_SESSION_ONLY, .body_max = AUTH_BODY_MAX},
    {METHOD_GET, "/api/auth/sessions", sessions_list, .access = ACCESS_USER, .query = page_query,
     .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/auth/sessions", sessions_end_others, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {METHOD_DELETE, "/api/auth/sessions/{id}", session_end_one, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
