/* Arena: a list of blocks that allocations are cut from; a reset keeps only the first. What is not handed out is zero: requests
 * hold secrets, so that a reset wipes what was used. */
#include "arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "util.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h> /* its macros do nothing in builds without ASan */
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { FIRST_BLOCK = 64 * KIB, LARGEST_BLOCK = 1 * MIB, SHORT_TEXT = 512, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t size, used; /* used: of a block that another one follows */
    alignas(max_align_t) char bytes[];
};

/* What is as large as a block has one of its own, beside the list, so that it can be given back. */
struct large {
    struct large *next;
    size_t size;
    unsigned long number; /* counted up */
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *first, *current;
    struct block *spare; /* empty; a step that is done many times would make it anew each time */
    struct large *large; /* the newest first */
    unsigned long large_made;
    size_t offset; /* into current */
    size_t used, max;
    void (*handler)(void *context);
    void *context;
};

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static struct block *block_new(size_t size)
{
    struct block *block = size < PTRDIFF_MAX / 2 ? calloc(1, sizeof *block + size) : NULL;
    if (!block)
        return NULL;
    block->size = size;
    ASAN_POISON_MEMORY_REGION(block->bytes, size);
    return block;
}

static void block_free(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->size);
    free(block);
}

void arena_exhausted(const struct arena *arena)
{
    if (arena->handler)
        arena->handler(arena->context);
    log_error("arena exhausted", LOG_INT("used", arena->used), LOG_INT("max", arena->max));
    abort();
}

static void large_free(struct arena *arena, struct large **place)
{
    struct large *large = *place;
    *place = large->next;
    arena->used -= large->size;
    free(large);
}

static void *large_new(struct arena *arena, size_t size)
{
    struct large *large = size < PTRDIFF_MAX - sizeof *large ? calloc(1, sizeof *large + size) : NULL;
    if (!large)
        arena_exhausted(arena);
    *large = (struct large){arena->large, size, ++arena->large_made};
    arena->large = large;
    arena->used += size;
    return large->bytes;
}

struct arena *arena_new(size_t max)
{
    struct arena *arena = calloc(1, sizeof *arena);
    struct block *first = block_new(FIRST_BLOCK);
    if (!arena || !first) {
        log_error("out of memory: no arena");
        abort();
    }
    arena->first = arena->current = first;
    /* Half the address space is no limit in practice, and keeps the sums below from wrapping. */
    arena->max = aligned(max < SIZE_MAX / 2 ? max : SIZE_MAX / 2);
    return arena;
}

static void free_blocks_after_first(struct arena *arena)
{
    while (arena->large)
        large_free(arena, &arena->large);
    if (arena->spare)
        block_free(arena->spare);
    arena->spare = NULL;
    struct block *block = arena->first->next;
    while (block) {
        struct block *next = block->next;
        block_free(block);
        block = next;
    }
    arena->first->next = NULL;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks_after_first(arena);
    block_free(arena->first);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *first = arena->first;
    size_t used = arena->current == first ? arena->offset : first->used;
    free_blocks_after_first(arena); /* wiped by free() (memory.h) */
    ASAN_UNPOISON_MEMORY_REGION(first->bytes, used);
    wipe(first->bytes, used);
    ASAN_POISON_MEMORY_REGION(first->bytes, first->size);
    arena->current = first;
    arena->offset = 0;
    arena->used = 0;
}

