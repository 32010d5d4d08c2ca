/* Statements and transactions over libpq in pipeline mode (PostgreSQL manual, chapter 34).
 *
 * A statement travels together with whatever must precede it - the tenant setting when it changed, BEGIN when a
 * transaction was asked for, PREPARE at its first use - so that each costs one round trip. */
#include "db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "metrics.h"
#include "pg.h"
#include "util.h"

enum { REQUEST_CONNECT_MS = 1000 }; /* how long a request waits for a connection that is being made */

#define BRIEF_LOCK_TIMEOUT "500ms"

/* ---- tenant ----------------------------------------------------------------------------------------------------- */

void db_tenant(struct db *db, const char *workspace_id, const char *user_id)
{
    snprintf(db->wanted.workspace, sizeof db->wanted.workspace, "%s", workspace_id);
    snprintf(db->wanted.user, sizeof db->wanted.user, "%s", user_id);
}

void db_maintenance(struct db *db, bool on)
{
    db->wanted.maintenance = on;
}

static bool tenant_is_held(const struct db *db)
{
    return db->held_known && strcmp(db->held.workspace, db->wanted.workspace) == 0 &&
           strcmp(db->held.user, db->wanted.user) == 0 && db->held.maintenance == db->wanted.maintenance;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static const struct statement set_tenant = {
    "ccr_set_tenant", "SELECT set_config('ccr.workspace', $1, false), set_config('ccr.user', $2, false),"
                      " set_config('ccr.maintenance', $3, false)"};
/* A plan is made once and kept, also where its tables were small when it was made: a write finds its rows by their indexes and does not
 * read whole tables, or all of a workspace, to join them. */
static const struct statement set_brief = {
    "ccr_set_brief", "SELECT set_config('lock_timeout', '" BRIEF_LOCK_TIMEOUT "', true), set_config(plan, 'off', true)"
                     " FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) AS p (plan)"};
static const struct statement begin = {NULL, "BEGIN ISOLATION LEVEL READ COMMITTED"}, commit = {NULL, "COMMIT"},
                              rollback = {NULL, "ROLLBACK"}, deallocate = {NULL, "DEALLOCATE ALL"};

/* The slot where a name is, or where it would go: there always is a free one (forget_prepared). */
static const char **prepared_slot(struct db *db, const char *name)
{
    size_t i = (size_t)name_hash(name) % PREPARED_SLOTS;
    while (db->prepared[i] && db->prepared[i] != name && strcmp(db->prepared[i], name) != 0)
        i = (i + 1) % PREPARED_SLOTS;
    return &db->prepared[i];
}

/* So that the table of prepared statements never fills up: beyond what the program's own need (scripts/check-statements.py) all are
 * prepared anew as they are used. */
static bool forget_prepared(struct db *db)
{
    if (db->prepared_count < PREPARED_MAX)
        return true;
    memset(db->prepared, 0, sizeof db->prepared);
    db->prepared_count = 0;
    db->queue[db->queued++] = QUEUED_FORGET;
    return PQsendQueryParams(db->conn, deallocate.sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* A plan of it is kept, under its name. */
static bool is_prepared(const struct statement *statement)
{
    return statement->name && !statement->planned_anew;
}

static bool send_arguments(struct db *db, const struct statement *statement, const struct db_args *args)
{
    int formats[DB_ARGS_MAX];
    const int *told = args->lengths ? formats : NULL;
    for (size_t i = 0; args->lengths && i < args->count; i++)
        formats[i] = args->lengths[i] >= 0;
    if (!is_prepared(statement))
        return PQsendQueryParams(db->conn, statement->sql, (int)args->count, NULL, args->values, args->lengths, told,
                                 0);
    return PQsendQueryPrepared(db->conn, statement->name, (int)args->count, args->values, args->lengths, told, 0);
}

static bool queue_statement(struct db *db, const struct statement *statement, enum queued kind,
                            const struct db_args *args)
{
    if (!is_prepared(statement)) {
        db->queue[db->queued++] = kind;
        return send_arguments(db, statement, args);
    }
    const char **slot = prepared_slot(db, statement->name);
    if (!*slot) {
        db->queue[db->queued++] = QUEUED_PREPARE;
        if (!PQsendPrepare(db->conn, statement->name, statement->sql, 0, NULL))
            return false;
        *slot = statement->name;
        db->prepared_count++;
    }
    db->queue[db->queued++] = kind;
    return send_arguments(db, statement, args);
}

static bool queue_all(struct db *db, const struct statement *statement, const struct db_args *args)
{
    static const struct db_args none = {0};
    db->queued = 0;
    if (statement->name && !forget_prepared(db))
        return false;
    if (db->begin_pending && !queue_statement(db, &begin, QUEUED_BEGIN, &none))
        return false;
    if (db->begin_pending && db->brief && !queue_statement(db, &set_brief, QUEUED_PATIENCE, &none))
        return false;
    if (statement->name && !tenant_is_held(db)) {
        const char *const tenant[] = {db->wanted.workspace, db->wanted.user, db->wanted.maintenance ? "on" : ""};
        db->held_known = false;
        if (!queue_statement(db, &set_tenant, QUEUED_TENANT, &(struct db_args){tenant, NULL, ARRAY_SIZE(tenant)}))
            return false;
    }
    return queue_statement(db, statement, QUEUED_STATEMENT, args) && PQpipelineSync(db->conn);
}

/* What a SQLSTATE means to a caller (PostgreSQL manual, appendix A). Longest prefix first. */
static const struct {
    const char *prefix;
    enum error error;
    bool drop; /* the connection is of no more use */
} sqlstates[] = {
    {"23505", ERR_CONFLICT, false}, /* unique_violation */
    {"23503", ERR_CONFLICT, false}, /* foreign_key_violation */
    {"23", ERR_VALIDATION, false},  /* other integrity constraints */
    {"22", ERR_VALIDATION, false},  /* data exception */
    {"40001", ERR_BUSY, false},     /* serialization_failure */
    {"40P01", ERR_BUSY, false},     /* deadlock_detected */
    {"40", ERR_DATABASE, false},    /* other transaction rollbacks */
    {"55P03", ERR_BUSY, false},     /* lock_not_available */
    {"57014", ERR_DATABASE, false}, /* query_canceled: statement_timeout */
    {"57P", ERR_DATABASE, true},    /* shutdown */
    {"08", ERR_DATABASE, true},     /* connection exception */
    {"25006", ERR_DATABASE, true},  /* read-only: this is no longer the primary */
    {"53", ERR_DATABASE, false},    /* insufficient resources */
    {"0A000", ERR_DATABASE, true},  /* cached plan must not change result type: a migration ran meanwhile */
    {"26000", ERR_DATABASE, true},  /* prepared statement is gone */
};

static enum error map_error(struct db *db, const PGresult *result, const struct statement *statement, bool *lost)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    pg_keep_line(db->message, sizeof db->message, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    enum error error = ERR_INTERNAL;
    if (!state) { /* libpq's own: the connection broke */
        *lost = true;
        return ERR_DATABASE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sqlstates); i++) {
        if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) != 0)
            continue;
        error = sqlstates[i].error;
        *lost |= sqlstates[i].drop;
        break;
    }
    db->may_repeat = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    if (error == ERR_BUSY)
        log_warn("statement gave way to another transaction",
                 LOG_STR("statement", statement->name ? statement->name : statement->sql), LOG_STR("sqlstate", state),
                 LOG_STR("reason", db->message));
    else if (error != ERR_CONFLICT)
        log_error("statement failed", LOG_STR("statement", statement->name ? statement->name : statement->sql),
                  LOG_STR("sqlstate", state), LOG_STR("reason", db->message));
    return error;
}

