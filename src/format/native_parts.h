/* What reading and writing native files share. */
#pragma once

#include "native.h"

/* Where an item stands. */
struct native_slot {
    json_t *in;             /* the object or list; NULL = it is the whole document */
    const char *key;        /* in an object */
    json_t *value;          /* what stands there */
    json_t *group, *groups; /* GROUPS: the object that the list is in, and the list of those */
    const char *star;       /* the step of the place's path that is '*' */
    const char **steps;     /* from the top, ends with NULL */
};

struct native_state {
    struct arena *arena;
    unsigned platform;
    const char *file_name; /* what '*' stands for in its path */
    enum edit_format format;
    bool plain; /* no more than a body */
    const char *text;
    size_t length;
    struct edit_document *edit; /* NULL for a plain or unknown file */
    bool changed;
};

/* Whether the member counts on the document's platform. */
static inline bool member_is_on(const struct native_member *m, unsigned platform)
{
    return !m->platforms || (m->platforms & platform);
}

/* Of "column=text": whether the values say otherwise, or (`strict`) nothing. NULL holds always. */
bool condition_fails(const char *condition, const json_t *values, bool strict);
/* Sets what it says. */
void condition_imply(struct arena *arena, const char *condition, json_t *values);

/* The value of a member, in the column's form: NULL when it is not there or not of that form. */
json_t *form_read(struct arena *arena, const struct native_member *m, const struct native_slot *slot);
/* Takes away what form_read made its value of. */
void form_take(const struct native_member *m, struct native_slot *slot);
/* Writes a column's value (NULL = takes it away). */
void form_write(struct arena *arena, const struct native_member *m, struct native_slot *slot, json_t *value);

/* The key of the first member that is there; NULL = none is. */
const char *native_first(const struct native_state *state, const struct native_place *place,
                         const struct native_slot *slot);

/* Where an element stands in a list; behind it when it is not there, or that is no list. */
size_t native_place_in(const json_t *list, const json_t *element);

/* Whether a path is one of those of place->file; then *name is what '*' stands for, or NULL. */
bool native_matches(struct arena *arena, const struct native_place *place, const char *path, const char **name);
