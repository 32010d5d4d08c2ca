/* Reseal: sealing again what is sealed under another key, and for the first time what older versions stored open. */
#include "reseal.h"

#include <string.h>

#include "json.h"
#include "request.h"
#include "util.h"

/* ---- what there is ---------------------------------------------------------------------------------------------- */

/* A row to do: the columns of every `select` below. A locked row keeps its ctid. */
enum { ROW_CTID, ROW_WORKSPACE, ROW_ID, ROW_SEALED, ROW_OPEN, ROW_URL };

#define ROWS(table, condition, order)                                                                                  \
    " FROM " #table " WHERE " condition " ORDER BY " order " LIMIT $2::int OFFSET $3::int FOR UPDATE"

/* $1 is the first key's id; NULL finds only what is open. */
#define OTHER_KEY(value) "split_part(" value ", ':', 1) <> $1"

#define SEALED_TEXT(table, column, row_id, order)                                                                      \
    .what = #table "." #column, .seal = seal_text,                                                                     \
    .count = {"reseal_count_" #table, "SELECT count(*) FROM " #table " WHERE " OTHER_KEY(#column)},                    \
    .select = {"reseal_select_" #table,                                                                                \
               "SELECT ctid, workspace_id, " #row_id ", " #column ROWS(table, OTHER_KEY(#column), order)},             \
    .update = {"reseal_update_" #table, "UPDATE " #table " SET " #column " = $2 WHERE ctid = $1::tid RETURNING 1"}

/* Documents that are sealed as a whole, as {"$sealed": ...} (src/api/profile_extra.c). */
#define NOT_SEALED(column)                                                                                             \
    "(" #column "->>'$sealed' IS NULL OR " OTHER_KEY(#column "->>'$sealed'") ") AND " #column "::text <> '{}'"

#define SEALED_DOCUMENT(table, column, workspace, row_id, order)                                                       \
    .what = #table "." #column, .seal = seal_document,                                                                 \
    .count = {"reseal_count_document_" #table, "SELECT count(*) FROM " #table " WHERE " NOT_SEALED(column)},           \
    .select = {"reseal_select_document_" #table, "SELECT ctid, " #workspace ", " row_id ", " #column                   \
                                                 "->>'$sealed', " #column ROWS(table, NOT_SEALED(column), order)},     \
    .update = {"reseal_update_document_" #table,                                                                       \
               "UPDATE " #table " SET " #column                                                                        \
               " = json_build_object('$sealed', $2::text) WHERE ctid = $1::tid RETURNING 1"}

#define OF_REVISIONS "workspace_id, platform, name, revision"

static enum error seal_text(struct reseal *r, const struct statement *update, const struct row *row, bool *readable);
static enum error seal_document(struct reseal *r, const struct statement *update, const struct row *row,
                                bool *readable);

static const struct column {
    const char *what;
    const char *batch; /* rows a transaction; backups hold whole files */
    enum error (*seal)(struct reseal *r, const struct statement *update, const struct row *row, bool *readable);
    struct statement count, select, update;
} columns[] = {
    {.batch = "200", SEALED_TEXT(profiles, auth_token, id, "id")},
    {.batch = "200", SEALED_TEXT(profile_revisions, auth_token, profile_id, OF_REVISIONS)},
    {.batch = "200", SEALED_DOCUMENT(profiles, extra, workspace_id, "id", "id")},
    {.batch = "200", SEALED_DOCUMENT(profile_revisions, extra, workspace_id, "profile_id", OF_REVISIONS)},
    {.batch = "200", SEALED_DOCUMENT(workspace_platforms, extra, workspace_id, "platform", "workspace_id, platform")},
    {.batch = "200", SEALED_DOCUMENT(workspaces, registry, id, "'registry'", "id")},
    {.batch = "4", SEALED_TEXT(backups, content, id, "id")},
};

size_t reseal_columns(void)
{
    return COUNT(columns);
}

const char *reseal_name(size_t column)
{
    return columns[column].what;
}

/* ---- a row ------------------------------------------------------------------------------------------------------ */

static enum error update_row(struct reseal *r, const struct statement *update, const struct row *row, const char *value)
{
    struct row updated;
    return r->dry_run ? OK : db_one(r->db, update, &updated, DB_ARGS(row_text(row, ROW_CTID), value));
}

static const char *context_of(struct reseal *r, const struct row *row)
{
    return secret_context(r->arena, row_string(row, ROW_WORKSPACE), row_string(row, ROW_ID));
}

static enum error seal_text(struct reseal *r, const struct statement *update, const struct row *row, bool *readable)
{
    const char *context = context_of(r, row);
    char *secret = secret_open(r->ring, r->arena, context, row_string(row, ROW_SEALED));
    *readable = secret != NULL;
    if (!secret)
        return OK;
    enum error error = update_row(r, update, row, secret_seal(r->ring, r->arena, context, secret));
    wipe(secret, strlen(secret));
    return error;
}

static enum error seal_document(struct reseal *r, const struct statement *update, const struct row *row, bool *readable)
{
    if (row_text(row, ROW_SEALED))
        return seal_text(r, update, row, readable);
    *readable = true;
    return update_row(r, update, row, secret_seal(r->ring, r->arena, context_of(r, row), row_string(row, ROW_OPEN)));
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static const char *key_of(const struct reseal *r)
{
    return r->open_only ? NULL : keyring_first_id(r->ring);
}

enum error reseal_count(struct reseal *r, size_t column, long long *rows)
{
    struct row row;
    enum error error = db_one(r->db, &columns[column].count, &row, DB_ARGS(key_of(r)));
    *rows = error ? 0 : row_int(&row, 0);
    return error;
}

static enum error seal_row(struct reseal *r, const struct column *column, const struct row *row)
{
    bool readable;
    enum error error = column->seal(r, &column->update, row, &readable);
    if (!readable && r->unreadable_row)
        r->unreadable_row(column->what, row_string(row, ROW_ID));
    r->unreadable += !readable;
    r->done += readable && !error;
    return error;
}

enum error reseal_batch(struct reseal *r, size_t number, int *count)
{
    const struct column *column = &columns[number];
    struct rows rows;
    /* What was sealed is no longer found; what was not has to be skipped. */
    long long skip = r->unreadable + (r->dry_run ? r->done : 0);
    db_begin(r->db);
    enum error error =
        db_all(r->db, &column->select, &rows, DB_ARGS(key_of(r), column->batch, arena_printf(r->arena, "%lld", skip)));
    for (int i = 0; !error && i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        error = seal_row(r, column, &row);
    }
    *count = rows.count;
    if (!error)
        return db_commit(r->db);
    db_rollback(r->db);
    return error;
}

enum error seal_open_rows(struct db *db, struct arena *arena, const struct keyring *ring, bool *more)
{
    enum error error = OK;
    *more = false;
    for (size_t i = 0; !error && !*more && i < COUNT(columns); i++) {
        struct reseal r = {.db = db, .arena = arena, .ring = ring, .open_only = true};
        int rows;
        error = reseal_batch(&r, i, &rows);
        *more = !error && r.done > 0;
    }
    return error;
}
