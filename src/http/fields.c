/* Fields of a request: checks its body and its query string against the route's tables. Every wrong field is reported, not only the
 * first; unknown fields are ignored, because the frontend sends some. */
#include "field.h"
#include "router.h"
#include "util.h"

enum error check_body(struct request *rq, const struct field *fields)
{
    const char *platform = request_query_or(rq, "platform", rq->actor.who.platform);
    if (!rq->body)
        rq->body = json_object();
    for (const struct field *f = fields; f->type; f++) {
        struct field one = *f;
        if (f->required && f->required(rq->body, platform))
            one.flags |= FIELD_REQUIRED;
        field_check(&rq->actor, rq->body, &one);
    }
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

enum error check_query(struct request *rq, const struct field *fields)
{
    for (const struct field *f = fields; f->type; f++) {
        const char *text = request_query(rq, f->name);
        long long value;
        if (!text || !*text) {
            if (f->flags & FIELD_REQUIRED)
                fail_field(&rq->actor, f->name, MSG_REQUIRED, NULL);
        } else if (f->type == FIELD_INT) {
            if (parse_int(text, f->min, f->max, &value))
                continue;
            fail_field(&rq->actor, f->name, MSG_RANGE, number_text(&rq->actor, f->min), number_text(&rq->actor, f->max),
                       NULL);
        } else if (f->type == FIELD_BOOL) {
            if (field_choice("true|false|1|0", text) < 0)
                fail_field(&rq->actor, f->name, MSG_CHOICE, "true, false", NULL);
        } else {
            field_check_text(&rq->actor, f, text);
        }
    }
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}
