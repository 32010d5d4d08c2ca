/* Redis: the one connection of a process, and the few commands the program has use for. The only file that knows hiredis.
 *
 * An answer that says "not this command" (a key of another type, no permission) is that command's failure. No answer, no
 * connection, or an answer that says "nobody is served now" is an outage: it opens the breaker for all workers. */
#include "redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "lookup.h"
#include "metrics.h"
#include "redis_url.h"
#include "util.h"

enum {
    CONNECT_MS = 100,
    COMMAND_MS = 50,
    PAUSE_MS = 1000,           /* between two attempts while it is away */
    REFUSAL_LOGGED_MS = 60000, /* one line in this time about commands that were refused */
    SHA1_TEXT = 41,
    NUMBER_TEXT = 24,
    REASON_TEXT = 192,
};

struct redis {
    int connect_ms, answer_ms;
    struct redis_address address;
    struct lookup *lookup; /* of its host; NULL = an address or a path */
    struct breaker *breaker, own_breaker;
    redisContext *connection;  /* NULL = none */
    char where[272];           /* the address for the log */
    char reason[REASON_TEXT];  /* why it is away, without anything secret */
    char limit_sha[SHA1_TEXT]; /* by which Redis knows limit_script; "" = not asked yet */
    int64_t refusal_logged_ms;
};

struct command {
    size_t count;
    const char **words;
    const size_t *lengths; /* NULL: all are strings */
};

#define COMMAND(...)                                                                                                   \
    (&(struct command){sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__}, NULL})

/* The algorithm of http/rate_limit.c. Times are whole microseconds, which a Lua number holds exactly until 2255; format
 * because Lua would write them with 14 digits. An arrival time further ahead than it can be means that Redis's clock was
 * set back or the limit was lowered: the client goes on at the pace instead of waiting until the clock has caught up. */
static const char limit_script[] =
    "local time = redis.call('TIME') "
    "local now = time[1] * 1000000 + time[2] "
    "local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]) "
    "local arrival = tonumber(redis.call('GET', KEYS[1])) or 0 "
    "if arrival > now + tolerance then arrival = now + tolerance - interval end "
    "local ahead = math.max(arrival, now) + interval - now "
    "if ahead > tolerance then return {0, ahead} end "
    "redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000)) "
    "return {1, ahead}";

/* ---- the connection --------------------------------------------------------------------------------------------- */

static struct timeval milliseconds(int count)
{
    return (struct timeval){.tv_sec = count / 1000, .tv_usec = count % 1000 * 1000};
}

static void disconnect(struct redis *redis)
{
    if (redis->connection)
        redisFree(redis->connection);
    redis->connection = NULL;
}

/* Sends a command on the connection there is. NULL, with errno and the reason, when no answer came. */
static redisReply *exchange(struct redis *redis, const struct command *command)
{
    errno = 0;
    redisReply *reply = redisCommandArgv(redis->connection, (int)command->count, command->words, command->lengths);
    if (reply)
        return reply;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        snprintf(redis->reason, sizeof redis->reason, "no answer within %d ms", redis->answer_ms);
    else
        snprintf(redis->reason, sizeof redis->reason, "%s", redis->connection->errstr);
    return NULL;
}

/* Of what Redis says against AUTH only the first word is kept: an old server repeats what it was sent. */
static bool introduce(struct redis *redis, const struct command *command)
{
    redisReply *reply = exchange(redis, command);
    bool good = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply && !good)
        snprintf(redis->reason, sizeof redis->reason, "%s was refused (%.*s)", command->words[0],
                 reply->str ? (int)strcspn(reply->str, " ") : 0, reply->str ? reply->str : "");
    freeReplyObject(reply);
    return good;
}

static bool log_in(struct redis *redis)
{
    const struct redis_address *address = &redis->address;
    char database[NUMBER_TEXT];
    snprintf(database, sizeof database, "%d", address->database);
    if (*address->user && !introduce(redis, COMMAND("AUTH", address->user, address->password)))
        return false;
    if (!*address->user && *address->password && !introduce(redis, COMMAND("AUTH", address->password)))
        return false;
    return address->database == 0 || introduce(redis, COMMAND("SELECT", database));
}

/* hiredis would wait for the name server, however long that takes. */
static bool redis_addresses(struct redis *redis, int64_t end_ms, struct addresses *found)
{
    if (!redis->lookup) {
        found->count = 1;
        snprintf(found->text[0], sizeof found->text[0], "%.*s", ADDRESS_TEXT - 1, redis->address.host);
        return true;
    }
    enum lookup_state state;
    lookup_ask(redis->lookup, redis->connect_ms / 2);
    while ((state = lookup_look(redis->lookup, found)) == LOOKUP_PENDING && monotonic_ms() < end_ms)
        lookup_wait(&redis->lookup, 1, end_ms);
    if (state != LOOKUP_FOUND)
        snprintf(redis->reason, sizeof redis->reason, "%s", lookup_problem(redis->lookup));
    return state == LOOKUP_FOUND;
}

