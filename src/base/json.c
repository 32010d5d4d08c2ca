/* JSON: Jansson behind our limits, and a writer that needs no tree. */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { WRITER_NESTING = 64, DECIMALS_MAX = 15 };

static struct arena *current_arena;

static void *allocate(size_t size)
{
    return arena_alloc(current_arena, size);
}

static void give_back_large(void *pointer)
{
    arena_give_back(current_arena, pointer); /* a text that grew leaves half of it behind; the rest the arena frees */
}

struct arena *json_use_arena(struct arena *arena)
{
    struct arena *before = current_arena;
    current_arena = arena;
    if (arena)
        json_set_alloc_funcs(allocate, give_back_large);
    else
        json_set_alloc_funcs(malloc, free);
    return before;
}

/* Looked at before parsing: Jansson recurses, with a limit of its own that is far above ours. Text that is not JSON may
 * be misread here, but only behind the place where the parser stops. */
static bool nested_too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (in_string)
            continue;
        else if ((c == '[' || c == '{') && ++depth > JSON_MAX_NESTING)
            return true;
        else if (c == ']' || c == '}')
            depth--;
    }
    return false;
}

/* Jansson quotes what it stumbled over, which may be a password that lacks its quotation mark; line and column say where it is. Of an
 * escape it may quote half a character. */
static void clean_message(char *text)
{
    char *quoted = strstr(text, " near '");
    if (quoted)
        *quoted = '\0';
    while (*text) {
        size_t length = utf8_sequence(text);
        if (!length)
            *text = '?';
        text += length ? length : 1;
    }
}

/* Jansson passes over a NUL behind a number or a word. */
static bool holds_nul(const char *text, size_t length, struct json_failure *failure)
{
    const char *nul = length ? memchr(text, '\0', length) : NULL, *line = text;
    if (!nul)
        return false;
    failure->line = 1;
    for (const char *p = text; p < nul; p++)
        if (*p == '\n') {
            failure->line++;
            line = p + 1;
        }
    failure->column = (int)(nul - line) + 1;
    snprintf(failure->message, sizeof failure->message, "NUL byte");
    return true;
}

json_t *json_parse(const char *text, size_t length, struct json_failure *failure)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t skipped = length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    text += skipped;
    length -= skipped;
    *failure = (struct json_failure){.too_deep = nested_too_deep(text, length)};
    if (failure->too_deep || holds_nul(text, length, failure))
        return NULL;

    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        failure->line = error.line;
        failure->column = error.column;
        snprintf(failure->message, sizeof failure->message, "%s", error.text);
        clean_message(failure->message);
    }
    return value;
}

json_t *json_stored(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

json_t *json_stored_or(const char *text, json_t *otherwise)
{
    json_t *value = json_stored(text);
    return value ? value : otherwise;
}

static char *dump(struct arena *arena, const json_t *value, size_t digits)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits);
    size_t size = json_dumpb(value, NULL, 0, flags);
    char *text = arena_alloc(arena, size + 1);
    json_dumpb(value, text, size, flags);
    return text;
}

/* Whether a number with a point or an exponent stands in a JSON text. */
static bool has_real(const char *text)
{
    bool quoted = false;
    for (; *text; text++) {
        if (quoted && *text == '\\')
            text++; /* something follows: the text is sound */
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && (*text == '.' || (*text == 'e' && text[-1] >= '0' && text[-1] <= '9')))
            return true;
    }
    return false;
}

/* 15 digits where they are enough: with 17, which bring every number back, 0.1 would become 0.10000000000000001. */
char *json_text(struct arena *arena, const json_t *value)
{
    char *text = dump(arena, value, 15);
    if (!has_real(text))
        return text;
    json_t *again = json_stored(text);
    bool same = again && json_equal(again, value);
    json_decref(again);
    return same ? text : dump(arena, value, 17);
}

void json_begin(struct json_writer *w, struct buffer *out)
{
    *w = (struct json_writer){.out = out};
}

/* Stands in a string as it is. */
static bool plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

/* Is this value or key one after another? */
static bool wants_comma(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return false;
    }
    if (w->depth == 0 || w->depth > WRITER_NESTING)
        return false;
    uint64_t level = UINT64_C(1) << (w->depth - 1);
    bool comma = w->comma & level;
    w->comma |= level;
    return comma;
}

/* Room for a value or key of `length` bytes, behind a comma if there is to be one; NULL when the buffer is full. */
static char *add_value(struct json_writer *w, size_t length)
{
    bool comma = wants_comma(w);
    char *bytes = buffer_extend(w->out, comma + length);
    if (bytes && comma)
        *bytes++ = ',';
    return bytes;
}

