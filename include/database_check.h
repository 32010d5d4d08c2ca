/* Database check: may a server run on this database? Shared by serve and check-config. */
#pragma once

#include <stddef.h>

#include "settings.h"

struct database_findings {
    char database[256]; /* one line each, "" = not looked at */
    char schema[256];
};

/* Connects, within wait_ms or CONNECTION_TIMEOUT, looks and disconnects. 0: a server may run; EX_CONFIG (78): it must not, and why; EX_UNAVAILABLE (69): the
 * database cannot be reached, so nothing is known about it. Never call it in a process that forks afterwards. */
int database_check(const struct settings *settings, int wait_ms, struct database_findings *findings);