/* Notes that one queued command was carried out. */
static void note_success(struct db *db, enum queued kind)
{
    if (kind == QUEUED_BEGIN) {
        db->begin_pending = false;
        db->in_transaction = true;
    }
    if (kind == QUEUED_TENANT) {
        db->held = db->wanted;
        db->held_known = true;
    }
}

/* Reads up to the sync. *out is the statement's result, which the caller owns; NULL on error. */
static enum error read_results(struct db *db, const struct statement *statement, PGresult **out, bool *lost)
{
    int64_t deadline = monotonic_ms() + db->settings->statement_timeout + GRACE_MS;
    enum error error = ERR_NONE;
    size_t done = 0, prepares = 0, prepares_wanted = 0;
    for (size_t i = 0; i < db->queued; i++)
        prepares_wanted += db->queue[i] == QUEUED_PREPARE;
    *out = NULL;
    while (!*lost) {
        PGresult *result = pg_next_result(db, deadline, lost);
        if (!result)
            continue; /* the end of one command, or lost */
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            break;
        }
        enum queued kind = done < db->queued ? db->queue[done] : QUEUED_STATEMENT;
        done++;
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            note_success(db, kind);
            prepares += kind == QUEUED_PREPARE;
            if (kind == QUEUED_STATEMENT && !*out) {
                *out = result;
                continue;
            }
        } else if (status == PGRES_FATAL_ERROR && error == ERR_NONE) {
            error = map_error(db, result, statement, lost);
        }
        PQclear(result);
    }
    if (*lost || error) {
        PQclear(*out);
        *out = NULL;
        db->held_known = false; /* a setting made in the failed transaction is undone with it */
        /* A PREPARE that failed, or stood behind the failure, is not there. Such an error is rare (a new statement in a
         * transaction that already failed), so a fresh connection is the simple way back to what is known. */
        *lost |= prepares < prepares_wanted;
    }
    return error ? error : *lost ? ERR_DATABASE : ERR_NONE;
}

