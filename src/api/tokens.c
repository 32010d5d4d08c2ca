/* Personal access tokens: for scripts, shown once, stored hashed. Only a login session may list or revoke them, and
 * one whose password was just confirmed make them. */
#include <string.h>

#include "page.h"
#include "personal_token.h"
#include "util.h"

enum { DAYS_DEFAULT = 90, DAYS_MAX = 365 };

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

static const struct statement token_select = {"token_select", TOKEN_COLUMNS " AND t.id = $2"};

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

static void write_listed_token(struct request *rq, struct json_writer *w, const struct row *token)
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
    .write = write_listed_token,
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

static enum error token_create(struct request *rq, struct response *rs)
{
    const struct personal_token wanted = {.name = body_text(rq, "name"),
                                          .scopes = wanted_scopes(rq),
                                          .days = body_int(rq, "expires_in_days", DAYS_DEFAULT),
                                          .workspace = body_text(rq, "workspace")};
    const char *token, *id;
    struct row stored;
    if (!wanted.scopes)
        return fail_field(&rq->actor, "scopes", MSG_NOT_BLANK, NULL);
    enum error error = personal_token_make(&rq->actor, &wanted, &token, &id);
    if (!error)
        error = db_one(rq->actor.db, &token_select, &stored, DB_ARGS(rq->actor.who.user_id, id));
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
    enum error error = personal_token_revoke(&rq->actor, path_arg(rq, "id"));
    if (!error)
        respond_null(rs);
    return error;
}

const struct route tokens_routes[] = {
    {METHOD_GET, "/api/tokens", tokens_list, .access = ACCESS_USER, .query = page_query, .flags = ROUTE_SESSION_ONLY},
    {METHOD_POST, "/api/tokens", token_create, .access = ACCESS_USER, .body = create_fields, .flags = ROUTE_CONFIRMED},
    {METHOD_DELETE, "/api/tokens/{id}", token_revoke, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
