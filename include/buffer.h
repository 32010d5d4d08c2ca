/* Buffer: growable bytes with a maximum. Going past it sets `overflow` and drops the bytes; callers check once at the
 * end instead of at every append. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct buffer {
    char *data;          /* NUL-terminated once anything was appended; NULL before */
    struct arena *arena; /* where data comes from; NULL = malloc */
    size_t length;
    size_t capacity;
    size_t max;
    bool overflow;
};

/* Prepares an empty buffer that will hold at most `max` bytes. Allocates nothing yet. */
void buffer_init(struct buffer *buffer, size_t max);
/* The same, growing in the arena: nothing is lost when the arena is exhausted and jumps out of whoever was writing. */
void buffer_init_in(struct buffer *buffer, struct arena *arena, size_t max);
void buffer_free(struct buffer *buffer);

/* Empties it, leaving nothing of what it held; gives memory past 64 KiB back so that one large response does not stay in a worker for good. */
void buffer_reset(struct buffer *buffer);

/* Keeps its first `length` bytes only. */
void buffer_cut(struct buffer *buffer, size_t length);

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
/* Makes it `length` bytes longer and returns them for the caller to fill; NULL when there is no room. */
char *buffer_extend(struct buffer *buffer, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The contents as a C string, "" when empty. Valid until the next append, reset or free. */
const char *buffer_string(const struct buffer *buffer);
