/* The currency that amounts are shown in beside US dollars: members read it, administrators set it. */
#include "currency.h"

#include "router.h"

static const struct field set_fields[] = {
    {.name = "currency", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 3},
    {.name = "rate", .type = FIELD_AMOUNT, .flags = FIELD_REQUIRED | FIELD_POSITIVE},
    {.name = "date", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TRIM, .max = 40},
    {0},
};

static enum error show_currency(struct request *rq, struct response *rs)
{
    const char *text;
    enum error error = currency_text(&rq->actor, &text);
    if (error)
        return error;
    json_put_raw(respond_begin(rs, 200), text);
    return respond_end(rs);
}

static enum error set_currency(struct request *rq, struct response *rs)
{
    struct currency currency = {.code = body_text(rq, "currency"), .rate = body_text(rq, "rate")};
    enum error error = field_date(&rq->actor, "date", body_text(rq, "date"), &currency.date);
    if (!error)
        error = currency_set(&rq->actor, &currency);
    return error ? error : show_currency(rq, rs);
}

static enum error remove_currency(struct request *rq, struct response *rs)
{
    enum error error = currency_remove(&rq->actor);
    return error ? error : respond_null(rs);
}

const struct route currency_routes[] = {
    {METHOD_GET, "/api/usage/currency", show_currency, ACCESS_VIEWER, .flags = ROUTE_CACHED},
    {METHOD_PUT, "/api/usage/currency", set_currency, ACCESS_ADMIN, .body = set_fields, .body_max = 64 * KIB},
    {METHOD_DELETE, "/api/usage/currency", remove_currency, ACCESS_ADMIN},
    {0},
};
