/* Authorization: scopes and bindings of personal access tokens, roles, the confirmed password. */
#include "authz.h"

#include "authn.h"
#include "router.h"
#include "sessions.h"
#include "util.h"

/* What each access takes of the caller. A personal access token that is bound to a workspace is good only where
 * bound_token says so, so that a new access is closed to it until somebody has thought about it. */
static const struct {
    enum role role; /* in the workspace */
    unsigned scope; /* of a token, instead of what the method takes */
    bool site_admin, bound_token;
} rules[ACCESS_COUNT] = {
    [ACCESS_USER] = {.bound_token = true},
    [ACCESS_VIEWER] = {.role = ROLE_VIEWER, .bound_token = true},
    [ACCESS_EDITOR] = {.role = ROLE_EDITOR, .bound_token = true},
    [ACCESS_ADMIN] = {.role = ROLE_ADMIN, .scope = SCOPE_ADMIN, .bound_token = true},
    [ACCESS_OWNER] = {.role = ROLE_OWNER, .scope = SCOPE_ADMIN, .bound_token = true},
    [ACCESS_SITE_ADMIN] = {.scope = SCOPE_ADMIN, .site_admin = true},
};

static enum error need_scope(struct request *rq, enum scope scope)
{
    static const char *const names[] = {[SCOPE_READ] = "read",
                                        [SCOPE_WRITE] = "write",
                                        [SCOPE_ADMIN] = "admin",
                                        [SCOPE_SECRETS] = "secrets",
                                        [SCOPE_USAGE] = "usage:write"};
    return rq->actor.who.scopes & scope ? ERR_NONE : fail(&rq->actor, MSG_SCOPE, names[scope], NULL);
}

static enum error check_token(struct request *rq)
{
    const struct route *r = rq->route;
    if (r->flags & (ROUTE_SESSION_ONLY | ROUTE_CONFIRMED))
        return fail(&rq->actor, MSG_SESSION_ONLY, NULL);
    if (rq->actor.who.bound && (!rules[r->access].bound_token || (r->flags & ROUTE_PERSONAL)))
        return fail(&rq->actor, MSG_TOKEN_BOUND, NULL);
    if (r->flags & ROUTE_USAGE)
        return need_scope(rq, SCOPE_USAGE);
    bool reads = rq->method == METHOD_GET || rq->method == METHOD_HEAD || (r->flags & ROUTE_READ_ONLY);
    unsigned scope = rules[r->access].scope;
    return need_scope(rq, scope ? scope : reads ? SCOPE_READ : SCOPE_WRITE);
}

enum error authorize_secrets(struct request *rq)
{
    return rq->actor.who.credential == CREDENTIAL_ACCESS_TOKEN ? need_scope(rq, SCOPE_SECRETS)
                                                               : session_confirmed(&rq->actor);
}

enum error authorize_export(struct request *rq, bool secrets)
{
    if (!secrets)
        return ERR_NONE;
    return rq->actor.who.role < ROLE_ADMIN ? fail(&rq->actor, MSG_SECRETS_ADMIN, NULL) : authorize_secrets(rq);
}

enum error authorize(struct request *rq)
{
    enum access access = rq->route->access;
    if (access == ACCESS_PUBLIC)
        return ERR_NONE;
    if (access == ACCESS_MONITOR)
        return authn_monitor(rq) ? ERR_NONE : ERR_AUTHORIZATION;
    if (access == ACCESS_DENY)
        return ERR_AUTHORIZATION;
    enum error error = rq->actor.who.credential == CREDENTIAL_ACCESS_TOKEN ? check_token(rq) : ERR_NONE;
    if (error)
        return error;
    if (rules[access].site_admin && !rq->actor.who.site_admin)
        return fail(&rq->actor, MSG_SITE_ADMIN, NULL);
    if (rq->actor.who.role < rules[access].role)
        return fail(&rq->actor, MSG_ROLE, role_names[rules[access].role], NULL);
    if (rq->route->flags & ROUTE_SECRETS)
        return authorize_secrets(rq);
    return rq->route->flags & ROUTE_CONFIRMED ? session_confirmed(&rq->actor) : ERR_NONE;
}
