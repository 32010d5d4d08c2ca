/* Sessions: name and password become one, a password confirms one, and they end. */
#include "sessions.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "log.h"
#include "login_throttle.h"
#include "password.h"
#include "refresh.h"
#include "token.h"
#include "util.h"

static const struct statement
    session_find_user = {"session_find_user",
                         "SELECT lower($1), u.id, u.username, u.password_hash, u.disabled_at IS NOT NULL,"
                         " floor(extract(epoch FROM u.password_changed_at))::bigint"
                         " FROM (SELECT 1) AS one LEFT JOIN users u ON lower(u.username) = lower($1)"},
    session_user_name = {"session_user_name", "SELECT username FROM users WHERE id = $1"},
    session_own_hash = {"session_own_hash", "SELECT password_hash FROM users WHERE id = $1"},
    /* Finds no row when the password was changed or the account disabled while the old password was being checked. */
    session_seen = {"session_seen", "UPDATE users SET last_login_at = now()"
                                    " WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL RETURNING id"},
    session_insert =
        {"session_insert",
         "INSERT INTO sessions (user_id, lasting, expires_at, user_agent, address)"
         " VALUES ($1, $5::boolean, now() + $2::int * interval '1 second', left($3, 300), $4) RETURNING id"},
    session_of_refresh = {"session_of_refresh",
                          "SELECT s.id, u.id, u.username FROM refresh_tokens r"
                          " JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id"
                          " WHERE r.token_hash = $1"},
    session_revoke = {"session_revoke", "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND user_id = $2"
                                        " AND revoked_at IS NULL AND expires_at > now() RETURNING id"},
    session_revoke_all =
        {"session_revoke_all",
         "WITH ended AS (UPDATE sessions SET revoked_at = now() WHERE user_id = $1"
         " AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $2::uuid RETURNING id)"
         " SELECT count(*) FROM ended"},
    session_mark_confirmed = {"session_mark_confirmed",
                              "UPDATE sessions SET confirmed_at = now() WHERE id = $1"
                              " RETURNING " SQL_TIME("(confirmed_at + make_interval(secs => $2::integer))")},
    session_is_confirmed = {"session_is_confirmed",
                            "SELECT confirmed_at > now() - make_interval(secs => $2::integer) FROM sessions"
                            " WHERE id = $1 AND revoked_at IS NULL"};

