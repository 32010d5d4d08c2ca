/* Native forms: one column's value in a file, and the file's in a column. */
#include <math.h>
#include <string.h>

#include "buffer.h"
#include "native_parts.h"
#include "util.h"

/* ---- conditions ------------------------------------------------------------------------------------------------- */

static size_t column_length(const char *condition)
{
    return strcspn(condition, "=");
}

bool condition_fails(const char *condition, const json_t *values, bool strict)
{
    if (!condition)
        return false;
    size_t length = column_length(condition);
    const char *text = json_string_value(json_object_getn(values, condition, length));
    return text ? strcmp(text, condition + length + 1) != 0 : strict;
}

void condition_imply(struct arena *arena, const char *condition, json_t *values)
{
    const char *column = condition ? arena_strndup(arena, condition, column_length(condition)) : NULL;
    if (column && !json_object_get(values, column))
        json_object_set_new(values, column, json_string(condition + strlen(column) + 1));
}

/* ---- places in an item ------------------------------------------------------------------------------------------ */

/* The object that the last step of the key is in, and that step. NULL when it is not there; with `make` it is made. */
static json_t *object_of(const struct native_slot *slot, const char **key, bool make)
{
    json_t *at = **key == '^' ? slot->group : slot->value;
    *key += **key == '^';
    for (const char *dot; json_is_object(at) && (dot = strchr(*key, '.')); *key = dot + 1) {
        size_t length = (size_t)(dot - *key);
        json_t *inner = json_object_getn(at, *key, length);
        if (!inner && make) {
            inner = json_object();
            json_object_setn_new(at, *key, length, inner);
        }
        at = inner;
    }
    return json_is_object(at) ? at : NULL;
}

static json_t *value_at(const struct native_slot *slot, const char *key)
{
    if (!*key)
        return slot->value;
    if (strcmp(key, "*") == 0)
        return slot->star ? json_string(slot->star) : NULL;
    if (strcmp(key, "#") == 0)
        return slot->key ? json_string(slot->key) : NULL;
    json_t *in = object_of(slot, &key, false);
    return in ? json_object_get(in, key) : NULL;
}

