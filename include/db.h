/* Database: one persistent PostgreSQL connection a process, named prepared statements, transactions, the tenant setting
 * that row-level security reads. src/store/db.c is the only file that includes libpq. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "error.h"
#include "settings.h"

struct db;
struct scoreboard;
struct worker_slot;
struct json_writer;

struct statement {
    const char *name; /* unique in the program: it is the prepared statement's name */
    const char *sql;
    /* At each time, for the tables as they are then: a plan that is kept may be one for a table that was empty. */
    bool planned_anew;
};

/* A timestamp in a statement, as RFC 3339 in UTC with milliseconds: where row_write does not make it that. */
#define SQL_TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* A result. The text of its cells is valid until db_forget_results. */
struct rows {
    const void *result;
    int count;
};

/* One row of it. */
struct row {
    const void *result;
    int index;
};

/* Creates the handle without connecting. It keeps `settings`, which must outlive it. Never call it before fork in the
 * master. */
struct db *db_new(const struct settings *settings);
void db_free(struct db *db);

/* False, and one line without a secret in why, when libpq cannot make sense of a connection URI, or it says what the program
 * cannot live with (another encoding, a standby). Connects to nothing. */
bool db_url_valid(const char *url, char *problem, size_t size);

/* From now on a connection counts as failed when its role is superuser or has BYPASSRLS, because then workspaces would not
 * be kept apart. For workers; subcommands may be run by whoever owns the server. */
void db_require_tenant_role(struct db *db);

/* The server being away is known to all workers of the board from now on; otherwise every process finds out by itself. While others
 * than `self` have a connection, a failure to connect is this process's own trouble (no more connections allowed, for example),
 * and the server does not count as away. */
void db_share(struct db *db, struct scoreboard *board, const struct worker_slot *self);

/* True when connected; otherwise connects, waiting at most wait_ms (0 = only carries a started attempt on). */
bool db_ready(struct db *db, int wait_ms);
/* Why the last attempt failed, for the log: never holds a password. */
const char *db_failure(const struct db *db);
int db_fd(const struct db *db);             /* for epoll; -1 when not connected */
int db_server_version(const struct db *db); /* 150018; 0 when not connected */
/* True when the role is superuser or BYPASSRLS, so that row-level security would not hold. */
enum error db_bypasses_rls(struct db *db, bool *bypasses);

/* Counts connections made: what was learned by LISTEN on one says nothing about the time before the next. 0 = none. */
unsigned db_epoch(const struct db *db);
/* Since when (monotonic clock) this connection is told of generations (generation.h); INT64_MAX when not connected. */
int64_t db_listening_us(const struct db *db);

/* Before the first connection: this one listens to another channel as well. db_poll hands over what comes on it, in the order of the
 * commits; `hear` only takes note, and asks the database nothing. */
void db_listen(struct db *db, const char *channel, void (*hear)(void *context, const char *payload), void *context);

/* True when the server may have gone without a word, so that nothing that was learned by LISTEN is to be relied on: until the
 * next statement, which tries the connection first. */
bool db_in_doubt(const struct db *db);

/* Reads what the server sent on its own, and passes generations on. True when who may do what has changed, or the connection
 * was lost: whatever was remembered about that is then to be forgotten. */
bool db_poll(struct db *db);

/* True when the connection is older than MAX_LIFETIME. */
bool db_expired(const struct db *db);
/* Ends the connection, so that db_ready makes a new one. Between requests only. */
void db_renew(struct db *db);

/* The session settings row-level security keys on; "" is nobody and shows no rows. Sent in front of the next statement,
 * in the same round trip, when it differs from what the connection holds. `maintenance` opens every workspace: for
 * subcommands only. */
void db_tenant(struct db *db, const char *workspace_id, const char *user_id);
void db_maintenance(struct db *db, bool on);

/* Arguments are C strings in PostgreSQL's text format, NULL is SQL NULL:
 *     db_one(db, &select, &row, DB_ARGS(platform, name))
 * Errors: ERR_DATABASE (connection lost; outside a transaction, or at its first statement, it is tried once more on a new
 * connection first), ERR_CONFLICT (unique or foreign key violation), ERR_VALIDATION (a value
 * PostgreSQL refuses), ERR_BUSY (others hold a lock for too long, or both waited for each other), ERR_INTERNAL (anything
 * else; logged with the statement's name).
 * After an error inside a transaction PostgreSQL does nothing more in it: every further statement gets the same error. */
#define DB_ARGS(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define DB_NO_ARGS   NULL, 0

enum error db_run(struct db *db, const struct statement *statement, const char *const *args, size_t count);
enum error db_all(struct db *db, const struct statement *statement, struct rows *rows, const char *const *args,
                  size_t count);
/* The first row; ERR_NOT_FOUND when there is none. */
enum error db_one(struct db *db, const struct statement *statement, struct row *row, const char *const *args,
                  size_t count);

/* Arguments of which some are in PostgreSQL's binary format (db_array.h): a length of 0 or more says so, -1 that it is a text. NULL: all are. */
enum { DB_ARGS_MAX = 20 };
struct db_args {
    const char *const *values;
    const int *lengths;
    size_t count;
};

/* Sends a statement inside a transaction that has begun, and does not wait for what comes of it: db_receive does, and gives the first row.
 * In between the database can be asked nothing else, and whoever has no use for the answer any more takes it all the same. Errors are
 * those of above, of either. */
enum error db_send(struct db *db, const struct statement *statement, const struct db_args *args);
enum error db_receive(struct db *db, struct row *row);

/* BEGIN travels with the first statement. A commit without any statement sends nothing. Each statement sees what was
 * committed before it (READ COMMITTED), so that what is read after a lock was waited for is what the other one left. */
void db_begin(struct db *db);
/* The same for what gives up early, with ERR_BUSY, when others hold a lock: while it waits it holds a worker. */
void db_begin_brief(struct db *db);
/* For the rest of the transaction: waits for `name` until nobody else holds it (pg_advisory_xact_lock), and for this and any
 * other lock `patience_ms` at most; 0 = as long as the transaction does anyhow. */
enum error db_lock_name(struct db *db, const char *name, int patience_ms);
/* True when the last error was that two transactions stood in each other's way (deadlock, serialization failure), so that
 * the same once more, from the beginning, may well succeed. */
bool db_may_repeat(const struct db *db);
enum error db_commit(struct db *db);
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);

/* Runs sql of several statements through the simple protocol: migrations only. */
enum error db_script(struct db *db, const char *sql);
/* The server's message of the last failed statement, also after a rollback: for the log and subcommands, never for a reply. */
const char *db_message(const struct db *db);

struct row rows_at(const struct rows *rows, int index);
const char *row_text(const struct row *row, int column);   /* NULL for SQL NULL */
const char *row_string(const struct row *row, int column); /* "" for SQL NULL */
long long row_int(const struct row *row, int column);      /* 0 for SQL NULL */
bool row_bool(const struct row *row, int column);

/* What the statement calls its columns. */
int rows_columns(const struct rows *rows);
const char *rows_column(const struct rows *rows, int column);
/* A row as members of the JSON object that is open, each called like its column: integers, booleans and json as what they are,
 * timestamptz as RFC 3339 in UTC with milliseconds, anything else as a string. */
void row_write(const struct row *row, struct json_writer *w);
/* All of them, as an array of such objects. */
void rows_write(const struct rows *rows, struct json_writer *w);

/* Frees every result since the last call. Once per request. */
void db_forget_results(struct db *db);
/* After a request that ended in the middle of something: rolls back, or drops the connection if it has to. */
void db_settle(struct db *db);
