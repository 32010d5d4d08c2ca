/* Migrations: what is in the database compared with what is built into the program, and the steps between the two. */
#include "migrate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "log.h"
#include "util.h"

/* "ccr-" in ASCII: the advisory lock that lets several hosts start at once. */
#define LOCK_KEY "1667461677"

enum { VERSIONS_MAX = 1000 };

static const struct statement
    table_exists = {"migrate_table_exists", "SELECT to_regclass('schema_migrations') IS NOT NULL"},
    select_applied = {"migrate_select",
                      "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version"},
    insert_applied = {"migrate_insert", "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"},
    delete_applied = {"migrate_delete", "DELETE FROM schema_migrations WHERE version = $1"},
    try_lock = {"migrate_try_lock", "SELECT pg_try_advisory_lock(" LOCK_KEY ")"},
    lock = {"migrate_lock", "SELECT pg_advisory_lock(" LOCK_KEY ")"},
    unlock = {"migrate_unlock", "SELECT pg_advisory_unlock(" LOCK_KEY ")"},
    wait_long = {"migrate_wait_long",
                 "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)"};

static const char create_table[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                   " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
                                   " applied_at timestamptz NOT NULL DEFAULT now())";

static void checksum(char out[CRYPTO_HASH_TEXT], const struct migration *migration)
{
    token_hash(out, migration->up);
}

static const struct migration *find_migration(int version)
{
    for (const struct migration *m = migrations; m->version; m++)
        if (m->version == version)
            return m;
    return NULL;
}

static enum error read_applied(struct db *db, struct rows *rows, bool *initialised)
{
    struct row row;
    *rows = (struct rows){NULL, 0};
    enum error error = db_one(db, &table_exists, &row, DB_NO_ARGS);
    if (error)
        return error;
    *initialised = row_bool(&row, 0);
    return *initialised ? db_all(db, &select_applied, rows, DB_NO_ARGS) : ERR_NONE;
}

/* "ok", "changed" or "unknown" for one applied row. */
static const char *migration_verdict(const struct row *row)
{
    char sum[CRYPTO_HASH_TEXT];
    const struct migration *m = find_migration((int)row_int(row, 0));
    if (!m)
        return "unknown";
    checksum(sum, m);
    return strcmp(sum, row_string(row, 2)) == 0 ? "ok" : "changed";
}

enum error migrate_state(struct db *db, struct migration_state *state)
{
    struct rows rows;
    *state = (struct migration_state){0};
    enum error error = read_applied(db, &rows, &state->initialised);
    if (error)
        return error;
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        const char *is = migration_verdict(&row);
        state->newest = (int)row_int(&row, 0);
        if (strcmp(is, "unknown") == 0)
            state->unknown++;
        else
            state->applied++;
        if (strcmp(is, "changed") == 0 && !state->changed)
            state->changed = state->newest;
    }
    for (const struct migration *m = migrations; m->version; m++)
        state->pending++;
    state->pending -= state->applied;
    return ERR_NONE;
}

const char *migrate_problem(const struct migration_state *state, char *line, size_t size)
{
    if (state->unknown)
        snprintf(line, size,
                 "the database schema (version %d) is newer than this program: install the newer program, or go back "
                 "with its `ccr-ui-backend migrate down`",
                 state->newest);
    else if (state->changed)
        snprintf(line, size,
                 "migration %d was changed after it had been applied: restore the original program, see "
                 "`ccr-ui-backend migrate verify`",
                 state->changed);
    else if (state->pending)
        snprintf(line, size, "the database schema is %d migration%s behind: run `ccr-ui-backend migrate up`",
                 state->pending, state->pending == 1 ? "" : "s");
    else
        return NULL;
    return line;
}

static const struct migration_step *find_step(const struct migration_steps *steps, const struct migration *m)
{
    for (const struct migration_step *step = steps->steps; step && step->name; step++)
        if (strcmp(step->name, m->name) == 0)
            return step;
    return NULL;
}

/* What the program itself does stands behind the file on the way up, and before it on the way down. */
static enum error run_file(struct db *db, const struct migration_steps *steps, const struct migration *m, bool up)
{
    const struct migration_step *step = find_step(steps, m);
    enum error error = step && !up ? step->down(db, steps->context) : ERR_NONE;
    if (!error)
        error = db_script(db, up ? m->up : m->down);
    return error || !step || !up ? error : step->up(db, steps->context);
}

/* Runs one file and its bookkeeping row in one transaction. */
static enum error apply_migration(struct db *db, const struct migration_steps *steps, const struct migration *m,
                                  bool up)
{
    char version[12], sum[CRYPTO_HASH_TEXT];
    snprintf(version, sizeof version, "%d", m->version);
    checksum(sum, m);
    db_begin(db);
    enum error error = run_file(db, steps, m, up);
    if (!error && up)
        error = db_run(db, &insert_applied, DB_ARGS(version, m->name, sum));
    else if (!error)
        error = db_run(db, &delete_applied, DB_ARGS(version));
    if (!error)
        return db_commit(db);
    char reason[256];
    snprintf(reason, sizeof reason, "%s", db_message(db));
    db_rollback(db);
    fprintf(stderr, "migration %04d_%s failed and was undone: %s\n", m->version, m->name, reason);
    return error;
}

