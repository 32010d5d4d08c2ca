/* Fuzzer for addresses: a request line's target to path, query and route, and the query against the route's table. */
#include <string.h>

#include "arena.h"
#include "fcgi.h"
#include "request_fuzzer.h"
#include "util.h"

/* What was decoded is UTF-8, and no name stands twice. */
static void check_query_pairs(const struct request *rq)
{
    expect(rq->query_count <= MAX_QUERY);
    for (size_t i = 0; i < rq->query_count; i++) {
        expect(utf8_valid(rq->query[i].name, strlen(rq->query[i].name)));
        expect(utf8_valid(rq->query[i].value, strlen(rq->query[i].value)));
        expect(request_query(rq, rq->query[i].name) == rq->query[i].value);
    }
}

/* A path argument is one segment, decoded once: it is not empty, and encoding it leads back to itself. */
static void check_path_args(const struct request *rq)
{
    expect(rq->path_arg_count <= MAX_PATH_ARGS);
    for (size_t i = 0; i < rq->path_arg_count; i++) {
        const char *value = rq->path_args[i].value;
        expect(*value && utf8_valid(value, strlen(value)));
        expect(path_arg(rq, rq->path_args[i].name) == value);
        struct buffer encoded;
        buffer_init_in(&encoded, rq->actor.arena, 4 * strlen(value) + 1); /* which may jump out of here */
        for (const char *c = value; *c; c++)
            buffer_printf(&encoded, "%%%02X", (unsigned char)*c);
        const char *again = percent_decode(rq->actor.arena, buffer_string(&encoded), encoded.length, false);
        expect(again && strcmp(again, value) == 0);
    }
}

static void check_complaints(const struct request *rq)
{
    expect((rq->actor.failure.message == MSG_FIELDS) == (rq->actor.failure.fields != NULL));
    for (const struct field_failure *f = rq->actor.failure.fields; f; f = f->next)
        expect(f->field && utf8_valid(f->message, strlen(f->message)));
}

static void run(struct arena *arena, enum method method, const char *bytes, size_t size)
{
    char *target = arena_alloc(arena, sizeof "REQUEST_URI=" + size);
    memcpy(target, "REQUEST_URI=", 12);
    memcpy(target + 12, bytes, size);
    const char *const params[] = {arena_printf(arena, "REQUEST_METHOD=%s", method_names[method]), target, NULL};

    struct request rq;
    struct service service = {0};
    fcgi_request(&rq, arena, &service, params);
    enum error error = request_parse(&rq);
    expect(error == ERR_NONE || error == ERR_VALIDATION);
    if (error)
        return;
    check_query_pairs(&rq);
    error = router_find(&rq);
    expect(error == ERR_NONE || error == ERR_NOT_FOUND || error == ERR_METHOD || error == ERR_VALIDATION);
    expect(error != ERR_NONE || rq.route);
    expect((error == ERR_METHOD) == (!rq.route && rq.allowed_methods != 0));
    if (error)
        return;
    expect(rq.route->method == (method == METHOD_HEAD ? METHOD_GET : method));
    check_path_args(&rq);
    if (rq.route->query)
        expect(check_query(&rq, rq.route->query) == (rq.actor.failure.fields ? ERR_VALIDATION : ERR_NONE));
    check_complaints(&rq);
}

/* The first byte picks the method, and how much memory there is, so that running out halfway is tried too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(data[0] & 0x80 ? 8 * KIB : 16 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    if (setjmp(exhausted) == 0)
        run(arena, (enum method)((data[0] & 0x7f) % METHOD_COUNT), (const char *)data + 1, size - 1);
    arena_free(arena);
    return 0;
}
