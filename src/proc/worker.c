/* Worker: waits, serves, tidies up, until it is told to leave or has served enough. */
#include "worker.h"

#include <malloc.h>
#include <setjmp.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "authn.h"
#include "cache.h"
#include "child.h"
#include "fcgi.h"
#include "in_progress.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "router.h"
#include "util.h"

enum {
    ARENA_MAX = 64 * MIB,
    MMAP_THRESHOLD = 128 * KIB,
    LARGE_BODY = 64 * KIB,
    STACK_USED = 256 * KIB, /* parsers that call themselves for each level of nesting go deepest */
    TICK_MS = 500, /* heartbeat of an idle worker; also how long a connection whose wake-up got lost may wait */
    RECONNECT_TICK_MS = 50, /* without a database: each tick carries the attempt on by a step */
    SIGNAL_ROUNDS = 16,     /* under load, requests between two looks for signals */
    CONNECT_WAIT_MS = 3000, /* at start; after that it serves without (503) */
    IO_TIMEOUT_MAX_S = 15,  /* Nginx sends and takes everything at once: a slower peer is broken */
};

struct worker {
    const struct worker_setup *setup;
    struct service service;
    struct arena *arena;
    struct fcgi *fcgi;
    struct request request;
    struct response response;
    unsigned watched_epoch; /* of the database connection that fcgi_wait knows */
    bool sent;              /* the reply has left, or begun to */
    bool in_request;        /* `exhausted` may be jumped to */
    bool worn;              /* jumped out of a request: what that held outside the arena ends with this process */
    sigjmp_buf exhausted;
};

/* ---- scoreboard ------------------------------------------------------------------------------------------------- */

static void set_stage(struct worker *w, enum worker_stage now)
{
    scoreboard_stage(w->setup->slot, now);
}

/* Once round the loop: says that this worker lives, and whether its database does. */
static void worker_beat(struct worker *w)
{
    int64_t now = monotonic_ms();
    bool connected = db_fd(w->service.db) >= 0;
    atomic_store_explicit(&w->setup->slot->heartbeat_ms, now, memory_order_relaxed);
    atomic_store_explicit(&w->setup->slot->connected, connected, memory_order_relaxed);
    if (connected)
        atomic_store_explicit(&w->setup->board->database_seen_ms, now, memory_order_relaxed);
}

/* ---- one request ------------------------------------------------------------------------------------------------ */

static void on_exhausted(void *context)
{
    struct worker *w = context;
    w->worn = true;
    metrics_add(METRIC_MEMORY_EXHAUSTED, 1);
    if (!w->in_request) {
        log_error("out of memory outside a request");
        _exit(EX_OSERR);
    }
    siglongjmp(w->exhausted, 1);
}

static void make_request(struct worker *w)
{
    fcgi_request(&w->request, w->arena, &w->service, fcgi_params(w->fcgi));
    w->request.read = fcgi_read_body;
    w->request.gone = fcgi_gone;
    w->request.more_time = fcgi_more_time;
    w->request.source = w->fcgi;
}

static void send_response(struct worker *w)
{
    w->sent = true;
    if (w->response.unsent)
        return;
    set_stage(w, STAGE_WRITING);
    if (!fcgi_respond(w->fcgi, &w->request, &w->response))
        log_debug("client went away before the reply was sent", LOG_STR("request_id", w->request.actor.request_id));
}

