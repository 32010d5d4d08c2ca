/* Request: what a handler is given. Lives in the request's arena. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "actor.h"
#include "arena.h"
#include "cache.h"
#include "db.h"
#include "error.h"
#include "rate_limit.h"
#include "redis.h"
#include "scoreboard.h"
#include "settings.h"

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_COUNT
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

/* What is shared by all requests of a worker. */
struct service {
    const struct settings *settings;
    const struct keyring *keyring;
    struct scoreboard *board; /* NULL in tests without a master */
    struct db *db;
    struct redis *redis;      /* NULL = none */
    struct worker_slot *slot; /* of this worker in the board; NULL without a board */
};

enum { MAX_PATH_ARGS = 4, MAX_QUERY = 32, MAX_SEEN = 4 };

struct request {
    struct actor actor; /* who sends it; its request_id is the client's X-Request-Id when that is sane, else our own */
    const struct service *service;

    enum method method;
    const char *method_name;
    const char *target;                /* path and query as they came, encoded */
    const char *path;                  /* without the query, encoded */
    const char *const *environment;    /* CGI variables, "NAME=value", NULL-terminated */
    const unsigned char *name_lengths; /* of their names, to look them up faster; NULL = not measured */
    struct pair query[MAX_QUERY];
    size_t query_count;

    const struct route *route; /* NULL until found */
    size_t route_number;       /* of it, for router_at; 0 until found */
    struct pair path_args[MAX_PATH_ARGS];
    size_t path_arg_count;
    unsigned allowed_methods; /* bit per enum method, filled when the path exists */

    struct seen seen[MAX_SEEN];
    size_t seen_count;
    bool behind; /* the client has seen more than this host has heard of: nothing remembered counts */

    struct cache_key cache_key;     /* cached routes only: what the answer stands under */
    char cache_variant[17];         /* of the entity tag */
    bool cache_asked, cache_missed; /* the step ran; an answer is owed to the cache */

    /* Body: read by the middleware only when the route takes one. */
    size_t (*read)(void *source, char *out, size_t size); /* 0 = end; (size_t)-1 = failed */
    void (*more_time)(void *source); /* the body may take as long again as it may as a whole; NULL = it has no limit */
    bool (*gone)(void *source);      /* the client has hung up; NULL = cannot be told */
    void *source;
    char *body_text;
    size_t body_length;
    json_t *body; /* object, checked against the route's fields; NULL when the route takes none or it was empty */

    struct rate_decision limit; /* the tightest so far, for the headers */
    long long started_us;
    int64_t waited_ms; /* from when Nginx sent it on to when it was taken up, by overload.c; 0: not known */
};

/* Fills in method, path, query, request id, language from CGI variables. ERR_VALIDATION for bad escapes. */
enum error request_parse(struct request *rq);

const char *request_variable(const struct request *rq, const char *name); /* CGI variable or NULL */
const char *request_header(const struct request *rq, const char *name);   /* "If-Match" -> HTTP_IF_MATCH */
const char *request_cookie(struct request *rq, const char *name);         /* NULL when absent */
const char *request_query(const struct request *rq, const char *name);    /* decoded; NULL when absent */
const char *request_query_or(const struct request *rq, const char *name, const char *otherwise); /* also for "" */
/* A query parameter that is a time: as field_time() has it; *out is NULL when it is absent. */
enum error query_time(struct request *rq, const char *name, const char **out);
const char *path_arg(const struct request *rq, const char *name); /* decoded; "" never happens */

/* Decodes %XX (and '+' when `form`) in place-copy; NULL on bad escape, bad UTF-8 or NUL. */
char *percent_decode(struct arena *arena, const char *text, size_t length, bool form);

/* Fields of the checked body. */
bool body_has(const struct request *rq, const char *name);         /* present and not null */
const char *body_text(const struct request *rq, const char *name); /* NULL when absent or null */
bool body_bool(const struct request *rq, const char *name, bool otherwise);
long long body_int(const struct request *rq, const char *name, long long otherwise);
json_t *body_value(const struct request *rq, const char *name);

extern const char *const method_names[METHOD_COUNT];
