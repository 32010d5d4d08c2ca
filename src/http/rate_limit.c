/* Rate limits: the generic cell rate algorithm (ITU-T I.371; "leaky bucket as a meter") over a fixed table in shared
 * memory. A cell is one 64-bit word, changed by compare-and-swap, so a worker killed at any point leaves it sound. Two
 * clients whose hashes agree in the 16 bits of the tag and in the neighbourhood share a limit until one of them is idle:
 * even in a full table each has a chance of 1 in 8,000 to meet such a one. */
#include "rate_limit.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "metrics.h"

enum { KEY_TEXT = 160, PROBES = 8 };

struct pace {
    int64_t interval_us;  /* between two requests */
    int64_t tolerance_us; /* how far ahead of it a client may be */
};

static const struct {
    const char *name;
    enum metric refused;
} kinds[RATE_KIND_COUNT] = {
    [RATE_ADDRESS] = {"address", METRIC_LIMIT_ADDRESS},
    [RATE_USER] = {"user", METRIC_LIMIT_USER},
    [RATE_LOGIN] = {"login", METRIC_LIMIT_LOGIN},
};

static unsigned char hash_key[SHORT_HASH_KEY];

void rate_limit_init(void)
{
    random_bytes(hash_key, sizeof hash_key);
}

static uint64_t hash(const char *key)
{
    return short_hash(key, strlen(key), hash_key);
}

static int whole_seconds(int64_t us)
{
    return (int)((us + 999999) / 1000000);
}

/* ---- cells ------------------------------------------------------------------------------------------------------ */

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

/* Takes one request of this host's count. How far the arrival time is ahead of now with it, taken or not, is in *ahead. */
static bool take_here(struct scoreboard *board, uint64_t hashed, const struct pace *pace, int64_t now_us,
                      int64_t *ahead)
{
    struct place place;
    do {
        place = find_place(board, hashed, now_us);
        int64_t old = arrival_of(place.word);
        *ahead = (old > now_us ? old - now_us : 0) + pace->interval_us;
        if (*ahead > pace->tolerance_us)
            return false;
    } while (!atomic_compare_exchange_weak(place.cell, &place.word, word_of(place.tag, now_us + *ahead)));
    return true;
}

/* Sets the client's arrival time, which is in the future: his cell does not become free by it. */
static void set_here(struct scoreboard *board, uint64_t hashed, int64_t arrival_us, int64_t now_us)
{
    struct place place;
    do
        place = find_place(board, hashed, now_us);
    while (!atomic_compare_exchange_weak(place.cell, &place.word, word_of(place.tag, arrival_us)));
}

static struct rate_decision decide(const struct rate_policy *policy, const struct pace *pace, bool allowed,
                                   int64_t ahead_us)
{
    struct rate_decision d = {.allowed = allowed, .limit = policy->requests, .period_s = policy->period_s};
    if (allowed) {
        d.remaining = (int)((pace->tolerance_us - ahead_us) / pace->interval_us);
        d.reset = whole_seconds(ahead_us);
    } else {
        d.retry_after = d.reset = whole_seconds(ahead_us - pace->tolerance_us);
    }
    return d;
}

/* What all hosts together say to a request that this one lets pass. A refusal is written into this host's cell: until the
 * client may come again it is refused here, and however fast it knocks, Redis hears nothing of it. */
static struct rate_decision take_everywhere(struct scoreboard *board, struct redis *redis,
                                            const struct rate_policy *policy, const struct pace *pace, const char *key,
                                            int64_t now_us, struct rate_decision here)
{
    struct redis_limit shared;
    if (!redis_limit(redis, key, pace->interval_us, pace->tolerance_us, &shared))
        return here;
    if (!shared.allowed)
        set_here(board, hash(key), now_us + shared.ahead_us - pace->interval_us, now_us);
    return rate_tighter(here, decide(policy, pace, shared.allowed, shared.ahead_us));
}

struct rate_decision rate_limit(struct scoreboard *board, struct redis *redis, const struct rate_policy *policy,
                                enum rate_kind kind, const char *client, int64_t now_us)
{
    char key[KEY_TEXT];
    int64_t ahead_us;
    if (!board || policy->requests <= 0)
        return (struct rate_decision){.allowed = true};
    int64_t interval_us = policy->period_s * 1000000LL / policy->requests;
    const struct pace pace = {interval_us, interval_us * (policy->burst > 0 ? policy->burst : 1)};
    snprintf(key, sizeof key, "ccr:limit:%s:%s", kinds[kind].name, client);
    bool allowed = take_here(board, hash(key), &pace, now_us, &ahead_us);
    struct rate_decision d = decide(policy, &pace, allowed, ahead_us);
    if (allowed && redis)
        d = take_everywhere(board, redis, policy, &pace, key, now_us, d);
    metrics_add(d.allowed ? METRIC_LIMIT_ALLOWED : kinds[kind].refused, 1);
    return d;
}

struct rate_decision rate_tighter(struct rate_decision a, struct rate_decision b)
{
    if (!a.limit || !b.limit)
        return a.limit ? a : b;
    if (a.allowed != b.allowed)
        return a.allowed ? b : a;
    if (a.remaining != b.remaining)
        return a.remaining < b.remaining ? a : b;
    return a.reset < b.reset ? b : a;
}

void rate_headers(const struct rate_decision *d, struct buffer *headers)
{
    if (d->limit)
        buffer_printf(headers,
                      "RateLimit-Limit: %d\r\nRateLimit-Remaining: %d\r\nRateLimit-Reset: %d\r\n"
                      "RateLimit-Policy: %d;w=%d\r\n",
                      d->limit, d->remaining, d->reset, d->limit, d->period_s);
}