static bool is_ipv6(const char *address)
{
    return strchr(address, ':') != NULL;
}

/* Tries them in turn until one takes the connection; IPv4 before IPv6, as hiredis does. */
static redisContext *try_addresses(const struct redis *redis, const struct addresses *found, int64_t end_ms)
{
    redisContext *made = NULL;
    for (int ipv6 = 0; ipv6 <= 1; ipv6++)
        for (size_t i = 0; i < found->count; i++) {
            int64_t left = end_ms - monotonic_ms();
            if (is_ipv6(found->text[i]) != (ipv6 == 1))
                continue;
            if (made && (!made->err || left <= 0))
                return made;
            if (made)
                redisFree(made);
            made = redisConnectWithTimeout(found->text[i], redis->address.port, milliseconds(left > 0 ? (int)left : 1));
        }
    return made;
}

static bool open_socket(struct redis *redis)
{
    struct addresses found;
    int64_t end = monotonic_ms() + redis->connect_ms;
    if (*redis->address.path)
        redis->connection = redisConnectUnixWithTimeout(redis->address.path, milliseconds(redis->connect_ms));
    else if (!redis_addresses(redis, end, &found))
        return false;
    else
        redis->connection = try_addresses(redis, &found, end);
    redisContext *made = redis->connection;
    if (made && !made->err && redisSetTimeout(made, milliseconds(redis->answer_ms)) == REDIS_OK)
        return true;
    snprintf(redis->reason, sizeof redis->reason, "%s", made ? made->errstr : "out of memory");
    return false;
}

static bool open_connection(struct redis *redis)
{
    if (!open_socket(redis)) {
        disconnect(redis);
        return false;
    }
    redisContext *made = redis->connection;
    if (!*redis->address.path)
        redisEnableKeepAlive(made); /* Nagle's algorithm is off already: hiredis sees to it */
    if (log_in(redis))
        return true;
    disconnect(redis);
    return false;
}

/* Redis closes idle connections and may have been started anew since the last command: an old connection that turns out
 * to be closed is no outage, but one that only stays silent is. */
