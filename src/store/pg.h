/* What the two files of the database module share; the only place that includes libpq. */
#ifndef CCR_PG_H
#define CCR_PG_H

#include <libpq-fe.h>

#include "db.h"

enum {
    PREPARED_SLOTS = 1024, /* power of two, at least twice the program's statements */
    QUEUE_MAX = 8,         /* BEGIN, the lock timeout, the tenant, the statement; a PREPARE with each but the first */
    GRACE_MS = 2000,       /* beyond statement_timeout, before a silent server counts as lost */
};

enum pg_state { DISCONNECTED, CONNECTING, READY };

/* What stands in the pipeline in front of the sync, in order. */
enum queued { QUEUED_TENANT, QUEUED_BEGIN, QUEUED_PATIENCE, QUEUED_PREPARE, QUEUED_STATEMENT };

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
    bool (*others_connected)(void *context); /* see db_share_breaker */
    void *others_context;
    uint64_t openings_seen; /* of the breaker: the connection is known to have been good after so many */
    int64_t listening_us;   /* when LISTEN had been answered */
    int64_t expires_ms;     /* MAX_LIFETIME; INT64_MAX = never */
    int64_t last_used_ms;   /* when the server last answered */
    PostgresPollingStatusType polling;
    int64_t deadline_ms;     /* of the attempt under way */
    int64_t next_attempt_ms; /* no attempt before this */

    struct tenant wanted, held;
    bool held_known; /* what the connection holds is what `held` says */

    const struct statement *prepared[PREPARED_SLOTS];
    bool begin_pending, in_transaction;
    bool brief;         /* the transaction gives up on locks early */
    enum error aborted; /* why the transaction in progress can do nothing more; OK = it can */
    bool may_repeat;    /* see db_may_repeat */

    enum queued queue[QUEUE_MAX];
    size_t queued;

    PGresult **results;
    size_t result_count, result_capacity;

    char failure[256];
    char message[512];
    char constraint[64];
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

#endif
