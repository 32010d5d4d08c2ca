/* Live events: the process that tells browsers what others change, as it happens.
 *
 * A browser keeps a WebSocket open (/ws; Nginx passes it to a Unix socket). What changed comes from PostgreSQL, as part of the commit
 * (sql/migrations/0027): what was rolled back is never told, and what psql changed is. It is sent to whoever is a member of the
 * workspace and to nobody else.
 *
 * Who may hear it. A handshake is let in by the same cookies and tokens as a request, from a page of our own only (Origin), and the
 * database says which workspaces it is told of (event_access.h). Whatever changes who may do what raises the site's generation, of which
 * this connection is told like any other: then all are asked for anew in one statement, before anything that came with it or after
 * it is sent. So a member who was removed hears nothing that was changed after that, and his connection ends when his session does. While
 * the database cannot be asked, nobody is told anything: nor does anything come.
 *
 * What may be missed. Nothing is kept: who connects reads what there is first. When this process was without the database for a moment,
 * all are told that they may have missed something ("Missed"). When it restarts, connections end, and clients come back by
 * themselves, spread over some seconds (web/console/lib/live.js). So that it need not happen every half hour, this connection is
 * not renewed after MAX_LIFETIME.
 *
 * What it costs. A text is made once for all (websocket.h), in a dialect each: the console's own subprotocol, and without one what
 * CCR UI understands. A client that does not read is dropped when WEBSOCKET_QUEUE texts wait for it; it comes back and reads anew. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>

#include "authn.h"
#include "background.h"
#include "child.h"
#include "event_access.h"
#include "event_text.h"
#include "listener.h"
#include "log.h"
#include "metrics.h"
#include "origin.h"
#include "subscriptions.h"
#include "systemd.h"
#include "util.h"
#include "websocket.h"

enum {
    CONNECTIONS = 4096,
    CONNECTIONS_A_USER = 64,
    SUBSCRIPTIONS = 64 * KIB, /* 3 MiB: 16 workspaces for each, if all connections are in use */
    NEWS_MAX = 4 * MIB,       /* of texts from one look at the database */
    PORTION = 16,             /* of them are told at a time, and the next … */
    PORTION_MS = 20, /* … after this, so that in a crowd of changes nobody is slow who only waits for the processor */
    ASK_MAX = 2 * MIB,
    MESSAGE_MAX = 32 * KIB,
    PAST_MAX = 256 * KIB,
    SOCKET_RETRY_MS = 1000,
    ARENA_MAX = MIB,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_TOO_MANY = 429,
    HTTP_UNAVAILABLE = 503,
};

struct subscriber {
    bool here;
    bool confirmed; /* by the last answer of the database */
    enum event_dialect dialect;
    long long until; /* then it is asked for again; seconds since the epoch */
    struct event_identity who;
};

struct events {
    const struct background_setup *setup;
    struct db *db;
    struct arena *arena;
    struct websockets *sockets;
    sigset_t while_waiting;
    struct subscriptions table;
    struct subscriber subscribers[CONNECTIONS];
    struct buffer news;   /* texts of notifications, each with its NUL */
    size_t told;          /* so much of it */
    int64_t next_portion; /* not before this, on the monotonic clock */
    int watchdog_ms;      /* systemd's; 0 = there is none */
    int64_t next_watchdog;
    unsigned epoch; /* of the connection that the table was asked with; 0 = none */
    bool stale;     /* the table is not to be used: it has to be asked for anew */
    bool missed;    /* something may have been, so that clients are to be told */
};

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void send_to(struct events *e, unsigned number, struct websocket_text *text)
{
    if (!websocket_send(e->sockets, number, text)) {
        metrics_add(METRIC_LIVE_SLOW, 1);
        log_info("a client is too slow for live events and is dropped",
                 LOG_STR("user_id", e->subscribers[number].who.user_id));
    }
}

static void send_alone(struct events *e, unsigned number, const char *words)
{
    struct websocket_text *text = words ? websocket_text_new(e->sockets, words, strlen(words)) : NULL;
    send_to(e, number, text);
    websocket_text_free(text);
}

static struct websocket_text *text_of(struct events *e, enum event_dialect dialect, const struct event_news *news)
{
    struct buffer out;
    buffer_init(&out, MESSAGE_MAX);
    event_write(&out, dialect, news);
    struct websocket_text *text = out.overflow ? NULL : websocket_text_new(e->sockets, buffer_string(&out), out.length);
    e->missed |= !text;
    buffer_free(&out);
    return text;
}

static bool give_names(struct events *e, struct event_news *news)
{
    struct row names;
    enum error error = event_access_names(e->db, news->workspace, news->user, &names);
    if (!error)
        event_name(news, row_string(&names, EVENT_NAME_SLUG), row_text(&names, EVENT_NAME_USER));
    db_forget_results(e->db);
    e->missed |= error && error != ERR_NOT_FOUND;
    return !error;
}

