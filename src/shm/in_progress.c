/* Requests in progress. A claim draws a ticket, then looks at the others: a lower ticket came before. A slot that is just
 * drawing its ticket counts as before, so of two that claim at once at least one sees the other; no order of their steps lets
 * both pass as the last. */
#include "in_progress.h"

static const uint64_t WAITING = 0, BEFORE_ALL = 1, FIRST_TICKET = 2, AFTER_ALL = UINT64_MAX - 1, DRAWING = UINT64_MAX;

void in_progress_begin(struct worker_slot *own, enum work_kind kind, const uint64_t owner[OWNER_COUNT], int64_t now_ms)
{
    struct work *work = &own->work;
    for (int i = 0; i < OWNER_COUNT; i++)
        atomic_store_explicit(&work->owner[i], owner[i], memory_order_relaxed);
    atomic_store_explicit(&work->since_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&work->ticket, kind == WORK_READ ? BEFORE_ALL : WAITING, memory_order_relaxed);
    atomic_store_explicit(&work->kind, (int)kind, memory_order_release);
}

static void count_work(struct in_progress *seen, const struct work *own, const struct work *other, enum work_kind kind,
                       bool waits, bool held)
{
    (waits ? seen->waiting : seen->running)[kind]++;
    for (int i = 0; i < OWNER_COUNT; i++) {
        uint64_t mine = atomic_load_explicit(&own->owner[i], memory_order_relaxed);
        if (!mine || atomic_load_explicit(&other->owner[i], memory_order_relaxed) != mine)
            continue;
        seen->of_owner[i] += !waits && kind != WORK_READ;
        seen->of_user[kind] += !waits && i == OWNER_USER;
        seen->held[i] += !waits && held;
    }
}

static struct in_progress see_others(const struct scoreboard *board, const struct worker_slot *own, uint64_t ticket,
                                     int64_t held_since_ms)
{
    struct in_progress seen = {0};
    for (int i = 0, used = scoreboard_used(board); i < used; i++) {
        const struct work *other = &board->slot[i].work;
        int kind = atomic_load(&other->kind);
        uint64_t theirs = atomic_load(&other->ticket);
        if (kind > WORK_NONE && kind < WORK_COUNT && other != &own->work && (theirs < ticket || theirs == DRAWING))
            count_work(&seen, &own->work, other, (enum work_kind)kind, theirs == WAITING,
                       atomic_load_explicit(&other->since_ms, memory_order_relaxed) <= held_since_ms);
    }
    return seen;
}

struct in_progress in_progress_look(const struct scoreboard *board, const struct worker_slot *own,
                                    int64_t held_since_ms)
{
    return see_others(board, own, AFTER_ALL, held_since_ms);
}

struct in_progress in_progress_claim(struct scoreboard *board, struct worker_slot *own)
{
    atomic_store(&own->work.ticket, DRAWING);
    uint64_t ticket = FIRST_TICKET + atomic_fetch_add(&board->tickets, 1);
    atomic_store(&own->work.ticket, ticket);
    return see_others(board, own, ticket, 0);
}

void in_progress_wait(struct worker_slot *own)
{
    atomic_store(&own->work.ticket, WAITING);
}

void in_progress_end(struct worker_slot *own)
{
    atomic_store_explicit(&own->work.kind, WORK_NONE, memory_order_release);
}

int in_progress_count(const struct scoreboard *board, enum work_kind kind)
{
    int count = 0;
    for (int i = 0, used = scoreboard_used(board); i < used; i++)
        count += atomic_load_explicit(&board->slot[i].work.kind, memory_order_relaxed) == (int)kind;
    return count;
}

int in_progress_long(const struct scoreboard *board)
{
    return in_progress_count(board, WORK_HEAVY) + in_progress_count(board, WORK_PASSWORD) +
           in_progress_count(board, WORK_OUTBOUND) + in_progress_count(board, WORK_STREAM);
}
