/* Cache: shards, each with a lock, an index, and a ring of bytes.
 *
 * The ring is written round and round, so what was kept first is overwritten first, and there is nothing to free. Positions
 * count up for ever; the byte at position p lies at p modulo the ring's size, and what lies further back than that size is
 * gone. The index is set-associative; an entry holds the position of its item, and the item its whole key. */
#include "cache.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "metrics.h"
#include "shared_lock.h"
#include "util.h"

enum {
    SHARDS = 8,
    WAYS = 8,
    BYTES_A_SET = 8 * KIB, /* of the ring for each set of the index */
    LARGEST_PART = 4,      /* an item may fill a quarter of its shard's ring */
    ALIGNMENT = 64,
    WAIT_STEP_MS = 20,
    WAIT_MAX_MS = 250,
    TAKE_OVER_MS = 1000, /* nobody who computes an answer for longer is waited for */
};

struct item {
    uint64_t size; /* with header and padding */
    uint32_t entry;
    uint32_t key_length, body_length;
    long long revision;
    char bytes[]; /* key, body */
};

enum { NO_ENTRY = UINT32_MAX };

struct entry {
    uint64_t hash; /* 0 = free */
    int64_t generation;
    uint64_t position; /* of the item; meaningless while owner is set */
    pid_t owner;       /* who computes it; 0 = the item is there */
    int64_t owned_since_ms;
    _Atomic uint32_t news; /* changes when the owner is done: a futex */
};

struct shard {
    struct shared_lock lock;
    uint64_t head, tail; /* of what lies in the ring */
};

struct cache {
    struct shard shards[SHARDS];
};

static struct cache *cache;
static struct entry *entries; /* SHARDS * sets * WAYS */
static char *rings;           /* SHARDS * ring_size */
static size_t ring_size, sets;

/* What this process owes to those who wait. */
static struct {
    struct shard *shard;
    struct entry *entry;
    uint64_t hash;
} owed;

/* ---- memory ----------------------------------------------------------------------------------------------------- */

bool cache_init(int size_mib)
{
    if (size_mib <= 0)
        return true;
    ring_size = (size_t)size_mib * MIB / SHARDS;
    sets = ring_size / BYTES_A_SET;
    struct cache *memory = shared_memory(sizeof *memory);
    entries = shared_memory(SHARDS * sets * WAYS * sizeof *entries);
    rings = shared_memory(SHARDS * ring_size);
    if (!memory || !entries || !rings)
        return false;
    for (size_t i = 0; i < SHARDS; i++)
        if (!shared_lock_init(&memory->shards[i].lock))
            return false;
    cache = memory;
    return true;
}

static struct entry *entries_of(const struct shard *shard)
{
    return entries + (size_t)(shard - cache->shards) * sets * WAYS;
}

static char *ring_of(const struct shard *shard)
{
    return rings + (size_t)(shard - cache->shards) * ring_size;
}

static struct item *item_at(const struct shard *shard, uint64_t position)
{
    return (struct item *)(void *)(ring_of(shard) + position % ring_size);
}

/* Under the lock, so that nobody finds the owner gone and no news. */
static void release_entry(struct entry *entry)
{
    entry->owner = 0;
    atomic_fetch_add(&entry->news, 1);
}

