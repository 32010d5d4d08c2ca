/* Scoreboard: the shared memory itself, and what can be read off it. */
#include "scoreboard.h"

#include <sys/mman.h>

#include "shared_lock.h"
#include "util.h"

enum { LATELY_MS = 1000 }; /* an idle worker beats twice as often */

static const char *const stage_names[STAGE_COUNT] = {
    [STAGE_EMPTY] = "empty",     [STAGE_STARTING] = "starting", [STAGE_DISCONNECTED] = "disconnected",
    [STAGE_IDLE] = "idle",       [STAGE_READING] = "reading",   [STAGE_HANDLING] = "handling",
    [STAGE_WRITING] = "writing", [STAGE_STOPPING] = "stopping",
};

static size_t board_size(int slots)
{
    return sizeof(struct scoreboard) + (size_t)slots * sizeof(struct worker_slot);
}

struct scoreboard *scoreboard_new(int slots)
{
    if (slots < 1)
        return NULL;
    /* Pages nobody touched cost nothing, so slots in reserve are free. */
    struct scoreboard *board = shared_memory(board_size(slots));
    if (!board)
        return NULL;
    board->slots = slots;
    board->started_ms = monotonic_ms();
    atomic_store(&board->cpu_permille, -1);
    return board;
}

void scoreboard_free(struct scoreboard *board)
{
    if (board)
        munmap(board, board_size(board->slots));
}

int scoreboard_used(const struct scoreboard *board)
{
    int used = atomic_load_explicit(&board->used, memory_order_acquire);
    return used ? used : board->slots;
}

void scoreboard_stage(struct worker_slot *slot, enum worker_stage stage)
{
    /* The time first: a reader may then think a stage younger than it is, never older. */
    atomic_store_explicit(&slot->stage_since_ms, monotonic_ms(), memory_order_relaxed);
    atomic_store_explicit(&slot->stage, (int)stage, memory_order_release);
}

const char *stage_name(enum worker_stage stage)
{
    return (unsigned)stage < STAGE_COUNT ? stage_names[stage] : "unknown";
}

static enum worker_stage slot_stage(const struct scoreboard *board, int index)
{
    return (enum worker_stage)atomic_load_explicit(&board->slot[index].stage, memory_order_acquire);
}

int scoreboard_count(const struct scoreboard *board, enum worker_stage stage)
{
    int count = 0;
    for (int i = 0, used = scoreboard_used(board); i < used; i++)
        count += slot_stage(board, i) == stage;
    return count;
}

int scoreboard_busy(const struct scoreboard *board)
{
    int count = 0;
    for (int i = 0, used = scoreboard_used(board); i < used; i++) {
        enum worker_stage stage = slot_stage(board, i);
        count += stage == STAGE_READING || stage == STAGE_HANDLING || stage == STAGE_WRITING;
    }
    return count;
}

bool scoreboard_others_connected(const struct scoreboard *board, const struct worker_slot *self, int64_t now_ms)
{
    for (int i = 0, used = scoreboard_used(board); i < used; i++) {
        const struct worker_slot *slot = &board->slot[i];
        enum worker_stage stage = slot_stage(board, i);
        if (slot != self && stage != STAGE_EMPTY && stage != STAGE_STOPPING && atomic_load(&slot->connected) &&
            now_ms - atomic_load(&slot->heartbeat_ms) < LATELY_MS)
            return true;
    }
    return false;
}

int scoreboard_alive(const struct scoreboard *board)
{
    return scoreboard_used(board) - scoreboard_count(board, STAGE_EMPTY);
}
