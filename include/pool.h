/* Pool: the master's workers. Decides how many there are, starts them, replaces dead, stuck and outdated ones. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cpu.h"
#include "pool_size.h"
#include "scoreboard.h"
#include "seat.h"
#include "settings.h"

/* A pool has at most POOL_MAX workers; the seats beyond are for the overlap while they are replaced one by one. */
enum { POOL_MAX = 1024, POOL_OVERLAP = 16, POOL_SEATS = POOL_MAX + POOL_OVERLAP };

/* So many workers connect to PostgreSQL at the same time, whatever they are started for. */
enum { POOL_STARTING = 8 };

/* What a reload has come to. */
enum reload { RELOAD_NONE, RELOAD_RUNNING, RELOAD_DONE, RELOAD_FAILED };

struct pool {
    struct scoreboard *board; /* POOL_SEATS slots */
    const struct settings *settings;
    int listen_fd;
    int master_only_fd; /* closed in workers */
    pid_t master;
    int generation; /* of settings */
    int proven;     /* the newest generation of which a worker has been ready */
    bool trial;     /* that is an older one: its settings are still needed */
    bool stopping;
    enum reload reload;
    struct pool_size size;
    struct cpu_sample cpu; /* at the last look, if it found too few idle */
    int64_t worked_ms;     /* the last pool_work */
    int64_t resumed_ms;    /* when that had not been for long; 0 = never */
    int64_t hold_until_ms; /* no worker for the overlap before this: the last one died at once */
    struct seat seats[POOL_SEATS];
};

void pool_init(struct pool *pool, struct scoreboard *board, const struct settings *settings, int listen_fd,
               int master_only_fd);

/* True when the process that ended was a worker; `status` is waitpid's. */
bool pool_died(struct pool *pool, pid_t pid, int status, int64_t now);

/* Does what is due at `now`: starts, replaces, retires, kills. Call it often; pool_wait_ms says when again. In a worker it
 * does not return. */
void pool_work(struct pool *pool, int64_t now);
/* How long the master may sleep, at most max_ms. */
int pool_wait_ms(const struct pool *pool, int64_t now, int max_ms);

/* From now on workers start with these settings, and the others are replaced one by one. Should the first of them die
 * before it is ready, pool->reload becomes RELOAD_FAILED: call pool_reload_undo. Settings of earlier calls are needed until
 * `trial` is false. */
void pool_reload(struct pool *pool, const struct settings *settings);
void pool_reload_undo(struct pool *pool, const struct settings *settings);

/* Tells all workers to leave within shutdown_timeout. */
void pool_stop(struct pool *pool, int64_t now);

/* Workers that have a process. */
int pool_alive(const struct pool *pool);
/* As many workers as there must be at least are waiting for requests or serving one. */
bool pool_complete(const struct pool *pool);
/* At least one worker went round its loop recently: the service as a whole is not stuck. */
bool pool_fresh(const struct pool *pool, int64_t now);