static void wake_waiters(struct entry *entry)
{
    syscall(SYS_futex, &entry->news, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Whoever held the lock died in the middle of a change: nothing in the shard can be relied on. */
static void empty_shard(struct shard *shard)
{
    struct entry *all = entries_of(shard);
    for (size_t i = 0; i < sets * WAYS; i++) {
        struct entry *entry = &all[i];
        entry->hash = 0;
        if (!entry->owner) /* nobody waits, and a large index has half a million of them */
            continue;
        release_entry(entry);
        wake_waiters(entry);
    }
    shard->head = shard->tail = 0;
}

static bool lock_shard(struct shard *shard)
{
    enum shared_lock_result result = shared_lock_take(&shard->lock);
    if (result == SHARED_LOCK_DIRTY)
        empty_shard(shard);
    return result != SHARED_LOCK_BUSY;
}

/* ---- index ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct cache_key *key)
{
    uint64_t hash = short_hash(key->text, key->length, NULL);
    return hash ? hash : 1;
}

static struct shard *shard_of(uint64_t hash)
{
    return &cache->shards[hash % SHARDS];
}

static struct entry *entry_set(const struct shard *shard, uint64_t hash)
{
    return entries_of(shard) + hash / SHARDS % sets * WAYS;
}

static bool has_item(const struct shard *shard, const struct entry *entry)
{
    return entry->hash && !entry->owner && entry->position >= shard->tail && entry->position < shard->head;
}

static bool is_item_of(const struct shard *shard, const struct entry *entry, const struct cache_key *key)
{
    if (entry->generation != key->generation || !has_item(shard, entry))
        return false;
    const struct item *item = item_at(shard, entry->position);
    return item->key_length == key->length && memcmp(item->bytes, key->text, key->length) == 0;
}

static struct entry *find_entry(struct entry *set, uint64_t hash)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].hash == hash)
            return &set[i];
    return NULL;
}

/* Somebody computes it who lives, and began not long ago. */
static bool is_owned(const struct entry *entry)
{
    return entry->owner && !process_gone(entry->owner) && monotonic_ms() - entry->owned_since_ms < TAKE_OVER_MS;
}

/* A free entry, else one whose item is gone, else the one with the oldest item; NULL while all of them are being computed. */
static struct entry *entry_to_use(const struct shard *shard, struct entry *set)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_owned(&set[i]))
            continue;
        if (!has_item(shard, &set[i]))
            return &set[i];
        if (!oldest || set[i].position < oldest->position)
            oldest = &set[i];
    }
    if (oldest)
        metrics_add(METRIC_CACHE_EVICTED, 1);
    return oldest;
}

/* ---- getting ---------------------------------------------------------------------------------------------------- */

static void claim_entry(struct shard *shard, struct entry *entry, const struct cache_key *key, uint64_t hash)
{
    entry->hash = hash;
    entry->generation = key->generation;
    entry->owner = getpid();
    entry->owned_since_ms = monotonic_ms();
    owed.shard = shard;
    owed.entry = entry;
    owed.hash = hash;
}

/* What a reader waits for: that somebody is done. */
struct wait {
    struct entry *entry; /* NULL = nothing */
    uint32_t news;
};

/* One look under the lock. `wait` is what was waited for until now, and is set when somebody else is computing the value. Who
 * has waited in vain does not wait again: what could not be kept once cannot be kept by the next one either, and its readers
 * would take turns. */
static enum cache_result look_once(struct shard *shard, const struct cache_key *key, uint64_t hash, struct buffer *body,
                                   long long *revision, struct wait *wait)
{
    struct entry *set = entry_set(shard, hash), *entry = find_entry(set, hash);
    bool waited_in_vain = wait->entry && atomic_load(&wait->entry->news) != wait->news;
    wait->entry = NULL;
    if (entry && is_item_of(shard, entry, key)) {
        const struct item *item = item_at(shard, entry->position);
        buffer_append(body, item->bytes + item->key_length, item->body_length);
        *revision = item->revision;
        return CACHE_HIT;
    }
    if (waited_in_vain)
        return CACHE_BYPASS;
    if (entry && is_owned(entry) && entry->generation >= key->generation) {
        if (entry->generation == key->generation)
            *wait = (struct wait){entry, atomic_load(&entry->news)};
        return CACHE_BYPASS;
    }
    if (!entry)
        entry = entry_to_use(shard, set);
    if (!entry)
        return CACHE_BYPASS;
    claim_entry(shard, entry, key, hash);
    return CACHE_MISS;
}

static void wait_for_news(const struct wait *wait)
{
    const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
    syscall(SYS_futex, &wait->entry->news, FUTEX_WAIT, wait->news, &step, NULL, 0);
}

