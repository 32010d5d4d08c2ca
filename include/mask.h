/* Masks of values: what a reader sees of a secret, or of a text that a part of is one, and the way back from it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "arena.h"

/* The text with what may be a secret in it masked: passwords and parameters of a URL, what is set for a name such as TOKEN, what looks
 * like a key. The text itself when there is nothing. References to variables ("${TOKEN}") are none. */
const char *mask_parts(struct arena *arena, const char *text);

/* The same for all texts in a value, each as a whole when `whole` or when its key says that it is a secret, or the argument before it
 * does ("--token"). The value itself, or a new one; numbers, truth values and null stay. */
json_t *mask_value(struct arena *arena, json_t *value, bool whole);

struct unmask {
    struct arena *arena;
    bool whole;
    const char
        *found; /* the path of the first text that has a mask's shape and masks nothing that is stored; NULL = none */
};
/* `value` with what `shown` has at the same place replaced by what `stored` has there: elements of an array are found wherever they
 * stand. Changes `value`. */
json_t *mask_undo(struct unmask *unmask, json_t *value, json_t *shown, json_t *stored, const char *path);
