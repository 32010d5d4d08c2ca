/* Logging in and out: passwords, sessions and their rotating refresh tokens. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "accounts.h"
#include "audit.h"
#include "authn.h"
#include "authz.h"
#include "log.h"
#include "login_throttle.h"
#include "page.h"
#include "password.h"
#include "refresh.h"
#include "util.h"

static const struct field login_fields[] = {
    {.name = "username", .type = FIELD_TEXT, .flags = REQUIRED | TRIM, .max = 100},
    {.name = "password", .type = FIELD_TEXT, .flags = REQUIRED | SECRET, .max = PASSWORD_MAX},
    {0},
};
static const struct field refresh_fields[] = {
    {.name = "refresh_token", .type = FIELD_TEXT, .flags = SECRET, .max = 200},
    {0},
};
static const struct field password_fields[] = {
    {.name = "current_password", .type = FIELD_TEXT, .flags = REQUIRED | SECRET, .max = PASSWORD_MAX},
    {.name = "new_password", .type = FIELD_TEXT, .flags = REQUIRED | SECRET, .min = PASSWORD_MIN, .max = PASSWORD_MAX},
    {.name = "keep_tokens", .type = FIELD_BOOL},
    {0},
};
static const struct field confirm_fields[] = {
    {.name = "password", .type = FIELD_TEXT, .flags = REQUIRED | SECRET, .max = PASSWORD_MAX},
    {0},
};

static const struct statement
    auth_find = {"auth_find", "SELECT lower($1), u.id, u.username, u.password_hash, u.disabled_at IS NOT NULL,"
                              " floor(extract(epoch FROM u.password_changed_at))::bigint"
                              " FROM (SELECT 1) AS one LEFT JOIN users u ON lower(u.username) = lower($1)"},
    auth_name = {"auth_name", "SELECT username FROM users WHERE id = $1"},
    auth_own_hash = {"auth_own_hash", "SELECT password_hash FROM users WHERE id = $1"},
    /* Finds no row when the password was changed or the account disabled while the old password was being checked. */
    auth_seen = {"auth_seen", "UPDATE users SET last_login_at = now()"
                              " WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL RETURNING id"},
    auth_open = {"auth_open", "INSERT INTO sessions (user_id, expires_at, user_agent, address)"
                              " VALUES ($1, now() + $2::int * interval '1 second', left($3, 300), $4) RETURNING id"},
    auth_token_find = {"auth_token_find",
                       "SELECT s.id, u.id, u.username"
                       " FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id"
                       " WHERE r.token_hash = $1"},
    auth_end = {"auth_end", "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND user_id = $2"
                            " AND revoked_at IS NULL AND expires_at > now() RETURNING id"},
    auth_confirm = {"auth_confirm", "UPDATE sessions SET confirmed_at = now() WHERE id = $1"
                                    " RETURNING " SQL_TIME("(confirmed_at + $2::int * interval '1 second')")},
    /* In the workspace $2, else the current one, else the personal one, which is never missing. */
    auth_user = {"auth_user",
                 "SELECT u.id, u.username, u.display_name, u.site_role, w.slug, w.name, m.role FROM users u"
                 " LEFT JOIN (memberships m JOIN workspaces w ON w.id = m.workspace_id) ON m.user_id = u.id"
                 " WHERE u.id = $1 ORDER BY w.id IS NOT DISTINCT FROM $2::uuid DESC,"
                 " w.id IS NOT DISTINCT FROM u.current_workspace_id DESC, w.personal_user_id IS NOT NULL DESC LIMIT 1"};

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static char *seconds(struct request *rq, int value)
{
    return arena_printf(rq->actor.arena, "%d", value);
}

static void write_user(struct json_writer *w, const struct row *user)
{
    json_open_object(w);
    json_string_member(w, "id", row_text(user, 0));
    json_string_member(w, "username", row_text(user, 1));
    json_string_member(w, "display_name", row_text(user, 2));
    json_string_member(w, "site_role", row_text(user, 3));
    json_key(w, "workspace");
    json_open_object(w);
    json_string_member(w, "slug", row_text(user, 4));
    json_string_member(w, "name", row_text(user, 5));
    json_string_member(w, "role", row_text(user, 6));
    json_close_object(w);
    json_close_object(w);
}

/* The tokens of a session, in the body and as cookies. A refresh token that came in a cookie goes back in one only: a
 * script on the page must not get to read what HttpOnly hides. */
