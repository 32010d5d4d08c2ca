/* Rate limits: the generic cell rate algorithm (ITU-T I.371; "leaky bucket as a meter") over a fixed table in shared
 * memory. A cell is one 64-bit arrival time, changed by compare-and-swap, so a worker killed at any point leaves it
 * sound. Two clients that hash to the same cell at the same time share a limit only until one of them is idle. */
#include "rate_limit.h"

#include <sodium.h>
#include <string.h>

static unsigned char hash_key[crypto_shorthash_KEYBYTES];

void rate_limit_init(void)
{
    crypto_shorthash_keygen(hash_key);
}

static uint64_t hash(const char *kind, const char *client)
{
    unsigned char text[160];
    size_t a = strlen(kind), b = strlen(client);
    if (a > 16)
        a = 16;
    if (b > sizeof text - 17)
        b = sizeof text - 17;
    /* Hashed by length: NOLINTBEGIN(bugprone-not-null-terminated-result) */
    memcpy(text, kind, a);
    text[a] = ':';
    memcpy(text + a + 1, client, b);
    /* NOLINTEND(bugprone-not-null-terminated-result) */
    uint64_t out;
    crypto_shorthash((unsigned char *)&out, text, a + 1 + b, hash_key);
    return out ? out : 1;
}

/* The client's cell: its own, or one nobody needs any more (its arrival time has passed), or at worst a shared one. */
static struct rate_cell *find_cell(struct scoreboard *board, uint64_t key, int64_t now_us)
{
    struct rate_cell *first = &board->rate[key % RATE_CELLS];
    for (unsigned i = 0; i < 8; i++) {
        struct rate_cell *cell = &board->rate[(key + i) % RATE_CELLS];
        uint64_t owner = atomic_load(&cell->key);
        if (owner == key)
            return cell;
        if ((owner == 0 || atomic_load(&cell->arrival_us) <= now_us) &&
            atomic_compare_exchange_strong(&cell->key, &owner, key))
            return cell;
    }
    return first;
}

struct rate_decision rate_limit(struct scoreboard *board, const struct rate_policy *policy, const char *kind,
                                const char *client, long long now_us)
{
    if (!board || policy->requests <= 0)
        return (struct rate_decision){1, 0, 0, 0};
    int64_t interval = policy->period_s * 1000000LL / policy->requests;
    int64_t tolerance = interval * (policy->burst > 0 ? policy->burst : 1);
    struct rate_cell *cell = find_cell(board, hash(kind, client), now_us);
    int64_t old = atomic_load(&cell->arrival_us);
    for (;;) {
        int64_t base = old > now_us ? old : now_us;
        int64_t next = base + interval;
        int64_t ahead = next - now_us;
        if (ahead > tolerance) {
            int64_t wait_us = ahead - tolerance;
            return (struct rate_decision){0, 0, (int)((wait_us + 999999) / 1000000), (int)(ahead / 1000000) + 1};
        }
        if (atomic_compare_exchange_weak(&cell->arrival_us, &old, next))
            return (struct rate_decision){1, (int)((tolerance - ahead) / interval), 0,
                                          (int)((ahead + 999999) / 1000000)};
    }
}
