/* Rate limits: what a policy makes of the cells of this host, and of the count that all hosts keep in Redis. */
#include "rate_limit.h"

#include <stdio.h>

#include "metrics.h"
#include "rate_cells.h"

enum { KEY_TEXT = 160 };

static const struct {
    const char *name;
    enum metric refused;
} kinds[RATE_KIND_COUNT] = {
    [RATE_ADDRESS] = {"address", METRIC_LIMIT_ADDRESS},
    [RATE_USER] = {"user", METRIC_LIMIT_USER},
    [RATE_LOGIN] = {"login", METRIC_LIMIT_LOGIN},
};

static int whole_seconds(int64_t us)
{
    return (int)((us + 999999) / 1000000);
}

static struct rate_decision decide(const struct rate_policy *policy, const struct rate_pace *pace, bool allowed,
                                   int64_t ahead_us)
{
    struct rate_decision d = {.allowed = allowed, .limit = policy->requests, .period_s = policy->period_s};
    if (allowed) {
        d.remaining = (int)((pace->tolerance_us - ahead_us) / pace->interval_us);
        d.reset = whole_seconds(ahead_us);
    } else {
        d.retry_after = d.reset = whole_seconds(ahead_us - pace->tolerance_us);
    }
    return d;
}

/* What all hosts together say to a request that this one lets pass. A refusal is written into this host's cell: until the
 * client may come again it is refused here, and however fast it knocks, Redis hears nothing of it. */
static struct rate_decision take_everywhere(struct scoreboard *board, struct redis *redis,
                                            const struct rate_policy *policy, const struct rate_pace *pace,
                                            const char *key, int64_t now_us, struct rate_decision here)
{
    struct redis_limit shared;
    if (!redis_limit(redis, key, pace->interval_us, pace->tolerance_us, &shared))
        return here;
    if (!shared.allowed)
        rate_cells_set(board, key, now_us + shared.ahead_us - pace->interval_us, now_us);
    return rate_tighter(here, decide(policy, pace, shared.allowed, shared.ahead_us));
}

struct rate_decision rate_limit(struct scoreboard *board, struct redis *redis, const struct rate_policy *policy,
                                enum rate_kind kind, const char *client, int64_t now_us)
{
    char key[KEY_TEXT];
    int64_t ahead_us;
    if (!board || policy->requests <= 0)
        return (struct rate_decision){.allowed = true};
    int64_t interval_us = policy->period_s * 1000000LL / policy->requests;
    const struct rate_pace pace = {interval_us, interval_us * (policy->burst > 0 ? policy->burst : 1)};
    snprintf(key, sizeof key, "ccr:limit:%s:%s", kinds[kind].name, client);
    bool allowed = rate_cells_take(board, key, &pace, now_us, &ahead_us);
    struct rate_decision d = decide(policy, &pace, allowed, ahead_us);
    if (allowed && redis)
        d = take_everywhere(board, redis, policy, &pace, key, now_us, d);
    metrics_add(d.allowed ? METRIC_LIMIT_ALLOWED : kinds[kind].refused, 1);
    return d;
}

struct rate_decision rate_tighter(struct rate_decision a, struct rate_decision b)
{
    if (!a.limit || !b.limit)
        return a.limit ? a : b;
    if (a.allowed != b.allowed)
        return a.allowed ? b : a;
    if (a.remaining != b.remaining)
        return a.remaining < b.remaining ? a : b;
    return a.reset < b.reset ? b : a;
}

void rate_headers(const struct rate_decision *d, struct buffer *headers)
{
    if (d->limit)
        buffer_printf(headers,
                      "RateLimit-Limit: %d\r\nRateLimit-Remaining: %d\r\nRateLimit-Reset: %d\r\n"
                      "RateLimit-Policy: %d;w=%d\r\n",
                      d->limit, d->remaining, d->reset, d->limit, d->period_s);
}
