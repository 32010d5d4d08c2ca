/* Request: what a handler is given, and how it says that something is wrong. Lives in the request's arena. */
#ifndef CCR_REQUEST_H
#define CCR_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "buffer.h"
#include "cache.h"
#include "crypto.h"
#include "db.h"
#include "error.h"
#include "rate_limit.h"
#include "redis.h"
#include "scoreboard.h"
#include "settings.h"

enum method { METHOD_OTHER, GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, METHOD_COUNT };

/* Workspace roles in rising order; a greater one may do what a lesser one may. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_OWNER, ROLE_COUNT };

/* Scopes of a personal access token; a login session has them all. */
enum scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4, SCOPE_SECRETS = 8, SCOPE_ALL = 15 };

enum credential { CREDENTIAL_NONE, CREDENTIAL_BEARER, CREDENTIAL_COOKIE, CREDENTIAL_ACCESS_TOKEN };

struct identity {
    enum credential credential;
    char user_id[UUID_TEXT];
    char session_id[UUID_TEXT]; /* "" for a personal access token */
    char token_id[UUID_TEXT];   /* of one; "" for a session */
    char workspace_id[UUID_TEXT];
    char workspace_slug[128];
    char username[128];
    char platform[16]; /* the user's current one in this workspace */
    enum role role;
    bool site_admin;
    bool bound;      /* a personal access token that is good in one workspace only */
    unsigned scopes; /* enum scope, or-ed */
};

struct pair {
    const char *name;
    const char *value;
};

/* A client says up to which generation of a workspace it has seen its own writes (src/http/freshness.c). */
struct seen {
    char workspace[UUID_TEXT];
    int64_t generation;
};

struct field_failure {
    const char *field;
    const char *message;
    struct field_failure *next;
};

/* What is shared by all requests of a worker. */
struct service {
    const struct settings *settings;
    const struct keyring *keyring;
    struct scoreboard *board; /* NULL in tests without a master */
    struct db *db;
    struct redis *redis;      /* NULL = none */
    struct worker_slot *slot; /* of this worker in the board; NULL without a board */
};

enum { MAX_PATH_ARGS = 4, MAX_QUERY = 32, MAX_SEEN = 4, FIELDS_MAX = 100 };

struct request {
    struct arena *arena;
    const struct service *service;
    struct db *db;

    char id[UUID_TEXT]; /* request_id: the client's X-Request-Id when it is sane, else our own */
    enum method method;
    const char *method_name;
    const char *target;                /* path and query as they came, encoded */
    const char *path;                  /* without the query, encoded */
    const char *remote_addr;           /* as Nginx found it */
    const char *const *environment;    /* CGI variables, "NAME=value", NULL-terminated */
    const unsigned char *name_lengths; /* of their names, to look them up faster; NULL = not measured */
    struct pair query[MAX_QUERY];
    size_t query_count;

    const struct route *route; /* NULL until found */
    size_t route_number;       /* of it, for router_at; 0 until found */
    struct pair path_args[MAX_PATH_ARGS];
    size_t path_arg_count;
    unsigned allowed_methods; /* bit per enum method, filled when the path exists */

    struct identity who;
    enum language language;
    struct seen seen[MAX_SEEN];
    size_t seen_count;
    bool behind; /* the client has seen more than this host has heard of: nothing remembered counts */

    struct cache_key cache_key;     /* cached routes only: what the answer stands under */
    char cache_variant[17];         /* of the entity tag */
    bool cache_asked, cache_missed; /* the step ran; an answer is owed to the cache */
    bool cache_unfit;               /* the answer tells of a failure that may be mended without a change: not kept */

    /* Body: read by the middleware only when the route takes one. */
    size_t (*read)(void *source, char *out, size_t size); /* 0 = end; (size_t)-1 = failed */
    bool (*gone)(void *source);                           /* the client has hung up; NULL = cannot be told */
    void *source;
    char *body_text;
    size_t body_length;
    json_t *body; /* object, checked against the route's fields; NULL when the route takes none or it was empty */

    /* What went wrong, filled by fail() and fail_field(). */
    enum message message;
    const char *failure_text;
    struct field_failure *fields, *last_field; /* the first FIELDS_MAX */
    size_t field_count;                        /* of all, told or not */
    struct buffer field_list;                  /* what the general message says of them */
    int retry_after;                           /* seconds, 0 = none */
    struct rate_decision limit;                /* the tightest so far, for the headers */
    bool keep_changes;                         /* commit although the handler failed (failed logins are counted) */
    bool identity_changed; /* the handler changed who may do what: remembered identities are dropped */
    long long started_us;
    int64_t waited_ms; /* from when Nginx sent it on to when it was taken up, by overload.c; 0: not known */
};

/* Sets the failure: fail(rq, MSG_CONFIG_UNKNOWN, name, NULL). Returns the message's error code. */
enum error fail(struct request *rq, enum message message, ...) __attribute__((sentinel));
/* Adds a wrong field; they are reported together, the first FIELDS_MAX by name and the others by their number. Returns
 * ERR_VALIDATION. */
enum error fail_field(struct request *rq, const char *field, enum message message, ...) __attribute__((sentinel));
/* The same text without failing, in the request's language. */
const char *translate(struct request *rq, enum message message, ...) __attribute__((sentinel));
/* A number for such a text. */
const char *number_text(struct request *rq, long long value);
/* Names a thing when err is ERR_NOT_FOUND or ERR_CONFLICT from the store; passes other errors on. */
static inline enum error fail_as(struct request *rq, enum error err, enum error when, enum message message,
                                 const char *name)
{
    enum error worded = err == when ? fail(rq, message, name, NULL) : err;
    return worded ? worded : err; /* which is never OK for an error: here, for static analysis to see it */
}

/* Fills in method, path, query, request id, language from CGI variables. ERR_VALIDATION for bad escapes. */
enum error request_parse(struct request *rq);

const char *request_variable(const struct request *rq, const char *name); /* CGI variable or NULL */
const char *request_header(const struct request *rq, const char *name);   /* "If-Match" -> HTTP_IF_MATCH */
const char *request_cookie(struct request *rq, const char *name);         /* NULL when absent */
const char *request_query(const struct request *rq, const char *name);    /* decoded; NULL when absent */
const char *request_query_or(const struct request *rq, const char *name, const char *otherwise); /* also for "" */
const char *path_arg(const struct request *rq, const char *name); /* decoded; "" never happens */

/* Decodes %XX (and '+' when `form`) in place-copy; NULL on bad escape, bad UTF-8 or NUL. */
char *percent_decode(struct arena *arena, const char *text, size_t length, bool form);

/* Fields of the checked body. */
bool body_has(const struct request *rq, const char *name);         /* present and not null */
const char *body_text(const struct request *rq, const char *name); /* NULL when absent or null */
bool body_bool(const struct request *rq, const char *name, bool otherwise);
long long body_int(const struct request *rq, const char *name, long long otherwise);
json_t *body_value(const struct request *rq, const char *name);

/* What a sealed secret is bound to: its workspace and its row (profiles and revisions: the profile's id). */
char *secret_context(struct arena *arena, const char *workspace_id, const char *row_id);

extern const char *const method_names[METHOD_COUNT];
extern const char *const role_names[ROLE_COUNT];
enum role role_from_name(const char *name); /* ROLE_NONE when unknown */

#endif
