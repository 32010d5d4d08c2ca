/* Resources written: a statement for some hundred of them with their revision rows and words, then one for their audit rows.
 *
 * Rows travel as one JSON array, which PostgreSQL takes apart: one parameter, however many there are, and NULL, text and
 * numbers need no quoting of our own. */
#include <string.h>

#include "audit.h"
#include "batch.h"
#include "json.h"
#include "platform.h"
#include "resource.h"
#include "util.h"

enum { PATIENCE_MS = 8000 };

#define KEPT "workspace_id, kind, platform, name, revision, id, enabled, listed, unlisted, sealed, source"
#define RECORD                                                                                                              \
    "INSERT INTO resource_revisions (workspace_id, kind, platform, name, revision, resource_id, enabled, listed, unlisted," \
    " sealed, source, operation, actor)"
/* The rows that are to be written, for as many parts of a statement as ask for them. */
#define GIVEN                                                                                                          \
    "WITH given AS (SELECT * FROM json_to_recordset($1::json) AS r (id uuid, kind text, platform text, name text,"     \
    " position integer, enabled boolean, uses bigint, shared json, revision bigint, listed json, unlisted json,"       \
    " sealed json, source text, words json)), "
/* What a row of the history says of the change itself. */
#define SAVED "RETURNING revision, " SQL_TIME("created_at")
#define GONE                                                                                                           \
    "gone AS (DELETE FROM resource_words o USING given r WHERE o.id = r.id AND o.platform = r.platform"                \
    " AND NOT EXISTS (SELECT 1 FROM json_array_elements_text(r.words) AS w (word) WHERE lower(w.word) = o.word))"
#define NEW_WORDS                                                                                                      \
    " INSERT INTO resource_words (workspace_id, kind, platform, word, id)"                                             \
    " SELECT DISTINCT (SELECT ccr_workspace()), r.kind, r.platform, lower(w.word), r.id FROM given r,"                 \
    " json_array_elements_text(r.words) AS w (word)"
/* Looking for the words that are there already takes as long as writing them. */
#define WORDS NEW_WORDS " ON CONFLICT DO NOTHING"
#define UPDATE                                                                                                            \
    "UPDATE resources p SET position = r.position, enabled = r.enabled, uses = r.uses, shared = r.shared,"                \
    " listed = r.listed, unlisted = r.unlisted, sealed = r.sealed, source = r.source,"                                    \
    " revision = 1 + greatest(p.revision, r.revision), updated_at = now()"                                                \
    " FROM given r WHERE p.workspace_id = (SELECT ccr_workspace()) AND p.id = r.id AND p.platform = r.platform"           \
    " RETURNING p.workspace_id, p.kind, p.platform, p.name, p.revision, p.id, p.enabled, p.listed, p.unlisted, p.sealed," \
    " p.source"

static const struct statement
    insert =
        {"resources_insert", GIVEN
         "new AS (INSERT INTO resources (id, workspace_id, kind, platform, name, position, enabled, uses, shared, listed,"
         " unlisted, sealed, source, revision)"
         " SELECT r.id, w.id, r.kind, r.platform, r.name, coalesce(r.position, row_number() OVER () - 1 +"
         " coalesce((SELECT max(p.position) + 1 FROM resources p WHERE p.workspace_id = w.id AND p.kind = r.kind"
         " AND p.platform = r.platform), 0)),"
         " r.enabled, r.uses, r.shared, r.listed, r.unlisted, r.sealed, r.source,"
         /* a name that comes back goes on counting where it stopped, what several platforms share as on the others */
         " 1 + greatest(r.revision, (SELECT max(v.revision) FROM resource_revisions v WHERE v.workspace_id = w.id"
         " AND v.kind = r.kind AND v.platform = r.platform AND v.name = r.name))"
         " FROM (SELECT ccr_workspace() AS id) w, given r RETURNING " KEPT "), words AS (" NEW_WORDS ") " RECORD
         " SELECT " KEPT ", $2, $3 FROM new " SAVED},
    update = {"resources_update", GIVEN "changed AS (" UPDATE "), " GONE ", words AS (" WORDS ") " RECORD
                                        " SELECT " KEPT ", $2, $3 FROM changed " SAVED},
    update_kept = {"resources_update_kept",
                   GIVEN "changed AS (" UPDATE ") " RECORD " SELECT " KEPT ", $2, $3 FROM changed " SAVED},
    destroy = {"resources_delete", GIVEN
               "gone AS (DELETE FROM resources p USING given r WHERE p.workspace_id = (SELECT ccr_workspace())"
               " AND p.id = r.id AND p.platform = r.platform RETURNING p.workspace_id, p.kind, p.platform, p.name,"
               " p.revision + 1 AS revision, p.id, p.enabled, p.listed, p.unlisted, p.sealed, p.source) " RECORD
               " SELECT " KEPT ", $2, $3 FROM gone " SAVED};