void arena_on_exhausted(struct arena *arena, void (*handler)(void *context), void *context)
{
    arena->handler = handler;
    arena->context = context;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

static void add_block(struct arena *arena, size_t room)
{
    size_t size = arena->current->size < LARGEST_BLOCK / 2 ? arena->current->size * 2 : LARGEST_BLOCK;
    struct block *block = arena->spare && arena->spare->size >= room ? arena->spare : NULL;
    if (block)
        arena->spare = NULL;
    else
        block = block_new(size > room ? size : room);
    if (!block)
        arena_exhausted(arena);
    arena->current->used = arena->offset;
    arena->current->next = block;
    arena->current = block;
    arena->offset = 0;
}

static void *arena_take(struct arena *arena, size_t size)
{
    if (size > arena->max)
        arena_exhausted(arena);
    size_t room = aligned(size ? size : 1); /* addresses of empty allocations differ, too */
    if (room > arena->max - arena->used)
        arena_exhausted(arena);
    if (room >= LARGEST_BLOCK)
        return large_new(arena, room);
    if (room > arena->current->size - arena->offset)
        add_block(arena, room);

    void *bytes = arena->current->bytes + arena->offset;
    arena->offset += room;
    arena->used += room;
    ASAN_UNPOISON_MEMORY_REGION(bytes, size); /* not room: a step past the end is then noticed */
    return bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return arena_take(arena, size); /* zeroed when it was made, or by the last reset */
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        arena_exhausted(arena);
    return arena_alloc(arena, total);
}

void *arena_more(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? 2 * *capacity : 16;
    void *more = arena_array(arena, *capacity, size);
    if (count)
        memcpy(more, array, count * size);
    arena_give_back(arena, array);
    return more;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(arena_take(arena, size), text, size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = arena_take(arena, length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char most[SHORT_TEXT]; /* so that what is short, which is nearly everything, is formatted once */
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(most, sizeof most, format, args);
    char *text = length >= 0 ? arena_take(arena, (size_t)length + 1) : NULL;
    if (text && (size_t)length < sizeof most)
        memcpy(text, most, (size_t)length + 1);
    else if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    if (!text) /* longer than INT_MAX */
        arena_exhausted(arena);
    return text;
}

/* ---- giving back ------------------------------------------------------------------------------------------------ */

struct arena_mark arena_mark(const struct arena *arena)
{
    size_t large = 0;
    for (const struct large *each = arena->large; each; each = each->next)
        large += each->size;
    return (struct arena_mark){arena->current, arena->offset, arena->used - large, arena->large_made};
}

static void wipe_part(struct block *block, size_t from, size_t to)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes + from, to - from);
    wipe(block->bytes + from, to - from);
    ASAN_POISON_MEMORY_REGION(block->bytes + from, to - from);
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
    struct block *block = mark.block, *after = block->next, *next;
    size_t large = 0;
    while (arena->large && arena->large->number > mark.large)
        large_free(arena, &arena->large);
    for (const struct large *each = arena->large; each; each = each->next)
        large += each->size;
    wipe_part(block, mark.offset, arena->current == block ? arena->offset : block->used);
    for (; after; after = next) {
        next = after->next;
        if (arena->spare) {
            block_free(after);
            continue;
        }
        wipe_part(after, 0, arena->current == after ? arena->offset : after->used);
        after->next = NULL;
        arena->spare = after;
    }
    block->next = NULL;
    arena->current = block;
    arena->offset = mark.offset;
    arena->used = mark.used + large;
}

void arena_release_but(struct arena *arena, struct arena_mark mark, const char **const *texts, size_t count)
{
    char *kept[ARENA_KEEP_MAX] = {NULL};
    for (size_t i = 0; i < count && i < ARENA_KEEP_MAX; i++) {
        if (*texts[i] && !(kept[i] = strdup(*texts[i])))
            arena_exhausted(arena);
    }
    arena_release(arena, mark);
    for (size_t i = 0; i < count && i < ARENA_KEEP_MAX; i++) {
        if (!kept[i])
            continue;
        *texts[i] = arena_strdup(arena, kept[i]);
        free(kept[i]); /* which wipes it (memory.h) */
    }
}

void arena_give_back(struct arena *arena, void *pointer)
{
    for (struct large **place = &arena->large; pointer && *place; place = &(*place)->next) {
        if ((*place)->bytes != pointer)
            continue;
        large_free(arena, place);
        return;
    }
}
