/* Cells of the rate limiter: GCRA in the scoreboard, one cell a key, no locks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scoreboard.h"

struct rate_pace {
    int64_t interval_us;  /* between two requests */
    int64_t tolerance_us; /* how far ahead of it a client may be */
};

/* Takes one request of key's count on this host; false when that is used up. How far the arrival time is ahead of now with
 * it, taken or not, is in *ahead_us. now_us: monotonic clock. */
bool rate_cells_take(struct scoreboard *board, const char *key, const struct rate_pace *pace, int64_t now_us,
                     int64_t *ahead_us);

/* Sets the arrival time, which is in the future: the cell does not become free by it. */
void rate_cells_set(struct scoreboard *board, const char *key, int64_t arrival_us, int64_t now_us);