enum error resources_lock(struct actor *actor, const struct kind *kind, const char *platform, enum patience patience)
{
    const char *place = kind->flags & KIND_SHARED ? "*" : platform;
    const char *name = arena_printf(actor->arena, "ccr.%s/%s/%s", kind->name, actor->who.workspace_id, place);
    int most = actor->settings->statement_timeout * 4 / 5; /* or the wait would end as a failure of the database */
    return db_lock_name(actor->db, name, patience == BRIEFLY ? 0 : PATIENCE_MS < most ? PATIENCE_MS : most);
}

static enum message exists_message(const struct kind *kind)
{
    return kind->exists ? kind->exists : MSG_RESOURCE_EXISTS;
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

/* The members that GIVEN names. */
static void write_row(struct actor *actor, struct json_writer *w, const struct resource *r)
{
    json_open_object(w);
    json_string_member(w, "id", r->id);
    json_string_member(w, "kind", r->kind->name);
    json_string_member(w, "platform", r->platform);
    json_string_member(w, "name", r->name);
    json_literal_key(w, "position");
    if (r->position >= 0)
        json_put_int(w, r->position);
    else
        json_put_null(w);
    json_bool_member(w, "enabled", r->enabled);
    json_int_member(w, "uses", r->uses);
    json_raw_member(w, "shared", r->shared);
    json_int_member(w, "revision", r->revision);
    json_raw_member(w, "listed", r->listed);
    json_raw_member(w, "unlisted", r->unlisted);
    json_raw_member(w, "sealed", r->sealed);
    json_string_member(w, "source", r->source);
    json_raw_member(w, "words", resource_words(actor, r));
    json_close_object(w);
}

/* One sort of change: what of it a row is made of, and the statement that takes such rows. */
struct sort {
    const struct statement *statement;
    const char *operation; /* NULL = the caller's */
    const struct resource *(*subject)(const struct resource_change *change);
};

static const struct resource *deleted(const struct resource_change *c)
{
    return c->after ? NULL : c->before;
}

static const struct resource *changed(const struct resource_change *c)
{
    return c->before ? c->after : NULL;
}

static const struct resource *added(const struct resource_change *c)
{
    return c->before ? NULL : c->after;
}

static const struct sort sorts[] = {
    {&destroy, "delete", deleted},
    {&update, NULL, changed},
    {&insert, NULL, added},
};

/* `last` is one of the batch, to be named when something is wrong with it. */
static enum error send(struct actor *actor, const struct statement *statement, const char *operation, struct batch *b,
                       const struct resource *last, struct row *row)
{
    struct rows rows;
    size_t wanted = b->rows;
    const char *text = batch_text(b);
    enum error error =
        text ? db_all(actor->db, statement, &rows, DB_ARGS(text, operation, actor->who.username)) : ERR_TOO_LARGE;
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, exists_message(last->kind), last->name);
    if ((size_t)rows.count < wanted)
        return fail(actor, kind_unknown(last->kind), last->name, NULL);
    *row = rows_at(&rows, 0);
    return ERR_NONE;
}

/* Most changes of one leave the words that it is found by as they are. */
static bool keeps_words(struct actor *actor, const struct resource_change *c)
{
    return c->before && c->after && strcmp(resource_words(actor, c->before), resource_words(actor, c->after)) == 0;
}

static enum error save_sort(struct actor *actor, const struct sort *sort, const char *operation, struct batch *b,
                            const struct resource_change *changes, size_t count)
{
    const struct resource_change *last = NULL;
    enum error error = ERR_NONE;
    struct row row;
    bool kept = count == 1 && keeps_words(actor, changes);
    const struct statement *statement = kept && sort->statement == &update ? &update_kept : sort->statement;
    operation = sort->operation ? sort->operation : operation;
    batch_begin(b);
    for (size_t i = 0; !error && i < count; i++) {
        const struct resource *r = sort->subject(&changes[i]);
        if (!r)
            continue;
        struct arena_mark mark = arena_mark(actor->arena);
        write_row(actor, &b->w, r);
        arena_release(actor->arena, mark);
        b->rows++;
        last = &changes[i];
        if (!batch_full(b))
            continue;
        error = send(actor, statement, operation, b, r, &row);
        batch_begin(b);
    }
    if (!error && b->rows)
        error = send(actor, statement, operation, b, sort->subject(last), &row);
    if (!error && last && last->after && count == 1) {
        last->after->revision = row_int(&row, 0);
        last->after->updated_at = row_text(&row, 1);
    }
    return error;
}

