/* JSON picker: fed the bytes of a JSON text as they come, keeps the values at a few places and passes over the rest. Its memory is that of
 * what it keeps, whatever the text is like; what it passes over costs little more than finding its end. Portable.
 *
 * The grammar is RFC 8259's, with two liberties: a byte-order mark may stand in front, and texts that are passed over may hold bytes
 * that are no UTF-8. Of a name that comes twice in an object the last one counts, as in JavaScript, with all that is below it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json_pick;

enum {
    JSON_PICK_NESTING = 1024,  /* levels: a deeper text is refused */
    JSON_PICK_PATHS_MAX = 100, /* rows of a table */
    JSON_PICK_STEPS_MAX = 16,  /* names and "[]" of a path */
    JSON_PICK_NAME_MAX = 48,   /* bytes of a name in a path */
    JSON_PICK_NUMBER_MAX = 40, /* characters of a number that is kept */
};

enum json_pick_kind {
    JSON_PICK_NONE, /* not there */
    JSON_PICK_NULL,
    JSON_PICK_FALSE,
    JSON_PICK_TRUE,
    JSON_PICK_NUMBER,
    JSON_PICK_TEXT,
    JSON_PICK_SPOILT, /* a text that is no UTF-8 or has control characters in it, or a number that is too long */
    JSON_PICK_LIST,
    JSON_PICK_OBJECT,
};

/* A place: names with '.' between them, and "[]" for each item of a list: "messages[].tokens.input". Of a list's items the last one's
 * values are kept, unless the taker looks at each when it ends. */
struct json_pick_path {
    const char *path;
    unsigned short
        max;   /* bytes kept of a text; the rest is cut off, at a character. 0 = only numbers are of interest */
    bool ends; /* the taker is told when an object or a list at this place ends */
};

/* Told that the value at paths[path] is over; all that is below it can be looked at. False stops reading. */
typedef bool json_pick_taker(void *context, size_t path);

/* A picker in the arena, which has to have room for all texts at once; the table must stay. `take` may be NULL when no row ends. Ends the
 * process when the table is over a limit above: it is part of the program. */
struct json_pick *json_pick_new(struct arena *arena, const struct json_pick_path *paths, size_t count,
                                json_pick_taker *take, void *context);

/* Forgets all that was read: another text begins. */
void json_pick_begin(struct json_pick *pick);
/* The text's next bytes. False when this is no JSON, and will be none whatever follows, or when the taker said so. */
bool json_pick_feed(struct json_pick *pick, const char *bytes, size_t length);
/* Nothing follows. Whether all that came was one JSON value. */
bool json_pick_end(struct json_pick *pick);

bool json_pick_blank(const struct json_pick *pick); /* nothing but white space until now */
bool json_pick_whole(
    const struct json_pick *pick); /* an object, list or text is complete, and only white space came after it */
/* Why feed or end gave false, in English; NULL = no reason, or the taker's. */
const char *json_pick_problem(const struct json_pick *pick);
enum json_pick_kind json_pick_top(const struct json_pick *pick); /* of the value as a whole */

/* What is at paths[path]. */
enum json_pick_kind json_pick_kind(const struct json_pick *pick, size_t path);
/* The characters of a text or a number; NULL for anything else. Valid UTF-8 without control characters. Good until more is fed. */
const char *json_pick_text(const struct json_pick *pick, size_t path);
