/* Connecting to PostgreSQL without ever blocking for longer than told, staying informed while idle, and letting go. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation.h"
#include "log.h"
#include "metrics.h"
#include "pg.h"
#include "util.h"

enum {
    RETRY_MS = 200,       /* pause between attempts to connect */
    SLOW_MS = 250,        /* an attempt that takes longer, while nobody is connected, is news for all workers */
    SLOW_FIRST_MS = 1000, /* the same for a process that never was connected */
    SLICE_MS = 20,        /* how soon whoever waits sees that another has given up */
    LOCK_TIMEOUT_MS = 5000,
    IDLE_IN_TRANSACTION_MS = 30000,
    IDLE_CHECK_MS = 30000, /* a connection not used for longer is tried before it is relied on */
    CHECK_MS = 1000,       /* how long that may take */
};

#define GENERATIONS "ccr_generation" /* the channel that every connection listens to */

struct db *db_new(const struct settings *settings)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        abort();
    db->settings = settings;
    char why[256];
    db->conninfo = conninfo_new(settings->database_url, why, sizeof why);
    if (!db->conninfo) /* settings are loaded through db_url_valid */
        pg_keep_line(db->failure, sizeof db->failure, why);
    return db;
}

void pg_drop(struct db *db)
{
    if (db->conn)
        PQfinish(db->conn);
    db->conn = NULL;
    db->state = PG_DISCONNECTED;
    db->held_known = false;
    db->in_transaction = false;
    db->begin_pending = false;
    db->queued = 0;
    db->sent = NULL;
    memset(db->prepared, 0, sizeof db->prepared);
    db->prepared_count = 0;
}

void pg_lost(struct db *db, const char *reason)
{
    pg_keep_line(db->failure, sizeof db->failure, reason);
    log_warn("database connection lost", LOG_STR("reason", db->failure));
    metrics_add(METRIC_DATABASE_LOST, 1);
    pg_drop(db);
}

/* A slow statement is not it: PostgreSQL ends that by itself, and says so. */
void pg_silent(struct db *db)
{
    pg_keep_line(db->message, sizeof db->message, "no answer within STATEMENT_TIMEOUT");
    pg_lost(db, db->message);
    breaker_failed(db->breaker, monotonic_ms(), RETRY_MS);
}

void db_share(struct db *db, struct scoreboard *board, const struct worker_slot *self)
{
    db->board = board;
    db->self = self;
    db->breaker = &board->database;
}

void db_listen(struct db *db, const char *channel, void (*hear)(void *context, const char *payload), void *context)
{
    db->channel = channel;
    db->hear = hear;
    db->hear_context = context;
}

void db_free(struct db *db)
{
    if (!db)
        return;
    db_forget_results(db);
    free(db->results);
    pg_drop(db);
    conninfo_free(db->conninfo);
    free(db);
}

void pg_keep_line(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%.*s", (int)strcspn(text ? text : "", "\n"), text ? text : "");
}

const char *db_failure(const struct db *db)
{
    const char *unknown = db->state == PG_RESOLVING ? conninfo_problem(db->conninfo) : NULL;
    if (unknown)
        return unknown;
    if (db->failure[0])
        return db->failure;
    return db->state == PG_CONNECTING   ? "no answer yet"
           : db->state == PG_SETTING_UP ? "connected, but no statement is answered"
                                        : "";
}

const char *db_message(const struct db *db)
{
    return db->message;
}

int db_fd(const struct db *db)
{
    return db->state == PG_READY ? PQsocket(db->conn) : -1;
}

int db_server_version(const struct db *db)
{
    return db->state == PG_READY ? PQserverVersion(db->conn) : 0;
}

unsigned db_epoch(const struct db *db)
{
    return db->state == PG_READY ? db->epoch : 0;
}

