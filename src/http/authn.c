/* Authentication: from a bearer token or cookie to a user, a workspace and a role.
 *
 * Finding that out costs a round trip, so each worker remembers it per token and workspace. What it remembers ends with
 * the token, after REMEMBER_S at the latest, and at once when anybody changes who may do what: on this host through the
 * scoreboard's identity_generation, on every other through PostgreSQL's NOTIFY (sql/migrations/0003); a client that has seen
 * a change before this host heard of it is not answered from memory (src/http/freshness.c). */
#include "authn.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "address.h"
#include "generation.h"
#include "personal_token.h"
#include "refresh.h"
#include "token.h"
#include "util.h"

enum { REMEMBERED = 1024, REMEMBER_S = 60, KEY_BYTES = crypto_shorthash_siphashx24_BYTES };

struct remembered {
    unsigned char key[KEY_BYTES];
    long long until;     /* seconds since the epoch; 0 = empty */
    uint64_t generation; /* of the scoreboard */
    int64_t site;        /* the generation that any worker of this host had heard of */
    unsigned epoch;
    struct identity who;
};

static struct remembered *memory;
static unsigned char memory_key[crypto_shorthash_siphashx24_KEYBYTES];

void authn_forget(void)
{
    if (memory)
        sodium_memzero(memory, REMEMBERED * sizeof *memory);
}

/* The place for a token in a workspace; its key is a keyed hash, so that no token lies in memory longer than needed. */
static struct remembered *memory_place(const char *token, const char *workspace, unsigned char key[KEY_BYTES])
{
    static struct remembered table[REMEMBERED];
    if (!memory) {
        memory = table;
        randombytes_buf(memory_key, sizeof memory_key);
    }
    size_t slot;
    crypto_shorthash_siphashx24(key, (const unsigned char *)token, strlen(token), memory_key);
    if (workspace) /* under the token's hash */
        crypto_shorthash_siphashx24(key, (const unsigned char *)workspace, strlen(workspace), key);
    memcpy(&slot, key, sizeof slot);
    return &memory[slot % REMEMBERED];
}

