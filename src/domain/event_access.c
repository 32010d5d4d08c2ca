/* Event access: credentials to an identity, identities to workspaces. */
#include "event_access.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "personal_token.h"
#include "refresh.h"
#include "token.h"

#define PAST "50" /* changes that who comes new is told of */

static const struct statement
    find_token = {"event_access_token", "SELECT id, user_id FROM access_tokens WHERE token_hash = $1"
                                        " AND (expires_at IS NULL OR expires_at > now())"},
    names = {"event_access_names",
             "SELECT w.slug, u.username FROM workspaces w LEFT JOIN users u ON u.id = nullif($2, '')::uuid"
             " WHERE w.id = $1::uuid"},
    past =
        {"event_access_past",
         "SELECT a.id, " SQL_TIME(
             "a.created_at") ", w.slug, a.actor, a.action, a.platform, coalesce(a.to_config, a.target)"
                             " FROM memberships m JOIN workspaces w ON w.id = m.workspace_id"
                             " LEFT JOIN access_tokens t ON t.id = nullif($2, '')::uuid"
                             " CROSS JOIN LATERAL (SELECT * FROM audit_log WHERE workspace_id = m.workspace_id AND " AUDIT_OF_CONFIGURATION
                             " ORDER BY created_at DESC, id LIMIT " PAST ") a"
                             " WHERE m.user_id = $1::uuid AND (t.workspace_id IS NULL OR m.workspace_id = t.workspace_id)"
                             " ORDER BY a.created_at DESC, a.id LIMIT " PAST},
    ask = {"event_access_ask",
           "SELECT e.number, m.workspace_id,"
           " extract(epoch FROM coalesce(s.expires_at, t.expires_at, now() + interval '1 day') - now())::bigint"
           " FROM json_to_recordset($1::json) AS e (number bigint, user_id uuid, session_id uuid, token_id uuid)"
           " JOIN users u ON u.id = e.user_id AND u.disabled_at IS NULL"
           " LEFT JOIN sessions s ON s.id = e.session_id AND s.user_id = u.id AND s.revoked_at IS NULL"
           " AND s.expires_at > now()"
           " LEFT JOIN access_tokens t ON t.id = e.token_id AND t.user_id = u.id"
           " AND (t.expires_at IS NULL OR t.expires_at > now()) AND t.scopes & 1 <> 0" /* SCOPE_READ */
           " JOIN memberships m ON m.user_id = u.id AND (t.workspace_id IS NULL OR m.workspace_id = t.workspace_id)"
           " WHERE s.id IS NOT NULL OR t.id IS NOT NULL"};

static bool is_given(const char *text)
{
    return text && *text && strlen(text) <= ACCESS_TOKEN_MAX;
}

static void set_session(struct event_identity *out, const char *user_id, const char *session_id)
{
    snprintf(out->user_id, sizeof out->user_id, "%s", user_id);
    snprintf(out->session_id, sizeof out->session_id, "%s", session_id);
}

static bool by_jwt(struct actor *actor, const char *token, struct event_identity *out)
{
    struct token_claims claims;
    if (!access_token_read(actor->settings, token, time(NULL), &claims))
        return false;
    set_session(out, claims.user_id, claims.session_id);
    out->expires = claims.expires;
    return true;
}

static enum error by_personal_token(struct actor *actor, const char *token, struct event_identity *out)
{
    char hash[CRYPTO_HASH_TEXT];
    struct row found;
    token_hash(hash, token);
    enum error error = db_one(actor->db, &find_token, &found, DB_ARGS(hash));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_TOKEN_INVALID, NULL);
    snprintf(out->token_id, sizeof out->token_id, "%s", row_string(&found, 0));
    snprintf(out->user_id, sizeof out->user_id, "%s", row_string(&found, 1));
    return ERR_NONE;
}

static enum error by_bearer(struct actor *actor, const char *token, struct event_identity *out)
{
    if (strncmp(token, PERSONAL_TOKEN_PREFIX, strlen(PERSONAL_TOKEN_PREFIX)) == 0)
        return by_personal_token(actor, token, out);
    return by_jwt(actor, token, out) ? ERR_NONE : fail(actor, MSG_TOKEN_INVALID, NULL);
}

/* An access cookie is renewed by the requests of the page, which this does not see: with a cookie it is the session that counts. */
static enum error by_cookie(struct actor *actor, const struct event_credentials *given, struct event_identity *out)
{
    struct refreshed next;
    out->by_cookie = true;
    if (is_given(given->access) && by_jwt(actor, given->access, out)) {
        out->expires = 0;
        return ERR_NONE;
    }
    if (!is_given(given->refresh))
        return fail(actor, MSG_AUTHENTICATION, NULL);
    enum error error = refresh_peek(actor, given->refresh, &next);
    if (!error)
        set_session(out, next.user_id, next.session_id);
    return error;
}

enum error event_access_identify(struct actor *actor, const struct event_credentials *given, struct event_identity *out)
{
    memset(out, 0, sizeof *out);
    if (given->bearer)
        return is_given(given->bearer) ? by_bearer(actor, given->bearer, out) : fail(actor, MSG_TOKEN_INVALID, NULL);
    return by_cookie(actor, given, out);
}

void event_access_put(struct json_writer *w, unsigned number, const struct event_identity *who)
{
    json_open_object(w);
    json_int_member(w, "number", number);
    json_string_member(w, "user_id", who->user_id);
    json_string_member(w, "session_id", who->session_id[0] ? who->session_id : NULL);
    json_string_member(w, "token_id", who->token_id[0] ? who->token_id : NULL);
    json_close_object(w);
}

enum error event_access_ask(struct db *db, const char *everybody, struct rows *rows)
{
    db_maintenance(db, true); /* of everybody's workspaces */
    return db_all(db, &ask, rows, DB_ARGS(everybody));
}

enum error event_access_past(struct db *db, const struct event_identity *who, struct rows *rows)
{
    db_maintenance(db, true);
    return db_all(db, &past, rows, DB_ARGS(who->user_id, who->token_id));
}

enum error event_access_names(struct db *db, const char *workspace_id, const char *user_id, struct row *row)
{
    db_maintenance(db, true);
    return db_one(db, &names, row, DB_ARGS(workspace_id, user_id));
}
