/* Fuzzer for FastCGI parameters: name-value pairs as Nginx sends them, to a request, to a route. Then everything that reads
 * a request's text is called on it. */
#include <string.h>

#include "../fcgi_params.h"
#include "arena.h"
#include "fcgi.h"
#include "request_fuzzer.h"
#include "util.h"

enum { PARAMS = MAX_PARAMS + 16 };

static void expect_text(const char *text)
{
    expect(!text || utf8_valid(text, strlen(text)));
}

/* What a handler may rely on. */
static void check_request(struct request *rq)
{
    expect(rq->actor.request_id[0] && strlen(rq->actor.request_id) < sizeof rq->actor.request_id);
    expect(rq->method < METHOD_COUNT && rq->path && rq->path[0] == '/');
    expect(rq->query_count <= MAX_QUERY);
    for (size_t i = 0; i < rq->query_count; i++) {
        expect_text(rq->query[i].name);
        expect_text(rq->query[i].value);
    }
}

static void run(struct arena *arena, const char *bytes, size_t size)
{
    const char *params[PARAMS + 1];
    size_t count = 0;
    for (size_t at = 0; count < PARAMS;) {
        char *pair;
        ssize_t taken = record_param_next(bytes + at, size - at, arena, &pair);
        if (taken <= 0)
            break;
        params[count++] = pair;
        at += (size_t)taken;
    }
    params[count] = NULL;

    struct request rq;
    struct service service = {0};
    fcgi_request(&rq, arena, &service, params);
    bool parsed = request_parse(&rq) == ERR_NONE;
    (void)request_cookie(&rq, "ccr_access");
    (void)request_header(&rq, "If-None-Match");
    (void)check_if_match(&rq, 7);
    if (!parsed)
        return;
    check_request(&rq);
    enum error error = router_find(&rq);
    expect(error == ERR_NONE || error == ERR_NOT_FOUND || error == ERR_METHOD || error == ERR_VALIDATION);
    expect((error == ERR_NONE) == (rq.route != NULL) || error == ERR_VALIDATION);
    for (size_t i = 0; error == ERR_NONE && i < rq.path_arg_count; i++)
        expect_text(rq.path_args[i].value);
    if (error == ERR_NONE && rq.route->query)
        (void)check_query(&rq, rq.route->query);
}

/* The first byte picks how much memory there is, so that running out halfway is tried too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(data[0] == '!' ? 8 * KIB : 16 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    if (setjmp(exhausted) == 0)
        run(arena, (const char *)data + 1, size - 1);
    arena_free(arena);
    return 0;
}
