/* Personal access tokens: for scripts, shown once, stored hashed. */
#include "personal_token.h"

#include "audit.h"
#include "util.h"

enum { TOKEN_BYTES = 32 };

static const struct statement
    token_workspace = {"token_workspace", "SELECT w.id FROM workspaces w JOIN memberships m ON m.workspace_id = w.id"
                                          " AND m.user_id = $1 WHERE w.slug = $2"},
    token_insert = {"token_insert",
                    "INSERT INTO access_tokens (user_id, workspace_id, name, token_hash, scopes, expires_at)"
                    " VALUES ($1, $2, $3, $4, $5, now() + $6::int * interval '1 day') RETURNING id"},
    token_delete = {"token_delete", "DELETE FROM access_tokens WHERE user_id = $1 AND id = $2 RETURNING name"};

/* The id of the workspace the token is to be bound to; NULL when it is not to be. */
static enum error bound_workspace(struct actor *actor, const char *slug, const char **id)
{
    struct row workspace;
    *id = NULL;
    if (!slug)
        return ERR_NONE;
    enum error error = db_one(actor->db, &token_workspace, &workspace, DB_ARGS(actor->who.user_id, slug));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_WORKSPACE_UNKNOWN, slug);
    *id = row_text(&workspace, 0);
    return ERR_NONE;
}

enum error personal_token_make(struct actor *actor, const struct personal_token *wanted, const char **token,
                               const char **id)
{
    const char *workspace_id;
    char hash[CRYPTO_HASH_TEXT];
    struct row inserted;
    enum error error = bound_workspace(actor, wanted->workspace, &workspace_id);
    if (error)
        return error;
    *token = arena_printf(actor->arena, PERSONAL_TOKEN_PREFIX "%s", random_token(actor->arena, TOKEN_BYTES));
    token_hash(hash, *token);
    error = db_one(actor->db, &token_insert, &inserted,
                   DB_ARGS(actor->who.user_id, workspace_id, wanted->name, hash, number_text(actor, wanted->scopes),
                           number_text(actor, wanted->days)));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_TOKEN_EXISTS, wanted->name);
    *id = row_text(&inserted, 0);
    return audit_site(actor, "token.create", wanted->name);
}

enum error personal_token_revoke(struct actor *actor, const char *id)
{
    struct row revoked;
    enum error error =
        uuid_valid(id) ? db_one(actor->db, &token_delete, &revoked, DB_ARGS(actor->who.user_id, id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_TOKEN_UNKNOWN, id);
    actor->identity_changed = true;
    return audit_site(actor, "token.revoke", row_string(&revoked, 0));
}