static void put_at(struct native_slot *slot, const char *key, json_t *value)
{
    if (!*key) {
        slot->value = value;
        return;
    }
    if (strcmp(key, "*") == 0 || strcmp(key, "#") == 0)
        return; /* where it stands says it */
    json_t *in = object_of(slot, &key, value != NULL);
    if (in && value)
        json_object_set(in, key, value);
    else if (in)
        json_object_del(in, key);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* Without the empty lines at both ends. */
static const char *inner_text(const char *text, size_t *length)
{
    text += strspn(text, "\r\n");
    *length = strlen(text);
    while (*length && strchr("\r\n", text[*length - 1]))
        --*length;
    return text;
}

static json_t *body_read(struct arena *arena, json_t *value)
{
    size_t length;
    if (!json_is_string(value))
        return NULL;
    const char *text = inner_text(json_string_value(value), &length);
    char *out = arena_alloc(arena, length + 1), *end = out;
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\r' || text[i + 1] != '\n')
            *end++ = text[i];
    return json_string(out);
}

/* In the frame of the old one: its empty lines around it, its line ends. */
static json_t *body_write(struct arena *arena, const struct native_slot *slot, const char *key, json_t *value)
{
    size_t length;
    json_t *before = value_at(slot, key);
    struct buffer out;
    const char *text = json_string_value(value), *old = json_string_value(before);
    bool framed = old && !is_blank(old), crlf = old && strstr(old, "\r\n");
    const char *inner = framed ? inner_text(old, &length) : NULL;
    bool below_keys = strcmp(key, NATIVE_BODY) == 0 && !old && json_object_size(slot->value) > 0;
    if (!text)
        return NULL;
    buffer_init_in(&out, arena, 2 * EDIT_MAX_TEXT);
    if (framed)
        buffer_append(&out, old, (size_t)(inner - old));
    else if (below_keys)
        buffer_char(&out, '\n');
    size_t end = framed ? length : 0;
    for (text = inner_text(text, &length); length--; text++)
        buffer_append(&out, crlf && *text == '\n' ? "\r\n" : text, crlf && *text == '\n' ? 2 : 1);
    buffer_text(&out, framed ? inner + end : "\n");
    return json_string(buffer_string(&out));
}

static json_t *commas_read(struct arena *arena, json_t *value)
{
    const char *text = json_string_value(value);
    json_t *list = text ? json_array() : value;
    while (text && *text) {
        size_t length = strcspn(text, ","), word;
        const char *start = arena_strndup(arena, text, length);
        text += length + (text[length] == ',');
        if ((word = trim_white_space(&start)))
            json_array_append_new(list, json_stringn(start, word));
    }
    return list;
}

static json_t *commas_write(struct arena *arena, json_t *before, json_t *value)
{
    size_t i;
    json_t *each;
    struct buffer out;
    if (!json_is_string(before) || !json_is_array(value))
        return value;
    buffer_init_in(&out, arena, EDIT_MAX_TEXT);
    json_array_foreach(value, i, each)
    {
        buffer_text(&out, i ? ", " : "");
        buffer_text(&out, json_string_value(each) ? json_string_value(each) : "");
    }
    return json_string(buffer_string(&out));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static json_t *seconds_read(json_t *value)
{
    double ms = round(json_number_value(value) * 1000);
    bool exact = json_is_number(value) && fabs(ms) < 1e15 && fabs(ms - json_number_value(value) * 1000) < 1e-6;
    return exact ? json_integer((json_int_t)ms) : NULL;
}

static json_t *seconds_write(json_t *before, json_t *value)
{
    json_int_t ms = json_integer_value(value);
    if (!json_is_integer(value))
        return NULL;
    return ms % 1000 || json_is_real(before) ? json_real((double)ms / 1000) : json_integer(ms / 1000);
}

/* ---- variables, as Codex names them ----------------------------------------------------------------------------- */

/* The name of "${NAME}" behind a prefix; NULL when the text is anything else. */
static const char *variable_in(struct arena *arena, const char *text, const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t skip = strlen(prefix);
    if (!text || strncmp(text, prefix, skip) != 0 || strncmp(text + skip, "${", 2) != 0)
        return NULL;
    text += skip + 2;
    size_t length = strspn(text, letters);
    return length && strcmp(text + length, "}") == 0 ? arena_strndup(arena, text, length) : NULL;
}

static json_t *reference(struct arena *arena, const char *prefix, const char *name)
{
    return json_string(arena_printf(arena, "%s${%s}", prefix, name));
}

static json_t *env_read(struct arena *arena, const struct native_slot *slot)
{
    size_t i;
    const char *name;
    json_t *env = value_at(slot, "env"), *passed = value_at(slot, "env_vars"), *each, *out = json_object();
    if (!env && !passed)
        return NULL;
    json_array_foreach(passed, i, each) if ((name = json_string_value(each)))
        json_object_set_new(out, name, reference(arena, "", name));
    json_object_foreach(env, name, each) json_object_set(out, name, each);
    return out;
}

/* Of the list, what is no more than a name; other elements say more than a column can. */
static json_t *env_vars_but_names(json_t *list)
{
    size_t i;
    json_t *each, *out = json_array();
    json_array_foreach(list, i, each) if (!json_is_string(each)) json_array_append(out, each);
    return out;
}

static void put_filled(struct native_slot *slot, const char *key, json_t *value)
{
    put_at(slot, key, json_object_size(value) + json_array_size(value) ? value : NULL);
}

static void env_write(struct arena *arena, struct native_slot *slot, json_t *value)
{
    const char *name, *variable;
    json_t *each, *env = json_object(), *passed = env_vars_but_names(value_at(slot, "env_vars"));
    json_object_foreach(value, name, each)
    {
        variable = variable_in(arena, json_string_value(each), "");
        if (variable && strcmp(variable, name) == 0)
            json_array_append_new(passed, json_string(name));
        else
            json_object_set(env, name, each);
    }
    put_filled(slot, "env", env);
    put_filled(slot, "env_vars", passed);
}

#define AUTHORIZATION "Authorization"

static json_t *headers_read(struct arena *arena, const struct native_slot *slot)
{
    const char *name, *bearer = json_string_value(value_at(slot, "bearer_token_env_var"));
    json_t *plain = value_at(slot, "http_headers"), *named = value_at(slot, "env_http_headers"), *each;
    json_t *out = json_object();
    if (!plain && !named && !bearer)
        return NULL;
    json_object_foreach(plain, name, each) json_object_set(out, name, each);
    json_object_foreach(named, name, each) if (json_is_string(each))
        json_object_set_new(out, name, reference(arena, "", json_string_value(each)));
    if (bearer)
        json_object_set_new(out, AUTHORIZATION, reference(arena, "Bearer ", bearer));
    return out;
}

static void headers_write(struct arena *arena, struct native_slot *slot, json_t *value)
{
    const char *name, *variable;
    json_t *each, *plain = json_object(), *named = json_object(), *bearer = NULL;
    json_object_foreach(value, name, each)
    {
        const char *header = json_string_value(each);
        if (strcmp(name, AUTHORIZATION) == 0 && (variable = variable_in(arena, header, "Bearer ")))
            bearer = json_string(variable);
        else if ((variable = variable_in(arena, header, "")))
            json_object_set_new(named, name, json_string(variable));
        else
            json_object_set(plain, name, each);
    }
    put_filled(slot, "http_headers", plain);
    put_filled(slot, "env_http_headers", named);
    put_at(slot, "bearer_token_env_var", bearer);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

json_t *form_read(struct arena *arena, const struct native_member *m, const struct native_slot *slot)
{
    json_t *value = value_at(slot, m->key);
    const char *text = json_string_value(value), *at;
    if (m->form == FORM_ENV)
        return env_read(arena, slot);
    if (m->form == FORM_HEADERS)
        return headers_read(arena, slot);
    if (!value || json_is_null(value))
        return NULL;
    switch (m->form) {
    case FORM_SECONDS:
        return seconds_read(value);
    case FORM_NOT:
        return json_is_boolean(value) ? json_boolean(!json_is_true(value)) : NULL;
    case FORM_COMMAS:
        return commas_read(arena, value);
    case FORM_BODY:
        return body_read(arena, value);
    case FORM_AFTER_AT:
        at = text ? strrchr(text, '@') : NULL;
        return at && at > text && at[1] ? json_string(at + 1) : NULL;
    case FORM_TRANSPORT:
        return text_equal(text, "streamable-http") ? json_string("http") : value;
    default:
        return value;
    }
}

void form_take(const struct native_member *m, struct native_slot *slot)
{
    if (m->form == FORM_ENV) {
        put_at(slot, "env", NULL);
        put_filled(slot, "env_vars", env_vars_but_names(value_at(slot, "env_vars")));
    } else if (m->form == FORM_HEADERS) {
        put_at(slot, "http_headers", NULL);
        put_at(slot, "env_http_headers", NULL);
        put_at(slot, "bearer_token_env_var", NULL);
    } else {
        put_at(slot, m->key, NULL);
    }
}

void form_write(struct arena *arena, const struct native_member *m, struct native_slot *slot, json_t *value)
{
    json_t *before = value_at(slot, m->key);
    if (m->form == FORM_ENV)
        env_write(arena, slot, value);
    else if (m->form == FORM_HEADERS)
        headers_write(arena, slot, value);
    else if (!value)
        put_at(slot, m->key, NULL);
    else
        put_at(slot, m->key,
               m->form == FORM_SECONDS  ? seconds_write(before, value)
               : m->form == FORM_NOT    ? json_boolean(!json_is_true(value))
               : m->form == FORM_COMMAS ? commas_write(arena, before, value)
               : m->form == FORM_BODY   ? body_write(arena, slot, m->key, value)
                                        : value);
}
