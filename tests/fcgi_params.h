/* FastCGI parameters, read back: what libfcgi does in the program. */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "arena.h"

/* Reads a length of one or four bytes at *at; false when it is cut off. */
static bool take_length(const char *bytes, size_t length, size_t *at, size_t *out)
{
    const unsigned char *p = (const unsigned char *)bytes + *at;
    if (*at >= length)
        return false;
    if (p[0] <= 127) {
        *out = p[0];
        *at += 1;
        return true;
    }
    if (length - *at < 4)
        return false;
    *out = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    *at += 4;
    return true;
}

/* Takes the name-value pair at the front of bytes as "NAME=value" in the arena. Returns its size on the wire, 0 at the
 * end, -1 when it is cut off. */
static ssize_t record_param_next(const char *bytes, size_t length, struct arena *arena, char **pair)
{
    size_t at = 0, name, value;
    if (length == 0)
        return 0;
    if (!take_length(bytes, length, &at, &name) || !take_length(bytes, length, &at, &value))
        return -1;
    if (name > length - at || value > length - at - name)
        return -1;
    char *text = arena_alloc(arena, name + value + 2);
    memcpy(text, bytes + at, name);
    text[name] = '=';
    memcpy(text + name + 1, bytes + at + name, value);
    *pair = text;
    return (ssize_t)(at + name + value);
}