int session_seconds(const struct settings *settings, bool lasting)
{
    int most = settings->refresh_token_ttl;
    return lasting || most < BROWSER_SECONDS ? most : BROWSER_SECONDS;
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

static enum error session_open(struct actor *actor, struct session *session)
{
    const char *agent = actor->user_agent;
    if (agent && !utf8_valid(agent, strlen(agent)))
        agent = NULL;
    struct row row;
    enum error error =
        db_one(actor->db, &session_insert, &row,
               DB_ARGS(actor->who.user_id, number_text(actor, session_seconds(actor->settings, session->lasting)),
                       agent, actor->address, session->lasting ? "true" : "false"));
    if (error)
        return error;
    snprintf(session->id, sizeof session->id, "%s", row_string(&row, 0));
    error = refresh_begin(actor, session->id, &session->refresh);
    return error ? error : audit_site(actor, "auth.login", actor->who.username);
}

enum login_column { TYPED, USER_ID, USERNAME, PASSWORD_HASH, DISABLED, CHANGED_AT };

static enum error login_refused(struct actor *actor, const struct row *user)
{
    /* A name nobody has may be a password typed into the wrong box, so it is not logged. */
    log_warn("login failed", LOG_STR("user", row_text(user, USERNAME)), LOG_STR("address", actor->address),
             LOG_STR("request_id", actor->request_id));
    enum error error = throttle_failed(actor);
    return error ? error : fail(actor, MSG_LOGIN_WRONG, NULL);
}

enum error session_log_in(struct actor *actor, const char *username, const char *password, const char *browser,
                          struct session *session)
{
    struct row user;
    struct throttle attempt;
    enum error error = db_one(actor->db, &session_find_user, &user, DB_ARGS(username));
    if (!error)
        error = throttle_login(actor, row_string(&user, TYPED), row_text(&user, USER_ID), row_int(&user, CHANGED_AT),
                               browser, &attempt);
    if (error)
        return error;

    bool known = row_text(&user, USER_ID) != NULL;
    bool right = known ? password_verify(row_string(&user, PASSWORD_HASH), password) : password_verify_nobody(password);
    if (!right || row_bool(&user, DISABLED))
        return login_refused(actor, &user);

    struct row seen;
    error = db_one(actor->db, &session_seen, &seen, DB_ARGS(row_text(&user, USER_ID), row_text(&user, PASSWORD_HASH)));
    if (error)
        return error == ERR_NOT_FOUND ? login_refused(actor, &user) : error;
    error = throttle_passed(actor, &attempt);
    if (error)
        return error;
    actor_is_user(actor, row_string(&user, USER_ID), row_string(&user, USERNAME));
    return session_open(actor, session);
}

/* ---- confirming ------------------------------------------------------------------------------------------------- */

enum error session_check_password(struct actor *actor, const char *field, const char *password)
{
    struct row user;
    struct throttle attempt;
    enum error error = throttle_confirm(actor, &attempt);
    if (error)
        return error;
    error = db_one(actor->db, &session_own_hash, &user, DB_ARGS(actor->who.user_id));
    if (error)
        return error;
    if (password_verify(row_string(&user, 0), password))
        return throttle_passed(actor, &attempt);
    error = throttle_failed(actor);
    return error ? error : fail_field(actor, field, MSG_PASSWORD_WRONG, NULL);
}

enum error session_confirm(struct actor *actor, const char **until)
{
    struct row row;
    enum error error = db_one(actor->db, &session_mark_confirmed, &row,
                              DB_ARGS(actor->who.session_id, number_text(actor, CONFIRM_SECONDS)));
    if (error)
        return error;
    *until = row_text(&row, 0);
    return audit_site(actor, "auth.confirm", actor->who.username);
}

enum error session_confirmed(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &session_is_confirmed, &row,
                              DB_ARGS(actor->who.session_id, number_text(actor, CONFIRM_SECONDS)));
    if (error == ERR_NOT_FOUND) /* it ended a moment ago */
        return fail(actor, MSG_TOKEN_INVALID, NULL);
    return error || row_bool(&row, 0) ? error : fail(actor, MSG_CONFIRM, NULL);
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

enum error session_of_refresh_token(struct actor *actor, const char *token, char id[UUID_TEXT])
{
    char hash[CRYPTO_HASH_TEXT];
    struct row row;
    token_hash(hash, token);
    enum error error = db_one(actor->db, &session_of_refresh, &row, DB_ARGS(hash));
    if (error)
        return error;
    snprintf(id, UUID_TEXT, "%s", row_string(&row, 0));
    actor_is_user(actor, row_string(&row, 1), row_string(&row, 2));
    return ERR_NONE;
}

enum error session_of_access_token(struct actor *actor, const char *token, char id[UUID_TEXT])
{
    struct token_claims claims;
    struct row user;
    if (!access_token_read(actor->settings, token, time(NULL), &claims))
        return ERR_NOT_FOUND;
    enum error error = db_one(actor->db, &session_user_name, &user, DB_ARGS(claims.user_id));
    if (error)
        return error;
    memcpy(id, claims.session_id, UUID_TEXT);
    actor_is_user(actor, claims.user_id, row_string(&user, 0));
    return ERR_NONE;
}

enum error session_end(struct actor *actor, const char *id, const char *action)
{
    struct row ended;
    enum error error = db_one(actor->db, &session_revoke, &ended, DB_ARGS(id, actor->who.user_id));
    if (error)
        return error;
    actor->identity_changed = true;
    return audit_site(actor, action, actor->who.username);
}

enum error sessions_revoke(struct actor *actor, const char *user_id, const char *keep, long long *count)
{
    struct row row;
    enum error error = db_one(actor->db, &session_revoke_all, &row, DB_ARGS(user_id, keep));
    *count = error ? 0 : row_int(&row, 0);
    actor->identity_changed = true;
    return error;
}
