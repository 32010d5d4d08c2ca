/* Cache: answers kept in memory that all workers share. An answer is found only under the very key and generation it was
 * kept with, byte by byte, so that it never reaches anybody else and never outlives a change. A full cache forgets what it
 * was given first; a value that one worker is computing is waited for by the others, for a moment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct cache_key {
    const char *text; /* whatever the answer depends on, but for the generation */
    size_t length;
    int64_t generation;
};

enum cache_result {
    CACHE_HIT,
    CACHE_MISS, /* compute it, then call cache_put or cache_give_up: others wait for that */
    CACHE_BYPASS, /* compute it; it will not be kept (no cache, or whoever computes it takes too long or came to nothing) */
};

/* Maps the memory. False when it cannot be had. Call before fork; without it, or with 0 MiB, every get is a CACHE_BYPASS. */
bool cache_init(int size_mib);

/* On a hit appends the answer to `body` and sets *revision. Waits at most a quarter of a second. */
enum cache_result cache_get(const struct cache_key *key, struct buffer *body, long long *revision);

/* Keeps an answer; after CACHE_MISS only, however long ago. One that is too large is not kept, nor one that a newer generation
 * has overtaken. */
void cache_put(const struct cache_key *key, long long revision, const void *body, size_t length);

/* After a CACHE_MISS that came to nothing, and after every request: whoever waits computes it for himself. Does nothing when
 * nothing is owed. */
void cache_give_up(void);