static void note_slow(const struct db *db, const struct statement *statement, int64_t took)
{
    if (took >= db->settings->slow_statement)
        log_warn("slow statement", LOG_STR("statement", statement->name ? statement->name : statement->sql),
                 LOG_INT("duration_ms", took));
}

/* After a statement: what is known of the connection now. */
static enum error note_outcome(struct db *db, enum error error, bool lost)
{
    if (!lost) {
        db->last_used_ms = monotonic_ms();
        return error;
    }
    if (db->silent) {
        pg_silent(db);
        return error;
    }
    if (!db->message[0])
        pg_keep_line(db->message, sizeof db->message, PQerrorMessage(db->conn));
    pg_lost(db, db->message);
    return error;
}

/* Sends a statement and reads its result once. Sets *again when the connection turned out to be gone, so that a new one
 * may answer; not when the server was only silent, since that would take as long again. */
static enum error try_statement(struct db *db, const struct statement *statement, const struct db_args *args,
                                PGresult **out, bool *again)
{
    db->silent = false;
    bool lost =
        !queue_all(db, statement, args) || !pg_flush(db, monotonic_ms() + db->settings->statement_timeout + GRACE_MS);
    enum error error = lost ? ERR_DATABASE : read_results(db, statement, out, &lost);
    *again = lost && !db->silent;
    return note_outcome(db, error, lost);
}

static enum error try_twice(struct db *db, const struct statement *statement, const struct db_args *args,
                            PGresult **out)
{
    bool again = false, inside = db->in_transaction, begin_pending = db->begin_pending;
    enum error error = ERR_DATABASE;
    /* Once more on a new connection, unless the lost one held a transaction with earlier statements. */
    for (int tries = 0; tries < 2 && (tries == 0 || (again && !inside)); tries++) {
        if (statement != &rollback) /* which is to leave what was wrong */
            db->message[0] = '\0';
        if (inside ? db->state != PG_READY : !db_ready(db, REQUEST_CONNECT_MS)) {
            pg_keep_line(db->message, sizeof db->message, db_failure(db));
            if (breaker_is_open(db->breaker))
                metrics_add(METRIC_DROPPED_BREAKER, 1);
            return ERR_DATABASE;
        }
        db->begin_pending = begin_pending; /* a reconnect forgets it, but nothing of the transaction was sent yet */
        error = try_statement(db, statement, args, out, &again);
    }
    return error;
}

static void finish_statement(struct db *db, const struct statement *statement, enum error error, bool transaction,
                             int64_t started)
{
    if (error && transaction && (db->state != PG_READY || PQtransactionStatus(db->conn) == PQTRANS_INERROR))
        db->aborted = error;
    int64_t took_us = monotonic_us() - started;
    note_slow(db, statement, took_us / 1000);
    metrics_statement(statement->name ? statement->name : statement->sql, took_us,
                      error &&
                          error != ERR_CONFLICT); /* which is an answer: the log does not call it a failure either */
}

/* What failed inside a transaction has ended it, whether the server says so or the connection is gone: nothing that comes
 * after may be carried out, least of all by itself. */
static enum error execute_statement(struct db *db, const struct statement *statement, const char *const *args,
                                    size_t count, PGresult **out)
{
    int64_t started = monotonic_us();
    bool transaction = db_in_transaction(db);
    *out = NULL;
    if (db->sent) { /* its answer would be taken for this one's */
        log_error("statement while another one is under way",
                  LOG_STR("statement", statement->name ? statement->name : statement->sql));
        pg_drop(db);
        return ERR_INTERNAL;
    }
    if (statement != &rollback) {
        if (db->aborted)
            return db->aborted;
        db->may_repeat = false;
    }
    enum error error = try_twice(db, statement, &(struct db_args){args, NULL, count}, out);
    finish_statement(db, statement, error, transaction, started);
    return error;
}