static void tell(struct events *e, struct event_news *news)
{
    struct websocket_text *texts[EVENT_DIALECTS] = {0};
    const struct subscription *to;
    size_t count = subscriptions_of(&e->table, news->workspace, &to);
    if (!count || !give_names(e, news))
        return;
    for (size_t i = 0; i < count; i++) {
        enum event_dialect dialect = e->subscribers[to[i].subscriber].dialect;
        if (!texts[dialect])
            texts[dialect] = text_of(e, dialect, news);
        send_to(e, to[i].subscriber, texts[dialect]);
    }
    for (size_t i = 0; i < EVENT_DIALECTS; i++)
        websocket_text_free(texts[i]);
}

static void tell_missed(struct events *e)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (e->subscribers[i].here)
            send_alone(e, i, event_missed(e->subscribers[i].dialect));
    e->missed = false;
}

/* ---- who may hear what ------------------------------------------------------------------------------------------ */

static bool take_rows(struct events *e, const struct rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        unsigned number = (unsigned)row_int(&row, EVENT_ACCESS_NUMBER);
        struct subscriber *s = &e->subscribers[number];
        s->confirmed = true;
        s->until = time(NULL) + row_int(&row, EVENT_ACCESS_SECONDS_LEFT) + 1;
        if (!subscriptions_add(&e->table, row_string(&row, EVENT_ACCESS_WORKSPACE), number))
            return false;
    }
    return true;
}

/* Of those from `first` to before `end`. */
static enum error ask_for(struct events *e, unsigned first, unsigned end)
{
    struct buffer everybody;
    struct json_writer w;
    struct rows rows;
    buffer_init(&everybody, ASK_MAX);
    json_begin(&w, &everybody);
    json_open_array(&w);
    for (unsigned i = first; i < end; i++) {
        e->subscribers[i].confirmed = false;
        if (e->subscribers[i].here)
            event_access_put(&w, i, &e->subscribers[i].who);
    }
    json_close_array(&w);
    enum error error = event_access_ask(e->db, buffer_string(&everybody), &rows);
    if (!error && !take_rows(e, &rows)) {
        log_warn("live events: too many subscriptions, the last ones get none");
        error = ERR_TOO_LARGE;
    }
    db_forget_results(e->db);
    buffer_free(&everybody);
    return error;
}

static bool is_over(const struct subscriber *s, long long now)
{
    return !s->confirmed || (s->who.expires && s->who.expires <= now);
}

static void ask_anew(struct events *e)
{
    subscriptions_clear(&e->table);
    enum error error = ask_for(e, 0, CONNECTIONS);
    e->stale = error && error != ERR_TOO_LARGE;
    if (e->stale) {
        subscriptions_clear(&e->table);
        return;
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (e->subscribers[i].here && is_over(&e->subscribers[i], time(NULL))) {
            subscriptions_remove(&e->table, i);
            e->subscribers[i].here = false;
            websocket_close(e->sockets, i, WEBSOCKET_NOT_ALLOWED);
        }
}

/* Sessions and tokens end by themselves, too, of which nobody says anything; some were prolonged meanwhile. */
static bool somebody_is_due(const struct events *e)
{
    long long now = time(NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        const struct subscriber *s = &e->subscribers[i];
        if (s->here && s->confirmed && (s->until <= now || is_over(s, now)))
            return true;
    }
    return false;
}

/* ---- what PostgreSQL says --------------------------------------------------------------------------------------- */

static void forget_news(struct events *e)
{
    buffer_reset(&e->news);
    e->told = 0;
}

static void note(void *context, const char *payload)
{
    struct events *e = context;
    buffer_append(&e->news, payload, strlen(payload) + 1);
}

/* A portion; false when there is more, which the next tick sees to. */
static bool tell_news(struct events *e)
{
    size_t at = e->told;
    int64_t now = monotonic_ms();
    bool due = now >= e->next_portion;
    for (int i = 0; due && i < PORTION && at < e->news.length; i++, at += strlen(e->news.data + at) + 1) {
        struct event_news news;
        if (!event_read(e->news.data + at, &news))
            continue;
        tell(e, &news);
        json_decref(news.change);
    }
    if (due)
        e->next_portion = now + PORTION_MS;
    e->told = at;
    if (at < e->news.length) {
        websockets_soon(e->sockets, PORTION_MS);
        return false;
    }
    e->missed |= e->news.overflow;
    forget_news(e);
    return true;
}

/* First who may hear it: what changes that comes in the same stream. A statement may have read more of it. */
static void take_news(struct events *e)
{
    for (;;) {
        bool changed = db_poll(e->db);
        if (!e->epoch || db_epoch(e->db) != e->epoch)
            return; /* on_tick sees to it */
        if (changed || e->stale)
            ask_anew(e);
        if (e->stale || (!changed && !e->news.length && !e->missed))
            return;
        if (!tell_news(e))
            return;
        if (e->missed)
            tell_missed(e);
    }
}

static void on_readable(void *context)
{
    take_news(context);
}

/* ---- handshakes ------------------------------------------------------------------------------------------------- */

static char *cookie(struct arena *arena, const char *all, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = all; *at; at += strcspn(at, ";"), at += *at == ';') {
        at += strspn(at, " ");
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return arena_strndup(arena, at + length + 1, strcspn(at + length + 1, ";"));
    }
    return NULL;
}

