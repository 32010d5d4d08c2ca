/* Fields: checks a JSON body or a query string against a route's table. Every wrong field is reported, not only the
 * first; unknown fields are ignored, because the frontend sends some. */
#include <stdio.h>
#include <string.h>

#include "router.h"
#include "url.h"
#include "util.h"

enum { TEXT_MAX = 1000, STRINGS_MAX = 100 };

static bool in_choices(const char *choices, const char *text)
{
    size_t length = strlen(text);
    while (*choices) {
        size_t n = strcspn(choices, "|");
        if (n == length && memcmp(choices, text, n) == 0)
            return true;
        choices += n + (choices[n] == '|');
    }
    return false;
}

/* "a|b|c" as "a, b, c". */
static const char *readable_choices(struct request *rq, const char *choices)
{
    char *out = arena_alloc(rq->actor.arena, strlen(choices) * 2 + 1), *end = out;
    for (; *choices; choices++) {
        *end++ = (char)(*choices == '|' ? ',' : *choices);
        if (*choices == '|')
            *end++ = ' ';
    }
    return out;
}

/* Control characters other than newline, carriage return and tab have no place in anything a user types. */
static bool has_stray_control(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && !strchr("\n\r\t", *text)) || *text == 0x7f)
            return true;
    return false;
}

/* What is wrong with a text of a type, however long it is. */
static enum message type_problem(struct request *rq, const struct field *f, const char *text)
{
    switch (f->type) {
    case FIELD_NAME:
        return name_valid(text) ? MSG_NONE : MSG_NAME;
    case FIELD_LABEL:
        return label_valid(text) ? MSG_NONE : MSG_LABEL;
    case FIELD_URL:
        if (*text && !url_valid(rq->actor.arena, text))
            return url_is_http(text) ? MSG_URL_PARTS : MSG_URL;
        return url_has_userinfo(text) ? MSG_URL_USERINFO : MSG_NONE;
    case FIELD_KEY:
        return has_white_space(text) || has_control(text) ? MSG_KEY : MSG_NONE;
    default:
        return has_stray_control(text) ? MSG_CONTROL : MSG_NONE;
    }
}

enum message field_problem(struct request *rq, const struct field *f, const char *text, const char **argument)
{
    long long max = f->max ? f->max : TEXT_MAX;
    long long length = (long long)utf8_length(text);
    *argument = NULL;
    if (length > max && f->type != FIELD_NAME && f->type != FIELD_LABEL)
        return *argument = number_text(&rq->actor, max), MSG_TOO_LONG;
    if (length < f->min)
        return *argument = number_text(&rq->actor, f->min), MSG_TOO_SHORT;
    if (f->choices && !in_choices(f->choices, text))
        return *argument = readable_choices(rq, f->choices), MSG_CHOICE;
    return type_problem(rq, f, text);
}

static enum error check_text(struct request *rq, const struct field *f, const char *text)
{
    const char *argument;
    enum message problem = field_problem(rq, f, text, &argument);
    return problem ? fail_field(&rq->actor, f->name, problem, argument, NULL) : OK;
}

static const char *trimmed(struct request *rq, const char *text)
{
    size_t length = trim_white_space(&text);
    return arena_strndup(rq->actor.arena, text, length);
}

static bool is_required(struct request *rq, const struct field *f)
{
    return (f->flags & REQUIRED) || (f->required && f->required(rq));
}

static enum error check_string(struct request *rq, const struct field *f, json_t *value)
{
    if (!json_is_string(value))
        return fail_field(&rq->actor, f->name, MSG_TYPE, rq->actor.language == LANGUAGE_ZH ? "字符串" : "a string",
                          NULL);
    const char *text = json_string_value(value);
    if (f->flags & TRIM)
        text = trimmed(rq, text);
    if (is_required(rq, f) && is_blank(text))
        return fail_field(&rq->actor, f->name, MSG_NOT_BLANK, NULL);
    if ((f->flags & TRIM) && !*text) {
        json_object_set_new(rq->body, f->name, json_null());
        return OK;
    }
    enum error error = check_text(rq, f, text);
    if (!error && (f->flags & TRIM))
        json_object_set_new(rq->body, f->name, json_string(text));
    return error;
}

