/* Edits of configuration files that keep every byte they do not touch: order, indentation, comments, blank lines, the way numbers
 * and texts are written, CRLF or LF, a byte-order mark, a missing newline at the end.
 *
 * A document is opened, edited by as many calls as wanted, and taken out as text. Each edit sees what the ones before it did.
 * Time and memory grow with the size of the document and the number of edits, not with their product, as long as list elements
 * are not addressed one by one.
 *
 * What comes out is read again by the format's own parser, and must have exactly the values that the edits ask for; otherwise
 * there is no text but an error. A file is therefore never damaged by a form of writing that this code does not know.
 *
 * A path is a list of names that ends with NULL. In a list a name is an index in decimal digits, or "-" for the place behind the
 * last element (RFC 6901, section 4). The empty path is the whole document.
 *
 * Jansson must be taking its memory from the same arena (json_use_arena). */
#ifndef CCR_EDIT_H
#define CCR_EDIT_H

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

/* A path written in place: EDIT_PATH("mcpServers", name, "url"). */
#define EDIT_PATH(...) ((const char *const[]){__VA_ARGS__, NULL})
#define EDIT_WHOLE     ((const char *const[]){NULL})

/* Reads `length` bytes, which must stay as they are while the document is used. No bytes at all are a new file, which holds
 * an empty object. NULL with *error for bad syntax, a key that stands twice, too much nesting or too many bytes. */
struct edit_document *edit_open(struct arena *arena, enum edit_format format, const char *text, size_t length,
                                struct edit_error *error);

/* What the document says, edits included. Belongs to the document. */
const json_t *edit_value(const struct edit_document *document);
/* The same of one place; NULL when there is nothing. */
const json_t *edit_get(const struct edit_document *document, const char *const *path);

/* The bytes of a value as they stand in the text that was opened. */
struct edit_span {
    const char *text;
    size_t length;
};
/* False when nothing is there, or it is not written in one piece, or an edit made it. */
bool edit_find(const struct edit_document *document, const char *const *path, struct edit_span *span);

/* Makes the value at `path` equal to `value`, which is copied, with as few changed bytes as possible: what is equal already
 * stays as it is written; of an object only the members that differ are touched, of a list only the elements from the first that
 * differs to the last. A new member comes last in its object, in the style of its neighbours. Objects that are missing on the
 * way are made. False with *error when the way leads through something that is neither object nor list, or past the end of a list. */
bool edit_set(struct edit_document *document, const char *const *path, const json_t *value, struct edit_error *error);

/* The same with a value as the format writes it, which goes into the document byte for byte; not NUL-terminated. */
bool edit_set_text(struct edit_document *document, const char *const *path, const char *text, size_t length,
                   struct edit_error *error);

/* Takes a member or element away, with its comment on the same line and one separator. Comments on lines of their own stay. False
 * when it is not there. */
bool edit_remove(struct edit_document *document, const char *const *path);

/* Gives a member another name; it keeps its place. False with *error when it is not there or another one has that name. */
bool edit_rename(struct edit_document *document, const char *const *path, const char *name, struct edit_error *error);

/* What comes behind the front matter, edits included; only for EDIT_FRONT_MATTER. The bytes to put there are copied. */
struct edit_span edit_body(const struct edit_document *document);
void edit_set_body(struct edit_document *document, const char *text, size_t length);

/* The text with all edits, in the arena, NUL-terminated, its bytes in *length. Without an edit that changed something these are the
 * bytes that were opened. NULL with *error when it does not read as it should. */
const char *edit_text(const struct edit_document *document, size_t *length, struct edit_error *error);

#endif