static uint64_t known_generation(const struct request *rq)
{
    return rq->service->board ? atomic_load(&rq->service->board->identity_generation) : 0;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

/* The user, if allowed in, with the workspace asked for ($3), else the current one, else the personal one. $4 binds an
 * access token to its workspace. */
#define IDENTITY_WORKSPACE                                                                                             \
    " LEFT JOIN LATERAL (SELECT w.id, w.slug, m.role, m.current_platform FROM memberships m"                           \
    "   JOIN workspaces w ON w.id = m.workspace_id"                                                                    \
    "   WHERE m.user_id = u.id AND ($3::text IS NULL OR w.slug = $3) AND ($4::uuid IS NULL OR w.id = $4)"              \
    "   ORDER BY w.id = u.current_workspace_id DESC NULLS LAST, w.personal_user_id = u.id DESC NULLS LAST, w.id"       \
    "   LIMIT 1) ws ON true"

enum { ID_USERNAME, ID_SITE_ADMIN, ID_WORKSPACE, ID_SLUG, ID_ROLE, ID_PLATFORM, ID_SECONDS_LEFT };

static const struct statement
    identity_by_session = {"authn_identity_by_session",
                           "SELECT u.username, u.site_role = 'admin', ws.id, ws.slug, ws.role, ws.current_platform,"
                           " extract(epoch FROM s.expires_at - now())::bigint"
                           " FROM users u JOIN sessions s ON s.id = $2::uuid AND s.user_id = u.id"
                           " AND s.revoked_at IS NULL AND s.expires_at > now()" IDENTITY_WORKSPACE
                           " WHERE u.id = $1::uuid AND u.disabled_at IS NULL"},
    identity_by_access_token =
        {"authn_identity_by_access_token",
         "SELECT u.username, u.site_role = 'admin', ws.id, ws.slug, ws.role, ws.current_platform,"
         " coalesce(extract(epoch FROM t.expires_at - now())::bigint, 86400)"
         " FROM users u JOIN access_tokens t ON t.id = $2::uuid AND t.user_id = u.id" IDENTITY_WORKSPACE
         " WHERE u.id = $1::uuid AND u.disabled_at IS NULL"},
    find_access_token = {"authn_find_access_token",
                         "SELECT id, user_id, workspace_id, scopes FROM access_tokens"
                         " WHERE token_hash = $1 AND (expires_at IS NULL OR expires_at > now())"},
    touch_access_token = {
        "authn_touch_access_token",
        "UPDATE access_tokens SET last_used_at = now() WHERE id = (SELECT id FROM access_tokens"
        " WHERE id = $1::uuid AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')"
        " FOR NO KEY UPDATE SKIP LOCKED)"}; /* a read waits for nobody */

/* ---- identities ------------------------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

/* Fills rq->actor.who from an identity statement. `wanted` is the workspace asked for, NULL = none in particular. */
static enum error load_identity(struct request *rq, const struct statement *statement, const char *user_id,
                                const char *credential_id, const char *wanted, const char *bound, long long *seconds)
{
    struct row row;
    struct identity *who = &rq->actor.who;
    db_tenant(rq->actor.db, "", user_id);
    enum error error = db_one(rq->actor.db, statement, &row, DB_ARGS(user_id, credential_id, wanted, bound));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    if (error)
        return error;
    if (wanted && !row_text(&row, ID_SLUG))
        return fail(&rq->actor, MSG_WORKSPACE_UNKNOWN, wanted, NULL);
    copy_text(who->user_id, sizeof who->user_id, user_id);
    copy_text(who->username, sizeof who->username, row_string(&row, ID_USERNAME));
    copy_text(who->workspace_id, sizeof who->workspace_id, row_string(&row, ID_WORKSPACE));
    copy_text(who->workspace_slug, sizeof who->workspace_slug, row_string(&row, ID_SLUG));
    copy_text(who->platform, sizeof who->platform, row_string(&row, ID_PLATFORM));
    who->role = role_from_name(row_text(&row, ID_ROLE));
    who->site_admin = row_bool(&row, ID_SITE_ADMIN);
    *seconds = row_int(&row, ID_SECONDS_LEFT);
    return ERR_NONE;
}

static enum error by_jwt(struct request *rq, const char *token, const char *wanted, long long now, long long *seconds)
{
    struct token_claims claims;
    if (!access_token_read(rq->service->settings, token, now, &claims))
        return fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    enum error error =
        load_identity(rq, &identity_by_session, claims.user_id, claims.session_id, wanted, NULL, seconds);
    copy_text(rq->actor.who.session_id, sizeof rq->actor.who.session_id, claims.session_id);
    rq->actor.who.scopes = SCOPE_ALL;
    if (claims.expires - now < *seconds)
        *seconds = claims.expires - now;
    return error;
}

static enum error by_access_token(struct request *rq, const char *token, const char *wanted, long long now,
                                  long long *seconds)
{
    char hash[CRYPTO_HASH_TEXT];
    struct row found;
    (void)now;
    token_hash(hash, token);
    enum error error = db_one(rq->actor.db, &find_access_token, &found, DB_ARGS(hash));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    if (!error)
        error = db_run(rq->actor.db, &touch_access_token, DB_ARGS(row_text(&found, 0)));
    if (!error)
        error = load_identity(rq, &identity_by_access_token, row_text(&found, 1), row_text(&found, 0), wanted,
                              row_text(&found, 2), seconds);
    if (error)
        return error;
    rq->actor.who.scopes = (unsigned)row_int(&found, 3);
    rq->actor.who.bound = row_text(&found, 2) != NULL;
    copy_text(rq->actor.who.token_id, sizeof rq->actor.who.token_id, row_string(&found, 0));
    return ERR_NONE;
}

static bool is_access_token(const char *token)
{
    return strncmp(token, PERSONAL_TOKEN_PREFIX, strlen(PERSONAL_TOKEN_PREFIX)) == 0;
}

/* From the memory when it still holds, else from the database. */
static enum error recognise(struct request *rq, const char *token, enum credential credential)
{
    const char *wanted = request_header(rq, "X-CCR-Workspace");
    unsigned char key[KEY_BYTES];
    long long now = time(NULL), seconds = 0;
    struct remembered *slot = memory_place(token, wanted, key);
    uint64_t current = known_generation(rq);
    int64_t site = generation_heard(GENERATION_SITE);
    unsigned epoch = db_epoch(rq->actor.db);
    if (!rq->behind && slot->until > now && slot->generation == current && slot->site == site && slot->epoch == epoch &&
        epoch && sodium_memcmp(slot->key, key, KEY_BYTES) == 0) {
        rq->actor.who = slot->who;
        rq->actor.who.credential = is_access_token(token) ? CREDENTIAL_ACCESS_TOKEN : credential;
        return ERR_NONE;
    }
    bool pat = is_access_token(token);
    enum error error =
        pat ? by_access_token(rq, token, wanted, now, &seconds) : by_jwt(rq, token, wanted, now, &seconds);
    if (error)
        return error;
    rq->actor.who.credential = pat ? CREDENTIAL_ACCESS_TOKEN : credential;
    if (db_epoch(rq->actor.db) == epoch && epoch) {
        memcpy(slot->key, key, KEY_BYTES);
        slot->until = now + (seconds < REMEMBER_S ? seconds : REMEMBER_S);
        slot->generation = current;
        slot->site = site;
        slot->epoch = epoch;
        slot->who = rq->actor.who;
    }
    return ERR_NONE;
}

/* ---- cookies ---------------------------------------------------------------------------------------------------- */

/* Secure, unless the site is plain http on this very machine, where a browser would drop such a cookie. */
static bool secure_cookies(const struct request *rq)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *https = request_variable(rq, "HTTPS"), *host = request_header(rq, "Host");
    if (rq->service->settings->cookie_secure_mode != COOKIE_SECURE_AUTO)
        return rq->service->settings->cookie_secure_mode == COOKIE_SECURE_ALWAYS;
    if (https && strcasecmp(https, "on") == 0)
        return true;
    for (size_t i = 0; host && i < ARRAY_SIZE(local); i++) {
        size_t length = strlen(local[i]);
        if (strncasecmp(host, local[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return false;
    }
    return true;
}

void cookie_set(struct request *rq, struct response *rs, const char *name, const char *value, long long seconds)
{
    const char *age = seconds == UNTIL_CLOSED ? "" : arena_printf(rq->actor.arena, "; Max-Age=%lld", seconds);
    response_header(rs, "Set-Cookie",
                    arena_printf(rq->actor.arena, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name, value, age,
                                 secure_cookies(rq) ? "; Secure" : ""));
}

void cookies_set(struct request *rq, struct response *rs, const char *access, const char *refresh, bool lasting)
{
    const struct settings *settings = rq->service->settings;
    cookie_set(rq, rs, COOKIE_ACCESS, access, lasting ? settings->access_token_ttl : UNTIL_CLOSED);
    cookie_set(rq, rs, COOKIE_REFRESH, refresh, lasting ? settings->refresh_token_ttl : UNTIL_CLOSED);
}

void cookies_clear(struct request *rq, struct response *rs)
{
    cookie_set(rq, rs, COOKIE_ACCESS, "", 0);
    cookie_set(rq, rs, COOKIE_REFRESH, "", 0);
}

/* In a transaction of its own: what becomes of the request does not undo it. It leaves the cookie for a later request to
 * spend when others hold its rows: nothing that a request wants depends on its being spent now. */
static enum error spend_cookie(struct request *rq, const char *refresh, struct refreshed *next)
{
    db_begin_brief(rq->actor.db);
    enum error error = refresh_spend(&rq->actor, refresh, next);
    if (error && !rq->actor.keep_changes) {
        db_rollback(rq->actor.db);
        return error == ERR_BUSY ? refresh_peek(&rq->actor, refresh, next) : error;
    }
    enum error committed = db_commit(rq->actor.db);
    if (!committed && rq->actor.identity_changed && rq->service->board)
        atomic_fetch_add(&rq->service->board->identity_generation, 1);
    return committed ? committed : error;
}

/* The frontend knows no login and never refreshes: when its access cookie has run out, the refresh cookie earns it the next
 * one, and is spent by that like any other. Of the requests that a page sends at once each gets the same successor. */
static enum error renew_by_cookie(struct request *rq, struct response *rs)
{
    struct refreshed next;
    const char *refresh = request_cookie(rq, COOKIE_REFRESH);
    if (!refresh || !*refresh)
        return ERR_NONE;
    enum error error = spend_cookie(rq, refresh, &next);
    if (error == ERR_AUTHENTICATION && rq->actor.failure.message == MSG_REFRESH_REUSED)
        cookies_clear(rq, rs);
    else if (error == ERR_AUTHENTICATION) {
        rq->actor.failure.message = MSG_NONE;
        return ERR_NONE;
    }
    if (error)
        return error;
    const char *access = access_token_make(&rq->actor, next.user_id, next.session_id);
    if (!access)
        return ERR_INTERNAL;
    error = recognise(rq, access, CREDENTIAL_COOKIE);
    if (next.token &&
        (!error ||
         error == ERR_NOT_FOUND)) /* the token is spent, also where X-CCR-Workspace names none of the user's */
        cookies_set(rq, rs, access, next.token, next.lasting);
    return error;
}

const char *bearer_token(const struct request *rq)
{
    const char *header = request_header(rq, "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    return header + 7 + strspn(header + 7, " ");
}

/* By the access cookie; credential NONE when there is none, or it is no longer good. */
static enum error recognise_cookie(struct request *rq)
{
    const char *token = request_cookie(rq, COOKIE_ACCESS);
    if (!token || !*token || strlen(token) > ACCESS_TOKEN_MAX || is_access_token(token))
        return ERR_NONE;
    enum error error = recognise(rq, token, CREDENTIAL_COOKIE);
    if (error != ERR_AUTHENTICATION)
        return error;
    rq->actor.failure.message = MSG_NONE;
    memset(&rq->actor.who, 0, sizeof rq->actor.who);
    return ERR_NONE;
}

enum error authenticate(struct request *rq, struct response *rs)
{
    const char *token = bearer_token(rq);
    if (token)
        return strlen(token) <= ACCESS_TOKEN_MAX ? recognise(rq, token, CREDENTIAL_BEARER)
                                                 : fail(&rq->actor, MSG_TOKEN_INVALID, NULL);
    enum error error = recognise_cookie(rq);
    return error || rq->actor.who.credential != CREDENTIAL_NONE ? error : renew_by_cookie(rq, rs);
}

enum error authn_browser(struct request *rq)
{
    struct refreshed next;
    const char *refresh = request_cookie(rq, COOKIE_REFRESH);
    enum error error = recognise_cookie(rq);
    if (error || rq->actor.who.credential != CREDENTIAL_NONE)
        return error;
    return refresh && *refresh ? refresh_peek(&rq->actor, refresh, &next) : fail(&rq->actor, MSG_AUTHENTICATION, NULL);
}

bool authn_monitor(const struct request *rq)
{
    const struct settings *settings = rq->service->settings;
    const char *token = bearer_token(rq);
    if (token && *token && secret_equal(token, settings->metrics_token))
        return true;
    return networks_hold(settings->metrics_allow, rq->actor.address);
}
