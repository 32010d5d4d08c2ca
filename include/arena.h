/* Arena: memory that lives exactly as long as one request (or one command), freed in one step. */
#pragma once

#include <stddef.h>

struct arena;

/* Creates an arena that may hold at most `max` bytes. Ends the process when not even its first block can be had. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *arena);

/* Forgets and wipes everything allocated since arena_new; keeps the first block. Under ASan, what was handed out is poisoned. */
void arena_reset(struct arena *arena);

/* Called when the limit is reached or malloc fails; it must not return (it longjmps or exits). Without one the process
 * aborts. */
void arena_on_exhausted(struct arena *arena, void (*handler)(void *context), void *context);

/* The same by hand, for code that could not have memory from elsewhere on behalf of what the arena is for. */
__attribute__((noreturn)) void arena_exhausted(const struct arena *arena);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

/* A place in the arena. Releasing it forgets, and wipes, everything that was allocated since: for a step that is done many
 * times, whose result is small. Nothing of it may be used any more, and nothing older may hold a pointer into it. */
struct arena_mark {
    void *block;
    size_t offset, used;
    unsigned long large;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);
/* The same, but for `count` texts, which stay: each *texts[i], which may be NULL, is then where it was put anew. */
enum { ARENA_KEEP_MAX = 4 };
void arena_release_but(struct arena *arena, struct arena_mark mark, const char **const *texts, size_t count);

/* Takes back what is of no more use, if it is of 1 MiB or more: what is smaller stays until the reset. NULL is allowed. */
void arena_give_back(struct arena *arena, void *pointer);

/* Zeroed, aligned for any type, never NULL, valid until arena_reset. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* refuses count * size overflow like exhaustion */
/* An array with room for one more than `count` elements: the array itself, or what it was copied to, twice as large. */
void *arena_more(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
