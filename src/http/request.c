/* Request: CGI variables taken apart (RFC 3875, RFC 3986). */
#include "request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "router.h"
#include "util.h"

const char *const method_names[METHOD_COUNT] = {"OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

/* ---- variables, headers, cookies -------------------------------------------------------------------------------- */

const char *request_variable(const struct request *rq, const char *name)
{
    size_t length = strlen(name);
    const unsigned char *lengths = rq->name_lengths;
    for (size_t i = 0; rq->environment && rq->environment[i]; i++) {
        const char *variable = rq->environment[i];
        if ((!lengths || lengths[i] == length) && strncmp(variable, name, length) == 0 && variable[length] == '=')
            return variable + length + 1;
    }
    return NULL;
}

const char *request_header(const struct request *rq, const char *name)
{
    char variable[80] = "HTTP_";
    size_t i = 5;
    for (; *name && i < sizeof variable - 1; name++)
        variable[i++] = (char)(*name == '-' ? '_' : toupper((unsigned char)*name));
    variable[i] = '\0';
    return request_variable(rq, variable);
}

/* RFC 6265 section 4.2: "a=1; b=2". */
const char *request_cookie(struct request *rq, const char *name)
{
    const char *at = request_header(rq, "Cookie");
    size_t length = strlen(name);
    while (at && *at) {
        at += strspn(at, " ;");
        size_t all = strcspn(at, ";");
        if (all > length && strncmp(at, name, length) == 0 && at[length] == '=')
            return arena_strndup(rq->actor.arena, at + length + 1, all - length - 1);
        at += all;
    }
    return NULL;
}

static const char *find_pair(const struct pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].value;
    return NULL;
}

const char *request_query(const struct request *rq, const char *name)
{
    return find_pair(rq->query, rq->query_count, name);
}

const char *request_query_or(const struct request *rq, const char *name, const char *otherwise)
{
    const char *value = request_query(rq, name);
    return value && *value ? value : otherwise;
}

enum error query_time(struct request *rq, const char *name, const char **out)
{
    return field_time(&rq->actor, name, request_query_or(rq, name, NULL), out);
}

const char *path_arg(const struct request *rq, const char *name)
{
    const char *value = find_pair(rq->path_args, rq->path_arg_count, name);
    return value ? value : "";
}

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

char *percent_decode(struct arena *arena, const char *text, size_t length, bool form)
{
    char *out = arena_alloc(arena, length + 1);
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return NULL;
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = (char)(form && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return utf8_valid(out, n) ? out : NULL;
}

static bool parse_query(struct request *rq, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "&");
        size_t name = strcspn(text, "=&");
        if (length) {
            if (rq->query_count == MAX_QUERY)
                return false;
            struct pair *pair = &rq->query[rq->query_count];
            pair->name = percent_decode(rq->actor.arena, text, name, true);
            pair->value =
                name < length ? percent_decode(rq->actor.arena, text + name + 1, length - name - 1, true) : "";
            /* A name given twice is refused: which of the two counts would be a guess. */
            if (!pair->name || !pair->value || request_query(rq, pair->name))
                return false;
            rq->query_count++;
        }
        text += length + (text[length] == '&');
    }
    return true;
}

static enum method method_from_name(const char *name)
{
    for (int i = METHOD_GET; i < METHOD_COUNT; i++)
        if (strcmp(name, method_names[i]) == 0)
            return (enum method)i;
    return METHOD_OTHER;
}

/* English unless Chinese is asked for first (RFC 9110 section 12.5.4; q-values beyond order are not weighed). */
static enum language language_of(const struct request *rq)
{
    const char *wanted = request_header(rq, "Accept-Language");
    if (!wanted)
        return LANGUAGE_EN;
    wanted += strspn(wanted, " ");
    return strncasecmp(wanted, "zh", 2) == 0 ? LANGUAGE_ZH : LANGUAGE_EN;
}

/* The client's own id when it is short and harmless in a log, else a new one. */
static void choose_id(struct request *rq)
{
    const char *id = request_header(rq, "X-Request-Id");
    size_t length = id ? strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") : 0;
    if (id && length >= 8 && length < sizeof rq->actor.request_id && !id[length])
        memcpy(rq->actor.request_id, id, length + 1);
    else
        random_uuid(rq->actor.request_id);
}

enum error request_parse(struct request *rq)
{
    rq->started_us = monotonic_us();
    choose_id(rq);
    rq->actor.language = language_of(rq);
    rq->method_name = request_variable(rq, "REQUEST_METHOD");
    rq->target = request_variable(rq, "REQUEST_URI");
    rq->actor.address = request_variable(rq, "REMOTE_ADDR");
    if (!rq->method_name)
        rq->method_name = "GET";
    if (!rq->target)
        rq->target = "/";
    if (!rq->actor.address)
        rq->actor.address = "unknown";
    rq->actor.user_agent = request_header(rq, "User-Agent");
    rq->method = method_from_name(rq->method_name);
    /* Absolute form (RFC 9112 section 3.2.2) is only for proxies. */
    size_t path = strcspn(rq->target, "?#");
    rq->path = arena_strndup(rq->actor.arena, rq->target, path);
    if (rq->path[0] != '/' || !utf8_valid(rq->target, strlen(rq->target)))
        return fail(&rq->actor, MSG_BAD_PATH, NULL);
    if (rq->target[path] == '?' && !parse_query(rq, rq->target + path + 1))
        return fail(&rq->actor, MSG_BAD_QUERY, NULL);
    return ERR_NONE;
}

/* ---- checked bodies --------------------------------------------------------------------------------------------- */

json_t *body_value(const struct request *rq, const char *name)
{
    json_t *value = rq->body ? json_object_get(rq->body, name) : NULL;
    return json_is_null(value) ? NULL : value;
}

bool body_has(const struct request *rq, const char *name)
{
    return body_value(rq, name) != NULL;
}

const char *body_text(const struct request *rq, const char *name)
{
    return json_string_value(body_value(rq, name));
}

bool body_bool(const struct request *rq, const char *name, bool otherwise)
{
    json_t *value = body_value(rq, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

long long body_int(const struct request *rq, const char *name, long long otherwise)
{
    json_t *value = body_value(rq, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}
