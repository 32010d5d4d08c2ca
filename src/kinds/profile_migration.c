/* Profiles become resources, and back: the migrations profile_rows and profiles_gone keep the rows, this file takes them apart and puts
 * them together again, in the same transaction. Secrets that no key opens go over as they are. */
#include "profile_migration.h"

#include <string.h>

#include "batch.h"
#include "profile.h"
#include "profile_extra.h"
#include "resource_sql.h"
#include "util.h"

enum { ARENA_SIZE_MAX = 256 * MIB };
#define A_BATCH "500"

static const struct statement
    read_old = {"profile_migration_read",
                "SELECT n, workspace_id, id, name, auth_token, extra, content FROM profile_rows WHERE n > $1::bigint"
                " ORDER BY n LIMIT " A_BATCH},
    write_new =
        {"profile_migration_write",
         "WITH r AS MATERIALIZED (SELECT p.*, j.listed, j.unlisted, j.sealed, j.words FROM json_to_recordset($1::json)"
         " AS j (n bigint, listed json, unlisted json, sealed json, words json) JOIN profile_rows p USING (n)),"
         " one AS (INSERT INTO resources (id, workspace_id, kind, platform, name, position, enabled, uses, listed,"
         " unlisted, sealed, revision, updated_at) SELECT id, workspace_id, 'profile', platform, name, position, enabled,"
         " uses, listed, unlisted, sealed, revision, at FROM r WHERE NOT history),"
         " words AS (INSERT INTO resource_words (workspace_id, kind, platform, word, id)"
         " SELECT DISTINCT r.workspace_id, 'profile', r.platform, lower(w.word), r.id"
         " FROM r, json_array_elements_text(r.words) AS w (word) WHERE NOT r.history)"
         " INSERT INTO resource_revisions (workspace_id, kind, platform, name, revision, resource_id, operation, actor,"
         " enabled, listed, unlisted, sealed, created_at) SELECT workspace_id, 'profile', platform, name, revision, id,"
         " operation, actor, enabled, listed, unlisted, sealed, at FROM r WHERE history"},
    read_new =
        {"profile_migration_read_new",
         "SELECT r.id::text, r.workspace_id, r.id, r.name, r.listed, r.unlisted, r.sealed FROM resources r"
         " WHERE r.kind = 'profile' AND ($1::text = '' OR r.id > nullif($1, '')::uuid) ORDER BY r.id LIMIT " A_BATCH},
    read_history =
        {"profile_migration_read_history",
         "SELECT json_build_array(v.workspace_id, v.platform, v.name, v.revision), v.workspace_id, v.resource_id,"
         " v.name, v.listed, v.unlisted, v.sealed FROM resource_revisions v WHERE v.kind = 'profile'"
         " AND ($1::text = '' OR (v.workspace_id, v.kind, v.platform, v.name, v.revision) > ((nullif($1, '')::json->>0)::uuid,"
         " 'profile', nullif($1, '')::json->>1, nullif($1, '')::json->>2, (nullif($1, '')::json->>3)::bigint))"
         " ORDER BY v.workspace_id, v.kind, v.platform, v.name, v.revision LIMIT " A_BATCH},
    write_old =
        {"profile_migration_write_old",
         "INSERT INTO profile_rows (history, id, workspace_id, platform, name, revision, position, uses, enabled,"
         " auth_token, extra, content, at) SELECT false, p.id, p.workspace_id, p.platform, p.name, p.revision, p.position,"
         " p.uses, p.enabled, j.auth_token, j.extra, j.content, p.updated_at FROM json_to_recordset($1::json)"
         " AS j (key text, auth_token text, extra json, content json) JOIN resources p ON p.id = j.key::uuid"
         " AND p.kind = 'profile'"},
    write_old_history = {
        "profile_migration_write_history",
        "INSERT INTO profile_rows (history, id, workspace_id, platform, name, revision, uses, enabled, auth_token,"
        " extra, content, operation, actor, at) SELECT true, v.resource_id, v.workspace_id, v.platform, v.name,"
        " v.revision, 0, v.enabled, j.auth_token, j.extra, j.content, v.operation, v.actor, v.created_at"
        " FROM json_to_recordset($1::json) AS j (key text, auth_token text, extra json, content json)"
        " JOIN resource_revisions v ON v.workspace_id = (j.key::json->>0)::uuid AND v.kind = 'profile'"
        " AND v.platform = j.key::json->>1 AND v.name = j.key::json->>2 AND v.revision = (j.key::json->>3)::bigint"};

/* ---- a row ------------------------------------------------------------------------------------------------------- */

enum {
    OF_KEY,
    OF_WORKSPACE,
    OF_ID,
    OF_NAME,
    OF_TOKEN,
    OF_EXTRA,
    OF_CONTENT,
    OF_LISTED = OF_TOKEN,
    OF_UNLISTED,
    OF_SEALED
};

static void begin_row(struct actor *actor, struct resource *r, const struct row *row)
{
    *r = (struct resource){.kind = &kind_profile, .name = row_text(row, OF_NAME)};
    memcpy(r->id, row_string(row, OF_ID), UUID_TEXT);
    memcpy(actor->who.workspace_id, row_string(row, OF_WORKSPACE), UUID_TEXT);
}

/* What was nothing in a file that had the key was not written; what is "" now would be. */
static json_t *without_missing(json_t *order, const json_t *values, const json_t *extra)
{
    size_t i;
    json_t *kept = json_array(), *key;
    json_array_foreach(order, i, key)
    {
        const char *name = json_string_value(key);
        if (!json_is_null(json_object_get(values, name)) || json_object_get(extra, name))
            json_array_append(kept, key);
    }
    return kept;
}

