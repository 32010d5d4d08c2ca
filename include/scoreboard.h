/* Scoreboard: memory shared by the master and all workers, made before the first fork. Every worker writes what it is
 * doing into its own slot; nobody ever waits for a lock, so a worker killed at any moment leaves it usable. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "breaker.h"

enum worker_stage {
    STAGE_EMPTY,        /* no process in this slot */
    STAGE_STARTING,     /* forked, not connected yet */
    STAGE_DISCONNECTED, /* without a database, which others have: they get the requests */
    STAGE_IDLE,         /* waiting for a request */
    STAGE_READING,      /* accepted; parameters and body are being read */
    STAGE_HANDLING,
    STAGE_WRITING,
    STAGE_STOPPING,
    STAGE_COUNT
};

/* What a request is to the others: src/http/admission.c has the rules. */
enum work_kind { WORK_NONE, WORK_READ, WORK_WRITE, WORK_HEAVY, WORK_PASSWORD, WORK_OUTBOUND, WORK_STREAM, WORK_COUNT };
enum work_owner { OWNER_USER, OWNER_WORKSPACE, OWNER_ADDRESS, OWNER_COUNT };

/* The request that a worker is at (src/shm/in_progress.c). */
struct work {
    _Atomic int kind;                    /* enum work_kind */
    _Atomic uint64_t ticket;             /* in the order of claims; 0 = waiting */
    _Atomic uint64_t owner[OWNER_COUNT]; /* keyed hashes; 0 = none */
    _Atomic int64_t since_ms;            /* monotonic clock */
};

struct worker_slot {
    _Atomic pid_t pid;
    _Atomic int stage;              /* enum worker_stage */
    _Atomic int64_t stage_since_ms; /* monotonic clock */
    _Atomic int64_t started_ms;     /* monotonic clock */
    _Atomic uint64_t requests;      /* served by this process */
    _Atomic int connected;          /* it has its database connection */
    _Atomic int64_t
        heartbeat_ms; /* monotonic clock; the worker's loop came round (before each request, and when idle) */
    struct work work;
};

enum { RATE_CELLS = 131072 };

/* Kinds of processes beside the workers (proc/background.c). */
enum { BACKGROUND_KINDS = 2 };

/* What housekeeping (domain/housekeeping.c) did on this host, a cell a row of its table. */
enum { HOUSE_JOBS_MAX = 32 };
struct house_cell {
    _Atomic uint64_t done, gave_way, failed; /* runs that came to an end; batches that did not */
    _Atomic uint64_t rows, worked_us;
    _Atomic int64_t succeeded_s; /* since the epoch; by any host, as far as this one has heard; 0 = never */
};
struct house_board {
    _Atomic int leads; /* it is this host that does it */
    struct house_cell jobs[HOUSE_JOBS_MAX];
};

struct scoreboard {
    int64_t started_ms; /* master's start, monotonic clock */
    int slots;
    _Atomic uint64_t restarts;            /* workers replaced after they died */
    _Atomic int used;                     /* slots that ever had a worker; none above them has one */
    _Atomic uint64_t tickets;             /* drawn by claims */
    _Atomic uint64_t identity_generation; /* bumped by every write that may change who may do what */
    _Atomic int cpu_permille;             /* of the whole machine, sampled by the master each second; -1 = not yet */
    _Atomic int longest_wait_ms;          /* that a request spent queued, since the pool last looked */
    _Atomic int64_t database_seen_ms;     /* last time any worker had a good connection; 0 = never */
    struct breaker database, redis;
    struct breaker updates; /* UPDATE_URL */
    struct house_board house;
    _Atomic int live_connections;                    /* WebSockets of live events */
    struct worker_slot background[BACKGROUND_KINDS]; /* processes beside the workers, in no count of those */
    _Atomic uint64_t
        rate[RATE_CELLS]; /* of the rate limiter (shm/rate_cells.c): whose, and a theoretical arrival time */
    struct worker_slot slot[];
};

/* Maps the memory (anonymous, shared, zeroed). NULL when it cannot be had. Call before fork. */
struct scoreboard *scoreboard_new(int slots);
void scoreboard_free(struct scoreboard *board);

/* How many slots there are to look at: the used ones, all of them in a board without a pool. */
int scoreboard_used(const struct scoreboard *board);

void scoreboard_stage(struct worker_slot *slot, enum worker_stage stage);
const char *stage_name(enum worker_stage stage);
int scoreboard_count(const struct scoreboard *board, enum worker_stage stage);
int scoreboard_busy(const struct scoreboard *board); /* reading, handling or writing */
int scoreboard_alive(const struct scoreboard *board);
/* True when a worker other than `self` serves with a database connection and came round lately: one whose server is silent does
 * not, for as long as its request takes. */
bool scoreboard_others_connected(const struct scoreboard *board, const struct worker_slot *self, int64_t now_ms);
