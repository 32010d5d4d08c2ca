/* Master: owns the socket and the workers; serves nothing itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "scoreboard.h"
#include "settings.h"

struct master_setup {
    int listen_fd;
    const char *origin, *address; /* of the socket, for the log */
    struct scoreboard *board;     /* POOL_SEATS slots */
    /* Reads the settings anew for a reload, like settings_load. */
    bool (*load)(struct settings *out, char *problem, size_t size);
};

/* Blocks the signals that the master takes. As early as possible, so that none of them ends the process the hard way. */
void master_block_signals(void);

/* Runs until it is told to stop and all workers are gone; returns the exit status. Takes the settings over. */
int master_run(const struct master_setup *setup, struct settings *settings);
