/* systemd: what it hands over and what it wants to be told. Without it every call here does nothing. src/proc/systemd.c is
 * the only file with libsystemd. */
#pragma once

/* How many descriptors systemd passed to this process (LISTEN_FDS, LISTEN_PID), the first being *first; the variables are
 * then removed. */
int systemd_sockets(int *first);

/* systemd_notify("STATUS=%d workers", n), see sd_notify(3). */
void systemd_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 is to be sent, in milliseconds: half of WatchdogSec. 0 = it is not wanted. */
int systemd_watchdog_ms(void);