static void keep_result(struct db *db, PGresult *result)
{
    if (db->result_count == db->result_capacity) {
        size_t capacity = db->result_capacity ? db->result_capacity * 2 : 16;
        PGresult **grown = realloc(db->results, capacity * sizeof(PGresult *));
        if (!grown)
            abort();
        db->results = grown;
        db->result_capacity = capacity;
    }
    db->results[db->result_count++] = result;
}

/* ---- a statement that is not waited for ------------------------------------------------------------------------- */

enum error db_send(struct db *db, const struct statement *statement, const struct db_args *args)
{
    if (db->aborted)
        return db->aborted;
    if (!db->in_transaction || db->sent || db->state != PG_READY)
        return ERR_DATABASE;
    db->silent = db->may_repeat = false;
    db->message[0] = '\0';
    db->sent_us = monotonic_us();
    bool lost =
        !queue_all(db, statement, args) || !pg_flush(db, monotonic_ms() + db->settings->statement_timeout + GRACE_MS);
    enum error error = lost ? note_outcome(db, ERR_DATABASE, lost) : ERR_NONE;
    if (error)
        finish_statement(db, statement, error, true, db->sent_us);
    else
        db->sent = statement;
    return error;
}

enum error db_receive(struct db *db, struct row *row)
{
    PGresult *result = NULL;
    bool lost = false;
    const struct statement *statement = db->sent;
    if (!statement)
        return db->aborted ? db->aborted : ERR_DATABASE;
    db->sent = NULL;
    enum error error = read_results(db, statement, &result, &lost);
    error = note_outcome(db, error, lost);
    finish_statement(db, statement, error, true, db->sent_us);
    if (error)
        return error;
    keep_result(db, result);
    *row = (struct row){result, 0};
    return PQntuples(result) ? ERR_NONE : ERR_NOT_FOUND;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

void db_forget_results(struct db *db)
{
    for (size_t i = 0; i < db->result_count; i++)
        PQclear(db->results[i]);
    db->result_count = 0;
}

enum error db_run(struct db *db, const struct statement *statement, const char *const *args, size_t count)
{
    PGresult *result;
    enum error error = execute_statement(db, statement, args, count, &result);
    PQclear(result);
    return error;
}

enum error db_all(struct db *db, const struct statement *statement, struct rows *rows, const char *const *args,
                  size_t count)
{
    PGresult *result;
    *rows = (struct rows){NULL, 0};
    enum error error = execute_statement(db, statement, args, count, &result);
    if (error)
        return error;
    keep_result(db, result);
    *rows = (struct rows){result, PQntuples(result)};
    return ERR_NONE;
}

enum error db_one(struct db *db, const struct statement *statement, struct row *row, const char *const *args,
                  size_t count)
{
    struct rows rows;
    enum error error = db_all(db, statement, &rows, args, count);
    *row = (struct row){rows.result, 0};
    if (error)
        return error;
    return rows.count ? ERR_NONE : ERR_NOT_FOUND;
}

struct row rows_at(const struct rows *rows, int index)
{
    return (struct row){rows->result, index};
}

const char *row_text(const struct row *row, int column)
{
    return PQgetisnull(row->result, row->index, column) ? NULL : PQgetvalue(row->result, row->index, column);
}

const char *row_string(const struct row *row, int column)
{
    return PQgetvalue(row->result, row->index, column); /* "" for NULL */
}

long long row_int(const struct row *row, int column)
{
    return strtoll(row_string(row, column), NULL, 10);
}

bool row_bool(const struct row *row, int column)
{
    return row_string(row, column)[0] == 't';
}

int rows_columns(const struct rows *rows)
{
    return PQnfields(rows->result);
}

const char *rows_column(const struct rows *rows, int column)
{
    return PQfname(rows->result, column);
}

/* "2026-01-31 12:00:00.5+00", its last zeros left out (see send_setup). */
static void put_time(struct json_writer *w, const char *text)
{
    char out[TIME_TEXT];
    const char *fraction = strchr(text, '.');
    int digits = fraction ? (int)strspn(fraction + 1, "0123456789") : 0;
    digits = digits < 3 ? digits : 3;
    snprintf(out, sizeof out, "%.10sT%.8s.%.*s%.*sZ", text, text + 11, digits, fraction ? fraction + 1 : "", 3 - digits,
             "000");
    json_put_string(w, out);
}

void row_write(const struct row *row, struct json_writer *w)
{
    enum { BOOL = 16, INT8 = 20, INT4 = 23, JSON = 114, TIMESTAMPTZ = 1184 }; /* pg_type.dat */
    for (int i = 0; i < PQnfields(row->result); i++) {
        const char *text = row_text(row, i);
        Oid type = PQftype(row->result, i);
        json_key(w, PQfname(row->result, i));
        if (text && type == BOOL)
            json_put_bool(w, row_bool(row, i));
        else if (text && type == TIMESTAMPTZ)
            put_time(w, text);
        else if (type == INT8 || type == INT4 || type == JSON)
            json_put_raw(w, text);
        else
            json_put_string(w, text);
    }
}

void rows_write(const struct rows *rows, struct json_writer *w)
{
    json_open_array(w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        json_open_object(w);
        row_write(&row, w);
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

void db_begin(struct db *db)
{
    db->begin_pending = true;
    db->brief = false;
}

void db_begin_brief(struct db *db)
{
    db->begin_pending = true;
    db->brief = true;
}

enum error db_lock_name(struct db *db, const char *name, int patience_ms)
{
    /* The list is worked off from left to right: the wait is bounded by the time that was just set. */
    static const struct statement lock = {
        "db_lock_name", "SELECT set_config('lock_timeout', coalesce($2, current_setting('lock_timeout')), true),"
                        " pg_advisory_xact_lock(hashtextextended($1, 0))"};
    char patience[16];
    snprintf(patience, sizeof patience, "%dms", patience_ms);
    return db_run(db, &lock, DB_ARGS(name, patience_ms ? patience : NULL));
}

bool db_may_repeat(const struct db *db)
{
    return db->may_repeat;
}

enum error db_commit(struct db *db)
{
    PGresult *result = NULL;
    enum error error = db->aborted;
    if (!error && db->in_transaction)
        error = execute_statement(db, &commit, NULL, 0, &result);
    PQclear(result);
    if (error) {
        db_rollback(db);
        return error;
    }
    db->begin_pending = db->in_transaction = false;
    return ERR_NONE;
}

void db_rollback(struct db *db)
{
    PGresult *result = NULL;
    db->begin_pending = false;
    if (db->in_transaction) {
        if (execute_statement(db, &rollback, NULL, 0, &result) != ERR_NONE)
            pg_drop(db);
        PQclear(result);
        db->in_transaction = false;
        db->held_known = false; /* a tenant set inside is undone with the rest */
    }
    db->aborted = ERR_NONE;
}

void db_settle(struct db *db)
{
    if (db->state == PG_READY && PQtransactionStatus(db->conn) == PQTRANS_ACTIVE)
        pg_drop(db); /* a longjmp left the pipeline half-read */
    db_rollback(db);
}

/* ---- for subcommands -------------------------------------------------------------------------------------------- */

enum error db_script(struct db *db, const char *sql)
{
    if (!db->in_transaction && !db_ready(db, REQUEST_CONNECT_MS))
        return ERR_DATABASE;
    if (!PQexitPipelineMode(db->conn))
        return ERR_INTERNAL;
    PQsetnonblocking(db->conn, 0);
    bool good = true;
    if (db->begin_pending) {
        PGresult *result = PQexec(db->conn, "BEGIN");
        good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        db->begin_pending = false;
        db->in_transaction = good;
    }
    if (good) {
        PGresult *result = PQexec(db->conn, sql);
        ExecStatusType status = PQresultStatus(result);
        good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        if (!good)
            pg_keep_line(db->message, sizeof db->message, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        PQclear(result);
    }
    PQsetnonblocking(db->conn, 1);
    if (!PQenterPipelineMode(db->conn))
        return ERR_INTERNAL;
    return good ? ERR_NONE : ERR_INTERNAL;
}

enum error db_bypasses_rls(struct db *db, bool *bypasses)
{
    static const struct statement select = {"db_bypasses_rls", PG_BYPASSES_RLS};
    struct row row;
    enum error error = db_one(db, &select, &row, DB_NO_ARGS);
    *bypasses = !error && row_bool(&row, 0);
    return error;
}
