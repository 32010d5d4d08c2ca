/* Buffer: bytes that grow by doubling up to a maximum. */
#include "buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "util.h"

enum { SMALLEST = 256, KEPT_ON_RESET = 64 * KIB };

void buffer_init(struct buffer *buffer, size_t max)
{
    /* The cap keeps length + 1 and the doubling from wrapping. */
    *buffer = (struct buffer){.max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4};
}

void buffer_init_in(struct buffer *buffer, struct arena *arena, size_t max)
{
    buffer_init(buffer, max);
    buffer->arena = arena;
}

void buffer_free(struct buffer *buffer)
{
    if (buffer->arena)
        arena_give_back(buffer->arena, buffer->data);
    else
        free(buffer->data);
    buffer_init_in(buffer, buffer->arena, buffer->max);
}

void buffer_reset(struct buffer *buffer)
{
    if (buffer->capacity > KEPT_ON_RESET) {
        buffer_free(buffer);
        return;
    }
    wipe(buffer->data, buffer->length);
    buffer->length = 0;
    buffer->overflow = false;
}

void buffer_cut(struct buffer *buffer, size_t length)
{
    if (length >= buffer->length)
        return;
    wipe(buffer->data + length, buffer->length - length);
    buffer->length = length;
    buffer->overflow = false;
}

static char *grown(struct buffer *buffer, size_t capacity)
{
    if (!buffer->arena)
        return realloc(buffer->data, capacity);
    char *data = arena_alloc(buffer->arena, capacity);
    if (buffer->length)
        memcpy(data, buffer->data, buffer->length + 1);
    arena_give_back(buffer->arena, buffer->data);
    return data;
}

/* Overflow stays until the reset, so that what the buffer holds is always an unbroken beginning. No memory counts as
 * overflow, too: callers have one thing to check. */
static bool buffer_grow(struct buffer *buffer, size_t length)
{
    if (buffer->overflow)
        return false;
    if (length > buffer->max - buffer->length) {
        buffer->overflow = true;
        return false;
    }
    size_t needed = buffer->length + length + 1;
    if (needed <= buffer->capacity)
        return true;

    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buffer->max + 1)
        capacity = buffer->max + 1;
    char *data = grown(buffer, capacity);
    if (!data) {
        buffer->overflow = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_extend(struct buffer *buffer, size_t length)
{
    bool fits = !buffer->overflow && length < buffer->capacity - buffer->length;
    if (!fits && !buffer_grow(buffer, length))
        return NULL;
    char *bytes = buffer->data + buffer->length;
    buffer->length += length;
    bytes[length] = '\0';
    return bytes;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *room = length ? buffer_extend(buffer, length) : NULL;
    if (room)
        memcpy(room, bytes, length);
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    size_t room = buffer->overflow ? 0 : buffer->capacity - buffer->length;
    va_start(args, format);
    va_copy(again, args);
    /* Mostly it fits as it is; otherwise this has only measured it. */
    int length = vsnprintf(room ? buffer->data + buffer->length : NULL, room, format, args);
    va_end(args);
    if (room && (length < 0 || (size_t)length >= room))
        buffer->data[buffer->length] = '\0';

    if (length < 0) { /* longer than INT_MAX */
        buffer->overflow = true;
    } else if (length > 0 && buffer_grow(buffer, (size_t)length)) {
        if ((size_t)length >= room)
            vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

const char *buffer_string(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}