static enum error check_range(struct request *rq, const struct field *f, long long value)
{
    if ((f->min || f->max) && (value < f->min || value > f->max))
        return fail_field(&rq->actor, f->name, MSG_RANGE, number_text(&rq->actor, f->min),
                          number_text(&rq->actor, f->max), NULL);
    return OK;
}

static enum error check_integer(struct request *rq, const struct field *f, json_t *value)
{
    /* A number input that the user cleared arrives as "". */
    if (json_is_string(value) && !*json_string_value(value)) {
        if (f->flags & REQUIRED)
            return fail_field(&rq->actor, f->name, MSG_NOT_BLANK, NULL);
        json_object_set_new(rq->body, f->name, json_null());
        return OK;
    }
    if (!json_is_integer(value))
        return fail_field(&rq->actor, f->name, MSG_TYPE, rq->actor.language == LANGUAGE_ZH ? "整数" : "a whole number",
                          NULL);
    return check_range(rq, f, json_integer_value(value));
}

static enum error check_strings(struct request *rq, const struct field *f, json_t *value)
{
    long long max = f->max ? f->max : STRINGS_MAX;
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return fail_field(&rq->actor, f->name, MSG_TYPE,
                          rq->actor.language == LANGUAGE_ZH ? "字符串数组" : "an array of strings", NULL);
    if ((long long)json_array_size(value) > max)
        return fail_field(&rq->actor, f->name, MSG_TOO_MANY, number_text(&rq->actor, max), NULL);
    json_array_foreach(value, i, item)
    {
        struct field one = {.name = f->name, .type = FIELD_TEXT, .choices = f->choices};
        if (!json_is_string(item))
            return fail_field(&rq->actor, f->name, MSG_TYPE,
                              rq->actor.language == LANGUAGE_ZH ? "字符串数组" : "an array of strings", NULL);
        enum error error = check_text(rq, &one, json_string_value(item));
        if (error)
            return error;
    }
    return OK;
}

static enum error check_bool(struct request *rq, const struct field *f, json_t *value)
{
    if (!json_is_boolean(value))
        return fail_field(&rq->actor, f->name, MSG_TYPE, rq->actor.language == LANGUAGE_ZH ? "布尔值" : "true or false",
                          NULL);
    return OK;
}

static enum error check_object(struct request *rq, const struct field *f, json_t *value)
{
    if (!json_is_object(value))
        return fail_field(&rq->actor, f->name, MSG_TYPE, rq->actor.language == LANGUAGE_ZH ? "对象" : "an object",
                          NULL);
    return OK;
}

static enum error (*const checks[])(struct request *, const struct field *, json_t *) = {
    [FIELD_TEXT] = check_string, [FIELD_NAME] = check_string,     [FIELD_LABEL] = check_string,
    [FIELD_URL] = check_string,  [FIELD_KEY] = check_string,      [FIELD_BOOL] = check_bool,
    [FIELD_INT] = check_integer, [FIELD_STRINGS] = check_strings, [FIELD_OBJECT] = check_object,
};

enum error check_body(struct request *rq, const struct field *fields)
{
    if (!rq->body)
        rq->body = json_object();
    for (const struct field *f = fields; f->type; f++) {
        json_t *value = json_object_get(rq->body, f->name);
        if (value && !json_is_null(value))
            checks[f->type](rq, f, value);
        else if (is_required(rq, f))
            fail_field(&rq->actor, f->name, MSG_REQUIRED, NULL);
    }
    return rq->actor.failure.fields ? ERR_VALIDATION : OK;
}

enum error check_query(struct request *rq, const struct field *fields)
{
    for (const struct field *f = fields; f->type; f++) {
        const char *text = request_query(rq, f->name);
        long long value;
        if (!text || !*text) {
            if (f->flags & REQUIRED)
                fail_field(&rq->actor, f->name, MSG_REQUIRED, NULL);
        } else if (f->type == FIELD_INT) {
            if (parse_int(text, f->min, f->max, &value))
                continue;
            fail_field(&rq->actor, f->name, MSG_RANGE, number_text(&rq->actor, f->min), number_text(&rq->actor, f->max),
                       NULL);
        } else if (f->type == FIELD_BOOL) {
            if (!in_choices("true|false|1|0", text))
                fail_field(&rq->actor, f->name, MSG_CHOICE, "true, false", NULL);
        } else {
            check_text(rq, f, text);
        }
    }
    return rq->actor.failure.fields ? ERR_VALIDATION : OK;
}
