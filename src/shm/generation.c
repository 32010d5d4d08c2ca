/* Generations: a set-associative table of workspaces in shared memory. A workspace that finds no room takes the place of the
 * one that was heard of longest ago; whatever is not there is asked of PostgreSQL. */
#include "generation.h"

#include <stdatomic.h>
#include <string.h>

#include "crypto.h"
#include "shared_lock.h"
#include "util.h"

enum { SETS = 2048, WAYS = 8, LOCKS = 64 };

struct cell {
    char workspace[UUID_TEXT]; /* "" = free */
    int64_t generation;
    int64_t asked_us;   /* when the statement that read it was sent; 0 = only heard of */
    int64_t learned_us; /* when it last became known to be at least this, by whatever way */
};

struct table {
    /* News that could not be written down, because a lock's holder was stopped, or that went when a holder died: whatever was
     * asked before is in doubt. */
    _Atomic int64_t doubt_us;
    struct shared_lock locks[LOCKS];
    /* The newest learned_us that a set has lost with a cell whose place was taken: the same doubt, for this set alone. */
    int64_t evicted_us[SETS];
    struct cell cells[SETS][WAYS];
};

static struct table *table;

bool generation_init(void)
{
    struct table *memory = shared_memory(sizeof *memory);
    if (!memory)
        return false;
    for (size_t i = 0; i < LOCKS; i++)
        if (!shared_lock_init(&memory->locks[i]))
            return false;
    table = memory;
    return true;
}

static unsigned set_number(const char *workspace)
{
    uint64_t hash = name_hash(workspace);
    return (unsigned)((hash ^ hash >> 32) % SETS);
}

/* Whoever held the lock died in the middle of a change. With the cells goes what would tell an answer that is still under way
 * that newer news overtook it. */
static void empty_sets(unsigned set)
{
    for (unsigned i = set % LOCKS; i < SETS; i += LOCKS)
        memset(table->cells[i], 0, sizeof table->cells[i]);
    atomic_store(&table->doubt_us, monotonic_us());
}

static struct cell *lock_set(unsigned set)
{
    enum shared_lock_result result = table ? shared_lock_take(&table->locks[set % LOCKS]) : SHARED_LOCK_BUSY;
    if (result == SHARED_LOCK_DIRTY)
        empty_sets(set);
    return result == SHARED_LOCK_BUSY ? NULL : table->cells[set];
}

static void unlock_set(unsigned set)
{
    shared_lock_release(&table->locks[set % LOCKS]);
}

static struct cell *workspace_cell(struct cell *cells, const char *workspace)
{
    for (size_t i = 0; i < WAYS; i++)
        if (strcmp(cells[i].workspace, workspace) == 0)
            return &cells[i];
    return NULL;
}

static int64_t last_heard(const struct cell *cell)
{
    return cell->asked_us > cell->learned_us ? cell->asked_us : cell->learned_us;
}

static struct cell *find_or_make(unsigned set, const char *workspace)
{
    struct cell *cells = table->cells[set], *cell = workspace_cell(cells, workspace);
    if (cell)
        return cell;
    cell = cells;
    for (size_t i = 1; i < WAYS; i++)
        if (last_heard(&cells[i]) < last_heard(cell))
            cell = &cells[i];
    if (cell->learned_us > table->evicted_us[set])
        table->evicted_us[set] = cell->learned_us;
    memset(cell, 0, sizeof *cell);
    memcpy(cell->workspace, workspace, strnlen(workspace, sizeof cell->workspace - 1));
    return cell;
}

int64_t generation_known(const char *workspace_id, int64_t listening_us)
{
    unsigned set = set_number(workspace_id);
    struct cell *cells = lock_set(set), *cell = cells ? workspace_cell(cells, workspace_id) : NULL;
    bool trusted = cell && cell->asked_us > listening_us && cell->asked_us > atomic_load(&table->doubt_us) &&
                   cell->asked_us > table->evicted_us[set];
    int64_t known = trusted ? cell->generation : 0;
    if (cells)
        unlock_set(set);
    return known;
}

int64_t generation_heard(const char *workspace_id)
{
    unsigned set = set_number(workspace_id);
    struct cell *cells = lock_set(set), *cell = cells ? workspace_cell(cells, workspace_id) : NULL;
    int64_t heard = cell ? cell->generation : 0;
    if (cells)
        unlock_set(set);
    return heard;
}

static void cell_learn(struct cell *cell, int64_t generation)
{
    cell->generation = generation;
    cell->learned_us = monotonic_us();
}

/* A lower number counts only when the question was put after the higher one was known: then the database itself went back (a
 * backup was restored, a stand-by took over). Otherwise the answer is merely older news that took longer: of two questions
 * the one that was put first may be answered last. */
void generation_read(const char *workspace_id, int64_t generation, int64_t asked_us)
{
    unsigned set = set_number(workspace_id);
    if (!lock_set(set))
        return;
    struct cell *cell = find_or_make(set, workspace_id);
    if (generation >= cell->generation || asked_us > cell->learned_us)
        cell_learn(cell, generation);
    if (asked_us > cell->asked_us)
        cell->asked_us = asked_us;
    unlock_set(set);
}

void generation_raised(const char *workspace_id, int64_t generation)
{
    unsigned set = set_number(workspace_id);
    if (!lock_set(set)) {
        if (table)
            atomic_store(&table->doubt_us, monotonic_us());
        return;
    }
    struct cell *cell = find_or_make(set, workspace_id);
    if (generation >= cell->generation)
        cell_learn(cell, generation);
    unlock_set(set);
}
