/* OpenAPI: what this API can do, for programs. The document itself, and the kinds of resources with their columns. */
#include <inttypes.h>
#include <string.h>

#include "crypto.h"
#include "kind.h"
#include "openapi.h"
#include "response.h"

static enum error list_kinds(struct request *rq, struct response *rs)
{
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "kinds");
    kinds_write(w, rq->actor.arena);
    return respond_end(rs);
}

/* The same for everybody, and until the program is another. */
static enum error get_openapi(struct request *rq, struct response *rs)
{
    static const unsigned char key[SHORT_HASH_KEY] = "ccr openapi";
    static uint64_t hash;
    if (!hash)
        hash = short_hash(openapi_json, strlen(openapi_json), key);
    if (respond_not_modified(rq, rs, arena_printf(rq->actor.arena, "%016" PRIx64, hash)))
        return ERR_NONE;
    json_put_raw(respond_begin_bare(rs, 200), openapi_json);
    return respond_end(rs);
}

const struct route openapi_routes[] = {
    {METHOD_GET, "/api/kinds", list_kinds, ACCESS_USER},
    {METHOD_GET, "/api/openapi.json", get_openapi, ACCESS_PUBLIC},
    {0},
};
