/* What the files of the database module share; the only place that includes libpq. */
#pragma once

#include <libpq-fe.h>

#include "db.h"
#include "lookup.h"
#include "scoreboard.h"

enum {
    PREPARED_SLOTS = 1024, /* power of two, at least twice the program's statements (scripts/check-statements.py) */
    PREPARED_MAX = PREPARED_SLOTS / 4 * 3,
    QUEUE_MAX = 8,   /* DEALLOCATE, BEGIN; the lock timeout, the tenant, the statement with a PREPARE each */
    GRACE_MS = 2000, /* beyond statement_timeout, before a silent server counts as lost */
};

enum pg_state { PG_DISCONNECTED, PG_RESOLVING, PG_CONNECTING, PG_SETTING_UP, PG_READY };

struct conninfo;

/* What the server has answered to the first statements of a session. */
struct setup {
    int rows;      /* results with rows */
    bool bypasses; /* the role is above row-level security */
    bool failed;
    char fault[192]; /* the first error */
};

/* What stands in the pipeline in front of the sync, in order. */
enum queued { QUEUED_FORGET, QUEUED_TENANT, QUEUED_BEGIN, QUEUED_PATIENCE, QUEUED_PREPARE, QUEUED_STATEMENT };

struct tenant {
    char workspace[UUID_TEXT];
    char user[UUID_TEXT];
    bool maintenance;
};

struct db {
    const struct settings *settings;
    bool tenant_role; /* see db_require_tenant_role */
    PGconn *conn;
    enum pg_state state;
    unsigned epoch;
    bool silent; /* the server did not answer in time */
    struct breaker *breaker;
    struct scoreboard *board; /* see db_share; NULL = it is shared with nobody */
    const struct worker_slot *self;
    uint64_t openings_seen; /* of the breaker: the connection is known to have been good after so many */
    const char *channel;    /* see db_listen; NULL = none */
    void (*hear)(void *context, const char *payload);
    void *hear_context;
    int64_t listening_us; /* when LISTEN had been answered */
    int64_t expires_ms;   /* MAX_LIFETIME; INT64_MAX = never */
    int64_t last_used_ms; /* when the server last answered */
    PostgresPollingStatusType polling;
    struct setup setup;
    struct conninfo *conninfo;
    int64_t started_ms;      /* of the attempt under way */
    int64_t deadline_ms;     /* of the same */
    bool told;               /* it takes so long that all workers were told that the server is away */
    int64_t next_attempt_ms; /* no attempt before this */

    struct tenant wanted, held;
    bool held_known; /* what the connection holds is what `held` says */

    const char *prepared[PREPARED_SLOTS]; /* names of statements that the connection has, by their hash */
    size_t prepared_count;
    bool begin_pending, in_transaction;
    bool brief;         /* the transaction gives up on locks early */
    enum error aborted; /* why the transaction in progress can do nothing more; ERR_NONE = it can */
    bool may_repeat;    /* see db_may_repeat */

    const struct statement *sent; /* see db_send; NULL = none */
    int64_t sent_us;

    enum queued queue[QUEUE_MAX];
    size_t queued;

    PGresult **results;
    size_t result_count, result_capacity;

    char failure[256];
    char message[512];
};

#define PG_BYPASSES_RLS "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"

/* Ends the connection and forgets everything that was known about it. */
void pg_drop(struct db *db);
/* The same for a connection that broke by itself; logs why. */
void pg_lost(struct db *db, const char *reason);
/* The same when the server says nothing any more: all workers hear of it, and each tries its own connection. */
void pg_silent(struct db *db);
/* Keeps the first line of a libpq message; libpq never puts a password into one. */
void pg_keep_line(char *out, size_t size, const char *text);
/* Sends what libpq holds back; false when the deadline (monotonic clock) passed or the connection broke. */
bool pg_flush(struct db *db, int64_t deadline_ms);
/* The next result, or NULL at the end of a command. Sets *lost when the server did not answer in time or went away. */
PGresult *pg_next_result(struct db *db, int64_t deadline_ms, bool *lost);

/* ---- DATABASE_URL ------------------------------------------------------------------------------------------------ */

enum { PG_HOSTS = 32 };

/* Where a refusal is put into words, without any part of a password. */
struct why {
    char *text;
    size_t size;
};

struct pg_host {
    const char *name;    /* or a socket's folder; "" = libpq's default */
    const char *address; /* hostaddr as it was given; "" = none */
    const char *port;
};

struct conninfo {
    PQconninfoOption *options; /* what the URL says; the others have no val */
    char *host_list, *hostaddr_list, *port_list;
    struct pg_host hosts[PG_HOSTS];
    struct lookup *lookups[PG_HOSTS]; /* NULL: nothing to look up */
    size_t host_count;
    bool several;
    bool asks;                               /* one of them has to be looked up */
    bool own_lock_timeout, own_idle_timeout; /* `options` sets them: ours do not count */
    int connect_timeout_s;                   /* 0 = CONNECTION_TIMEOUT */
    int64_t asked_ms;
};

/* Takes a URI apart as libpq does, PG* variables and service files included. NULL, and why without the password, when libpq cannot
 * use it or it says what the program cannot live with. Asks nobody. */
struct conninfo *conninfo_new(const char *url, char *problem, size_t size);
void conninfo_free(struct conninfo *info);

/* An attempt begins: asks for the addresses of those hosts that are names. */
void conninfo_ask(struct conninfo *info);

enum conninfo_result {
    CONNINFO_PENDING, /* no address yet; *problem says of which host */
    CONNINFO_STARTED, /* *conn is as PQconnectStartParams gave it */
    CONNINFO_FAILED,  /* no host has an address, *problem says why */
};

/* Starts the connection as soon as enough is known. Waits for nothing. */
enum conninfo_result conninfo_connect(struct conninfo *info, PGconn **conn, const char **problem);
/* Waits until conninfo_connect may say something else, or until_ms (monotonic clock). */
void conninfo_wait(struct conninfo *info, int64_t until_ms);

/* How long an attempt may take: connect_timeout of the URL for each host, else CONNECTION_TIMEOUT (s) for all. */
int64_t conninfo_patience_ms(const struct conninfo *info, int connection_timeout_s);

/* The host whose address is not known, in words; NULL when all are. */
const char *conninfo_problem(const struct conninfo *info);
