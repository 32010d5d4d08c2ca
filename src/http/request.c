/* Request: CGI variables taken apart (RFC 3875, RFC 3986), and failures put into words. */
#include "request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "router.h"
#include "util.h"

enum { FIELD_LIST_MAX = 4 * KB };

const char *const method_names[METHOD_COUNT] = {"OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
const char *const role_names[ROLE_COUNT] = {"none", "viewer", "editor", "admin", "owner"};

enum role role_from_name(const char *name)
{
    for (int i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        if (name && strcmp(name, role_names[i]) == 0)
            return (enum role)i;
    return ROLE_NONE;
}

char *secret_context(struct arena *arena, const char *workspace_id, const char *row_id)
{
    size_t length = strlen(workspace_id);
    char *context = arena_alloc(arena, length + 1 + strlen(row_id) + 1);
    char *end = mempcpy(mempcpy(context, workspace_id, length), "/", 1);
    memcpy(end, row_id, strlen(row_id) + 1);
    return context;
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

/* Replaces each "{}" by the next argument; the list ends with NULL, missing ones become "". */
static const char *put_into_words(struct request *rq, enum message message, va_list args)
{
    const char *pattern = message_text(message, rq->language);
    const char *parts[8];
    size_t size = strlen(pattern) + 1, count = 0;
    for (const char *arg; count < COUNT(parts) && (arg = va_arg(args, const char *));) {
        parts[count++] = arg;
        size += strlen(arg);
    }
    char *text = arena_alloc(rq->arena, size), *end = text;
    for (size_t used = 0; *pattern;) {
        if (pattern[0] == '{' && pattern[1] == '}') {
            const char *part = used < count ? parts[used++] : "";
            size_t length = strlen(part);
            memcpy(end, part, length);
            end += length;
            pattern += 2;
        } else {
            *end++ = *pattern++;
        }
    }
    *end = '\0';
    return text;
}

const char *translate(struct request *rq, enum message message, ...)
{
    va_list args;
    va_start(args, message);
    const char *text = put_into_words(rq, message, args);
    va_end(args);
    return text;
}

const char *number_text(struct request *rq, long long value)
{
    return arena_printf(rq->arena, "%lld", value);
}

enum error fail(struct request *rq, enum message message, ...)
{
    va_list args;
    va_start(args, message);
    rq->message = message;
    rq->failure_text = put_into_words(rq, message, args);
    va_end(args);
    return message_error(message);
}

enum error fail_field(struct request *rq, const char *field, enum message message, ...)
{
    va_list args;
    if (++rq->field_count > FIELDS_MAX)
        return ERR_VALIDATION;
    va_start(args, message);
    struct field_failure *failure = arena_alloc(rq->arena, sizeof *failure);
    failure->field = arena_strdup(rq->arena, field);
    failure->message = put_into_words(rq, message, args);
    va_end(args);
    if (rq->last_field)
        rq->last_field->next = failure;
    else
        rq->fields = failure;
    rq->last_field = failure;
    /* The general message names the fields too: old clients show only that. */
    if (failure == rq->fields)
        buffer_init_in(&rq->field_list, rq->arena, FIELD_LIST_MAX);
    buffer_printf(&rq->field_list, "%s%s %s", failure == rq->fields ? "" : "; ", failure->field, failure->message);
    fail(rq, MSG_FIELDS, buffer_string(&rq->field_list), NULL);
    return ERR_VALIDATION;
}

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
            return arena_strndup(rq->arena, at + length + 1, all - length - 1);
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
            pair->name = percent_decode(rq->arena, text, name, true);
            pair->value = name < length ? percent_decode(rq->arena, text + name + 1, length - name - 1, true) : "";
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
    for (int i = GET; i < METHOD_COUNT; i++)
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
    if (id && length >= 8 && length < sizeof rq->id && !id[length])
        memcpy(rq->id, id, length + 1);
    else
        random_uuid(rq->id);
}

enum error request_parse(struct request *rq)
{
    rq->started_us = monotonic_us();
    choose_id(rq);
    rq->language = language_of(rq);
    rq->method_name = request_variable(rq, "REQUEST_METHOD");
    rq->target = request_variable(rq, "REQUEST_URI");
    rq->remote_addr = request_variable(rq, "REMOTE_ADDR");
    if (!rq->method_name)
        rq->method_name = "GET";
    if (!rq->target)
        rq->target = "/";
    if (!rq->remote_addr)
        rq->remote_addr = "unknown";
    rq->method = method_from_name(rq->method_name);
    /* Absolute form (RFC 9112 section 3.2.2) is only for proxies. */
    size_t path = strcspn(rq->target, "?#");
    rq->path = arena_strndup(rq->arena, rq->target, path);
    if (rq->path[0] != '/' || !utf8_valid(rq->target, strlen(rq->target)))
        return fail(rq, MSG_BAD_PATH, NULL);
    if (rq->target[path] == '?' && !parse_query(rq, rq->target + path + 1))
        return fail(rq, MSG_BAD_QUERY, NULL);
    return OK;
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
