/* Personal access tokens: for scripts, shown once, stored hashed. Only a login session may list or revoke them, and
 * one whose password was just confirmed make them. */
#include <string.h>

#include "audit.h"
#include "page.h"
#include "util.h"

enum { TOKEN_BYTES = 32, DAYS_DEFAULT = 90, DAYS_MAX = 365 };

#define TOKEN_PREFIX "ccr_pat_"

static const struct field create_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "scopes", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .max = 4, .choices = "read|write|admin|secrets"},
    {.name = "expires_in_days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX},
    {.name = "workspace", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 100},
    {0},
};

static const struct {
    const char *name;
    enum scope bit;
} scopes[] = {{"read", SCOPE_READ}, {"write", SCOPE_WRITE}, {"admin", SCOPE_ADMIN}, {"secrets", SCOPE_SECRETS}};

#define TOKEN_TIMES SQL_TIME("t.created_at") ", " SQL_TIME("t.expires_at") ", " SQL_TIME("t.last_used_at")
#define TOKEN_COLUMNS                                                                                                  \
    "SELECT t.id, t.name, t.scopes, w.slug, t.expires_at <= now(), " TOKEN_TIMES                                       \
    " FROM access_tokens t LEFT JOIN workspaces w ON w.id = t.workspace_id WHERE t.user_id = $1"

enum column { ID, NAME, SCOPES, WORKSPACE, EXPIRED, CREATED_AT, EXPIRES_AT, LAST_USED_AT };

static const struct statement
    token_select = {"token_select", TOKEN_COLUMNS " AND t.id = $2"},
    token_workspace = {"token_workspace", "SELECT w.id FROM workspaces w JOIN memberships m ON m.workspace_id = w.id"
                                          " AND m.user_id = $1 WHERE w.slug = $2"},
    token_insert = {"token_insert",
                    "INSERT INTO access_tokens (user_id, workspace_id, name, token_hash, scopes, expires_at)"
                    " VALUES ($1, $2, $3, $4, $5, now() + $6::int * interval '1 day') RETURNING id"},
    token_delete = {"token_delete", "DELETE FROM access_tokens WHERE user_id = $1 AND id = $2 RETURNING name"};

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void write_token_members(struct json_writer *w, const struct row *token)
{
    json_string_member(w, "id", row_text(token, ID));
    json_string_member(w, "name", row_text(token, NAME));
    json_key(w, "scopes");
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
        if (row_int(token, SCOPES) & scopes[i].bit)
            json_put_string(w, scopes[i].name);
    json_close_array(w);
    json_string_member(w, "workspace", row_text(token, WORKSPACE));
    json_bool_member(w, "expired", row_bool(token, EXPIRED));
    json_string_member(w, "created_at", row_text(token, CREATED_AT));
    json_string_member(w, "expires_at", row_text(token, EXPIRES_AT));
    json_string_member(w, "last_used_at", row_text(token, LAST_USED_AT));
}

static void write_token(struct request *rq, struct json_writer *w, const struct row *token)
{
    (void)rq;
    json_open_object(w);
    write_token_members(w, token);
    json_close_object(w);
}

static const struct listing tokens = {
    .name = "tokens",
    .count = {"tokens_count", "SELECT count(*) FROM access_tokens WHERE user_id = $1"},
    .page = {"tokens_page", TOKEN_COLUMNS " ORDER BY t.created_at DESC, t.id LIMIT $2 OFFSET $3"},
    .write = write_token,
};

static enum error tokens_list(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &tokens, DB_ARGS(rq->actor.who.user_id));
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

/* The field table let only names of scopes through. */
static unsigned wanted_scopes(const struct request *rq)
{
    unsigned bits = 0;
    size_t n;
    json_t *item;
    json_array_foreach(body_value(rq, "scopes"), n, item)
    {
        for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
            if (strcmp(json_string_value(item), scopes[i].name) == 0)
                bits |= scopes[i].bit;
    }
    return bits;
}

/* The id of the workspace the token is to be bound to; NULL when it is not to be. */
static enum error wanted_workspace(struct request *rq, const char **id)
{
    const char *slug = body_text(rq, "workspace");
    struct row workspace;
    *id = NULL;
    if (!slug)
        return ERR_NONE;
    enum error error = db_one(rq->actor.db, &token_workspace, &workspace, DB_ARGS(rq->actor.who.user_id, slug));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
    *id = row_text(&workspace, 0);
    return ERR_NONE;
}

static enum error token_store(struct request *rq, const char *token, struct row *stored)
{
    const char *name = body_text(rq, "name"), *workspace_id;
    char hash[CRYPTO_HASH_TEXT];
    struct row inserted;
    unsigned bits = wanted_scopes(rq);
    if (!bits)
        return fail_field(&rq->actor, "scopes", MSG_NOT_BLANK, NULL);
    enum error error = wanted_workspace(rq, &workspace_id);
    if (error)
        return error;
    token_hash(hash, token);
    error = db_one(rq->actor.db, &token_insert, &inserted,
                   DB_ARGS(rq->actor.who.user_id, workspace_id, name, hash, arena_printf(rq->actor.arena, "%u", bits),
                           arena_printf(rq->actor.arena, "%lld", body_int(rq, "expires_in_days", DAYS_DEFAULT))));
    if (error)
        return fail_as(&rq->actor, error, ERR_CONFLICT, MSG_TOKEN_EXISTS, name);
    return db_one(rq->actor.db, &token_select, stored, DB_ARGS(rq->actor.who.user_id, row_text(&inserted, 0)));
}

static enum error token_create(struct request *rq, struct response *rs)
{
    const char *token = arena_printf(rq->actor.arena, TOKEN_PREFIX "%s", random_token(rq->actor.arena, TOKEN_BYTES));
    struct row stored;
    enum error error = token_store(rq, token, &stored);
    if (!error)
        error = audit_site(&rq->actor, "token.create", row_string(&stored, NAME));
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 201);
    json_open_object(w);
    json_string_member(w, "token", token);
    write_token_members(w, &stored);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

static enum error token_revoke(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    struct row revoked;
    enum error error = uuid_valid(id)
                           ? db_one(rq->actor.db, &token_delete, &revoked, DB_ARGS(rq->actor.who.user_id, id))
                           : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_TOKEN_UNKNOWN, id);
    rq->actor.identity_changed = true;
    error = audit_site(&rq->actor, "token.revoke", row_string(&revoked, 0));
    if (error)
        return error;
    json_put_null(respond_begin(rs, 200));
    respond_end(rs);
    return ERR_NONE;
}

const struct route tokens_routes[] = {
    {METHOD_GET, "/api/tokens", tokens_list, .access = ACCESS_USER, .query = page_query, .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/tokens", token_create, .access = ACCESS_USER, .body = create_fields, .flags = ROUTE_CONFIRMED},
    {METHOD_DELETE, "/api/tokens/{id}", token_revoke, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