static enum error respond_tokens(struct request *rq, struct response *rs, const char *session_id, const char *refresh,
                                 bool show_refresh)
{
    struct row user;
    db_tenant(rq->actor.db, "", rq->actor.who.user_id);
    enum error error = db_one(rq->actor.db, &auth_user, &user, DB_ARGS(rq->actor.who.user_id, NULL));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_INTERNAL : error;
    const char *access = access_token_make(rq, rq->actor.who.user_id, session_id);
    if (!access)
        return ERR_INTERNAL;

    cookies_set(rq, rs, access, refresh);
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_string_member(w, "access_token", access);
    json_string_member(w, "token_type", "Bearer");
    json_int_member(w, "expires_in", rq->service->settings->access_token_ttl);
    json_string_member(w, "refresh_token", show_refresh ? refresh : NULL);
    json_key(w, "user");
    write_user(w, &user);
    json_close_object(w);
    respond_end(rs);
    return OK;
}

/* A public route knows nobody until here; the log and the audit rows name him from now on. */
static void is_user(struct request *rq, const char *user_id, const char *username)
{
    snprintf(rq->actor.who.user_id, sizeof rq->actor.who.user_id, "%s", user_id);
    snprintf(rq->actor.who.username, sizeof rq->actor.who.username, "%s", username);
}

/* ---- login ------------------------------------------------------------------------------------------------------ */

static enum error session_open(struct request *rq, struct response *rs)
{
    const char *agent = rq->actor.user_agent;
    if (agent && !utf8_valid(agent, strlen(agent)))
        agent = NULL;
    struct row session;
    enum error error = db_one(rq->actor.db, &auth_open, &session,
                              DB_ARGS(rq->actor.who.user_id, seconds(rq, rq->service->settings->refresh_token_ttl),
                                      agent, rq->actor.address));
    if (error)
        return error;
    const char *refresh;
    error = refresh_begin(rq, row_string(&session, 0), &refresh);
    if (error)
        return error;
    error = audit_site(rq, NULL, "auth.login", rq->actor.who.username);
    if (error)
        return error;
    return respond_tokens(rq, rs, row_string(&session, 0), refresh, true);
}

enum login_column { TYPED, USER_ID, USERNAME, PASSWORD_HASH, DISABLED, CHANGED_AT };

static enum error login_refused(struct request *rq, const struct row *user)
{
    /* A name nobody has may be a password typed into the wrong box, so it is not logged. */
    log_warn("login failed", LOG_STR("user", row_text(user, USERNAME)), LOG_STR("address", rq->actor.address),
             LOG_STR("request_id", rq->actor.request_id));
    enum error error = throttle_failed(rq);
    return error ? error : fail(&rq->actor, MSG_LOGIN_WRONG, NULL);
}

static enum error login(struct request *rq, struct response *rs)
{
    const char *username = body_text(rq, "username"), *password = body_text(rq, "password");
    struct row user;
    struct throttle attempt;
    enum error error = db_one(rq->actor.db, &auth_find, &user, DB_ARGS(username));
    if (!error)
        error = throttle_login(rq, row_string(&user, TYPED), row_text(&user, USER_ID), row_int(&user, CHANGED_AT),
                               &attempt);
    if (error)
        return error;

    bool known = row_text(&user, USER_ID) != NULL;
    bool right = known ? password_verify(row_string(&user, PASSWORD_HASH), password) : password_verify_nobody(password);
    if (!right || row_bool(&user, DISABLED))
        return login_refused(rq, &user);

    struct row seen;
    error = db_one(rq->actor.db, &auth_seen, &seen, DB_ARGS(row_text(&user, USER_ID), row_text(&user, PASSWORD_HASH)));
    if (error)
        return error == ERR_NOT_FOUND ? login_refused(rq, &user) : error;
    error = throttle_passed(rq, &attempt);
    if (error)
        return error;
    is_user(rq, row_string(&user, USER_ID), row_string(&user, USERNAME));
    throttle_know_browser(rq, rs, rq->actor.who.user_id);
    return session_open(rq, rs);
}

/* ---- refresh ---------------------------------------------------------------------------------------------------- */

static enum error refresh(struct request *rq, struct response *rs)
{
    bool in_body = body_has(rq, "refresh_token");
    const char *presented = in_body ? body_text(rq, "refresh_token") : request_cookie(rq, COOKIE_REFRESH);
    struct refreshed next;
    enum error error = presented ? refresh_spend(rq, presented, &next) : fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    if (error && rq->actor.failure.message == MSG_REFRESH_REUSED)
        cookies_clear(rq, rs);
    if (error)
        return error;
    is_user(rq, next.user_id, next.username);
    return respond_tokens(rq, rs, next.session_id, next.token, in_body);
}

