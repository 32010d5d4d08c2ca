/* TOML writing: building the ordered tree, writing it as text, and taking it to JSON and back without loss. */
#include "toml.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

static struct toml *node_new(struct arena *arena, struct toml *parent, const char *key, enum toml_type type)
{
    struct toml *node = arena_alloc(arena, sizeof *node);

    node->type = type;
    node->key = key;
    if (!parent)
        return node;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

struct toml *toml_table(struct arena *arena, struct toml *parent, const char *key)
{
    return node_new(arena, parent, key, TOML_TABLE);
}

struct toml *toml_array(struct arena *arena, struct toml *parent, const char *key)
{
    return node_new(arena, parent, key, TOML_ARRAY);
}

struct toml *toml_string(struct arena *arena, struct toml *parent, const char *key, const char *text)
{
    struct toml *node = node_new(arena, parent, key, TOML_STRING);

    node->text = text;
    return node;
}

struct toml *toml_integer(struct arena *arena, struct toml *parent, const char *key, long long value)
{
    struct toml *node = node_new(arena, parent, key, TOML_INTEGER);

    node->integer = value;
    return node;
}

struct toml *toml_boolean(struct arena *arena, struct toml *parent, const char *key, bool value)
{
    struct toml *node = node_new(arena, parent, key, TOML_BOOLEAN);

