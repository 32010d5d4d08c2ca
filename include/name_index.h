/* Name index: names looked up in constant time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "json.h"

/* Jansson's hash table, in whatever memory Jansson uses (json_use_arena). Names are copied. */
struct name_index {
    json_t *places;
};

struct name_index name_index_new(void);
/* The name stands at `place` from now on. */
void name_index_add(struct name_index *index, const char *name, size_t place);
/* False when the name is not there; `place` may be NULL. */
bool name_index_find(const struct name_index *index, const char *name, size_t *place);
/* Adds the name unless it is there; true when it was not. */
bool name_index_note(struct name_index *index, const char *name);
