/* Background: the processes that the master runs beside its web workers, one of each kind. They serve no requests and count
 * nowhere among the workers; like those they are replaced when they die, told to leave when the settings change, and killed
 * when they stop going round their loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "scoreboard.h"
#include "seat.h"
#include "settings.h"

/* What such a process is given; it has one connection at most, made by itself. */
struct background_setup {
    const struct settings *settings;
    struct scoreboard *board;
    struct worker_slot *slot; /* its own in board: it beats there */
    pid_t master;             /* 0 = none: it was started by itself */
};

/* What each of them does: its whole life, in the process just forked for it; the exit status: 0 when it was told to leave, 78 when
 * its settings do not work. */
int housekeeper_run(const struct background_setup *setup);
int events_run(const struct background_setup *setup);

struct background {
    struct scoreboard *board;
    const struct settings *settings;
    int master_only_fd, listen_fd; /* closed in the processes */
    pid_t master;
    bool stopping;
    int64_t resumed_ms; /* everything stood still until then (pool.h) */
    struct seat seats[BACKGROUND_KINDS];
};

void background_init(struct background *background, struct scoreboard *board, const struct settings *settings,
                     int listen_fd, int master_only_fd);

/* Starts, kills and replaces what is due at `now`. In a process so started it does not return. Silence before resumed_ms (0 = none)
 * counts for nobody: everything stood still. */
void background_work(struct background *background, int64_t now, int64_t resumed_ms);
/* How long the master may sleep, at most max_ms. */
int background_wait_ms(const struct background *background, int64_t now, int max_ms);

/* True when the process that ended was one of these. */
bool background_died(struct background *background, pid_t pid, int status, int64_t now);

/* From now on with these settings: those that run are told to leave, and others take their place. Earlier ones are no longer
 * needed. */
void background_reload(struct background *background, const struct settings *settings, int64_t now);

/* Tells all to leave within shutdown_timeout. */
void background_stop(struct background *background, int64_t now);
/* Processes there are. */
int background_alive(const struct background *background);