/* ---- what changed ----------------------------------------------------------------------------------------------- */

static const char *as_text(struct actor *actor, const json_t *value)
{
    if (!value || json_is_null(value))
        return NULL;
    return json_is_string(value) ? json_string_value(value) : json_text(actor->arena, value);
}

/* A long text says nothing in a list of changes but that it changed. */
static const char *shortened(struct actor *actor, const char *text)
{
    enum { LONG = 500, KEPT_OF_IT = 100 };
    if (!text || strlen(text) <= LONG)
        return text;
    size_t length = KEPT_OF_IT;
    while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return arena_printf(actor->arena, "%.*s…", (int)length, text);
}

static void write_change(struct json_writer *w, const char *key, const char *before, const char *after)
{
    json_open_object(w);
    json_string_member(w, "key", key);
    json_string_member(w, "old_value", before);
    json_string_member(w, "new_value", after);
    json_close_object(w);
}

/* Secrets are masked in both; one that changed and has the same mask is told by its seal alone, which differs for each write. */
static void write_changes(struct actor *actor, struct json_writer *w, const struct resource_change *c)
{
    json_t *before = c->before ? resource_shown(c->before) : NULL, *after = resource_shown(c->after);
    bool was_enabled = !c->before || c->before->enabled;
    json_open_array(w);
    for (const struct column *column = c->after->kind->columns; column->field.type; column++) {
        const char *name = column->field.name;
        const char *old = as_text(actor, json_object_get(before, name)),
                   *new = as_text(actor, json_object_get(after, name));
        bool told = !(column->flags & COLUMN_KEPT) || column->flags & COLUMN_UNKNOWN;
        if (told && !text_equal(old, new))
            write_change(w, name, shortened(actor, old), shortened(actor, new));
    }
    if (was_enabled != c->after->enabled)
        write_change(w, "enabled", was_enabled ? "true" : "false", c->after->enabled ? "true" : "false");
    json_close_array(w);
}

static void write_audit(struct actor *actor, struct json_writer *w, const char *operation,
                        const struct resource_change *c)
{
    const struct resource *r = c->after ? c->after : c->before;
    json_open_object(w);
    json_string_member(w, "action",
                       arena_printf(actor->arena, "%s.%s", r->kind->name, c->after ? operation : "delete"));
    json_string_member(w, "platform", r->platform);
    json_string_member(w, "target", r->name);
    json_string_member(w, "from_config", c->from);
    json_string_member(w, "to_config", c->from ? r->name : NULL);
    if (c->after) {
        json_literal_key(w, "changes");
        write_changes(actor, w, c);
    }
    json_close_object(w);
}

