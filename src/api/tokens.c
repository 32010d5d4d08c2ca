/* Personal access tokens: for scripts, shown once, stored hashed. Only a login session may list or revoke them, and
 * one whose password was just confirmed make them. */
#include "page.h"
#include "personal_token.h"
#include "util.h"

enum { DAYS_DEFAULT = 90, DAYS_MAX = 365 };

#define SCOPES "read|write|admin|secrets|usage:write" /* in the order of their bits (enum scope) */

static const struct field create_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {.name = "scopes", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .max = 5, .choices = SCOPES},
    {.name = "expires_in_days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX},
    {.name = "workspace", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 100},
    {0},
};

#define SCOPE_NAMES                                                                                                    \
    "array_to_json(ARRAY(SELECT name FROM unnest(string_to_array('" SCOPES "', '|')) WITH ORDINALITY AS s (name, n)"   \
    " WHERE t.scopes & (1 << n::int - 1) <> 0 ORDER BY n)) AS scopes"
#define TOKENS                                                                                                         \
    "SELECT t.id, t.name, " SCOPE_NAMES ", w.slug AS workspace, coalesce(t.expires_at <= now(), false) AS expired,"    \
    " t.created_at, t.expires_at, t.last_used_at"                                                                      \
    " FROM access_tokens t LEFT JOIN workspaces w ON w.id = t.workspace_id WHERE t.user_id = ccr_user()"

static const struct statement token_select = {"token_select", TOKENS " AND t.id = $1"};

static const struct listing tokens = {
    .name = "tokens",
    .count = {"tokens_count", "SELECT count(*) FROM access_tokens WHERE user_id = ccr_user()"},
    .page = {"tokens_page", TOKENS " ORDER BY t.created_at DESC, t.id LIMIT $1 OFFSET $2"},
};

/* ---- making ----------------------------------------------------------------------------------------------------- */

/* The field table let only names of scopes through. */
static unsigned wanted_scopes(const struct request *rq)
{
    unsigned bits = 0;
    size_t n;
    json_t *item;
    json_array_foreach(body_value(rq, "scopes"), n, item)
    {
        bits |= 1u << field_choice(SCOPES, json_string_value(item));
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
        error = db_one(rq->actor.db, &token_select, &stored, DB_ARGS(id));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 201);
    json_string_member(w, "token", token);
    row_write(&stored, w);
    return respond_end(rs);
}

static enum error token_revoke(struct request *rq, struct response *rs)
{
    enum error error = personal_token_revoke(&rq->actor, path_arg(rq, "id"));
    return error ? error : respond_null(rs);
}

const struct route tokens_routes[] = {
    {METHOD_GET, "/api/tokens", list_all, .access = ACCESS_USER, .query = page_query, .flags = ROUTE_SESSION_ONLY,
     .data = &tokens},
    {METHOD_POST, "/api/tokens", token_create, .access = ACCESS_USER, .body = create_fields, .flags = ROUTE_CONFIRMED},
    {METHOD_DELETE, "/api/tokens/{id}", token_revoke, .access = ACCESS_USER, .flags = ROUTE_SESSION_ONLY},
    {0},
};