/* ---- logout ----------------------------------------------------------------------------------------------------- */

struct session {
    char id[UUID_TEXT], user_id[UUID_TEXT];
};

static enum error session_of_refresh_token(struct request *rq, const char *token, struct session *session)
{
    char hash[CRYPTO_HASH_TEXT];
    struct row row;
    token_hash(hash, token);
    enum error error = db_one(rq->actor.db, &auth_token_find, &row, DB_ARGS(hash));
    if (error)
        return error;
    snprintf(session->id, sizeof session->id, "%s", row_string(&row, 0));
    is_user(rq, row_string(&row, 1), row_string(&row, 2));
    memcpy(session->user_id, rq->actor.who.user_id, sizeof session->user_id);
    return OK;
}

static enum error session_of_access_token(struct request *rq, struct session *session)
{
    const char *header = request_header(rq, "Authorization");
    bool bearer = header && strncasecmp(header, "Bearer ", 7) == 0;
    const char *token = bearer ? header + 7 : request_cookie(rq, COOKIE_ACCESS);
    struct token_claims claims;
    if (!token || !access_token_read(rq->service->settings, token, time(NULL), &claims))
        return ERR_NOT_FOUND;
    struct row user;
    enum error error = db_one(rq->actor.db, &auth_name, &user, DB_ARGS(claims.user_id));
    if (error)
        return error;
    memcpy(session->id, claims.session_id, sizeof session->id);
    memcpy(session->user_id, claims.user_id, sizeof session->user_id);
    is_user(rq, claims.user_id, row_string(&user, 0));
    return OK;
}

/* Whichever of its tokens came along names the session: an expired access token must not keep anybody logged in. */
static enum error find_session(struct request *rq, struct session *session)
{
    const char *refresh_token = body_text(rq, "refresh_token");
    enum error error = refresh_token ? session_of_refresh_token(rq, refresh_token, session) : ERR_NOT_FOUND;
    if (error == ERR_NOT_FOUND)
        error = session_of_access_token(rq, session);
    const char *cookie = request_cookie(rq, COOKIE_REFRESH);
    if (error == ERR_NOT_FOUND && cookie)
        error = session_of_refresh_token(rq, cookie, session);
    return error;
}

static enum error logout(struct request *rq, struct response *rs)
{
    struct session session;
    struct row ended;
    enum error error = find_session(rq, &session);
    if (!error)
        error = db_one(rq->actor.db, &auth_end, &ended, DB_ARGS(session.id, session.user_id));
    if (!error)
        error = audit_site(rq, NULL, "auth.logout", rq->actor.who.username);
    if (error && error != ERR_NOT_FOUND)
        return error;
    rq->actor.identity_changed = !error;
    cookies_clear(rq, rs);
    respond_null(rs);
    return OK;
}

/* ---- the user himself ------------------------------------------------------------------------------------------- */

static enum error me(struct request *rq, struct response *rs)
{
    struct row user;
    enum error error =
        db_one(rq->actor.db, &auth_user, &user, DB_ARGS(rq->actor.who.user_id, rq->actor.who.workspace_id));
    if (error)
        return error;
    write_user(respond_begin(rs, 200), &user);
    respond_end(rs);
    return OK;
}

/* A stolen session must not become a place to guess the password from, so this counts like a login. */
static enum error check_own_password(struct request *rq, const char *field)
{
    struct row user;
    struct throttle attempt;
    enum error error = throttle_confirm(rq, &attempt);
    if (error)
        return error;
    error = db_one(rq->actor.db, &auth_own_hash, &user, DB_ARGS(rq->actor.who.user_id));
    if (error)
        return error;
    if (password_verify(row_string(&user, 0), body_text(rq, field)))
        return throttle_passed(rq, &attempt);
    error = throttle_failed(rq);
    return error ? error : fail_field(&rq->actor, field, MSG_PASSWORD_WRONG, NULL);
}

static enum error password_change(struct request *rq, struct response *rs)
{
    enum error error = check_own_password(rq, "current_password");
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
    error = account_set_password(rq, &change);
    if (!error)
        error = password_change_audit(rq, NULL, "auth.password", &change);
    if (error)
        return error;
    throttle_know_browser(rq, rs, rq->actor.who.user_id); /* the cookie from before the change is worth nothing now */
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    password_change_write(w, &change);
    json_close_object(w);
    respond_end(rs);
    return OK;
}