static const char *bearer(const char *authorization)
{
    if (strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    return authorization + 7 + strspn(authorization + 7, " ");
}

/* A browser names the page's origin in every handshake, and sends cookies whichever page it is. */
static bool comes_from_us(const struct events *e, const struct websocket_handshake *from, bool by_cookie)
{
    if (!*from->origin)
        return !by_cookie;
    return origin_is_own(from->origin, from->host) || origin_listed(e->setup->settings->cors_origins, from->origin);
}

static bool has_enough(const struct events *e, const char *user_id)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        count += e->subscribers[i].here && strcmp(e->subscribers[i].who.user_id, user_id) == 0;
    return count >= CONNECTIONS_A_USER;
}

static int identify(struct events *e, const struct websocket_handshake *from, struct event_identity *who)
{
    struct actor actor = {.arena = e->arena,
                          .db = e->db,
                          .settings = e->setup->settings,
                          .user_agent = *from->user_agent ? from->user_agent : NULL,
                          .address = "events"};
    const struct event_credentials given = {.bearer = bearer(from->authorization),
                                            .access = cookie(e->arena, from->cookie, COOKIE_ACCESS),
                                            .refresh = cookie(e->arena, from->cookie, COOKIE_REFRESH)};
    enum error error = event_access_identify(&actor, &given, who);
    if (error)
        return error == ERR_DATABASE ? HTTP_UNAVAILABLE : HTTP_UNAUTHORIZED;
    return comes_from_us(e, from, who->by_cookie) ? WEBSOCKET_WELCOME : HTTP_FORBIDDEN;
}

static int subscribe(struct events *e, unsigned number, const struct event_identity *who, bool console)
{
    struct subscriber *s = &e->subscribers[number];
    if (has_enough(e, who->user_id))
        return HTTP_TOO_MANY;
    *s = (struct subscriber){.here = true, .dialect = console ? EVENT_CONSOLE : EVENT_CCR_UI, .who = *who};
    enum error error = ask_for(e, number, number + 1);
    if (!error && s->confirmed) {
        atomic_fetch_add(&e->setup->board->live_connections, 1);
        return WEBSOCKET_WELCOME;
    }
    subscriptions_remove(&e->table, number);
    s->here = false;
    return error ? HTTP_UNAVAILABLE : HTTP_UNAUTHORIZED;
}

static int on_handshake(void *context, unsigned number, const struct websocket_handshake *from)
{
    struct events *e = context;
    struct event_identity who;
    if (strcmp(from->path, "/ws") != 0)
        return HTTP_NOT_FOUND;
    if (!e->epoch || e->stale || db_epoch(e->db) != e->epoch)
        return HTTP_UNAVAILABLE;
    int status = identify(e, from, &who);
    if (status == WEBSOCKET_WELCOME)
        status = subscribe(e, number, &who, from->subprotocol);
    db_forget_results(e->db);
    arena_reset(e->arena);
    metrics_add(status == WEBSOCKET_WELCOME ? METRIC_LIVE_OPENED : METRIC_LIVE_REFUSED, 1);
    log_debug("live events: handshake", LOG_INT("status", status), LOG_INT("connection", number));
    return status;
}

/* What an empty page of a log begins with. Without it the connection is as good. */
static void send_past(struct events *e, unsigned number)
{
    struct buffer out;
    struct rows past;
    if (event_access_past(e->db, &e->subscribers[number].who, &past) == ERR_NONE && past.count) {
        buffer_init(&out, PAST_MAX);
        event_write_past(&out, &past);
        if (!out.overflow)
            send_alone(e, number, buffer_string(&out));
        buffer_free(&out);
    }
    db_forget_results(e->db);
}

static void on_opened(void *context, unsigned number)
{
    struct events *e = context;
    struct buffer out;
    if (e->subscribers[number].dialect == EVENT_CCR_UI)
        send_past(e, number);
    buffer_init(&out, MESSAGE_MAX);
    event_write_welcome(&out, e->subscribers[number].dialect);
    send_alone(e, number, buffer_string(&out));
    buffer_free(&out);
}