static redisReply *try_command(struct redis *redis, const struct command *command)
{
    bool old = redis->connection != NULL;
    if (!old && !open_connection(redis))
        return NULL;
    redisReply *reply = exchange(redis, command);
    if (reply || !old || errno == EAGAIN || errno == EWOULDBLOCK)
        return reply;
    disconnect(redis);
    return open_connection(redis) ? exchange(redis, command) : NULL;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static bool is_error(const redisReply *reply, const char *code)
{
    size_t length = strlen(code);
    return reply && reply->type == REDIS_REPLY_ERROR && reply->len >= length &&
           strncmp(reply->str, code, length) == 0 && strchr(" ", reply->str[length]);
}

/* True when Redis answered that it serves nobody at present. */
static bool serves_nobody(const redisReply *reply)
{
    static const char *const codes[] = {"LOADING", "BUSY", "NOAUTH", "MASTERDOWN"};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (is_error(reply, codes[i]))
            return true;
    return false;
}

static void note_outage(struct redis *redis)
{
    disconnect(redis);
    metrics_add(METRIC_REDIS_FAILED, 1);
    if (breaker_failed(redis->breaker, monotonic_ms(), PAUSE_MS))
        log_warn("Redis is away, everything goes on without it", LOG_STR("redis", redis->where),
                 LOG_STR("reason", redis->reason));
}

/* Not once a request: what is wrong with one command is wrong with many. */
static void note_refusal(struct redis *redis, const char *command, const redisReply *reply)
{
    int64_t now = monotonic_ms();
    metrics_add(METRIC_REDIS_FAILED, 1);
    if (redis->refusal_logged_ms && now - redis->refusal_logged_ms < REFUSAL_LOGGED_MS)
        return;
    redis->refusal_logged_ms = now;
    log_warn("Redis refused a command", LOG_STR("redis", redis->where), LOG_STR("command", command),
             LOG_STR("reason", reply->str));
}

/* The reply, which the caller frees; NULL when Redis is away or refuses. NOSCRIPT comes through. */
static redisReply *redis_ask(struct redis *redis, const struct command *command)
{
    if (!redis || !breaker_allows(redis->breaker, monotonic_ms()))
        return NULL;
    redisReply *reply = try_command(redis, command);
    if (serves_nobody(reply))
        snprintf(redis->reason, sizeof redis->reason, "%s", reply->str);
    if (!reply || serves_nobody(reply)) {
        freeReplyObject(reply);
        note_outage(redis);
        return NULL;
    }
    if (breaker_good(redis->breaker))
        log_info("Redis is back", LOG_STR("redis", redis->where));
    if (reply->type != REDIS_REPLY_ERROR || is_error(reply, "NOSCRIPT")) {
        metrics_add(METRIC_REDIS_COMMAND, 1);
        return reply;
    }
    note_refusal(redis, command->words[0], reply);
    freeReplyObject(reply);
    return NULL;
}

/* ---- for everybody ---------------------------------------------------------------------------------------------- */

struct redis *redis_new(const char *url, struct breaker *breaker)
{
    struct redis *redis = url && *url ? calloc(1, sizeof *redis) : NULL;
    if (!redis)
        return NULL;
    if (!redis_url_parse(url, &redis->address)) {
        redis_free(redis);
        return NULL;
    }
    const struct redis_address *address = &redis->address;
    redis->breaker = breaker ? breaker : &redis->own_breaker;
    redis_set_patience(redis, CONNECT_MS, COMMAND_MS);
    if (lookup_needed(address->host))
        redis->lookup = lookup_new(address->host);
    if (*address->path)
        snprintf(redis->where, sizeof redis->where, "%s", address->path);
    else
        snprintf(redis->where, sizeof redis->where, "%s:%d", address->host, address->port);
    return redis;
}

void redis_set_patience(struct redis *redis, int connect_ms, int answer_ms)
{
    redis->connect_ms = connect_ms;
    redis->answer_ms = answer_ms;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    disconnect(redis);
    lookup_free(redis->lookup);
    wipe(&redis->address, sizeof redis->address);
    free(redis);
}

bool redis_get(struct redis *redis, const char *key, struct buffer *out)
{
    redisReply *reply = redis_ask(redis, COMMAND("GET", key));
    bool found = reply && reply->type == REDIS_REPLY_STRING && !out->overflow && reply->len <= out->max - out->length;
    if (found)
        buffer_append(out, reply->str, reply->len);
    freeReplyObject(reply);
    return found && !out->overflow;
}

bool redis_set(struct redis *redis, const char *key, const void *value, size_t length, int ttl_s)
{
    char seconds[NUMBER_TEXT];
    snprintf(seconds, sizeof seconds, "%d", ttl_s);
    const char *words[] = {"SET", key, value ? value : "", "EX", seconds};
    const size_t lengths[] = {3, strlen(key), value ? length : 0, 2, strlen(seconds)};
    redisReply *reply = redis_ask(redis, &(struct command){ARRAY_SIZE(words), words, lengths});
    bool stored = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return stored;
}

/* Asks Redis for the hash of the script once a process; it never changes. */
static bool know_script(struct redis *redis)
{
    if (*redis->limit_sha)
        return true;
    redisReply *reply = redis_ask(redis, COMMAND("SCRIPT", "LOAD", limit_script));
    if (reply && reply->type == REDIS_REPLY_STRING && reply->len == SHA1_TEXT - 1)
        memcpy(redis->limit_sha, reply->str, SHA1_TEXT);
    freeReplyObject(reply);
    return *redis->limit_sha;
}

bool redis_limit(struct redis *redis, const char *key, int64_t interval_us, int64_t tolerance_us,
                 struct redis_limit *out)
{
    char interval[NUMBER_TEXT], tolerance[NUMBER_TEXT];
    if (!redis || !know_script(redis))
        return false;
    snprintf(interval, sizeof interval, "%" PRId64, interval_us);
    snprintf(tolerance, sizeof tolerance, "%" PRId64, tolerance_us);
    redisReply *reply = redis_ask(redis, COMMAND("EVALSHA", redis->limit_sha, "1", key, interval, tolerance));
    if (is_error(reply, "NOSCRIPT")) { /* Redis was started anew; EVAL makes it known again */
        freeReplyObject(reply);
        reply = redis_ask(redis, COMMAND("EVAL", limit_script, "1", key, interval, tolerance));
    }
    bool decided = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                   reply->element[0]->type == REDIS_REPLY_INTEGER && reply->element[1]->type == REDIS_REPLY_INTEGER;
    if (decided)
        *out = (struct redis_limit){reply->element[0]->integer == 1, reply->element[1]->integer};
    freeReplyObject(reply);
    return decided;
}

bool redis_healthy(struct redis *redis)
{
    redisReply *reply = redis_ask(redis, COMMAND("PING"));
    bool healthy = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return healthy;
}
