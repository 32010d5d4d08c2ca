/* Rate limits: counted on this host (rate_cells.h), and in Redis, when there is one, for all hosts together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "redis.h"
#include "scoreboard.h"

struct rate_policy {
    int requests; /* per period; 0 = no limit */
    int period_s;
    int burst; /* how many may come at once after a pause; 0 counts as 1, or nobody would ever pass */
};

/* What a client is counted as. */
enum rate_kind { RATE_ADDRESS, RATE_USER, RATE_LOGIN, RATE_KIND_COUNT };

struct rate_decision {
    bool allowed;
    int limit, period_s; /* those of the policy; limit 0 = there is none */
    int remaining;       /* requests that would pass right now */
    int retry_after;     /* seconds until the next would pass: at least 1 when refused, else 0 */
    int reset;           /* seconds until the whole burst is there again; when refused the same as retry_after */
};

/* Takes one request of `client` (an address, a user's id) as that kind, and counts the decision. A client over the limit of
 * this host is refused without asking Redis; while Redis is away, or NULL, this host decides alone. now_us: monotonic clock.
 * board NULL allows everything. */
struct rate_decision rate_limit(struct scoreboard *board, struct redis *redis, const struct rate_policy *policy,
                                enum rate_kind kind, const char *client, int64_t now_us);

/* The one of two decisions about a request that leaves the client less. */
struct rate_decision rate_tighter(struct rate_decision a, struct rate_decision b);

/* Appends the header lines of draft-ietf-httpapi-ratelimit-headers-06; none when there is no limit. */
void rate_headers(const struct rate_decision *decision, struct buffer *headers);
