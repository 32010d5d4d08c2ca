/* Redis: what several backends share, for as long as it is there. One connection a process, made when it is first needed
 * and never before a fork. Nothing here fails a request: every function answers false when Redis is away (and with NULL
 * for no Redis), and callers go on without it. While it is away one worker a second tries it, nobody else waits for it.
 *
 * How long a call may take: 100 ms for the connection and 50 ms for each answer. A host name in the URL is looked up by the
 * system's resolver, which has its own limits. Not to be called by a process that SIGPIPE would end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "breaker.h"
#include "buffer.h"

struct redis;

/* A handle for a URL of redis_url.h; connects to nothing yet. NULL when url is NULL, "" or no such URL, or without memory.
 * The breaker is shared by all workers and must outlive the handle; NULL = this process has its own. */
struct redis *redis_new(const char *url, struct breaker *breaker);
/* How long it waits for a connection and for an answer instead, in milliseconds; from the next connection on. */
void redis_set_patience(struct redis *redis, int connect_ms, int answer_ms);
void redis_free(struct redis *redis); /* ends the connection; NULL is fine */

/* Appends the value at key to out. False, and out as it was, when there is none, when it is no string, when it does not fit
 * into out, or when Redis is away. The value may hold any bytes. */
bool redis_get(struct redis *redis, const char *key, struct buffer *out);

/* Stores length bytes at key for ttl_s seconds, at least 1. False when they were not stored. */
bool redis_set(struct redis *redis, const char *key, const void *value, size_t length, int ttl_s);

struct redis_limit {
    bool allowed;
    int64_t ahead_us; /* how far the theoretical arrival time is ahead of now with this request, microseconds */
};

/* Takes one request of the cell at key by the generic cell rate algorithm, in one step and by Redis's clock, so that those
 * of the hosts need not agree. interval_us: microseconds between two requests at the pace; tolerance_us: how far ahead a
 * client may be, at least interval_us. A refused request takes nothing. False when Redis is away: out is then as it was. */
bool redis_limit(struct redis *redis, const char *key, int64_t interval_us, int64_t tolerance_us,
                 struct redis_limit *out);

/* Does it answer a PING? Costs nothing while it is known to be away. */
bool redis_healthy(struct redis *redis);