static enum error save_audit(struct actor *actor, const char *operation, struct batch *b,
                             const struct resource_change *changes, size_t count)
{
    enum error error = ERR_NONE;
    batch_begin(b);
    for (size_t i = 0; !error && i < count; i++) {
        struct arena_mark mark = arena_mark(actor->arena);
        if (!changes[i].silent) {
            write_audit(actor, &b->w, operation, &changes[i]);
            b->rows++;
        }
        arena_release(actor->arena, mark);
        if (i + 1 < count && !batch_full(b))
            continue;
        const char *text = batch_text(b);
        error = text ? audit_write_all(actor, text) : ERR_TOO_LARGE;
        batch_begin(b);
    }
    return error;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

enum error resources_save(struct actor *actor, const char *operation, const struct resource_change *changes,
                          size_t count)
{
    struct batch b;
    enum error error = resources_follow(actor, &changes, &count);
    batch_init(&b);
    for (size_t i = 0; !error && i < ARRAY_SIZE(sorts); i++)
        error = save_sort(actor, &sorts[i], operation, &b, changes, count);
    if (!error)
        error = save_audit(actor, operation, &b, changes, count);
    batch_free(&b);
    return error;
}

enum error resource_save(struct actor *actor, const char *operation, const struct resource *before,
                         struct resource *after)
{
    const struct resource_change change = {.before = before, .after = after};
    return resources_save(actor, operation, &change, 1);
}

enum error resource_set_enabled(struct actor *actor, struct resource *r, bool enabled)
{
    struct resource before = *r;
    r->enabled = enabled;
    return before.enabled == enabled ? ERR_NONE : resource_save(actor, enabled ? "enable" : "disable", &before, r);
}

enum error resource_leaves(struct actor *actor, const struct resource *r)
{
    return r->kind->leaves ? r->kind->leaves(actor, r) : ERR_NONE;
}

/* ---- another name ----------------------------------------------------------------------------------------------- */

#define UNDER " workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2 AND name = "

static const struct statement
    move_history =
        {"resource_move_history",
         "UPDATE resource_revisions v SET name = $4, revision = v.revision + n.last"
         " FROM (SELECT coalesce(max(revision), 0) AS last FROM resource_revisions WHERE" UNDER "$4) n"
         " WHERE v.workspace_id = (SELECT ccr_workspace()) AND v.kind = $1 AND v.platform = $2 AND v.name = $3"},
    /* So that the old name tells where its history went, and one that takes it goes on counting. */
    leave_name = {"resource_leave_name",
                  RECORD " SELECT workspace_id, kind, platform, name, revision + 1, id, enabled, listed,"
                         " unlisted, sealed, source, 'rename', $4 FROM resources WHERE" UNDER "$3"},
    take_name =
        {"resource_take_name",
         "WITH renamed AS (UPDATE resources SET name = $4, updated_at = now(), revision = 1 + greatest(revision,"
         " (SELECT max(v.revision) FROM resource_revisions v WHERE v.workspace_id = (SELECT ccr_workspace())"
         " AND v.kind = $1 AND v.platform = $2 AND v.name = $4)) WHERE" UNDER "$3 RETURNING " KEPT ") " RECORD
         " SELECT " KEPT ", 'rename', $5 FROM renamed " SAVED},
    name_words = {"resource_name_words", GIVEN GONE WORDS};

static enum error save_words(struct actor *actor, const struct resource *r)
{
    struct batch b;
    batch_init(&b);
    batch_begin(&b);
    write_row(actor, &b.w, r);
    const char *text = batch_text(&b);
    enum error error = text ? db_run(actor->db, &name_words, DB_ARGS(text)) : ERR_TOO_LARGE;
    batch_free(&b);
    return error;
}

static enum error rename_one(struct actor *actor, struct resource *r, const char *name)
{
    struct row row;
    struct resource taken;
    const char *kind = r->kind->name, *old = r->name;
    enum error error = resource_find(actor, r->kind, r->platform, name, false, &taken);
    if (error != ERR_NOT_FOUND)
        return error ? error : fail(actor, exists_message(r->kind), name, NULL);
    actor->failure.message = MSG_NONE;
    error = db_run(actor->db, &move_history, DB_ARGS(kind, r->platform, old, name));
    if (!error)
        error = db_run(actor->db, &leave_name, DB_ARGS(kind, r->platform, old, actor->who.username));
    if (!error)
        error = db_one(actor->db, &take_name, &row, DB_ARGS(kind, r->platform, old, name, actor->who.username));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, exists_message(r->kind), name);
    r->name = name;
    r->words = NULL;
    r->revision = row_int(&row, 0);
    r->updated_at = row_text(&row, 1);
    const struct audit entry = {.action = arena_printf(actor->arena, "%s.rename", kind),
                                .platform = r->platform,
                                .target = name,
                                .from_config = old,
                                .to_config = name};
    error = save_words(actor, r);
    if (!error && r->kind->renamed)
        error = r->kind->renamed(actor, r, old);
    return error ? error : audit_write(actor, &entry);
}

enum error resource_rename(struct actor *actor, struct resource *r, const char *name)
{
    struct resource other = *r;
    enum error error = rename_one(actor, r, name);
    for (const struct platform *p = platforms; !error && p->name; p++) {
        if (!(resource_platforms(&other) & platform_bit(p->name)) || strcmp(p->name, r->platform) == 0)
            continue;
        struct resource one = other;
        one.platform = p->name;
        error = resource_check_name(actor, r->kind, p->name, "name", name);
        if (!error)
            error = rename_one(actor, &one, name);
    }
    return error;
}