static void on_received(void *context, unsigned number, const char *text, size_t length)
{
    send_alone(context, number, event_answer(text, length));
}

static void on_closed(void *context, unsigned number)
{
    struct events *e = context;
    e->subscribers[number] = (struct subscriber){0};
    subscriptions_remove(&e->table, number);
    atomic_fetch_sub(&e->setup->board->live_connections, 1);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* The master looks at the time; systemd, where there is no master, wants to be told. */
static void beat(struct events *e, bool connected)
{
    struct worker_slot *slot = e->setup->slot;
    int64_t now = monotonic_ms();
    if (e->watchdog_ms && now >= e->next_watchdog) {
        systemd_notify("WATCHDOG=1");
        e->next_watchdog = now + e->watchdog_ms;
    }
    atomic_store_explicit(&slot->heartbeat_ms, now, memory_order_relaxed);
    atomic_store_explicit(&slot->connected, connected, memory_order_relaxed);
    if (atomic_load(&slot->stage) != STAGE_IDLE)
        scoreboard_stage(slot, STAGE_IDLE);
}

/* Another connection than before: of what was said in between nothing is known. */
static void begin_anew(struct events *e)
{
    e->missed = e->epoch != 0;
    e->epoch = db_epoch(e->db);
    e->stale = true;
    forget_news(e);
    websockets_watch(e->sockets, db_fd(e->db));
}

static bool on_tick(void *context)
{
    struct events *e = context;
    child_take_signals(&e->while_waiting);
    if (child_must_leave())
        return false;
    bool connected = db_ready(e->db, 0);
    beat(e, connected);
    if (!connected) {
        subscriptions_clear(&e->table);
        return true;
    }
    if (db_epoch(e->db) != e->epoch)
        begin_anew(e);
    e->stale |= somebody_is_due(e);
    take_news(e);
    return true;
}

static const struct websocket_handlers handlers = {
    .subprotocol = "ccr-changes",
    .admit = on_handshake,
    .opened = on_opened,
    .received = on_received,
    .closed = on_closed,
    .readable = on_readable,
    .tick = on_tick,
};

static bool serve_sockets(struct events *e, int listen_fd)
{
    e->sockets = websockets_new(listen_fd, CONNECTIONS, &handlers, e);
    if (!e->sockets)
        return false;
    if (!e->setup->master) {
        e->watchdog_ms = systemd_watchdog_ms();
        systemd_notify("READY=1");
    }
    bool told = websockets_run(e->sockets);
    websockets_free(e->sockets);
    return told;
}

static int try_to_open(const struct events *e, struct listener *listener, bool *said)
{
    const struct settings *settings = e->setup->settings;
    const struct listener_wish wish = {.socket_path = settings->events_socket, .socket_mode = settings->socket_mode};
    char problem[PATH_MAX + 256];
    int status = listener_open(listener, &wish, problem, sizeof problem);
    if (status && !*said)
        log_error("live events have no socket", LOG_STR("reason", problem));
    *said = true;
    return status;
}

/* Under a master it is tried again until it succeeds: another backend, which this one takes the place of, may hold the socket yet. */
static int open_socket(struct events *e, struct listener *listener)
{
    bool said = false;
    int status = try_to_open(e, listener, &said);
    while (status && e->setup->master) {
        beat(e, false);
        child_nap(&e->while_waiting, SOCKET_RETRY_MS);
        if (child_must_leave())
            return status;
        status = try_to_open(e, listener, &said);
    }
    return status;
}

int events_run(const struct background_setup *setup)
{
    static struct events events; /* too much for a stack */
    struct events *e = &events;
    struct listener listener;
    e->setup = setup;
    if (!child_begin(setup->master, setup->settings->memory_limit, &e->while_waiting))
        return 0;
    int status = open_socket(e, &listener);
    if (status)
        return child_must_leave() ? EX_OK : status;
    e->arena = arena_new(ARENA_MAX);
    e->db = db_new(setup->settings);
    db_require_tenant_role(e->db);
    db_share(e->db, setup->board, setup->slot);
    db_listen(e->db, "ccr_changes", note, e);
    buffer_init(&e->news, NEWS_MAX);
    subscriptions_init(&e->table, SUBSCRIPTIONS);
    atomic_store(&setup->board->live_connections, 0); /* the one before may have been killed */
    bool told = serve_sockets(e, listener.fd);
    listener_close(&listener);
    scoreboard_stage(setup->slot, STAGE_STOPPING);
    subscriptions_free(&e->table);
    buffer_free(&e->news);
    db_free(e->db);
    arena_free(e->arena);
    return told ? EX_OK : EX_SOFTWARE;
}
