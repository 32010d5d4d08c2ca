/* Router: matches a path against the tables of routes, segment by segment. Segments are split before they are decoded,
 * so that %2F can be part of a name. */
#include "router.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "util.h"

enum { MAX_SEGMENTS = 10 };

const char *const access_names[ACCESS_COUNT] = {"deny",   "public", "monitor", "user",      "viewer",
                                                "editor", "admin",  "owner",   "site_admin"};

struct segment {
    const char *start;
    size_t length;
};

/* Splits a path that starts with '/'; 0 when there are too many. */
static size_t split_path(const char *path, struct segment segments[MAX_SEGMENTS])
{
    size_t count = 0;
    while (*path == '/') {
        path++;
        if (count == MAX_SEGMENTS)
            return 0;
        segments[count] = (struct segment){path, strcspn(path, "/")};
        path += segments[count++].length;
    }
    return count;
}

static bool is_parameter(const struct segment *s)
{
    return s->length > 2 && s->start[0] == '{' && s->start[s->length - 1] == '}';
}

/* A route with its pattern split once, at start. */
struct compiled {
    const struct route *route;
    struct segment segments[MAX_SEGMENTS];
    size_t count;
};

static struct compiled *compiled;
static size_t compiled_count;
static size_t first_of[MAX_SEGMENTS + 2]; /* where those with so many segments begin; they stand in this order */

/* Static segments before parameters, so that /api/configs/current wins over /api/configs/{name}. */
static int by_precedence(const void *a, const void *b)
{
    const struct compiled *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? -1 : 1;
    for (size_t i = 0; i < left->count; i++) {
        int order = is_parameter(&left->segments[i]) - is_parameter(&right->segments[i]);
        if (order)
            return order;
    }
    return strcmp(left->route->pattern, right->route->pattern);
}

/* The same path but for what its parameters are called: the methods of one of the two would not be found. */
static bool same_shape(const struct compiled *a, const struct compiled *b)
{
    if (a->count != b->count || strcmp(a->route->pattern, b->route->pattern) == 0)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        bool same =
            is_parameter(x) ? is_parameter(y) : x->length == y->length && memcmp(x->start, y->start, x->length) == 0;
        if (!same)
            return false;
    }
    return true;
}

static bool row_is_sound(const struct compiled *c, char *problem, size_t size)
{
    const struct route *r = c->route;
    const char *what = NULL;
    if (!r->run)
        what = "has no handler";
    else if (r->access == ACCESS_DENY)
        what = "declares no access";
    else if (r->method == METHOD_OTHER || r->method == METHOD_HEAD || r->method == METHOD_OPTIONS)
        what = "has a method that the middleware answers";
    else if (!c->count)
        what = "is not a path";
    else if (r->method == METHOD_GET && r->body)
        what = "is a GET with a body";
    else if (r->access == ACCESS_PUBLIC && r->body && !r->body_max)
        what = "takes a body from anybody and does not say how large";
    for (const struct compiled *other = compiled; other < c && !what; other++) {
        if (other->route->method == r->method && strcmp(other->route->pattern, r->pattern) == 0)
            what = "stands twice";
        else if (same_shape(c, other))
            what = "names its parameters otherwise than another route of the same path";
    }
    if (what)
        snprintf(problem, size, "route %s %s %s", method_names[r->method], r->pattern, what);
    return !what;
}

bool router_init(char *problem, size_t size)
{
    size_t count = 0;
    routes_make();
    for (const struct route *const *table = route_tables; *table; table++)
        for (const struct route *r = *table; r->pattern; r++)
            count++;
    free(compiled);
    compiled = calloc(count ? count : 1, sizeof *compiled);
    if (!compiled) {
        snprintf(problem, size, "out of memory");
        return false;
    }
    compiled_count = 0;
    for (const struct route *const *table = route_tables; *table; table++) {
        for (const struct route *r = *table; r->pattern; r++) {
            struct compiled *c = &compiled[compiled_count++];
            c->route = r;
            c->count = split_path(r->pattern, c->segments);
            if (!row_is_sound(c, problem, size))
                return false;
        }
    }
    qsort(compiled, compiled_count, sizeof *compiled, by_precedence);
    for (size_t i = compiled_count, n = ARRAY_SIZE(first_of); n-- > 0; first_of[n] = i)
        while (i > 0 && compiled[i - 1].count >= n)
            i--;
    return true;
}