/* The request needed more memory than it may have, and jumped out of wherever it was. */
static void answer_exhausted(struct worker *w)
{
    char id[UUID_TEXT];
    memcpy(id, w->request.actor.request_id, sizeof id);
    log_error("request ran out of memory", LOG_STR("request_id", id),
              LOG_STR("route", w->request.route ? w->request.route->pattern : NULL),
              LOG_INT("used_bytes", arena_used(w->arena)),
              LOG_INT("limit_bytes", ARENA_MAX)); /* far less used: MEMORY_LIMIT or the machine was the limit */
    bool by_body = w->request.body_length > 0;
    db_settle(w->service.db);
    db_forget_results(w->service.db);
    if (w->sent)
        return;
    arena_reset(w->arena);
    response_reset(&w->response);
    make_request(w);
    if (request_parse(&w->request) == ERR_NONE && id[0])
        memcpy(w->request.actor.request_id, id, sizeof id);
    enum error error = by_body ? fail(&w->request.actor, MSG_TOO_COMPLEX, NULL) : ERR_INTERNAL;
    respond_error(&w->request, &w->response, error);
    response_header(&w->response, "Cache-Control", "no-store");
    response_header(&w->response, "X-Request-Id", w->request.actor.request_id);
    send_response(w);
}

static void answer_request(struct worker *w)
{
    w->sent = false;
    memset(&w->request, 0, sizeof w->request);
    w->in_request = true;
    if (sigsetjmp(w->exhausted, 0) == 0) {
        make_request(w);
        set_stage(w, STAGE_HANDLING);
        dispatch(&w->request, &w->response);
        send_response(w);
    } else if (sigsetjmp(w->exhausted, 0) == 0) {
        answer_exhausted(w);
    } /* else even the error did not fit: the connection is closed, Nginx answers 502 */
    w->in_request = false;
}

static void tidy_up_request(struct worker *w)
{
    bool large = w->request.body_length > LARGE_BODY,
         writes = w->request.method != METHOD_GET && w->request.method != METHOD_HEAD;
    in_progress_end(w->setup->slot);
    cache_give_up();
    db_settle(w->service.db);
    db_forget_results(w->service.db);
    response_reset(&w->response);
    arena_reset(w->arena);
    if (writes)
        stack_wipe(STACK_USED);
    atomic_fetch_add_explicit(&w->setup->slot->requests, 1, memory_order_relaxed);
    if (large)
        malloc_trim(0); /* the TOML parser's many small blocks would stay */
}

