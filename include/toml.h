/* TOML 1.1: reading (toml++ behind src/base/toml_read.cc) and writing (src/base/toml_write.c) an ordered tree. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum toml_type {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_DATETIME, /* any of the four date/time types, as the text TOML writes: `text` */
};

/* A value with its key; children in the order of the file. Everything lives in the arena. */
struct toml {
    enum toml_type type;
    const char *key;       /* NULL in an array and for the root */
    unsigned line, column; /* where the value stands, from 1; 0 when not from a file */
    const char *text;      /* STRING, DATETIME */
    long long integer;
    double real;
    bool boolean;
    struct toml *first, *last, *next;
};

struct toml_error {
    unsigned line, column;
    char message[200];
};

/* Parses `length` bytes of UTF-8 as TOML 1.1. NULL on bad TOML or nesting over 32, with *error filled in. */
struct toml *toml_parse(struct arena *arena, const char *text, size_t length, struct toml_error *error);

/* Building a tree. Strings are not copied. Each returns the new node, appended to `parent` (a TABLE, or an ARRAY with
 * key NULL); parent NULL makes a root. */
struct toml *toml_table(struct arena *arena, struct toml *parent, const char *key);
struct toml *toml_array(struct arena *arena, struct toml *parent, const char *key);
struct toml *toml_string(struct arena *arena, struct toml *parent, const char *key, const char *text);
struct toml *toml_integer(struct arena *arena, struct toml *parent, const char *key, long long value);
struct toml *toml_boolean(struct arena *arena, struct toml *parent, const char *key, bool value);

/* The child of a table by key, or NULL. */
struct toml *toml_get(const struct toml *table, const char *key);

/* To and from JSON without loss: dates become {"$toml":"datetime","value":"..."}, inf/nan {"$toml":"float","value":"nan"},
 * a real table that has a key "$toml" {"$toml":"table","value":{...}}. The JSON keeps the order of keys. toml_to_json
 * returns a new reference, NULL only on bad UTF-8. toml_from_json appends to `parent` like the builders above. */
json_t *toml_to_json(const struct toml *node);
struct toml *toml_from_json(struct arena *arena, struct toml *parent, const char *key, json_t *value);

/* Writes a root table. Parsing the result gives the same keys, values, types and order. A table with only tables behind
 * it in its parent gets a [header]; one that stands before a plain value is written inline, since TOML could not keep
 * its place otherwise. */
void toml_write(struct buffer *out, const struct toml *root);
/* A value on one line, tables inline; a key, in quotes if it needs them. */
void toml_write_value(struct buffer *out, const struct toml *node);
void toml_write_key(struct buffer *out, const char *key);

#ifdef __cplusplus
}
#endif
