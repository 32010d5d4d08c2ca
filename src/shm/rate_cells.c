/* Cells of the rate limiter: the generic cell rate algorithm (ITU-T I.371; "leaky bucket as a meter") over a fixed table in
 * shared memory. A cell is one 64-bit word, changed by compare-and-swap, so a worker killed at any point leaves it sound. Two
 * clients whose hashes agree in the 16 bits of the tag and in the neighbourhood share a limit until one of them is idle:
 * even in a full table each has a chance of 1 in 8,000 to meet such a one. */
#include "rate_cells.h"

#include <string.h>

#include "crypto.h"

enum { PROBES = 8 };

/* Whose a cell is and his arrival time, in one word: taking a cell over and counting in it are one decision each, and a
 * worker that loses it begins again. 48 bits of microseconds last 8.9 years after the machine's start. */
enum { ARRIVAL_BITS = 48 };
static const uint64_t ARRIVAL_MASK = ((uint64_t)1 << ARRIVAL_BITS) - 1;

static uint64_t tag_of(uint64_t hashed)
{
    uint64_t tag = hashed >> ARRIVAL_BITS;
    return (tag ? tag : 1) << ARRIVAL_BITS; /* 0: nobody's */
}

static int64_t arrival_of(uint64_t word)
{
    return (int64_t)(word & ARRIVAL_MASK);
}

static uint64_t word_of(uint64_t tag, int64_t arrival_us)
{
    return tag | ((uint64_t)arrival_us & ARRIVAL_MASK);
}

struct place {
    _Atomic uint64_t *cell;
    uint64_t word, tag; /* what stands there now; the tag it is to have */
};

/* The client's own cell; else the one that has been free for longest; else, with more clients in one neighbourhood than it
 * has cells, the first, with whoever has it. Not the first free one: a free cell's arrival time only rises, so two workers that know
 * nothing of each other choose the same cell even when their clocks differ on what is free, and the slower one finds its
 * own client there. */
static struct place find_place(struct scoreboard *board, uint64_t hashed, int64_t now_us)
{
    struct place oldest = {0};
    uint64_t tag = tag_of(hashed);
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *cell = &board->rate[(hashed + i) % RATE_CELLS];
        uint64_t word = atomic_load(cell);
        if ((word & ~ARRIVAL_MASK) == tag)
            return (struct place){cell, word, tag};
        if (!oldest.cell || arrival_of(word) < arrival_of(oldest.word))
            oldest = (struct place){cell, word, tag};
    }
    if (arrival_of(oldest.word) <= now_us)
        return oldest;
    _Atomic uint64_t *shared = &board->rate[hashed % RATE_CELLS];
    uint64_t word = atomic_load(shared);
    return (struct place){shared, word, word & ~ARRIVAL_MASK};
}

bool rate_cells_take(struct scoreboard *board, const char *key, const struct rate_pace *pace, int64_t now_us,
                     int64_t *ahead_us)
{
    uint64_t hashed = short_hash(key, strlen(key), NULL);
    struct place place;
    do {
        place = find_place(board, hashed, now_us);
        int64_t old = arrival_of(place.word);
        *ahead_us = (old > now_us ? old - now_us : 0) + pace->interval_us;
        if (*ahead_us > pace->tolerance_us)
            return false;
    } while (!atomic_compare_exchange_weak(place.cell, &place.word, word_of(place.tag, now_us + *ahead_us)));
    return true;
}

void rate_cells_set(struct scoreboard *board, const char *key, int64_t arrival_us, int64_t now_us)
{
    uint64_t hashed = short_hash(key, strlen(key), NULL);
    struct place place;
    do
        place = find_place(board, hashed, now_us);
    while (!atomic_compare_exchange_weak(place.cell, &place.word, word_of(place.tag, arrival_us)));
}