/* Takes one waiting connection, if there is one, from its parameters to its end. */
static void serve_one(struct worker *w)
{
    if (!fcgi_accept(w->fcgi))
        return;
    set_stage(w, STAGE_READING);
    if (fcgi_read(w->fcgi)) {
        answer_request(w);
        fcgi_close(w->fcgi);
        tidy_up_request(w);
    }
    set_stage(w, STAGE_IDLE);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

long worker_request_limit(int max_requests, unsigned random)
{
    long tenth = max_requests / 10;
    return max_requests <= 0 ? 0 : max_requests - tenth + (long)(random % (unsigned)(2 * tenth + 1));
}

/* A connection that may be irreplaceable just now is not given up for its age. */
static bool may_renew(const struct worker *w)
{
    const struct scoreboard *board = w->setup->board;
    return !breaker_is_open(&board->database) && scoreboard_count(board, STAGE_DISCONNECTED) == 0;
}

/* Forgets who may do what when the database said that it changed, or may have said so while we were not connected. Requests
 * look for themselves; this is for the time between them. An idle worker also tries a connection that is in doubt, so that no
 * request has to. Waits for nothing else: requests are answered (503) while the database is away. */
static bool watch_database(struct worker *w, bool idle)
{
    struct db *db = w->service.db;
    if (db_expired(db) && may_renew(w))
        db_renew(db);
    if (db_fd(db) < 0 || (idle && db_poll(db)))
        authn_forget();
    if (db_fd(db) < 0 || idle)
        db_ready(db, 0);
    if (db_epoch(db) != w->watched_epoch) {
        w->watched_epoch = db_epoch(db);
        fcgi_watch(w->fcgi, db_fd(db));
    }
    return db_fd(db) >= 0;
}

/* Without a database a worker leaves requests to those that have one. When nobody has, it answers them all the same (503):
 * the database is away. */
static bool leaves_it_to_others(struct worker *w, const sigset_t *while_waiting)
{
    bool leaves =
        db_fd(w->service.db) < 0 && scoreboard_others_connected(w->setup->board, w->setup->slot, monotonic_ms());
    enum worker_stage now = leaves ? STAGE_DISCONNECTED : STAGE_IDLE;
    if (atomic_load(&w->setup->slot->stage) != (int)now)
        set_stage(w, now);
    if (leaves)
        child_nap(while_waiting, RECONNECT_TICK_MS);
    return leaves;
}

static void serve_until_told(struct worker *w, const sigset_t *while_waiting)
{
    unsigned random;
    random_bytes(&random, sizeof random);
    unsigned long limit = (unsigned long)worker_request_limit(w->service.settings->max_requests, random);
    enum fcgi_wake wake = FCGI_TICK;
    for (unsigned round = 0;; round++) {
        if (wake != FCGI_CONNECTION || round % SIGNAL_ROUNDS == 0)
            child_take_signals(while_waiting); /* epoll_pwait prefers a waiting connection to a pending signal */
        if (child_must_leave() || w->worn || (limit && atomic_load(&w->setup->slot->requests) >= limit))
            return;
        bool connected = watch_database(w, wake != FCGI_CONNECTION);
        worker_beat(w);
        if (leaves_it_to_others(w, while_waiting))
            continue;
        int timeout = connected ? TICK_MS : RECONNECT_TICK_MS;
        wake = fcgi_wait(w->fcgi, timeout, while_waiting);
        if (wake == FCGI_CONNECTION || wake == FCGI_TICK)
            serve_one(w);
    }
}

static bool make_service(struct worker *w)
{
    char problem[256];
    const struct settings *settings = w->setup->settings;
    struct keyring *keyring = keyring_new(settings->secrets_key, problem, sizeof problem);
    if (!keyring) {
        log_error("SECRETS_KEY cannot be used", LOG_STR("reason", problem));
        return false;
    }
    /* Large blocks come from the kernel and go back to it; malloc would learn to keep them after the first. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    w->arena = arena_new(ARENA_MAX);
    arena_on_exhausted(w->arena, on_exhausted, w);
    json_use_arena(w->arena);
    response_init(&w->response);
    w->service = (struct service){settings,
                                  keyring,
                                  w->setup->board,
                                  db_new(settings),
                                  redis_new(settings->redis_url, &w->setup->board->redis),
                                  w->setup->slot};
    db_require_tenant_role(w->service.db);
    db_share(w->service.db, w->setup->board, w->setup->slot);
    int half = settings->request_timeout / 2; /* a slow peer must not become a stuck worker */
    int io_timeout = half < 1 ? 1 : half < IO_TIMEOUT_MAX_S ? half : IO_TIMEOUT_MAX_S;
    w->fcgi = fcgi_new(w->setup->listen_fd, io_timeout);
    return w->fcgi != NULL;
}

static void wait_for_database(struct worker *w)
{
    int limit = w->service.settings->connection_timeout * 1000;
    if (!db_ready(w->service.db, limit < CONNECT_WAIT_MS ? limit : CONNECT_WAIT_MS))
        log_debug("worker starts without a database");
}

int worker_run(const struct worker_setup *setup)
{
    static struct worker worker; /* too large for comfort on the stack, and longjmp leaves static memory alone */
    struct worker *w = &worker;
    sigset_t while_waiting;
    w->setup = setup;
    if (!child_begin(setup->master, setup->settings->memory_limit, &while_waiting))
        return 0;
    if (!make_service(w))
        return EX_CONFIG;
    wait_for_database(w);
    set_stage(w, STAGE_IDLE);
    serve_until_told(w, &while_waiting);
    set_stage(w, STAGE_STOPPING);
    db_poll(w->service.db); /* what other workers may learn from the last news */
    db_free(w->service.db);
    redis_free(w->service.redis);
    log_debug("worker leaves", LOG_INT("requests", atomic_load(&setup->slot->requests)));
    return 0;
}
