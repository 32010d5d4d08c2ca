/* systemd: thin wrappers around libsystemd. */
#include "systemd.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

int systemd_sockets(int *first)
{
    *first = SD_LISTEN_FDS_START;
    return sd_listen_fds(1);
}

void systemd_notify(const char *format, ...)
{
    char state[256];
    va_list args;
    va_start(args, format);
    vsnprintf(state, sizeof state, format, args);
    va_end(args);
    sd_notify(0, state);
}

int systemd_watchdog_ms(void)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0)
        return 0;
    return limit_us / 2000 > 0 ? (int)(limit_us / 2000) : 1;
}
