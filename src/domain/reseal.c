/* Reseal: sealing again what is sealed under another key, and for the first time what older versions stored open. */
#include "reseal.h"

#include <string.h>

#include "actor.h"
#include "json.h"
#include "util.h"

/* ---- what there is ---------------------------------------------------------------------------------------------- */

/* A row to do: the columns of every `select` below, as many as it has. A locked row keeps its ctid. */
enum { BATCHES_MAX = 10 }; /* of rows that cannot be opened, passed over in one step */

enum { ROW_CTID, ROW_OWNER, ROW_ID, ROW_SEALED, ROW_OPEN };

#define ROWS(table, condition, order)                                                                                  \
    " FROM " #table " WHERE " condition " ORDER BY " order " LIMIT $2::int OFFSET $3::int FOR UPDATE"

/* $1 is the first key's id; NULL finds only what is open. */
#define OTHER_KEY(value) "split_part(" value ", ':', 1) <> $1"

#define SEALED_TEXT(table, column, owner, row_id, order)                                                               \
    .what = #table "." #column, .seal = seal_text,                                                                     \
    .count = {"reseal_count_" #table, "SELECT count(*) FROM " #table " WHERE " OTHER_KEY(#column)},                    \
    .select = {"reseal_select_" #table,                                                                                \
               "SELECT ctid, " #owner ", " #row_id ", " #column ROWS(table, OTHER_KEY(#column), order)},               \
    .update = {"reseal_update_" #table, "UPDATE " #table " SET " #column " = $2 WHERE ctid = $1::tid RETURNING 1"}

/* Documents that are sealed as a whole, as {"$sealed": ...} (src/domain/profile_extra.c). That one is open is told by its text, which
 * is faster than reading JSON: housekeeping looks at all rows. */
#define NOT_SEALED(column)                                                                                             \
    "(" #column "::text NOT LIKE '{\"$sealed\"%' OR " OTHER_KEY(#column "->>'$sealed'") ") AND " #column               \
                                                                                        "::text <> '{}'"

#define SEALED_DOCUMENT(table, column, workspace, row_id, order)                                                       \
    .what = #table "." #column, .seal = seal_document,                                                                 \
    .count = {"reseal_count_document_" #table, "SELECT count(*) FROM " #table " WHERE " NOT_SEALED(column)},           \
    .select = {"reseal_select_document_" #table, "SELECT ctid, " #workspace ", " row_id ", " #column                   \
                                                 "->>'$sealed', " #column ROWS(table, NOT_SEALED(column), order)},     \
    .update = {"reseal_update_document_" #table,                                                                       \
               "UPDATE " #table " SET " #column                                                                        \
               " = json_build_object('$sealed', $2::text) WHERE ctid = $1::tid RETURNING 1"}

/* Objects of sealed values, each for itself (src/resource/resource_value.c). One value of another key is enough. */
#define OTHER_KEYS "EXISTS (SELECT 1 FROM json_each_text(sealed) s WHERE " OTHER_KEY("s.value") ")"

#define SEALED_MAP(table, row_id, order)                                                                               \
    .what = #table ".sealed", .seal = seal_map,                                                                        \
    .count = {"reseal_count_map_" #table, "SELECT count(*) FROM " #table " WHERE " OTHER_KEYS},                        \
    .select = {"reseal_select_map_" #table,                                                                            \
               "SELECT ctid, workspace_id, " #row_id ", sealed" ROWS(table, OTHER_KEYS, order)},                       \
    .update = {"reseal_update_map_" #table,                                                                            \
               "UPDATE " #table " SET sealed = $2::json WHERE ctid = $1::tid RETURNING 1"}

#define OF_RESOURCES "workspace_id, kind, platform, name, revision"

/* Seals one row; *readable is false when no key opens it, and nothing is done then. */
typedef enum error seal(struct reseal *r, const struct statement *update, const struct row *row, bool *readable);
static seal seal_text, seal_document, seal_map;

static const struct column {
    const char *what;
    const char *batch; /* rows a transaction; backups hold whole files */
    seal *seal;
    struct statement count, select, update;
} columns[] = {
    {.batch = "200", SEALED_DOCUMENT(workspace_platforms, extra, workspace_id, "platform", "workspace_id, platform")},
    {.batch = "200", SEALED_DOCUMENT(workspaces, registry, id, "'registry'", "id")},
    {.batch = "200", SEALED_MAP(resources, id, "id, platform")},
    {.batch = "200", SEALED_MAP(resource_revisions, resource_id, OF_RESOURCES)},
    {.batch = "20", SEALED_TEXT(native_files, content, workspace_id, id, "workspace_id, platform, path")},
    {.batch = "20", SEALED_TEXT(codex_logins, content, user_id, id, "user_id, name")},
    {.batch = "200", SEALED_TEXT(webhooks, sealed, workspace_id, id, "id")},
    {.batch = "4", SEALED_TEXT(backups, content, workspace_id, id, "id")},
};

size_t reseal_columns(void)
{
    return ARRAY_SIZE(columns);
}

const char *reseal_name(size_t column)
{
    return columns[column].what;
}

/* ---- a row ------------------------------------------------------------------------------------------------------ */

static const char *row_context(struct reseal *r, const struct row *row)
{
    return secret_context(r->arena, row_string(row, ROW_OWNER), row_string(row, ROW_ID));
}

static enum error seal_value(struct reseal *r, const struct statement *update, const struct row *row,
                             const char *secret)
{
    struct row updated;
    const char *sealed = secret_seal(r->ring, r->arena, row_context(r, row), secret);
    return r->dry_run ? ERR_NONE : db_one(r->db, update, &updated, DB_ARGS(row_text(row, ROW_CTID), sealed));
}

static enum error seal_text(struct reseal *r, const struct statement *update, const struct row *row, bool *readable)
{
    const char *secret = secret_open(r->ring, r->arena, row_context(r, row), row_string(row, ROW_SEALED));
    *readable = secret != NULL;
    return secret ? seal_value(r, update, row, secret) : ERR_NONE;
}

static enum error seal_document(struct reseal *r, const struct statement *update, const struct row *row, bool *readable)
{
    if (row_text(row, ROW_SEALED))
        return seal_text(r, update, row, readable);
    *readable = true;
    return seal_value(r, update, row, row_string(row, ROW_OPEN));
}

/* All of them under the first key, or none when one does not open: what cannot be read stays as it is. */
static enum error seal_map(struct reseal *r, const struct statement *update, const struct row *row, bool *readable)
{
    struct row updated;
    const char *name, *context = row_context(r, row);
    json_t *sealed = json_stored(row_string(row, ROW_SEALED)), *value;
    *readable = sealed != NULL;
    json_object_foreach(sealed, name, value)
    {
        const char *secret = secret_open(r->ring, r->arena, context, json_string_value(value));
        *readable = *readable && secret;
        if (secret)
            json_object_set_new(sealed, name, json_string(secret_seal(r->ring, r->arena, context, secret)));
    }
    if (!*readable || r->dry_run)
        return ERR_NONE;
    return db_one(r->db, update, &updated, DB_ARGS(row_text(row, ROW_CTID), json_text(r->arena, sealed)));
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static const char *first_key_of(const struct reseal *r)
{
    return r->open_only ? NULL : keyring_first_id(r->ring);
}

enum error reseal_count(struct reseal *r, size_t column, long long *rows)
{
    struct row row;
    enum error error = db_one(r->db, &columns[column].count, &row, DB_ARGS(first_key_of(r)));
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

static enum error seal_rows(struct reseal *r, const struct column *column, int *count)
{
    struct rows rows;
    /* What was sealed is no longer found; what was not has to be skipped. */
    long long skip = r->unreadable + (r->dry_run ? r->done : 0);
    enum error error = db_all(r->db, &column->select, &rows,
                              DB_ARGS(first_key_of(r), column->batch, arena_printf(r->arena, "%lld", skip)));
    for (int i = 0; !error && i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        error = seal_row(r, column, &row);
    }
    *count = rows.count;
    return error;
}

enum error reseal_rows(struct reseal *r, size_t column, int *rows)
{
    struct arena *before = json_use_arena(r->arena);
    enum error error = seal_rows(r, &columns[column], rows);
    json_use_arena(before);
    return error;
}

enum error seal_open_rows(struct db *db, struct arena *arena, const struct keyring *ring, long long *sealed)
{
    enum error error = ERR_NONE;
    *sealed = 0;
    for (size_t i = 0; !error && !*sealed && i < ARRAY_SIZE(columns); i++) {
        struct reseal r = {.db = db, .arena = arena, .ring = ring, .open_only = true};
        int rows = 1;
        /* Rows that cannot be opened, their key being lost, are passed over, and those behind them reached. */
        for (int batch = 0; !error && !r.done && rows > 0 && batch < BATCHES_MAX; batch++)
            error = reseal_rows(&r, i, &rows);
        *sealed = r.done;
    }
    return error;
}