int64_t db_listening_us(const struct db *db)
{
    return db->state == PG_READY ? db->listening_us : INT64_MAX;
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction || db->begin_pending;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* Waits for the socket; false when the deadline passed. Signals are blocked while a request runs, so EINTR is rare. */
static bool wait_socket(struct db *db, short events, int64_t deadline_ms)
{
    int fd = PQsocket(db->conn);
    for (;;) {
        int64_t left = deadline_ms - monotonic_ms();
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        db->silent = true;
        return false;
    }
}

bool pg_flush(struct db *db, int64_t deadline_ms)
{
    for (;;) {
        int n = PQflush(db->conn);
        if (n == 0)
            return true;
        if (n < 0 || !wait_socket(db, POLLIN | POLLOUT, deadline_ms))
            return false;
        if (!PQconsumeInput(db->conn))
            return false;
    }
}

PGresult *pg_next_result(struct db *db, int64_t deadline_ms, bool *lost)
{
    while (PQisBusy(db->conn)) {
        if (!wait_socket(db, POLLIN, deadline_ms) || !PQconsumeInput(db->conn)) {
            pg_keep_line(db->message, sizeof db->message, PQerrorMessage(db->conn));
            *lost = true;
            return NULL;
        }
    }
    return PQgetResult(db->conn);
}

/* ---- connecting ------------------------------------------------------------------------------------------------- */

bool db_url_valid(const char *url, char *problem, size_t size)
{
    struct conninfo *info = conninfo_new(url, problem, size);
    bool good = info != NULL;
    conninfo_free(info);
    return good;
}

void db_require_tenant_role(struct db *db)
{
    db->tenant_role = true;
}

static void quiet(void *context, const char *message)
{
    (void)context;
    log_debug("postgresql notice", LOG_STR("notice", message));
}

static bool others_connected(const struct db *db)
{
    return db->board && scoreboard_others_connected(db->board, db->self, monotonic_ms());
}

/* A server that others are connected to is there, whatever it has against this process. */
static void report_failure(struct db *db)
{
    if (others_connected(db))
        breaker_good(db->breaker);
    else
        breaker_failed(db->breaker, monotonic_ms(), RETRY_MS);
}

/* `reason` NULL: what libpq says. The same reason again is not logged again. */
static void failed_attempt(struct db *db, const char *reason)
{
    char line[sizeof db->failure];
    if (!reason)
        reason = db->conn ? PQerrorMessage(db->conn) : "out of memory";
    pg_keep_line(line, sizeof line, reason);
    if (strcmp(line, db->failure) != 0) {
        memcpy(db->failure, line, sizeof line);
        log_warn("database connection failed", LOG_STR("reason", line));
    }
    pg_drop(db);
    db->next_attempt_ms = monotonic_ms() + RETRY_MS;
    report_failure(db);
    metrics_add(METRIC_DATABASE_FAILED, 1);
}

static void start_attempt(struct db *db)
{
    db->started_ms = monotonic_ms();
    db->told = false;
    if (!db->conninfo) {
        failed_attempt(db, db->failure);
        return;
    }
    db->deadline_ms = db->started_ms + conninfo_patience_ms(db->conninfo, db->settings->connection_timeout);
    db->state = PG_RESOLVING;
    conninfo_ask(db->conninfo);
}

/* Goes on to connecting when there is an address; false when nothing more can be done before `until_ms`. */
static bool step_resolving(struct db *db, int64_t until_ms)
{
    const char *problem;
    enum conninfo_result result = conninfo_connect(db->conninfo, &db->conn, &problem);
    if (result == CONNINFO_PENDING && monotonic_ms() > db->deadline_ms)
        result = CONNINFO_FAILED;
    if (result == CONNINFO_PENDING) {
        conninfo_wait(db->conninfo, until_ms);
        return monotonic_ms() < until_ms;
    }
    if (result == CONNINFO_FAILED || !db->conn || PQstatus(db->conn) == CONNECTION_BAD) {
        failed_attempt(db, result == CONNINFO_FAILED ? problem : NULL);
        return false;
    }
    PQsetNoticeProcessor(db->conn, quiet, NULL);
    db->state = PG_CONNECTING;
    db->polling = PGRES_POLLING_WRITING; /* as the manual says before the first PQconnectPoll */
    return true;
}

static bool send_listen(struct db *db, const char *channel)
{
    char sql[64];
    snprintf(sql, sizeof sql, "LISTEN %s", channel);
    return PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* The role, the time-outs and LISTEN, in one round trip. */
static bool send_setup(struct db *db)
{
    char statement_ms[16], lock_ms[16], idle_ms[16];
    snprintf(statement_ms, sizeof statement_ms, "%d", db->settings->statement_timeout);
    snprintf(lock_ms, sizeof lock_ms, "%d", LOCK_TIMEOUT_MS);
    snprintf(idle_ms, sizeof idle_ms, "%d", IDLE_IN_TRANSACTION_MS);
    /* What `options` of the URL sets stays. */
    const char *const values[] = {statement_ms, db->conninfo->own_lock_timeout ? NULL : lock_ms,
                                  db->conninfo->own_idle_timeout ? NULL : idle_ms};
    db->setup = (struct setup){0};
    return PQsetnonblocking(db->conn, 1) == 0 && PQenterPipelineMode(db->conn) &&
           PQsendQueryParams(db->conn, PG_BYPASSES_RLS, 0, NULL, NULL, NULL, NULL, 0) &&
           PQsendQueryParams(db->conn,
                             "SELECT set_config('statement_timeout', $1, false),"
                             " set_config('lock_timeout', coalesce($2, current_setting('lock_timeout')), false),"
                             " set_config('idle_in_transaction_session_timeout',"
                             " coalesce($3, current_setting('idle_in_transaction_session_timeout')), false),"
                             /* it costs a tenth of a second where estimates are high, and gains nothing on pages */
                             " set_config('jit', 'off', false),"
                             /* a request has one process of PostgreSQL, and a page comes in its order */
                             " set_config('max_parallel_workers_per_gather', '0', false),"
                             /* how timestamps come, for row_write */
                             " set_config('datestyle', 'ISO', false), set_config('timezone', 'UTC', false)",
                             3, NULL, values, NULL, NULL, 0) &&
           send_listen(db, GENERATIONS) && (!db->channel || send_listen(db, db->channel)) && PQpipelineSync(db->conn);
}

/* True at the last of them; NULL stands between two. */
static bool take_setup_result(struct setup *setup, const PGresult *result)
{
    ExecStatusType status = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
    if (status == PGRES_FATAL_ERROR && !setup->failed) {
        setup->failed = true;
        pg_keep_line(setup->fault, sizeof setup->fault, PQresultErrorMessage(result));
    }
    if (status == PGRES_TUPLES_OK && setup->rows++ == 0)
        setup->bypasses = PQgetvalue(result, 0, 0)[0] == 't';
    return status == PGRES_PIPELINE_SYNC;
}

/* MAX_LIFETIME give or take a tenth, so that workers do not renew their connections all at once. */
static int64_t choose_end(int lifetime_s, int64_t now_ms)
{
    uint16_t random;
    random_bytes(&random, sizeof random);
    int64_t lifetime = lifetime_s * 1000LL, tenth = lifetime / 10;
    return lifetime ? now_ms + lifetime - tenth + 2 * tenth * random / UINT16_MAX : INT64_MAX;
}

static void become_ready(struct db *db)
{
    db->state = PG_READY;
    db->openings_seen = db->breaker ? atomic_load(&db->breaker->openings) : 0;
    db->epoch++;
    db->listening_us = monotonic_us();
    db->last_used_ms = monotonic_ms();
    db->expires_ms = choose_end(db->settings->max_lifetime, db->last_used_ms);
    breaker_good(db->breaker);
    metrics_add(METRIC_DATABASE_CONNECT, 1);
    if (db->failure[0]) {
        log_info("database connection restored");
        db->failure[0] = '\0';
    }
}

/* The session is set up, or is not to be. */
static void finish_setup(struct db *db)
{
    if (db->setup.failed)
        failed_attempt(db, db->setup.fault);
    else if (db->setup.bypasses && db->tenant_role)
        failed_attempt(db,
                       "the role of DATABASE_URL is a superuser or has BYPASSRLS: workspaces would not be kept apart");
    else
        become_ready(db);
}

/* A server may have let us in and say nothing then: a pooler in front of one that is away, for example. */
static bool step_setting_up(struct db *db, int64_t until_ms)
{
    int unsent = PQflush(db->conn);
    while (unsent >= 0 && !PQisBusy(db->conn) && PQstatus(db->conn) == CONNECTION_OK) {
        PGresult *result = PQgetResult(db->conn); /* NULL between two */
        bool last = take_setup_result(&db->setup, result);
        PQclear(result);
        if (last) {
            finish_setup(db);
            return true;
        }
    }
    if (unsent >= 0 && PQstatus(db->conn) == CONNECTION_OK) {
        if (!wait_socket(db, (short)(POLLIN | (unsent ? POLLOUT : 0)), until_ms))
            return false;
        if (PQconsumeInput(db->conn))
            return true;
    }
    failed_attempt(db, db->setup.failed ? db->setup.fault : NULL);
    return false;
}

static bool step_connecting(struct db *db, int64_t until_ms)
{
    short events = db->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_socket(db, events, until_ms))
        return false;
    db->polling = PQconnectPoll(db->conn);
    if (db->polling == PGRES_POLLING_FAILED || (db->polling == PGRES_POLLING_OK && !send_setup(db))) {
        failed_attempt(db, NULL);
        return false;
    }
    if (db->polling == PGRES_POLLING_OK)
        db->state = PG_SETTING_UP;
    return true;
}

/* One step of the attempt under way; false when nothing more can be done before `until_ms`. */
static bool step_attempt(struct db *db, int64_t until_ms)
{
    if (db->state == PG_RESOLVING)
        return step_resolving(db, until_ms);
    if (monotonic_ms() > db->deadline_ms) {
        failed_attempt(db, db->state == PG_CONNECTING
                               ? "no answer within CONNECTION_TIMEOUT"
                               : "connected, but no statement is answered within CONNECTION_TIMEOUT");
        return false;
    }
    return db->state == PG_CONNECTING ? step_connecting(db, until_ms) : step_setting_up(db, until_ms);
}

/* A server that vanished without a word is noticed here, not by the statement that relies on it. */
static bool answers(struct db *db)
{
    int64_t deadline = monotonic_ms() + CHECK_MS;
    bool lost = !PQpipelineSync(db->conn) || !pg_flush(db, deadline);
    while (!lost) {
        PGresult *result = pg_next_result(db, deadline, &lost);
        bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
        if (synced)
            break;
    }
    return !lost;
}

/* After a long pause, and when another worker found the server silent or away meanwhile. Otherwise each worker would wait
 * for a whole STATEMENT_TIMEOUT before it knew. */
static bool is_in_doubt(const struct db *db, int64_t now)
{
    bool trouble = db->breaker && atomic_load(&db->breaker->openings) != db->openings_seen;
    return !db->in_transaction && (trouble || now - db->last_used_ms >= IDLE_CHECK_MS);
}

bool db_in_doubt(const struct db *db)
{
    return db->state != PG_READY || is_in_doubt(db, monotonic_ms());
}

static void check_connection(struct db *db, int64_t now)
{
    if (!is_in_doubt(db, now))
        return;
    if (db->breaker)
        db->openings_seen = atomic_load(&db->breaker->openings);
    if (answers(db))
        db->last_used_ms = now;
    else
        pg_lost(db, "no answer when the connection was tried");
}

/* One attempt a process and RETRY_MS; with a breaker, one attempt of all processes while the server is away. */
static bool may_attempt(const struct db *db, int64_t now)
{
    return now >= db->next_attempt_ms && breaker_allows(db->breaker, now);
}

/* An attempt that failed while others are connected says little of the server: whoever may wait tries again after the pause, and does not
 * turn a request away that another worker would have answered. Sleeps until then; false when that is beyond `end_ms`. */
static bool pause_for_another(const struct db *db, int64_t end_ms)
{
    int64_t now = monotonic_ms();
    if (db->state != PG_DISCONNECTED || db->next_attempt_ms > end_ms || now >= end_ms || !others_connected(db))
        return false;
    if (db->next_attempt_ms > now)
        poll(NULL, 0, (int)(db->next_attempt_ms - now));
    return true;
}

static bool is_trying(const struct db *db)
{
    return db->state != PG_DISCONNECTED && db->state != PG_READY;
}

/* An attempt that takes long while nobody is connected: the server is away, for all that is known, and the other workers need
 * not find that out each by itself. This one goes on, and has the turn. */
static void tell_others(struct db *db)
{
    int64_t now = monotonic_ms(), enough = db->epoch ? SLOW_MS : SLOW_FIRST_MS;
    if (!db->breaker || db->told || !is_trying(db) || breaker_is_open(db->breaker) || now - db->started_ms < enough ||
        others_connected(db))
        return;
    db->told = true;
    breaker_failed(db->breaker, now, 0);
    (void)breaker_allows(db->breaker, now);
}

/* Until when a request may wait. Nobody waits for a server that is known to be away, but whoever found out. */
static int64_t patience_end(const struct db *db, int64_t now, int wait_ms)
{
    if (!breaker_is_open(db->breaker))
        return now + wait_ms;
    int64_t end = db->told ? db->started_ms + wait_ms : now;
    return end < now + wait_ms ? end : now + wait_ms;
}

static void carry_on(struct db *db, int wait_ms)
{
    int64_t began = monotonic_ms();
    for (int64_t now = began; is_trying(db); now = monotonic_ms()) {
        int64_t end = patience_end(db, began, wait_ms),
                slice = db->breaker && end > now + SLICE_MS ? now + SLICE_MS : end;
        breaker_keep(db->breaker, now);
        bool more = step_attempt(db, slice);
        tell_others(db);
        if (!more && monotonic_ms() >= patience_end(db, began, wait_ms))
            break;
    }
}

bool db_ready(struct db *db, int wait_ms)
{
    int64_t now = monotonic_ms();
    if (db->state == PG_READY && PQstatus(db->conn) == CONNECTION_BAD)
        pg_drop(db);
    if (db->state == PG_READY)
        check_connection(db, now);
    int64_t end = now + wait_ms;
    do {
        now = monotonic_ms();
        if (db->state == PG_DISCONNECTED && may_attempt(db, now))
            start_attempt(db);
        carry_on(db, end > now ? (int)(end - now) : 0);
    } while (pause_for_another(db, end));
    return db->state == PG_READY;
}

bool db_expired(const struct db *db)
{
    return db->state == PG_READY && !db->in_transaction && monotonic_ms() >= db->expires_ms;
}

void db_renew(struct db *db)
{
    log_debug("database connection renewed");
    metrics_add(METRIC_DATABASE_RENEWED, 1);
    pg_drop(db);
}

/* "<workspace>.<generation>" (sql/migrations/0003). True for the site's: who may do what has changed. */
static bool take_generation(const char *text)
{
    char workspace[UUID_TEXT];
    long long generation;
    size_t length = strcspn(text, ".");
    if (length != UUID_TEXT - 1 || text[length] != '.' || !parse_int(text + length + 1, 1, INT64_MAX, &generation))
        return false;
    memcpy(workspace, text, length);
    workspace[length] = '\0';
    generation_raised(workspace, generation);
    return strcmp(workspace, GENERATION_SITE) == 0;
}

static bool take_notifications(struct db *db)
{
    PGnotify *notify;
    bool site = false;
    while ((notify = PQnotifies(db->conn))) {
        if (strcmp(notify->relname, GENERATIONS) == 0)
            site |= take_generation(notify->extra);
        else if (db->hear)
            db->hear(db->hear_context, notify->extra);
        PQfreemem(notify);
    }
    return site;
}

bool db_poll(struct db *db)
{
    if (db->state != PG_READY)
        return false;
    bool changed = take_notifications(db); /* some may have come in between a statement's results */
    struct pollfd p = {.fd = PQsocket(db->conn), .events = POLLIN};
    while (poll(&p, 1, 0) == 1) {
        if (!PQconsumeInput(db->conn)) {
            pg_lost(db, PQerrorMessage(db->conn));
            return true;
        }
        changed |= take_notifications(db);
    }
    return changed;
}
