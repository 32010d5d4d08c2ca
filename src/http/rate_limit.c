/* Rate limits: the generic cell rate algorithm (ITU-T I.371; "leaky bucket as a meter") over a fixed table in shared
 * memory. A cell is one 64-bit arrival time, changed by compare-and-swap, so a worker killed at any point leaves it
 * sound. Two clients that hash to the same cell at the same time share a limit only until one of them is idle. */
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
    uint64_t out = short_hash(key, strlen(key), hash_key);
    return out ? out : 1;
}

static struct rate_cell *cell_at(struct scoreboard *board, uint64_t place)
{
    return &board->rate[place % RATE_CELLS];
}

/* The client's cell: its own, or one nobody needs any more (its arrival time has passed), or at worst a shared one. */
static struct rate_cell *find_cell(struct scoreboard *board, uint64_t key, int64_t now_us)
{
    for (unsigned i = 0; i < PROBES; i++)
        if (atomic_load(&cell_at(board, key + i)->key) == key)
            return cell_at(board, key + i);
    for (unsigned i = 0; i < PROBES; i++) {
        struct rate_cell *cell = cell_at(board, key + i);
        uint64_t owner = atomic_load(&cell->key);
        if ((owner == 0 || atomic_load(&cell->arrival_us) <= now_us) &&
            atomic_compare_exchange_strong(&cell->key, &owner, key))
            return cell;
    }
    return cell_at(board, key);
}

static int whole_seconds(int64_t us)
{
    return (int)((us + 999999) / 1000000);
}

/* Takes one request of this host's count. How far the arrival time is ahead of now with it, taken or not, is in *ahead. */
static bool take_here(struct rate_cell *cell, const struct pace *pace, int64_t now_us, int64_t *ahead)
{
    int64_t old = atomic_load(&cell->arrival_us);
    do {
        *ahead = (old > now_us ? old - now_us : 0) + pace->interval_us;
        if (*ahead > pace->tolerance_us)
            return false;
    } while (!atomic_compare_exchange_weak(&cell->arrival_us, &old, now_us + *ahead));
    return true;
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
static struct rate_decision take_everywhere(struct redis *redis, struct rate_cell *cell,
                                            const struct rate_policy *policy, const struct pace *pace, const char *key,
                                            int64_t now_us, struct rate_decision here)
{
    struct redis_limit shared;
    if (!redis_limit(redis, key, pace->interval_us, pace->tolerance_us, &shared))
        return here;
    if (!shared.allowed)
        atomic_store(&cell->arrival_us, now_us + shared.ahead_us - pace->interval_us);
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
    struct rate_cell *cell = find_cell(board, hash(key), now_us);
    bool allowed = take_here(cell, &pace, now_us, &ahead_us);
    struct rate_decision d = decide(policy, &pace, allowed, ahead_us);
    if (allowed && redis)
        d = take_everywhere(redis, cell, policy, &pace, key, now_us, d);
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
