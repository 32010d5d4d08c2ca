/* Rate limits: GCRA in shared memory, one cell a key, no locks. */
#ifndef CCR_RATE_LIMIT_H
#define CCR_RATE_LIMIT_H

#include "scoreboard.h"

struct rate_policy {
    int requests; /* per period; 0 = no limit */
    int period_s;
    int burst;
};

struct rate_decision {
    int allowed;     /* 1 or 0 */
    int remaining;   /* requests that would pass right now */
    int retry_after; /* seconds until the next would pass, at least 1 when refused */
    int reset;       /* seconds until the whole burst is there again */
};

/* Must run before fork: makes the key that hashes clients (a client cannot aim at another's cell). */
void rate_limit_init(void);

/* Takes one request of `kind` ("address", "user", "login") and `client`. board NULL allows everything. */
struct rate_decision rate_limit(struct scoreboard *board, const struct rate_policy *policy, const char *kind,
                                const char *client, long long now_us);

#endif
