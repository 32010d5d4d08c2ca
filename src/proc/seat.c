/* Seats: the processes of the master, told to leave, killed, and found by their ids. */
#include "seat.h"

#include <signal.h>

enum { DELAY_FIRST_MS = 100 };

bool seat_has_process(const struct seat *seat)
{
    return seat->state == SEAT_RUNNING || seat->state == SEAT_LEAVING;
}

struct seat *seat_of(struct seat *seats, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (seat_has_process(&seats[i]) && seats[i].pid == pid)
            return &seats[i];
    return NULL;
}

void seat_retire(struct seat *seat, int timeout_s, int64_t now)
{
    seat->state = SEAT_LEAVING;
    seat->leave_by_ms = now + timeout_s * 1000LL;
    kill(seat->pid, SIGTERM);
}

void seats_reopen_log(const struct seat *seats, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seat_has_process(&seats[i]))
            kill(seats[i].pid, SIGUSR1);
}

void seats_kill(struct seat *seats, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!seat_has_process(&seats[i]))
            continue;
        kill(seats[i].pid, SIGKILL);
        seats[i].killed = true;
    }
}

int seat_delay_ms(int quick_deaths)
{
    if (quick_deaths <= 1)
        return 0;
    int delay = DELAY_FIRST_MS;
    for (int i = 2; i < quick_deaths && delay < SEAT_DELAY_MAX_MS; i++)
        delay *= 2;
    return delay < SEAT_DELAY_MAX_MS ? delay : SEAT_DELAY_MAX_MS;
}