static void make_new(struct actor *actor, struct json_writer *w, const struct row *row)
{
    struct resource r;
    begin_row(actor, &r, row);
    json_t *values = json_stored_or(row_text(row, OF_CONTENT), json_object());
    json_t *extra = json_stored_or(row_text(row, OF_EXTRA), json_object());
    const char *token = row_text(row, OF_TOKEN), *sealed = json_string_value(json_object_get(extra, "$sealed"));
    if (sealed)
        extra = resource_open(actor, &r, "extra", sealed);
    if (json_is_array(json_object_get(values, "key_order")))
        json_object_set(values, "key_order", without_missing(json_object_get(values, "key_order"), values, extra));
    if (token)
        json_object_set(values, "auth_token", resource_open(actor, &r, "auth_token", token));
    if (!json_is_object(extra) || json_object_size(extra))
        json_object_set(values, "extra", extra);
    profile_cut_userinfo(actor, values);
    profile_fill(values);
    resource_seal(actor, &r, values);
    json_open_object(w);
    json_raw_member(w, "n", row_text(row, OF_KEY));
    json_raw_member(w, "listed", r.listed);
    json_raw_member(w, "unlisted", r.unlisted);
    json_raw_member(w, "sealed", r.sealed);
    json_raw_member(w, "words", resource_words(actor, &r));
    json_close_object(w);
}

/* An empty text that no file had was nothing. */
static void empty_to_nothing(json_t *values)
{
    void *next;
    size_t i;
    const char *name;
    json_t *value, *key, *order = json_object_get(values, "key_order");
    json_object_foreach_safe(values, next, name, value)
    {
        bool had = false;
        json_array_foreach(order, i, key) had = had || strcmp(json_string_value(key), name) == 0;
        if (json_is_string(value) && !json_string_length(value) && !had)
            json_object_del(values, name);
    }
}

static void make_old(struct actor *actor, struct json_writer *w, const struct row *row)
{
    struct resource r;
    begin_row(actor, &r, row);
    r.listed = row_text(row, OF_LISTED);
    r.unlisted = row_text(row, OF_UNLISTED);
    r.sealed = row_text(row, OF_SEALED);
    json_t *values = resource_values_kept(actor, &r), *extra = json_object_get(values, "extra");
    const char *token = json_string_value(json_object_get(values, "auth_token")),
               *context = secret_context(actor->arena, actor->who.workspace_id, r.id);
    json_open_object(w);
    json_string_member(w, "key", row_text(row, OF_KEY));
    if (value_is_sealed(json_object_get(values, "auth_token")))
        json_string_member(w, "auth_token", token + 1);
    else
        json_string_member(w, "auth_token",
                           token && *token ? secret_seal(actor->keyring, actor->arena, context, token) : NULL);
    if (value_is_sealed(extra))
        json_raw_member(w, "extra",
                        json_text(actor->arena, json_pack("{s:s}", "$sealed", json_string_value(extra) + 1)));
    else
        json_raw_member(w, "extra", json_is_object(extra) ? extra_seal(actor, r.id, extra) : "{}");
    json_object_del(values, "extra");
    json_object_del(values, "auth_token");
    empty_to_nothing(values);
    json_raw_member(w, "content", json_text(actor->arena, values));
    json_close_object(w);
}

/* ---- all of them -------------------------------------------------------------------------------------------------- */

static enum error walk(struct actor *actor, const struct statement *read, const struct statement *write,
                       const char *from,
                       void (*make)(struct actor *actor, struct json_writer *w, const struct row *row))
{
    struct batch b;
    char *last = arena_strdup(actor->arena, from);
    enum error error = ERR_NONE;
    int count = 1;
    batch_init(&b);
    while (!error && count > 0) {
        struct rows rows;
        error = db_all(actor->db, read, &rows, DB_ARGS(last));
        count = error ? 0 : rows.count;
        struct arena_mark mark = arena_mark(actor->arena);
        batch_begin(&b);
        for (int i = 0; i < count; i++) {
            struct row row = rows_at(&rows, i);
            make(actor, &b.w, &row);
            b.rows++;
            last = i + 1 == count ? arena_strdup(actor->arena, row_string(&row, OF_KEY)) : last;
        }
        const char *text = count ? batch_text(&b) : NULL, *kept = last;
        arena_release_but(actor->arena, mark, &(const char **){&kept}, 1);
        last = arena_strdup(actor->arena, kept);
        if (count)
            error = text ? db_run(actor->db, write, DB_ARGS(text)) : ERR_TOO_LARGE;
        db_forget_results(actor->db);
    }
    batch_free(&b);
    return error;
}

static enum error with_actor(struct db *db, const struct migration_keys *keys, enum error (*run)(struct actor *actor))
{
    struct arena *arena = arena_new(ARENA_SIZE_MAX), *before = json_use_arena(arena);
    struct actor *actor = arena_alloc(arena, sizeof *actor);
    *actor = (struct actor){.arena = arena, .db = db, .settings = keys->settings, .keyring = keys->keyring};
    enum error error = run(actor);
    json_use_arena(before);
    arena_free(arena);
    return error;
}

static enum error forwards(struct actor *actor)
{
    return walk(actor, &read_old, &write_new, "0", make_new);
}

static enum error backwards(struct actor *actor)
{
    enum error error = walk(actor, &read_new, &write_old, "", make_old);
    return error ? error : walk(actor, &read_history, &write_old_history, "", make_old);
}

static enum error up(struct db *db, const void *keys)
{
    return with_actor(db, keys, forwards);
}

static enum error down(struct db *db, const void *keys)
{
    return with_actor(db, keys, backwards);
}

const struct migration_step profile_migration_steps[] = {{"profile_rows", up, down}, {0}};
