/* Seats: what the master knows of a process that it runs, whatever its kind; one for each slot of the scoreboard, in its own memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum seat_state {
    SEAT_FREE,    /* nobody is wanted here */
    SEAT_WAITING, /* its process died; the next one starts at start_at_ms */
    SEAT_RUNNING,
    SEAT_LEAVING, /* told to go; killed at leave_by_ms */
};

struct seat {
    enum seat_state state;
    pid_t pid;
    int generation; /* workers: of the settings it was started with */
    bool ready;     /* workers: has been seen to wait for requests */
    bool killed;
    int quick_deaths; /* in a row */
    int64_t started_ms, start_at_ms, leave_by_ms;
};

bool seat_has_process(const struct seat *seat);
/* The one of a process; NULL when it is none of these. */
struct seat *seat_of(struct seat *seats, size_t count, pid_t pid);

/* Tells its process to leave within so many seconds. */
void seat_retire(struct seat *seat, int timeout_s, int64_t now);
/* Tells all processes to open their log file anew, each as soon as it can. */
void seats_reopen_log(const struct seat *seats, size_t count);
void seats_kill(struct seat *seats, size_t count);

/* How long until a process is replaced that is the n-th in a row to die young: at once, then 100 ms, doubling up to 5 s. */
enum { SEAT_DELAY_MAX_MS = 5000 };
int seat_delay_ms(int quick_deaths);
