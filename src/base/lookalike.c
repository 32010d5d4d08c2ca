/* Look-alikes: each letter is replaced by what it looks like. */
#include "lookalike.h"

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "util.h"

#include "unicode_confusables.inc"

enum { SKELETON_MAX = 64 * KIB };

/* NULL when a letter looks like nothing but itself. */
static const char *prototype(uint32_t code)
{
    size_t low = 0, high = ARRAY_SIZE(unicode_confusables);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code == unicode_confusables[middle].code)
            return unicode_prototypes + unicode_confusables[middle].prototype;
        if (code > unicode_confusables[middle].code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

char *lookalike_skeleton(struct arena *arena, const char *text)
{
    struct buffer out;
    buffer_init_in(&out, arena, SKELETON_MAX);
    while (*text) {
        const char *start = text;
        const char *looks = prototype(utf8_next(&text));
        if (looks)
            buffer_text(&out, looks);
        else
            buffer_append(&out, start, (size_t)(text - start));
    }
    return arena_strdup(arena, buffer_string(&out));
}