static void append_json(struct json_writer *w, const char *json, size_t length)
{
    char *bytes = add_value(w, length);
    if (bytes)
        memcpy(bytes, json, length);
}

static void open_level(struct json_writer *w, char bracket)
{
    append_json(w, &bracket, 1);
    unsigned level = w->depth++;
    if (level >= WRITER_NESTING)
        w->out->overflow = true; /* refused like any other limit */
    else
        w->comma &= ~(UINT64_C(1) << level);
}

static void close_level(struct json_writer *w, char bracket)
{
    buffer_char(w->out, bracket);
    w->depth--;
}

void json_open_object(struct json_writer *w)
{
    open_level(w, '{');
}

void json_close_object(struct json_writer *w)
{
    close_level(w, '}');
}

void json_open_array(struct json_writer *w)
{
    open_level(w, '[');
}

void json_close_array(struct json_writer *w)
{
    close_level(w, ']');
}

/* Eight at a time: a byte below n borrows into its top bit when n is taken from it, and x ^ c is 0 where x is c. */
bool json_plain(const char *text, size_t length)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t x;
        memcpy(&x, text + i, sizeof x);
        uint64_t quotes = x ^ ones * '"', slashes = x ^ ones * '\\';
        uint64_t bad = (x - ones * 0x20) | (x + ones) | x | (quotes - ones) | (slashes - ones);
        if (bad & tops)
            return false; /* or perhaps not: whoever asks then looks at each byte */
    }
    for (; i < length; i++)
        if (!plain((unsigned char)text[i]))
            return false;
    return true;
}

/* The short escape of a character that cannot stand in a string as it is, 0 when it has none. */
static char short_escape(unsigned char c)
{
    static const char escapes[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\', [0x7f] = 0};
    return escapes[c];
}

static void quote(struct buffer *out, const char *text)
{
    buffer_char(out, '"');
    while (*text) {
        size_t run = 0;
        while (plain((unsigned char)text[run]))
            run++;
        buffer_append(out, text, run);
        text += run;
        if (!*text)
            break;

        unsigned char c = (unsigned char)*text;
        size_t length = utf8_sequence(text);
        if (length == 0)
            buffer_text(out, "\xef\xbf\xbd"); /* U+FFFD: one broken byte must not break the document */
        else if (length > 1)
            buffer_append(out, text, length);
        else if (short_escape(c))
            buffer_append(out, (char[]){'\\', short_escape(c)}, 2);
        else
            buffer_printf(out, "\\u%04x", c);
        text += length ? length : 1;
    }
    buffer_char(out, '"');
}

/* In quotation marks as it is. */
static void put_quoted(char *bytes, const char *text, size_t length)
{
    *bytes = '"';
    memcpy(bytes + 1, text, length);
    bytes[length + 1] = '"';
}

void json_key(struct json_writer *w, const char *key)
{
    json_put_string(w, key);
    buffer_char(w->out, ':');
    w->after_key = true;
}

void json_quoted_key(struct json_writer *w, const char *quoted, size_t length)
{
    append_json(w, quoted, length);
    w->after_key = true;
}

void json_put_raw(struct json_writer *w, const char *json)
{
    if (json)
        append_json(w, json, strlen(json));
    else
        json_put_null(w);
}

void json_put_members(struct json_writer *w, const char *object)
{
    size_t length = strlen(object);
    if (length > strlen("{}"))
        append_json(w, object + 1, length - 2);
}

void json_put_string(struct json_writer *w, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (!text) {
        json_put_null(w);
    } else if (json_plain(text, length)) { /* nearly every one */
        char *bytes = add_value(w, length + 2);
        if (bytes)
            put_quoted(bytes, text, length);
    } else {
        (void)add_value(w, 0);
        quote(w->out, text);
    }
}

void json_put_int(struct json_writer *w, long long value)
{
    char out[DECIMAL_TEXT];
    const char *digits = decimal(out, value);
    append_json(w, digits, (size_t)(out + sizeof out - 1 - digits));
}

void json_put_double(struct json_writer *w, double value, int decimals)
{
    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    char number[352]; /* DBL_MAX has 309 digits */
    decimals = decimals < 0 ? 0 : decimals > DECIMALS_MAX ? DECIMALS_MAX : decimals;
    int length = snprintf(number, sizeof number, "%.*f", decimals, value);
    if (decimals > 0) {
        while (number[length - 1] == '0')
            length--;
        if (number[length - 1] == '.')
            length--;
        number[length] = '\0';
    }
    json_put_raw(w, strcmp(number, "-0") == 0 ? "0" : number);
}

void json_put_bool(struct json_writer *w, bool value)
{
    append_json(w, value ? "true" : "false", value ? strlen("true") : strlen("false"));
}

void json_put_null(struct json_writer *w)
{
    append_json(w, "null", strlen("null"));
}
