/* Refresh tokens: spent once, with a grace of some seconds for the client that spent them. */
#include "refresh.h"

#include <stdio.h>

#include "address.h"
#include "audit.h"
#include "log.h"
#include "sessions.h"
#include "util.h"

enum { TOKEN_BYTES = 32, SUCCESSORS_MAX = 16 };

/* $1 token's hash, $2 who presents it, $3 seconds of grace; clock_timestamp() and not now(), because of the wait for a lock. */
#define TOKEN                                                                                                          \
    "SELECT s.id, u.id, u.username, r.spent_at IS NOT NULL,"                                                           \
    " s.revoked_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL,"                                        \
    " coalesce(r.spent_by = $2 AND r.spent_at > clock_timestamp() - make_interval(secs => $3::int), false),"           \
    " s.lasting"                                                                                                       \
    " FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id"                   \
    " WHERE r.token_hash = $1"

static const struct statement
    refresh_insert = {"refresh_insert", "INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2)"},
    refresh_find = {"refresh_find", TOKEN " FOR UPDATE OF r"}, /* waits for whoever is spending it */
    refresh_glance = {"refresh_glance", TOKEN},
    refresh_mark = {"refresh_mark", "UPDATE refresh_tokens SET spent_at = clock_timestamp(), spent_by = $2"
                                    " WHERE token_hash = $1"},
    refresh_prolong = {"refresh_prolong",
                       "UPDATE sessions SET last_used_at = now(), expires_at = now() + make_interval(secs => $2::int)"
                       " WHERE id = $1 AND revoked_at IS NULL RETURNING id"},
    refresh_end = {"refresh_end", "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL"};

enum column { SESSION, USER, USERNAME, SPENT, LIVE, GRACE, LASTING };

static enum error store_token(struct actor *actor, const char *token, const char *session_id)
{
    char hash[CRYPTO_HASH_TEXT];
    token_hash(hash, token);
    return db_run(actor->db, &refresh_insert, DB_ARGS(hash, session_id));
}

enum error refresh_begin(struct actor *actor, const char *session_id, const char **token)
{
    *token = random_token(actor->arena, TOKEN_BYTES);
    return store_token(actor, *token, session_id);
}

static const char *successor_of(struct actor *actor, const char *token)
{
    return keyed_token(actor->arena, actor->settings->jwt_secret, "refresh token", token);
}

/* What tells two clients apart: network and browser. */
static const char *client_of(struct actor *actor)
{
    char network[ADDRESS_TEXT];
    const char *agent = actor->user_agent;
    address_client(network, actor->address);
    return keyed_token(actor->arena, actor->settings->jwt_secret, "refresh client",
                       arena_printf(actor->arena, "%s\n%s", network, agent ? agent : ""));
}

/* Either of those who presented it may be a thief. */
static enum error refuse_reused(struct actor *actor, const struct row *token)
{
    actor->keep_changes = actor->identity_changed = true;
    actor_is_user(actor, row_string(token, USER), row_string(token, USERNAME));
    log_warn("refresh token used twice", LOG_STR("user", actor->who.username), LOG_STR("address", actor->address),
             LOG_STR("request_id", actor->request_id));
    enum error error = db_run(actor->db, &refresh_end, DB_ARGS(row_text(token, SESSION)));
    if (!error)
        error = audit_site(actor, "auth.refresh_reused", actor->who.username);
    return error ? error : fail(actor, MSG_REFRESH_REUSED, NULL);
}

static enum error spend_token(struct actor *actor, const char *hash, const char *by, const struct row *token,
                              struct refreshed *out)
{
    struct row prolonged;
    const char *seconds = number_text(actor, session_seconds(actor->settings, row_bool(token, LASTING)));
    enum error error = db_run(actor->db, &refresh_mark, DB_ARGS(hash, by));
    if (!error)
        error = db_one(actor->db, &refresh_prolong, &prolonged, DB_ARGS(row_text(token, SESSION), seconds));
    if (error == ERR_NOT_FOUND) /* ended while this waited */
        return fail(actor, MSG_TOKEN_INVALID, NULL);
    if (error)
        return error;
    out->token = successor_of(actor, out->token);
    return store_token(actor, out->token, row_text(token, SESSION));
}

static enum error find_token(struct actor *actor, const struct statement *statement, const char *hash, const char *by,
                             struct row *token)
{
    enum error error = db_one(actor->db, statement, token, DB_ARGS(hash, by, number_text(actor, REFRESH_GRACE_S)));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_TOKEN_INVALID, NULL);
    return row_bool(token, LIVE) ? ERR_NONE : fail(actor, MSG_TOKEN_INVALID, NULL);
}

static void fill(struct refreshed *out, const struct row *token)
{
    snprintf(out->session_id, sizeof out->session_id, "%s", row_string(token, SESSION));
    snprintf(out->user_id, sizeof out->user_id, "%s", row_string(token, USER));
    snprintf(out->username, sizeof out->username, "%s", row_string(token, USERNAME));
    out->lasting = row_bool(token, LASTING);
}

enum error refresh_spend(struct actor *actor, const char *presented, struct refreshed *out)
{
    char hash[CRYPTO_HASH_TEXT];
    const char *by = client_of(actor);
    struct row token;
    out->token = presented;
    /* A successor may have been spent in the meantime, too, within the same seconds. */
    for (int step = 0; step < SUCCESSORS_MAX; step++) {
        token_hash(hash, out->token);
        enum error error = find_token(actor, &refresh_find, hash, by, &token);
        if (error)
            return error;
        if (row_bool(&token, SPENT) && !row_bool(&token, GRACE))
            return refuse_reused(actor, &token);
        if (!row_bool(&token, SPENT)) {
            fill(out, &token);
            return step ? ERR_NONE : spend_token(actor, hash, by, &token, out);
        }
        out->token = successor_of(actor, out->token);
    }
    return fail(actor, MSG_TOKEN_INVALID, NULL);
}

enum error refresh_peek(struct actor *actor, const char *presented, struct refreshed *out)
{
    char hash[CRYPTO_HASH_TEXT];
    struct row token;
    token_hash(hash, presented);
    enum error error = find_token(actor, &refresh_glance, hash, client_of(actor), &token);
    if (error)
        return error;
    if (row_bool(&token, SPENT) && !row_bool(&token, GRACE)) /* the next to present it ends the session */
        return fail(actor, MSG_TOKEN_INVALID, NULL);
    fill(out, &token);
    out->token = NULL;
    return ERR_NONE;
}
