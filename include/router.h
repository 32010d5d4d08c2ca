/* Router: routes are rows; each declares who may call it and what its body holds. Default is deny. */
#pragma once

#include <stdbool.h>

#include "field.h"
#include "request.h"
#include "response.h"
#include "util.h"

enum access {
    ACCESS_DENY, /* what a forgotten column means */
    ACCESS_PUBLIC,
    ACCESS_MONITOR, /* METRICS_ALLOW or METRICS_TOKEN decides; knows no users and asks no database */
    ACCESS_USER,    /* any logged-in user, whatever the workspace */
    ACCESS_VIEWER,
    ACCESS_EDITOR,
    ACCESS_ADMIN,
    ACCESS_OWNER,
    ACCESS_SITE_ADMIN,
    ACCESS_COUNT
};

typedef enum error handler(struct request *rq, struct response *rs);

struct route {
    enum method method;
    const char *pattern; /* "/api/configs/{name}": a {part} matches one segment */
    handler *run;
    enum access access;
    const struct field *body;          /* NULL: the body is ignored */
    const struct field *query;         /* NULL: query parameters are ignored */
    unsigned flags;                    /* enum route_flag */
    const void *data;                  /* what the handler makes of it: the kind of a resource */
    const struct operation *operation; /* on such (handlers.h); NULL for other routes */
    size_t body_max;                   /* bytes, below MAX_BODY_SIZE; 0 = BODY_MAX_USUAL */
};

#define BODY_MAX_USUAL (2UL * MIB)
#define BODY_MAX_FILE  SIZE_MAX /* as large as MAX_BODY_SIZE allows */

enum route_flag {
    ROUTE_NO_TRANSACTION = 1, /* a write method that is not run inside one transaction (default: it is) */
    ROUTE_READ_ONLY = 2,      /* a write method that only reads: the scope `read` is enough */
    ROUTE_SESSION_ONLY = 4,   /* personal access tokens are refused */
    ROUTE_CONFIRMED = 8,      /* a session whose password was confirmed within 5 minutes; no access token */
    ROUTE_NO_DATABASE = 16,   /* must answer while the database is down */
    ROUTE_LOGIN = 32,         /* stricter per-address limit */
    ROUTE_COOKIE = 64,        /* public, but a cookie acts: cross-site requests are refused */
    ROUTE_HEAVY = 512,        /* much work for one request: few at once, src/http/admission.c */
    ROUTE_PASSWORD = 1024,    /* computes Argon2id: fewer at once, likewise */
    ROUTE_OUTBOUND = 2048,    /* waits for other servers: a quarter of the workers, one for each user, likewise */
    ROUTE_SECRETS = 256,      /* gives a secret in clear: as authorize_secrets() has it */
    ROUTE_PERSONAL = 4096,    /* a person's own, in every workspace: tokens that are bound to one are refused */
    ROUTE_USAGE = 8192,       /* takes reports of usage: a token needs the scope usage:write, and no other */
    ROUTE_STREAM = 16384,     /* reads its body itself, piece by piece, and commits as it goes: few at once, likewise */
    ROUTE_CACHED = 128, /* the answer depends on the workspace, the user and the address alone: src/http/cached.c */
};

/* Every table of routes, NULL-terminated (src/ccr_ui/routes.c). */
extern const struct route *const route_tables[];
/* Fills the tables that are made of others; router_init calls it first. src/ccr_ui/routes.c */
void routes_make(void);

/* Checks the tables (duplicates, access missing, bad patterns); false with a line in problem. Once at start. */
bool router_init(char *problem, size_t size);

/* Finds rq->route and its path arguments. ERR_NOT_FOUND, ERR_METHOD (rq->allowed_methods set), ERR_VALIDATION. */
enum error router_find(struct request *rq);

/* The route of a number that router_find gave: the same in all workers of a master. NULL for 0, and behind the last. */
const struct route *router_at(size_t number);

/* All of them as a JSON array. */
void router_write(struct json_writer *w);

extern const char *const access_names[ACCESS_COUNT];

/* One request from parsed variables to a complete response; never fails (errors become responses). Logs the access
 * line. src/http/middleware.c */
void dispatch(struct request *rq, struct response *rs);

/* Checks a value (body or query) against its table: fields.c */
enum error check_body(struct request *rq, const struct field *fields);
enum error check_query(struct request *rq, const struct field *fields);