static enum error password_confirm(struct request *rq, struct response *rs)
{
    struct row confirmed;
    enum error error = check_own_password(rq, "password");
    if (error)
        return error;
    error = db_one(rq->actor.db, &auth_confirm, &confirmed,
                   DB_ARGS(rq->actor.who.session_id, seconds(rq, CONFIRM_SECONDS)));
    if (error)
        return error;
    error = audit_site(rq, NULL, "auth.confirm", rq->actor.who.username);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_string_member(w, "confirmed_until", row_text(&confirmed, 0));
    json_close_object(w);
    respond_end(rs);
    return OK;
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

static void write_session(struct request *rq, struct json_writer *w, const struct row *session)
{
    json_open_object(w);
    json_string_member(w, "id", row_text(session, 0));
    json_bool_member(w, "current", strcmp(row_string(session, 0), rq->actor.who.session_id) == 0);
    json_string_member(w, "created_at", row_text(session, 1));
    json_string_member(w, "last_used_at", row_text(session, 2));
    json_string_member(w, "expires_at", row_text(session, 3));
    json_string_member(w, "user_agent", row_text(session, 4));
    json_string_member(w, "address", row_text(session, 5));
    json_close_object(w);
}

#define LIVE_SESSIONS " FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()"
#define SESSION_TIMES SQL_TIME("created_at") ", " SQL_TIME("last_used_at") ", " SQL_TIME("expires_at")

static const struct listing sessions = {
    .name = "sessions",
    .count = {"auth_sessions_count", "SELECT count(*)" LIVE_SESSIONS},
    .page = {"auth_sessions", "SELECT id, " SESSION_TIMES ", user_agent, address" LIVE_SESSIONS
                              " ORDER BY created_at DESC, id LIMIT $2 OFFSET $3"},
    .write = write_session,
};

static enum error sessions_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &sessions, DB_ARGS(rq->actor.who.user_id));
}

static enum error session_end(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    struct row ended;
    enum error error =
        uuid_valid(id) ? db_one(rq->actor.db, &auth_end, &ended, DB_ARGS(id, rq->actor.who.user_id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_SESSION_UNKNOWN, id);
    rq->actor.identity_changed = true;
    if (strcmp(row_string(&ended, 0), rq->actor.who.session_id) == 0)
        cookies_clear(rq, rs);
    error = audit_site(rq, NULL, "auth.session_end", rq->actor.who.username);
    if (!error)
        respond_null(rs);
    return error;
}

static enum error sessions_end_others(struct request *rq, struct response *rs)
{
    long long ended;
    enum error error = sessions_revoke(rq, rq->actor.who.user_id, rq->actor.who.session_id, &ended);
    if (!error)
        error = audit_site(rq, NULL, "auth.sessions_end", rq->actor.who.username);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_int_member(w, "ended", ended);
    json_close_object(w);
    respond_end(rs);
    return OK;
}

/* Two names, a password or a token: whoever is not logged in must not have more parsed. */
enum { AUTH_BODY_MAX = 16 * KB };

const struct route auth_routes[] = {
    {POST, "/api/auth/login", login, .access = ACCESS_PUBLIC, .body = login_fields,
     .flags = ROUTE_PASSWORD | ROUTE_LOGIN, .body_max = AUTH_BODY_MAX},
    {POST, "/api/auth/refresh", refresh, .access = ACCESS_PUBLIC, .body = refresh_fields, .flags = ROUTE_COOKIE,
     .body_max = AUTH_BODY_MAX},
    {POST, "/api/auth/logout", logout, .access = ACCESS_PUBLIC, .body = refresh_fields, .flags = ROUTE_COOKIE,
     .body_max = AUTH_BODY_MAX},
    {GET, "/api/auth/me", me, .access = ACCESS_USER},
    {POST, "/api/auth/password", password_change, .access = ACCESS_USER, .body = password_fields,
     .flags = ROUTE_PASSWORD | ROUTE_SESSION_ONLY, .body_max = AUTH_BODY_MAX},
    {POST, "/api/auth/password/confirm", password_confirm, .access = ACCESS_USER, .body = confirm_fields,
     .flags = ROUTE_PASSWORD | ROUTE_SESSION_ONLY, .body_max = AUTH_BODY_MAX},
    {GET, "/api/auth/sessions", sessions_list, .access = ACCESS_USER, .query = page_query, .flags = ROUTE_SESSION_ONLY},
    {DELETE, "/api/auth/sessions", sessions_end_others, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {DELETE, "/api/auth/sessions/{id}", session_end, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
