/* Native files: how each coding CLI writes down what resources say, read and written. Rows say where a kind stands in which file
 * (src/format/native_places.c); a file is a text, its resources are values, and what no row knows stays in the text.
 *
 * Jansson must be taking its memory from the same arena (json_use_arena). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "edit.h"
#include "platform.h"

enum native_form {
    FORM_SAME,
    FORM_IF_THERE,  /* the same, but only written where it stands already: other keys imply it */
    FORM_SECONDS,   /* milliseconds */
    FORM_NOT,       /* the opposite */
    FORM_COMMAS,    /* a list, or a text with commas */
    FORM_BODY,      /* without the line breaks around it, lines ending with \n */
    FORM_AFTER_AT,  /* of the key: what stands behind its last '@' */
    FORM_CONSTANT,  /* no column: the text in `when`, which a new one gets */
    FORM_TRANSPORT, /* "streamable-http" is another word for "http" */
    FORM_ENV,       /* Codex: values in one table, names of variables that are passed on in a list */
    FORM_HEADERS,   /* Codex: the same of headers, and of the bearer's token */
};

/* Where a column stands in what a file says of one resource. A column may have several, the first that is there counts. */
struct native_member {
    const char *column; /* "name" = the resource's name, "enabled" = its switch */
    /* A path: "source.repo"; "" = the value itself; "*" = the step of the place's path that is one; "#" = its own key;
     * "^matcher" = beside the list that it is in; NATIVE_BODY, NATIVE_FILES */
    const char *key;
    enum native_form form;
    const char *when;   /* "transport=http": it is written where that holds, and implies it where it is read */
    unsigned platforms; /* enum platforms; 0 = all of the place's */
};

/* The key of what stands behind front matter, and of a file that is nothing but a text. */
#define NATIVE_BODY "\002"
/* The key of the other files in its folder, as in FIELD_FILES: whoever has them puts them there (native_put_files). */
#define NATIVE_FILES "\003"

enum native_shape {
    NATIVE_MAP,    /* an object's members, by name */
    NATIVE_LIST,   /* a list's elements, which have a name in a column at best */
    NATIVE_GROUPS, /* the same of the lists `hooks` in a list of objects */
    NATIVE_ONE,    /* one value; without a path, some of the file's keys together */
    NATIVE_KEYS,   /* whatever no other row of the platform claims, by the names of its keys */
    NATIVE_FILE,   /* the whole file, named like it */
    NATIVE_FOLDER, /* the same with all that is in its folder, named like that */
    NATIVE_TEXT,   /* the same of a text that has no keys */
};

struct native_place {
    unsigned platforms; /* enum platforms */
    const char *file; /* from the home folder or the project; '*' is the name, with its folders; '|' between several */
    const char *kind;
    enum native_shape shape;
    const char *path;                    /* steps with '.' between them; '*' is any */
    const char *name;                    /* LIST: the column that names; ONE: what it is called */
    const char *given;                   /* "effect=allow": what the place alone says; NULL = nothing */
    const struct native_member *members; /* ends with key NULL */
};
extern const struct native_place native_places[]; /* ends with kind NULL */

/* Where a new resource of the kind goes on one of the platforms; NULL when none of their files says anything of it. */
const struct native_place *native_place_of(unsigned on, const char *kind);
/* Whether the place has something to say a column with. */
bool native_says(const struct native_place *place, const char *column);
/* Whether the resource is a file of its own. */
static inline bool native_is_file(const struct native_place *place)
{
    return place->shape >= NATIVE_FILE;
}
/* The bytes of the key that a name of keys begins with: letters, digits, '_', '-', '$', or others in double quotes. 0 = none. */
size_t native_key(const char *name);
/* Whether a row of the platform, but for NATIVE_KEYS, is for what stands under these keys, or for something above it. */
bool native_claims(unsigned platform, const char *name);

enum { NATIVE_ITEMS_MAX = 5000 };

/* A resource as a file has it. */
struct native_item {
    const struct native_place *place;
    const char *name;  /* of the resource */
    const char *where; /* for people: "mcpServers.github" */
    json_t *values;    /* column -> value */
    bool enabled;
    struct native_slot *slot;
};

struct native_document {
    const char *path;
    struct native_item *items;
    size_t count;
    bool known;    /* some row knows the file; else it has no items and is a text, whatever is in it */
    json_t *value; /* what it says */
    struct native_state *state;
};

/* Reads a file of a platform. The text must stay. NULL with *error: bad syntax, or more than NATIVE_ITEMS_MAX resources. */
struct native_document *native_open(struct arena *arena, unsigned platform, const char *path, const char *text,
                                    size_t length, struct edit_error *error);

/* Gives a resource that is a folder the other files in it, which are no part of the document. */
void native_put_files(struct native_document *document, json_t *files);
/* The folder that such a document is for, with its slash; NULL when it is for none. */
const char *native_folder(struct arena *arena, const struct native_document *document);

/* Takes out of document->value what the item's columns say, so that in the end what is left is what no resource has. For documents
 * that are not written any more. */
void native_take(struct native_document *document, const struct native_item *item);
/* The paths of what is left: an array of texts, each as far up as nothing was taken. `inside` (an object, path -> anything) has the paths
 * below which more is to be told. */
json_t *native_left(struct native_document *document, const json_t *inside);

/* Makes an item say other values; what is the same already is not touched. False when it can only be said elsewhere. */
bool native_change(struct native_document *document, struct native_item *item, const char *name, json_t *values,
                   bool enabled);
void native_remove(struct native_document *document, struct native_item *item);
/* The place for a resource of which no file has anything yet, in this file, or (NULL) in a new one; NULL = there is none. */
const struct native_place *native_place_for(const struct native_document *document, unsigned platform, const char *kind,
                                            const json_t *values);
/* False when the file says something else where it would stand. */
bool native_add(struct native_document *document, const struct native_place *place, const char *name, json_t *values,
                bool enabled);
/* The path of the file that a new resource goes into. */
const char *native_default_path(struct arena *arena, const struct native_place *place, const char *name);
/* That of a document whose file is named like its resource, when this has another name. */
const char *native_renamed_path(struct arena *arena, const struct native_document *document, const char *name);

/* The text with all changes, in the arena. NULL with *error when it cannot be written safely. */
const char *native_text(struct native_document *document, size_t *length, struct edit_error *error);
