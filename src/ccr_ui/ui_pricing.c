/* CCR UI's page of prices. It knows one price a model: that of the standard tier for prompts of any length, which its calls are charged by
 * now. What it sets is the workspace's own price, for all time; what it removes and resets are such prices, and the site's show again. It
 * says "per 1K" beside them: they are dollars for a million tokens, as everywhere here. */
#include "prices.h"
#include "ui_page.h"

#define A_RATE(rate, name) ", trim_scale(p." rate ")::text::json AS " name

/* One row a model: the workspace's before the site's, and the newest that holds already. */
static const struct statement select_prices = {
    "ui_prices",
    "SELECT DISTINCT ON (p.model) p.shown AS model" A_RATE("input", "input_price") A_RATE("output", "output_price")
        A_RATE("cache_read", "cache_read_price") A_RATE(
            "cache_write",
            "cache_write_price") " FROM usage_prices p WHERE p.tier = 'standard' AND p.prompt_above = -1 AND p.since <= now()"
                                 " AND p.input IS NOT NULL AND p.output IS NOT NULL"
                                 " ORDER BY p.model, p.workspace_id IS NULL, p.since DESC"};

/* Nothing is charged by a default here: what has no price is shown as that. */
static const char nobody[] = "{\"model\":\"default\",\"input_price\":0,\"output_price\":0,\"cache_read_price\":null,"
                             "\"cache_write_price\":null}";

static const struct field set_fields[] = {
    {"model", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 400},
    {"input_price", FIELD_AMOUNT, FIELD_REQUIRED},
    {"output_price", FIELD_AMOUNT, FIELD_REQUIRED},
    {"cache_read_price", FIELD_AMOUNT},
    {"cache_write_price", FIELD_AMOUNT},
    {0},
};

static enum error list_prices(struct request *rq, struct response *rs)
{
    struct rows rows;
    enum error error = db_all(rq->actor.db, &select_prices, &rows, DB_NO_ARGS);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "pricings");
    rows_write(&rows, w);
    json_raw_member(w, "default_pricing", nobody);
    return respond_end(rs);
}

/* Of an answer to a write it looks at the status alone. */
static enum error done(struct response *rs, enum error error)
{
    if (error)
        return error;
    json_put_null(respond_begin_bare(rs, 200));
    return respond_end(rs);
}

static enum error set_price(struct request *rq, struct response *rs)
{
    struct own_price price = {.model = body_text(rq, "model"),
                              .rates = {[PRICE_INPUT] = body_text(rq, "input_price"),
                                        [PRICE_OUTPUT] = body_text(rq, "output_price"),
                                        [PRICE_CACHE_READ] = body_text(rq, "cache_read_price"),
                                        [PRICE_CACHE_WRITE] = body_text(rq, "cache_write_price")}};
    return done(rs, price_set(&rq->actor, &price));
}

/* Also of one that has none: the page may show what somebody else has removed meanwhile, or the site's. */
static enum error remove_price(struct request *rq, struct response *rs)
{
    long long removed;
    const struct own_price which = {.model = path_arg(rq, "model")};
    return done(rs, price_remove(&rq->actor, &which, &removed));
}

static enum error reset_prices(struct request *rq, struct response *rs)
{
    long long removed;
    return done(rs, prices_reset(&rq->actor, &removed));
}

const struct route ui_pricing_routes[] = {
    {METHOD_GET, "/api/pricing/list", list_prices, ACCESS_VIEWER},
    {METHOD_POST, "/api/pricing/set", set_price, ACCESS_ADMIN, .body = set_fields},
    {METHOD_DELETE, "/api/pricing/remove/{model}", remove_price, ACCESS_ADMIN},
    {METHOD_POST, "/api/pricing/reset", reset_prices, ACCESS_ADMIN},
    {0},
};
