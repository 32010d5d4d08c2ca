/* A TOML text cut into parts, so that a value can be changed without touching the bytes of the others. */
#pragma once

#include "toml.h"

/* A stretch of lines that is a TOML text by itself: what stands under one key of the top level, or under several whose lines lie between
 * each other's. The comments right above belong to it, what follows up to the next part, too. */
struct toml_part {
    const char *text; /* not NUL-terminated */
    size_t length;
    const struct toml *first; /* of the root's children; the others are next to it */
    size_t count;             /* of them; 0 = what stands above all keys */
    bool header;              /* it begins with a [header] */
};

/* Cuts a text that toml_parse took apart as `root`, in the order of the text; together the parts are the whole of it. Returns how many
 * there are; in the arena. */
size_t toml_parts(struct arena *arena, const char *text, size_t length, const struct toml *root,
                  struct toml_part **parts);