    node->boolean = value;
    return node;
}

struct toml *toml_get(const struct toml *table, const char *key)
{
    for (struct toml *child = table->first; child; child = child->next)
        if (child->key && strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

/* ---- floats ---- */

enum { FLOAT_TEXT = 40 };

/* The fewest digits that read back to the same double; always with a point or an exponent, so that it stays a float. */
static void float_text(char out[FLOAT_TEXT], double value)
{
    if (isnan(value)) {
        snprintf(out, FLOAT_TEXT, "nan");
        return;
    }
    if (isinf(value)) {
        snprintf(out, FLOAT_TEXT, value < 0 ? "-inf" : "inf");
        return;
    }
    int behind = 0; /* digits behind the first one */
    do
        snprintf(out, FLOAT_TEXT, "%.*e", behind, value);
    while (strtod(out, NULL) != value && ++behind < 17);

    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent >= -5 && exponent < 16)
        snprintf(out, FLOAT_TEXT, "%.*f", behind > exponent ? behind - exponent : 1, value);
}

/* ---- text ---- */

static void write_string(struct buffer *out, const char *text)
{
    static const char short_escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\";

    buffer_char(out, '"');
    while (*text) {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != 0x7F && text[plain] != '"' && text[plain] != '\\')
            plain++;
        buffer_append(out, text, plain);
        text += plain;
        if (!*text)
            break;
        const char *escape = short_escapes;
        while (*escape && *escape != *text)
            escape += 2;
        if (*escape)
            buffer_printf(out, "\\%c", escape[1]);
        else
            buffer_printf(out, "\\u%04X", (unsigned)(unsigned char)*text);
        text++;
    }
    buffer_char(out, '"');
}

static bool bare_key(const char *key)
{
    size_t length = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return length > 0 && key[length] == '\0';
}

void toml_write_key(struct buffer *out, const char *key)
{
    if (bare_key(key))
        buffer_text(out, key);
    else
        write_string(out, key);
}

static void write_inline_table(struct buffer *out, const struct toml *table)
{
    if (!table->first) {
        buffer_text(out, "{}");
        return;
    }
    buffer_text(out, "{ ");
    for (const struct toml *child = table->first; child; child = child->next) {
        toml_write_key(out, child->key);
        buffer_text(out, " = ");
        toml_write_value(out, child);
        buffer_text(out, child->next ? ", " : " }");
    }
}

static void write_array(struct buffer *out, const struct toml *array)
{
    buffer_char(out, '[');
    for (const struct toml *child = array->first; child; child = child->next) {
        toml_write_value(out, child);
        if (child->next)
            buffer_text(out, ", ");
    }
    buffer_char(out, ']');
}

void toml_write_value(struct buffer *out, const struct toml *node)
{
    char number[FLOAT_TEXT];

    switch (node->type) {
    case TOML_TABLE:
        write_inline_table(out, node);
        return;
    case TOML_ARRAY:
        write_array(out, node);
        return;
    case TOML_STRING:
        write_string(out, node->text);
        return;
    case TOML_INTEGER:
        buffer_printf(out, "%lld", node->integer);
        return;
    case TOML_FLOAT:
        float_text(number, node->real);
        buffer_text(out, number);
        return;
    case TOML_BOOLEAN:
        buffer_text(out, node->boolean ? "true" : "false");
        return;
    case TOML_DATETIME:
        buffer_text(out, node->text);
        return;
    }
}

/* ---- headers ---- */

/* The tables on the way to the one being written, innermost first; lives on the stack of write_members. */
struct header {
    const struct header *outer;
    const char *key;
};

static void write_header_keys(struct buffer *out, const struct header *header)
{
    if (header->outer) {
        write_header_keys(out, header->outer);
        buffer_char(out, '.');
    }
    toml_write_key(out, header->key);
}

/* The first of the tables at the end of `table` that can have a header: nothing but tables follows. */
static const struct toml *first_with_header(const struct toml *table)
{
    const struct toml *first = NULL;

    for (const struct toml *child = table->first; child; child = child->next) {
        if (child->type != TOML_TABLE)
            first = NULL;
        else if (!first)
            first = child;
    }
    return first;
}

static void write_toml(struct buffer *out, const struct toml *table, const struct header *path)
{
    const struct toml *headers = first_with_header(table);

    /* [a] can be left out when [a.b] follows at once: it brings `a` into being at the same place. */
    if (path && (!table->first || headers != table->first)) {
        if (out->length > 0)
            buffer_char(out, '\n');
        buffer_char(out, '[');
        write_header_keys(out, path);
        buffer_text(out, "]\n");
    }
    for (const struct toml *child = table->first; child && child != headers; child = child->next) {
        toml_write_key(out, child->key);
        buffer_text(out, " = ");
        toml_write_value(out, child);
        buffer_char(out, '\n');
    }
    for (const struct toml *child = headers; child; child = child->next) {
        const struct header inner = {path, child->key};
        write_toml(out, child, &inner);
    }
}

void toml_write(struct buffer *out, const struct toml *root)
{
    write_toml(out, root, NULL);
}

/* ---- JSON ---- */

/* What JSON has no type for travels as {"$toml": kind, "value": …}. Steals `value`, which may be NULL. */
static json_t *wrapped(const char *kind, json_t *value)
{
    return value ? json_pack("{s:s, s:o}", "$toml", kind, "value", value) : NULL;
}

static json_t *table_to_json(const struct toml *table)
{
    json_t *object = json_object();
    bool ambiguous = false;

    for (const struct toml *child = table->first; object && child; child = child->next) {
        ambiguous = ambiguous || strcmp(child->key, "$toml") == 0;
        if (json_object_set_new(object, child->key, toml_to_json(child)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return ambiguous ? wrapped("table", object) : object;
}

static json_t *array_to_json(const struct toml *array)
{
    json_t *list = json_array();

    for (const struct toml *child = array->first; list && child; child = child->next) {
        if (json_array_append_new(list, toml_to_json(child)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *float_to_json(double value)
{
    char text[FLOAT_TEXT];

    if (isfinite(value))
        return json_real(value);
    float_text(text, value);
    return wrapped("float", json_string(text));
}

json_t *toml_to_json(const struct toml *node)
{
    switch (node->type) {
    case TOML_TABLE:
        return table_to_json(node);
    case TOML_ARRAY:
        return array_to_json(node);
    case TOML_STRING:
        return json_string(node->text);
    case TOML_INTEGER:
        return json_integer(node->integer);
    case TOML_FLOAT:
        return float_to_json(node->real);
    case TOML_BOOLEAN:
        return json_boolean(node->boolean);
    case TOML_DATETIME:
        return wrapped("datetime", json_string(node->text));
    }
    return NULL;
}

/* Reads `digits` digits within [min, max]; *text moves behind them. */
static bool number_at(const char **text, int digits, int min, int max, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*text)[i]))
            return false;
        value = value * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    *out = value;
    return value >= min && value <= max;
}

static bool char_at(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool date_at(const char **text)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (!number_at(text, 4, 0, 9999, &year) || !char_at(text, '-') || !number_at(text, 2, 1, 12, &month) ||
        !char_at(text, '-') || !number_at(text, 2, 1, 31, &day))
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

static bool time_at(const char **text)
{
    int ignored;

    if (!number_at(text, 2, 0, 23, &ignored) || !char_at(text, ':') || !number_at(text, 2, 0, 59, &ignored) ||
        !char_at(text, ':') || !number_at(text, 2, 0, 59, &ignored))
        return false;
    if (!char_at(text, '.'))
        return true;
    size_t fraction = strspn(*text, "0123456789");
    *text += fraction;
    return fraction >= 1 && fraction <= 9;
}

static bool offset_at(const char **text)
{
    int ignored;

    if (char_at(text, 'Z'))
        return true;
    return (char_at(text, '+') || char_at(text, '-')) && number_at(text, 2, 0, 23, &ignored) && char_at(text, ':') &&
           number_at(text, 2, 0, 59, &ignored);
}

/* The text goes into a file unquoted, so nothing but a date or time may pass: JSON comes from clients. */
static bool datetime_valid(const char *text)
{
    const char *date = text;
    const char *time = text;

    if (time_at(&time))
        return *time == '\0';
    if (!date_at(&date))
        return false;
    if (*date == '\0')
        return true;
    return char_at(&date, 'T') && time_at(&date) && (*date == '\0' || (offset_at(&date) && *date == '\0'));
}

static bool special_float(const char *text, double *out)
{
    bool infinite = strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0;

    *out = infinite ? (*text == '-' ? -INFINITY : INFINITY) : NAN;
    return infinite || strcmp(text, "nan") == 0;
}

static struct toml *table_from_json(struct arena *arena, struct toml *parent, const char *key, json_t *object)
{
    struct toml *table = toml_table(arena, parent, key);
    const char *name;
    json_t *member;

    json_object_foreach(object, name, member) toml_from_json(arena, table, arena_strdup(arena, name), member);
    return table;
}

/* An object that only looks like a wrapped value stays an ordinary table. */
static struct toml *object_from_json(struct arena *arena, struct toml *parent, const char *key, json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "$toml"));
    json_t *value = json_object_get(object, "value");
    const char *text = json_string_value(value);
    double real;

    if (!kind || json_object_size(object) != 2)
        return table_from_json(arena, parent, key, object);
    if (strcmp(kind, "table") == 0 && json_object_get(value, "$toml"))
        return table_from_json(arena, parent, key, value);
    if (strcmp(kind, "datetime") == 0 && text && datetime_valid(text)) {
        struct toml *node = node_new(arena, parent, key, TOML_DATETIME);
        node->text = arena_strdup(arena, text);
        return node;
    }
    if (strcmp(kind, "float") == 0 && text && special_float(text, &real)) {
        struct toml *node = node_new(arena, parent, key, TOML_FLOAT);
        node->real = real;
        return node;
    }
    return table_from_json(arena, parent, key, object);
}

struct toml *toml_from_json(struct arena *arena, struct toml *parent, const char *key, json_t *value)
{
    struct toml *node;
    json_t *item;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return object_from_json(arena, parent, key, value);
    case JSON_ARRAY:
        node = toml_array(arena, parent, key);
        json_array_foreach(value, i, item) toml_from_json(arena, node, NULL, item);
        return node;
    case JSON_STRING:
        return toml_string(arena, parent, key, arena_strdup(arena, json_string_value(value)));
    case JSON_INTEGER:
        return toml_integer(arena, parent, key, json_integer_value(value));
    case JSON_REAL:
        node = node_new(arena, parent, key, TOML_FLOAT);
        node->real = json_real_value(value);
        return node;
    case JSON_TRUE:
    case JSON_FALSE:
        return toml_boolean(arena, parent, key, json_is_true(value));
    case JSON_NULL:
        return NULL;
    }
    return NULL;
}