enum cache_result cache_get(const struct cache_key *key, struct buffer *body, long long *revision)
{
    if (!cache)
        return CACHE_BYPASS;
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(hash);
    struct wait wait = {0};
    int64_t until = 0;
    for (;;) {
        if (!lock_shard(shard))
            return CACHE_BYPASS;
        enum cache_result result = look_once(shard, key, hash, body, revision, &wait);
        shared_lock_release(&shard->lock);
        if (!wait.entry)
            return result;
        int64_t now = monotonic_ms();
        if (!until) {
            until = now + WAIT_MAX_MS;
            metrics_add(METRIC_CACHE_WAITED, 1);
        }
        if (now >= until)
            return CACHE_BYPASS;
        wait_for_news(&wait);
    }
}

/* ---- keeping ---------------------------------------------------------------------------------------------------- */

/* Moves the tail up until `size` bytes at the head overwrite nothing that still counts. */
static void drop_oldest(struct shard *shard, uint64_t size)
{
    while (shard->head + size - shard->tail > ring_size) {
        const struct item *item = item_at(shard, shard->tail);
        const struct entry *entry = item->entry == NO_ENTRY ? NULL : entries_of(shard) + item->entry;
        if (entry && entry->hash && !entry->owner && entry->position == shard->tail)
            metrics_add(METRIC_CACHE_EVICTED, 1);
        shard->tail += item->size;
    }
}

/* An item lies in one piece: what is left at the end of the ring is filled up when it is too short. */
static struct item *make_item(struct shard *shard, uint64_t size)
{
    uint64_t left = ring_size - shard->head % ring_size;
    if (left < size) {
        drop_oldest(shard, left);
        *item_at(shard, shard->head) = (struct item){.size = left, .entry = NO_ENTRY};
        shard->head += left;
    }
    drop_oldest(shard, size);
    struct item *item = item_at(shard, shard->head);
    item->size = size;
    shard->head += size;
    return item;
}

/* Where an answer belongs, whoever computes it by now: who takes longer than TAKE_OVER_MS would never get anything kept
 * otherwise. NULL when it is there already, when a newer one is or will be, and when there is no room. */
static struct entry *place_for(const struct shard *shard, const struct cache_key *key, uint64_t hash)
{
    struct entry *set = entry_set(shard, hash), *entry = find_entry(set, hash);
    if (!entry)
        return entry_to_use(shard, set);
    return entry->generation > key->generation || is_item_of(shard, entry, key) ? NULL : entry;
}

/* The entry it is kept in; NULL when it is not. */
static struct entry *keep_item(struct shard *shard, const struct cache_key *key, uint64_t hash, long long revision,
                               const void *body, size_t length)
{
    uint64_t size = (sizeof(struct item) + key->length + length + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    if (size > ring_size / LARGEST_PART) {
        metrics_add(METRIC_CACHE_REFUSED, 1);
        return NULL;
    }
    struct entry *entry = place_for(shard, key, hash);
    if (!entry)
        return NULL;
    struct item *item = make_item(shard, size);
    item->entry = (uint32_t)(entry - entries_of(shard));
    item->key_length = (uint32_t)key->length;
    item->body_length = (uint32_t)length;
    item->revision = revision;
    memcpy(item->bytes, key->text, key->length);
    memcpy(item->bytes + key->length, body, length);
    entry->hash = hash;
    entry->generation = key->generation;
    entry->position = shard->head - size;
    return entry;
}

/* Ends what is owed, with an answer or without (body NULL). */
static void settle(const struct cache_key *key, long long revision, const void *body, size_t length)
{
    struct shard *shard = owed.shard;
    if (!shard)
        return;
    owed.shard = NULL;
    if (!lock_shard(shard))
        return; /* those who wait give up by themselves */
    struct entry *done = body ? keep_item(shard, key, owed.hash, revision, body, length) : NULL;
    /* Emptied or taken over meanwhile, the claim may be somebody else's. */
    if (!done && owed.entry->owner == getpid()) {
        done = owed.entry;
        done->hash = 0;
    }
    if (done)
        release_entry(done);
    shared_lock_release(&shard->lock);
    if (done)
        wake_waiters(done);
}

void cache_put(const struct cache_key *key, long long revision, const void *body, size_t length)
{
    settle(key, revision, body, length);
}

void cache_give_up(void)
{
    settle(NULL, 0, NULL, 0);
}
