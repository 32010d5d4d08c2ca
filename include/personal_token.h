/* Personal access tokens: for scripts, shown once, stored hashed. Inside the caller's transaction, with an audit row. */
#pragma once

#include "actor.h"

#define PERSONAL_TOKEN_PREFIX "ccr_pat_"

struct personal_token {
    const char *name;
    unsigned scopes;       /* enum scope, or-ed */
    long long days;        /* until it expires */
    const char *workspace; /* slug of the only one it is good in; NULL = all of the user's */
};
/* Makes one for the actor's user. *token in the arena; *id lives until the database's results are forgotten. MSG_TOKEN_EXISTS when he
 * has one of that name, MSG_WORKSPACE_UNKNOWN. */
enum error personal_token_make(struct actor *actor, const struct personal_token *wanted, const char **token,
                               const char **id);
/* MSG_TOKEN_UNKNOWN. */
enum error personal_token_revoke(struct actor *actor, const char *id);
