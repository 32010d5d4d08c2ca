/* Edits of configuration files that keep every byte they do not touch: order, indentation, comments, blank lines, the way numbers
 * and texts are written, CRLF or LF, a byte-order mark, a missing newline at the end.
 *
 * A document is opened, told what it is to say, and taken out as text. Time and memory grow with its size.
 *
 * What comes out is read again by the format's own parser, and must have exactly the values that the edits ask for; otherwise
 * there is no text but an error. A file is therefore never damaged by a form of writing that this code does not know.
 *
 * Jansson must be taking its memory from the same arena (json_use_arena). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

enum edit_format {
    EDIT_JSON, /* RFC 8259, as Claude Code, iFlow and Droid read it */
    EDIT_JSONC, /* with comments and a comma behind the last member, as Gemini CLI and Qwen Code do; neither is ever added where the
                   file has none */
    EDIT_TOML, /* TOML 1.1, as toml.h reads it and with its values in JSON. What is added is TOML 1.0 */
    EDIT_FRONT_MATTER, /* Markdown with YAML between two lines of "---" on top; its keys are the document. What is behind them stays.
                          Lists and mappings are changed as a whole, and written on one line then, except
                          for lists of plain values with a line for each */
};

enum {
    EDIT_MAX_TEXT = 16 * 1024 * 1024, /* bytes */
    EDIT_MAX_NESTING = 32,            /* levels, the outermost is the first */
};

struct edit_error {
    unsigned line, column; /* from 1, the column in characters; 0 when the fault is not in the document */
    char message[200];     /* plain text; quotes no value, which may be a secret */
};

struct edit_document;

/* Reads `length` bytes, which must stay as they are while the document is used. No bytes at all are a new file, which holds
 * an empty object. NULL with *error for bad syntax, a key that stands twice, too much nesting or too many bytes. */
struct edit_document *edit_open(struct arena *arena, enum edit_format format, const char *text, size_t length,
                                struct edit_error *error);

/* What the document says, edits included. Belongs to the document. */
const json_t *edit_value(const struct edit_document *document);

/* Whether the format can say a value, of so many levels at most: TOML has no null, and nothing may only look like what TOML alone
 * has, such as a date (toml.h). */
bool edit_can_say(struct arena *arena, enum edit_format format, json_t *value, unsigned levels);

/* Makes the document say `value`, which is copied, with as few changed bytes as possible: what is equal already stays as it is
 * written; of an object only the members that differ are touched, of a list only the elements from the first that differs to the last. A
 * new member comes last in its object, in the style of its neighbours; one that goes takes its comment on the same line with it and
 * one separator, but not comments on lines of their own. False with *error for what the format cannot say, or no object where keys are lines. */
bool edit_set(struct edit_document *document, const json_t *value, struct edit_error *error);

/* Gives a member another name; it keeps its place. The path is the names of objects that lead to it, and ends with NULL. False with *error
 * when it is not there, or is written as a part of something else, or another one has that name. */
bool edit_rename(struct edit_document *document, const char *const *path, const char *name, struct edit_error *error);

/* Bytes of a text. */
struct edit_span {
    const char *text;
    size_t length;
};
/* What comes behind the front matter, edits included; only for EDIT_FRONT_MATTER. The bytes to put there are copied. */
struct edit_span edit_body(const struct edit_document *document);
void edit_set_body(struct edit_document *document, const char *text, size_t length);

/* The text with all edits, in the arena, NUL-terminated, its bytes in *length. Without an edit that changed something these are the
 * bytes that were opened. NULL with *error when it does not read as it should. */
const char *edit_text(const struct edit_document *document, size_t *length, struct edit_error *error);