/* Takes the advisory lock and makes the bookkeeping table. */
static enum error lock_migrations(struct db *db, FILE *out)
{
    if (!db_ready(db, 30000)) {
        fprintf(stderr, "cannot connect to the database: %s\n", db_failure(db));
        return ERR_DATABASE;
    }
    db_maintenance(db, true);
    struct row row;
    enum error error = db_run(db, &wait_long, DB_NO_ARGS);
    if (!error)
        error = db_one(db, &try_lock, &row, DB_NO_ARGS);
    if (!error && !row_bool(&row, 0)) {
        fputs("waiting for another migration to end\n", out);
        fflush(out);
        error = db_run(db, &lock, DB_NO_ARGS);
    }
    return error ? error : db_script(db, create_table);
}

static enum error refuse_unknown(const struct migration_state *state)
{
    char line[256];
    struct migration_state present = *state;
    present.pending = 0;
    if (!migrate_problem(&present, line, sizeof line))
        return ERR_NONE;
    fprintf(stderr, "%s\n", line);
    return ERR_CONFLICT;
}

/* Between lock and unlock: `run` gets a state that is neither newer nor changed. */
static enum error run_locked(struct db *db, FILE *out, const struct migration_steps *steps,
                             enum error (*run)(struct db *, const struct migration_steps *, int, FILE *), int argument)
{
    struct migration_state state;
    enum error error = lock_migrations(db, out);
    if (error)
        return error;
    error = migrate_state(db, &state);
    if (!error)
        error = refuse_unknown(&state);
    if (!error)
        error = run(db, steps, argument, out);
    enum error last = db_run(db, &unlock, DB_NO_ARGS);
    return error ? error : last;
}

/* Versions that are applied, in order: the rows themselves are gone as soon as a step forgets its results. */
static enum error read_versions(struct db *db, int versions[VERSIONS_MAX], int *count)
{
    struct rows rows;
    bool initialised;
    enum error error = read_applied(db, &rows, &initialised);
    *count = error ? 0 : rows.count < VERSIONS_MAX ? rows.count : VERSIONS_MAX;
    for (int i = 0; i < *count; i++) {
        struct row row = rows_at(&rows, i);
        versions[i] = (int)row_int(&row, 0);
    }
    return error;
}

static enum error run_up(struct db *db, const struct migration_steps *steps, int ignored, FILE *out)
{
    (void)ignored;
    int versions[VERSIONS_MAX] = {0}, count = 0, done = 0;
    enum error error = read_versions(db, versions, &count);
    for (const struct migration *m = migrations; !error && m->version; m++) {
        bool applied = false;
        for (int i = 0; i < count && !applied; i++)
            applied = versions[i] == m->version;
        if (applied)
            continue;
        fprintf(out, "applying %04d_%s\n", m->version, m->name);
        error = apply_migration(db, steps, m, true);
        done += !error;
    }
    if (!error)
        fprintf(out, done ? "%d migration(s) applied\n" : "nothing to do: the schema is up to date\n", done);
    return error;
}

static enum error run_down(struct db *db, const struct migration_steps *steps, int wanted, FILE *out)
{
    int versions[VERSIONS_MAX] = {0}, count = 0, done = 0;
    enum error error = read_versions(db, versions, &count);
    for (int i = count - 1; !error && i >= 0 && done < wanted; i--) {
        const struct migration *m = find_migration(versions[i]);
        if (!m)
            return ERR_CONFLICT;
        fprintf(out, "undoing %04d_%s\n", m->version, m->name);
        error = apply_migration(db, steps, m, false);
        done += !error;
    }
    if (!error)
        fprintf(out, "%d migration(s) undone\n", done);
    return error;
}

enum error migrate_up(struct db *db, const struct migration_steps *steps, FILE *out)
{
    return run_locked(db, out, steps, run_up, 0);
}

enum error migrate_down(struct db *db, const struct migration_steps *steps, int wanted, FILE *out)
{
    return run_locked(db, out, steps, run_down, wanted);
}

static void print_migration(FILE *out, bool json, bool first, int version, const char *name, const char *state,
                            const char *when)
{
    if (json)
        fprintf(out, "%s{\"version\":%d,\"name\":\"%s\",\"state\":\"%s\",\"applied_at\":%s%s%s}", first ? "" : ",",
                version, name, state, when ? "\"" : "", when ? when : "null", when ? "\"" : "");
    else
        fprintf(out, "%04d  %-20s %-8s %s\n", version, name, state, when ? when : "-");
}

enum error migrate_print(struct db *db, FILE *out, bool json)
{
    struct rows rows;
    bool initialised;
    enum error error = read_applied(db, &rows, &initialised);
    if (error)
        return error;
    int i = 0;
    bool first = true;
    const struct migration *m = migrations;
    if (json)
        fputc('[', out);
    while (i < rows.count || m->version) {
        struct row row = rows_at(&rows, i);
        int applied = i < rows.count ? (int)row_int(&row, 0) : 0;
        if (applied && (!m->version || applied <= m->version)) {
            print_migration(out, json, first, applied, row_string(&row, 1), migration_verdict(&row),
                            row_string(&row, 3));
            i++;
            m += m->version == applied;
        } else {
            print_migration(out, json, first, m->version, m->name, "pending", NULL);
            m++;
        }
        first = false;
    }
    if (json)
        fputs("]\n", out);
    return ERR_NONE;
}