static bool segments_match(const struct compiled *c, const struct segment *segments)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct segment *want = &c->segments[i], *have = &segments[i];
        if (is_parameter(want) ? have->length == 0
                               : want->length != have->length || memcmp(want->start, have->start, want->length) != 0)
            return false;
    }
    return true;
}

static enum error take_path_args(struct request *rq, const struct compiled *c, const struct segment *segments)
{
    rq->path_arg_count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct segment *want = &c->segments[i];
        if (!is_parameter(want) || rq->path_arg_count == MAX_PATH_ARGS)
            continue;
        struct pair *pair = &rq->path_args[rq->path_arg_count++];
        pair->name = arena_strndup(rq->actor.arena, want->start + 1, want->length - 2);
        pair->value = percent_decode(rq->actor.arena, segments[i].start, segments[i].length, false);
        if (!pair->value)
            return fail(&rq->actor, MSG_BAD_PATH, NULL);
    }
    return ERR_NONE;
}

enum error router_find(struct request *rq)
{
    struct segment segments[MAX_SEGMENTS];
    size_t count = split_path(rq->path, segments);
    enum method wanted = rq->method == METHOD_HEAD ? METHOD_GET : rq->method;
    rq->allowed_methods = 0;
    /* Once a path matched, other methods count only for the same pattern: /configs/current is not also a {name}. */
    const char *pattern = NULL;
    for (size_t i = first_of[count]; count && i < first_of[count + 1]; i++) {
        const struct compiled *c = &compiled[i];
        if (c->count != count || (pattern && strcmp(pattern, c->route->pattern) != 0) || !segments_match(c, segments))
            continue;
        pattern = c->route->pattern;
        rq->allowed_methods |= 1u << c->route->method;
        if (c->route->method == wanted) {
            rq->route = c->route;
            rq->route_number = i + 1;
            enum error error = take_path_args(rq, c, segments);
            if (error)
                return error;
        }
    }
    if (rq->route)
        return ERR_NONE;
    return rq->allowed_methods ? ERR_METHOD : ERR_NOT_FOUND;
}

const struct route *router_at(size_t number)
{
    return number && number <= compiled_count ? compiled[number - 1].route : NULL;
}

/* ---- the `routes` subcommand ------------------------------------------------------------------------------------ */

static const struct {
    unsigned flag;
    const char *name;
} flag_names[] = {
    {ROUTE_NO_TRANSACTION, "no_transaction"},
    {ROUTE_READ_ONLY, "read_only"},
    {ROUTE_SESSION_ONLY, "session_only"},
    {ROUTE_CONFIRMED, "confirmed"},
    {ROUTE_SECRETS, "secrets"},
    {ROUTE_NO_DATABASE, "no_database"},
    {ROUTE_LOGIN, "login"},
    {ROUTE_COOKIE, "cookie"},
    {ROUTE_CACHED, "cached"},
    {ROUTE_HEAVY, "heavy"},
    {ROUTE_PASSWORD, "password"},
    {ROUTE_OUTBOUND, "outbound"},
    {ROUTE_PERSONAL, "personal"},
    {ROUTE_USAGE, "usage"},
    {ROUTE_STREAM, "stream"},
};

static void write_fields(struct json_writer *w, const char *key, const struct field *fields)
{
    json_key(w, key);
    json_open_array(w);
    for (const struct field *f = fields; f && f->type; f++) {
        json_open_object(w);
        json_string_member(w, "name", f->name);
        json_bool_member(w, "required", f->flags & FIELD_REQUIRED);
        json_bool_member(w, "conditional", f->required != NULL);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_route(struct json_writer *w, const struct route *r)
{
    json_open_object(w);
    json_string_member(w, "method", method_names[r->method]);
    json_string_member(w, "path", r->pattern);
    json_string_member(w, "access", access_names[r->access]);
    json_key(w, "flags");
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
        if (r->flags & flag_names[i].flag)
            json_put_string(w, flag_names[i].name);
    json_close_array(w);
    write_fields(w, "body", r->body);
    json_key(w, "body_max"); /* null: MAX_BODY_SIZE */
    if (r->body_max == BODY_MAX_FILE)
        json_put_null(w);
    else
        json_put_int(w, (long long)(r->body_max ? r->body_max : BODY_MAX_USUAL));
    write_fields(w, "query", r->query);
    json_close_object(w);
}

void router_write(struct json_writer *w)
{
    json_open_array(w);
    for (size_t i = 0; i < compiled_count; i++)
        write_route(w, compiled[i].route);
    json_close_array(w);
}
