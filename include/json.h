/* JSON: parsing within limits (Jansson), and writing straight into a buffer. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buffer.h"

enum { JSON_MAX_NESTING = 32 };

/* Lets Jansson allocate from `arena` from now on (frees become no-ops): parsed values then need no json_decref and end
 * with the request. NULL goes back to malloc. Values must not be used across a change. libjwt calls free() on what Jansson
 * gave it: only call it after NULL. Returns what was in use before. */
struct arena *json_use_arena(struct arena *arena);

struct json_failure {
    bool too_deep; /* over JSON_MAX_NESTING; the rest is then not set */
    int line, column;
    char message[JSON_ERROR_TEXT_LENGTH];
};

/* Strict: no duplicate keys, no NUL, valid UTF-8, at most JSON_MAX_NESTING levels. NULL and *failure on error. A byte-order mark,
 * which editors and .NET put in front, is passed over (RFC 8259 section 8.1) and not counted in the column. */
json_t *json_parse(const char *text, size_t length, struct json_failure *failure);

/* What json_text() once made: without those limits, since a document of the depth that toml.h allows is deeper as JSON.
 * NULL for NULL and for what is no JSON. */
json_t *json_stored(const char *text);
/* The same, or else `otherwise`. */
json_t *json_stored_or(const char *text, json_t *otherwise);

/* The text of a member; NULL when there is none. */
static inline const char *json_text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Compact text in insertion order, in the arena; numbers come back exactly. */
char *json_text(struct arena *arena, const json_t *value);

/* Whether a JSON string holds every byte as it is (RFC 8259, section 7), and none is DEL or over 0x7f. */
bool json_plain(const char *text, size_t length);

/* Writer. Commas are placed by it; nesting at most 64. */
struct json_writer {
    struct buffer *out;
    uint64_t comma; /* bit n: level n already holds an item */
    unsigned depth;
    bool after_key;
};

void json_begin(struct json_writer *w, struct buffer *out);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_put_string(struct json_writer *w, const char *text); /* NULL writes null */
void json_put_int(struct json_writer *w, long long value);
void json_put_double(struct json_writer *w, double value, int decimals);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, const char *json); /* already JSON, e.g. a json column; NULL writes null */

/* The members of an object, given as its text, into the object that is open: json_put_members(w, "{\"a\":1}"). */
void json_put_members(struct json_writer *w, const char *object);

/* A key that stands in the source is quoted by the compiler: json_literal_key(w, "name"). */
#define json_literal_key(w, key) json_quoted_key((w), "\"" key "\":", sizeof("\"" key "\":") - 1)
void json_quoted_key(struct json_writer *w, const char *quoted, size_t length);

/* Such a key and its value in one call. */
#define json_string_member(w, key, text)   (json_literal_key(w, key), json_put_string((w), (text)))
#define json_int_member(w, key, value)     (json_literal_key(w, key), json_put_int((w), (value)))
#define json_bool_member(w, key, value)    (json_literal_key(w, key), json_put_bool((w), (value)))
#define json_raw_member(w, key, json_text) (json_literal_key(w, key), json_put_raw((w), (json_text)))
