/* Prices of models: the site's, which everybody reads, and a workspace's own, which its administrators set. */
#include "prices.h"

#include <string.h>

#include "page.h"

enum { ABOVE_MAX = 1000000000 };

#define TIERS "standard|fast|priority|flex|batch"
#define TEXT(name_, max_)                                                                                              \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_TEXT, .max = (max_)                                                             \
    }
#define AMOUNT(name_, flags_)                                                                                          \
    {                                                                                                                  \
        .name = (name_), .type = FIELD_AMOUNT, .flags = (flags_)                                                       \
    }
#define TIER                                                                                                           \
    {                                                                                                                  \
        .name = "tier", .type = FIELD_TEXT, .choices = TIERS                                                           \
    }

static const struct field list_query[] = {
    TEXT("search", 200),
    TIER,
    {.name = "only", .type = FIELD_TEXT, .choices = "own|effective"},
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = 500},
    {.name = "offset", .type = FIELD_INT, .min = 0, .max = 1000000000},
    {0},
};
static const struct field set_fields[] = {
    AMOUNT("input", FIELD_REQUIRED),
    AMOUNT("output", FIELD_REQUIRED),
    AMOUNT("cache_read", 0),
    AMOUNT("cache_write", 0),
    AMOUNT("cache_write_1h", 0),
    TIER,
    {.name = "prompt_above", .type = FIELD_INT, .min = 0, .max = ABOVE_MAX},
    TEXT("since", 40),
    {0},
};
static const struct field remove_query[] = {
    TIER,
    {.name = "prompt_above", .type = FIELD_INT, .min = -1, .max = ABOVE_MAX},
    TEXT("since", 40),
    {0},
};

#define A_RATE(name) ", trim_scale(p." name ")::text::json AS " name
/* What a call of now is charged by, whose prompt is as short as the row allows: asked of what charges calls. */
#define EFFECTIVE                                                                                                      \
    "EXISTS (SELECT FROM usage_price(ccr_workspace(), p.model, p.tier, p.prompt_above + 1, now()) e"                   \
    " WHERE e.own = (p.workspace_id IS NOT NULL) AND e.since = p.since AND e.prompt_above = p.prompt_above)"
#define COLUMNS                                                                                                        \
    "SELECT p.model AS key, p.shown AS model, p.tier, nullif(p.prompt_above, -1) AS prompt_above,"                     \
    " CASE WHEN isfinite(p.since) THEN p.since END AS since" A_RATE("input") A_RATE("output") A_RATE("cache_read")     \
        A_RATE("cache_write") A_RATE("cache_write_1h") ", p.workspace_id IS NOT NULL AS own, " EFFECTIVE               \
                                                       " AS effective, p.source, p.seen_at FROM usage_prices p WHERE "
/* $1 search, $2 tier, $3 only */
#define MATCHING                                                                                                       \
    "($1::text IS NULL OR strpos(p.model, lower($1)) > 0 OR strpos(p.shown, lower($1)) > 0)"                           \
    " AND ($2::text IS NULL OR p.tier = $2)"                                                                           \
    " AND ($3::text IS DISTINCT FROM 'own' OR p.workspace_id IS NOT NULL)"                                             \
    " AND ($3 IS DISTINCT FROM 'effective' OR " EFFECTIVE ")"
#define ORDER " ORDER BY p.model, p.tier, p.workspace_id IS NULL, p.since DESC, p.prompt_above"

static const struct listing prices = {
    .name = "prices",
    .also = "{\"currency\":\"USD\",\"per_tokens\":1000000}",
    .count = {"api_prices_count", "SELECT count(*) FROM usage_prices p WHERE " MATCHING},
    .page = {"api_prices_page", COLUMNS MATCHING ORDER " LIMIT $4::int OFFSET $5::int"},
};

static const struct statement select_own = {"api_price_own",
                                            COLUMNS "p.workspace_id = ccr_workspace() AND p.model = $1 AND p.tier = $2"
                                                    " AND p.since = $3::timestamptz AND p.prompt_above = $4::bigint"};

static enum error list_prices(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &prices,
                        DB_ARGS(request_query_or(rq, "search", NULL), request_query_or(rq, "tier", NULL),
                                request_query_or(rq, "only", NULL)));
}

static enum error respond_price(struct request *rq, struct response *rs, const struct own_price *price)
{
    struct row row;
    enum error error =
        db_one(rq->actor.db, &select_own, &row, DB_ARGS(price->model, price->tier, price->since, price->above));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    row_write(&row, w);
    json_put_members(w, prices.also);
    return respond_end(rs);
}

static enum error set_price(struct request *rq, struct response *rs)
{
    struct own_price price = {.model = path_arg(rq, "model"), .tier = body_text(rq, "tier")};
    enum error error = field_time(&rq->actor, "since", body_text(rq, "since"), &price.since);
    if (body_has(rq, "prompt_above"))
        price.above = number_text(&rq->actor, body_int(rq, "prompt_above", 0));
    for (int rate = 0; rate < PRICE_RATES; rate++)
        price.rates[rate] = body_text(rq, price_rate_names[rate]);
    if (!error)
        error = price_set(&rq->actor, &price);
    return error ? error : respond_price(rq, rs, &price);
}

static enum error remove_price(struct request *rq, struct response *rs)
{
    static const char always[] = "always";
    const char *since = request_query_or(rq, "since", NULL);
    struct own_price which = {.model = path_arg(rq, "model"),
                              .tier = request_query_or(rq, "tier", NULL),
                              .above = request_query_or(rq, "prompt_above", NULL)};
    long long removed = 0;
    enum error error = ERR_NONE;
    if (since && strcmp(since, always) == 0)
        which.since = PRICE_ALWAYS;
    else
        error = field_time(&rq->actor, "since", since, &which.since);
    if (!error)
        error = price_remove(&rq->actor, &which, &removed);
    if (!error && !removed)
        error = fail(&rq->actor, MSG_PRICE_UNKNOWN, which.model, NULL);
    return error ? error : respond_null(rs);
}

const struct route prices_routes[] = {
    {METHOD_GET, "/api/usage/prices", list_prices, ACCESS_VIEWER, .query = list_query},
    {METHOD_PUT, "/api/usage/prices/{model}", set_price, ACCESS_ADMIN, .body = set_fields, .body_max = 64 * KIB},
    {METHOD_DELETE, "/api/usage/prices/{model}", remove_price, ACCESS_ADMIN, .query = remove_query},
    {0},
};
