/* Arena: memory that lives exactly as long as one request (or one command), freed in one step. */
#ifndef CCR_ARENA_H
#define CCR_ARENA_H

#include <stdarg.h>
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

/* Zeroed, aligned for any type, never NULL, valid until arena_reset. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* refuses count * size overflow like exhaustion */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif
