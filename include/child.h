/* Child: what every process that the master forks does at its start, whatever its kind. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Takes the signals that mean something to it, ends with the master (0 = it has none, and is ended by SIGINT and SIGHUP, too: whoever
 * started it starts it anew), has at most so much private memory (MiB, 0 = no limit; RLIMIT_DATA). All of the master's signals stay blocked but for those in *while_waiting, and there only while it waits.
 * False when the master is already gone. */
bool child_begin(pid_t master, int memory_limit, sigset_t *while_waiting);

/* It was told to leave. */
bool child_must_leave(void);

/* Lets signals through once, and does what they ask for: in a loop that hardly ever waits. */
void child_take_signals(const sigset_t *while_waiting);

/* Waits; a signal ends it early. */
void child_nap(const sigset_t *while_waiting, int milliseconds);
