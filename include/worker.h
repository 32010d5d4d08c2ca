/* Worker: one process, one database connection, one request at a time. */
#pragma once

#include <sys/types.h>

#include "scoreboard.h"
#include "settings.h"

struct worker_setup {
    const struct settings *settings;
    struct scoreboard *board;
    struct worker_slot *slot; /* its own in board */
    int listen_fd;
    pid_t master;
};

/* A worker's whole life, in the process just forked for it, with all of the master's signals blocked. Returns the exit
 * status: 0 when it was told to leave or has served enough, 78 when its settings do not work. */
int worker_run(const struct worker_setup *setup);

/* After how many requests this worker leaves: max_requests give or take a tenth, so that not all leave at once; 0 =
 * never. */
long worker_request_limit(int max_requests, unsigned random);
