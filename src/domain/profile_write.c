/* Profiles written: a statement for some hundred of them, with their revision rows; then one for their audit rows.
 *
 * Rows travel as one JSON array, which PostgreSQL takes apart: one parameter, however many there are, and NULL, text and
 * numbers need no quoting of our own. */
#include "profile_write.h"

#include <string.h>

#include "audit.h"
#include "batch.h"
#include "util.h"

/* What profile_revisions keeps of a row of profiles. */
#define KEPT                                                                                                           \
    "workspace_id, platform, name, revision, id, auth_token, extra,"                                                   \
    " json_build_object('position', position, 'description', description, 'base_url', base_url, 'model', model,"       \
    " 'small_fast_model', small_fast_model, 'provider', provider, 'provider_type', provider_type,"                     \
    " 'account', account, 'tags', tags, 'usage_count', usage_count, 'enabled', enabled, 'key_order', key_order)"
#define RECORD                                                                                                         \
    "INSERT INTO profile_revisions (workspace_id, platform, name, revision, profile_id, auth_token, extra, content,"   \
    " operation, actor)"

/* The members that write_row gives each row. */
#define ROWS                                                                                                           \
    "json_to_recordset($1::json) AS r (id uuid, platform text, name text, position integer, description text,"         \
    " base_url text, auth_token text, model text, small_fast_model text, provider text, provider_type text,"           \
    " account text, tags json, usage_count bigint, enabled boolean, extra json, key_order json)"

static const struct statement
    insert =
        {"profiles_insert",
         "WITH new AS (INSERT INTO profiles (id, workspace_id, platform, name, position, description, base_url,"
         " auth_token, model, small_fast_model, provider, provider_type, account, tags, usage_count, enabled, extra,"
         " key_order, revision)"
         " SELECT r.id, w.id, r.platform, r.name,"
         " coalesce(r.position, (SELECT max(p.position) + 1 FROM profiles p WHERE p.workspace_id = w.id"
         " AND p.platform = r.platform), 0),"
         " r.description, r.base_url, r.auth_token, r.model, r.small_fast_model, r.provider, r.provider_type,"
         " r.account, r.tags, r.usage_count, r.enabled, coalesce(r.extra, '{}'), coalesce(r.key_order, '[]'),"
         /* a name that comes back goes on counting where it stopped */
         " 1 + coalesce((SELECT max(v.revision) FROM profile_revisions v WHERE v.workspace_id = w.id"
         " AND v.platform = r.platform AND v.name = r.name), 0)"
         " FROM (SELECT ccr_workspace() AS id) w, " ROWS " RETURNING " KEPT " AS content)" RECORD
         " SELECT workspace_id, platform, name, revision, id, auth_token, extra, content, $2, $3 FROM new"
         " RETURNING revision"},
    update =
        {"profiles_update",
         "WITH changed AS (UPDATE profiles p SET position = r.position, description = r.description,"
         " base_url = r.base_url, auth_token = r.auth_token, model = r.model, small_fast_model = r.small_fast_model,"
         " provider = r.provider, provider_type = r.provider_type, account = r.account, tags = r.tags,"
         " usage_count = r.usage_count, enabled = r.enabled, extra = r.extra, key_order = r.key_order,"
         " revision = p.revision + 1, updated_at = now()"
         " FROM " ROWS " WHERE p.workspace_id = (SELECT ccr_workspace()) AND p.id = r.id"
         " RETURNING p.workspace_id, p.platform, p.name, p.revision, p.id, p.auth_token, p.extra,"
         " json_build_object('position', p.position, 'description', p.description, 'base_url', p.base_url,"
         " 'model', p.model, 'small_fast_model', p.small_fast_model, 'provider', p.provider,"
         " 'provider_type', p.provider_type, 'account', p.account, 'tags', p.tags, 'usage_count', p.usage_count,"
         " 'enabled', p.enabled, 'key_order', p.key_order) AS content) " RECORD
         " SELECT workspace_id, platform, name, revision, id, auth_token, extra, content, $2, $3 FROM changed"
         " RETURNING revision"},
    delete = {"profiles_delete",
              "WITH gone AS (DELETE FROM profiles WHERE workspace_id = (SELECT ccr_workspace())"
              " AND id IN (SELECT r.id FROM json_to_recordset($1::json) AS r (id uuid)) RETURNING " KEPT
              " AS content) " RECORD
              " SELECT workspace_id, platform, name, revision + 1, id, auth_token, extra, content,"
              " $2, $3 FROM gone RETURNING revision"};

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static void write_profile_row(struct json_writer *w, const struct profile *p)
{
    json_open_object(w);
    json_string_member(w, "id", p->id);
    json_string_member(w, "platform", p->platform);
    json_string_member(w, "name", p->name);
    json_literal_key(w, "position");
    if (p->position >= 0)
        json_put_int(w, p->position);
    else
        json_put_null(w);
    json_string_member(w, "description", p->description);
    json_string_member(w, "base_url", p->base_url);
    json_string_member(w, "auth_token", p->sealed_token);
    json_string_member(w, "model", p->model);
    json_string_member(w, "small_fast_model", p->small_fast_model);
    json_string_member(w, "provider", p->provider);
    json_string_member(w, "provider_type", p->provider_type);
    json_string_member(w, "account", p->account);
    json_raw_member(w, "tags", p->tags);
    json_int_member(w, "usage_count", p->usage_count);
    json_bool_member(w, "enabled", p->enabled);
    json_raw_member(w, "extra", p->extra);
    json_raw_member(w, "key_order", p->key_order);
    json_close_object(w);
}

/* One kind of change: what a profile's row says, and the statement that takes such rows. */
struct kind {
    const struct statement *statement;
    const char *operation; /* NULL = the deed's */
    const struct profile *(*subject)(const struct profile_change *change);
};

static const struct profile *deleted(const struct profile_change *c)
{
    return c->after ? NULL : c->before;
}

static const struct profile *changed(const struct profile_change *c)
{
    return c->before ? c->after : NULL;
}

static const struct profile *added(const struct profile_change *c)
{
    return c->before ? NULL : c->after;
}

static const struct kind kinds[] = {
    {&delete, "delete", deleted},
    {&update, NULL, changed},
    {&insert, NULL, added},
};

/* `last` is a profile of the batch, to be named when something is wrong with it. */
static enum error send_batch(struct actor *actor, const struct kind *kind, const char *operation, struct batch *b,
                             const struct profile *last, long long *revision)
{
    struct rows rows;
    size_t wanted = b->rows;
    const char *text = batch_text(b);
    enum error error = text ? db_all(actor->db, kind->statement, &rows,
                                     DB_ARGS(text, kind->operation ? kind->operation : operation, actor->who.username))
                            : ERR_TOO_LARGE;
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_CONFIG_EXISTS, last->name);
    if ((size_t)rows.count < wanted)
        return fail(actor, MSG_CONFIG_UNKNOWN, last->name, NULL);
    struct row row = rows_at(&rows, 0);
    *revision = row_int(&row, 0);
    return ERR_NONE;
}

static enum error save_kind(struct actor *actor, const struct kind *kind, const char *operation, struct batch *b,
                            const struct profile_change *changes, size_t count)
{
    const struct profile_change *last = NULL;
    enum error error = ERR_NONE;
    long long revision = 0;
    batch_begin(b);
    for (size_t i = 0; !error && i < count; i++) {
        const struct profile *p = kind->subject(&changes[i]);
        if (!p)
            continue;
        write_profile_row(&b->w, p);
        b->rows++;
        last = &changes[i];
        if (!batch_full(b))
            continue;
        error = send_batch(actor, kind, operation, b, p, &revision);
        batch_begin(b);
    }
    if (!error && b->rows)
        error = send_batch(actor, kind, operation, b, kind->subject(last), &revision);
    if (!error && last && last->after && count == 1)
        last->after->revision = revision;
    return error;
}

/* ---- what changed ----------------------------------------------------------------------------------------------- */

void write_change(struct json_writer *w, const char *key, const char *before, const char *after)
{
    if (text_equal(before, after))
        return;
    json_open_object(w);
    json_string_member(w, "key", key);
    json_string_member(w, "old_value", before);
    json_string_member(w, "new_value", after);
    json_close_object(w);
}

const char *shown_token(struct actor *actor, const struct profile *p)
{
    return p && p->sealed_token ? profile_masked_token(actor, p) : NULL;
}

void profile_changes(struct actor *actor, struct json_writer *w, const struct profile *before,
                     const struct profile *after)
{
    static const struct profile nothing = {.enabled = true};
    const struct profile *b = before ? before : &nothing;
    json_open_array(w);
    write_change(w, "description", b->description, after->description);
    write_change(w, "base_url", secret_masked_urls(actor->arena, b->base_url),
                 secret_masked_urls(actor->arena, after->base_url));
    if (!text_equal(b->sealed_token, after->sealed_token)) /* differing seals of the same token are no change */
        write_change(w, "auth_token", shown_token(actor, b), shown_token(actor, after));
    write_change(w, "model", b->model, after->model);
    write_change(w, "small_fast_model", b->small_fast_model, after->small_fast_model);
    write_change(w, "provider", b->provider, after->provider);
    write_change(w, "provider_type", b->provider_type, after->provider_type);
    write_change(w, "account", b->account, after->account);
    write_change(w, "tags", b->tags, after->tags);
    write_change(w, "enabled", b->enabled ? "true" : "false", after->enabled ? "true" : "false");
    json_close_array(w);
}

static void write_audit(struct actor *actor, struct json_writer *w, const struct profile_deed *deed,
                        const struct profile_change *c)
{
    const struct profile *p = c->after ? c->after : c->before;
    json_open_object(w);
    json_string_member(w, "action", c->after ? deed->action : "profile.delete");
    json_string_member(w, "platform", p->platform);
    json_string_member(w, "target", p->name);
    if (deed->from) {
        json_string_member(w, "from_config", deed->from);
        json_string_member(w, "to_config", p->name);
    }
    if (c->after) {
        json_literal_key(w, "changes");
        profile_changes(actor, w, c->before, c->after);
    }
    json_close_object(w);
}

static enum error save_audit(struct actor *actor, const struct profile_deed *deed, struct batch *b,
                             const struct profile_change *changes, size_t count)
{
    enum error error = ERR_NONE;
    batch_begin(b);
    for (size_t i = 0; !error && i < count; i++) {
        write_audit(actor, &b->w, deed, &changes[i]);
        b->rows++;
        if (i + 1 < count && !batch_full(b))
            continue;
        const char *text = batch_text(b);
        error = text ? audit_write_all(actor, text) : ERR_TOO_LARGE;
        batch_begin(b);
    }
    return error;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

enum error profiles_save(struct actor *actor, const struct profile_deed *deed, const struct profile_change *changes,
                         size_t count)
{
    struct batch b;
    enum error error = ERR_NONE;
    batch_init(&b);
    for (size_t i = 0; !error && i < ARRAY_SIZE(kinds); i++)
        error = save_kind(actor, &kinds[i], deed->operation, &b, changes, count);
    if (!error)
        error = save_audit(actor, deed, &b, changes, count);
    batch_free(&b);
    return error;
}

enum error profile_save(struct actor *actor, const char *operation, const char *action, const struct profile *before,
                        struct profile *after)
{
    const struct profile_deed deed = {operation, action, NULL};
    const struct profile_change change = {before, after};
    return profiles_save(actor, &deed, &change, 1);
}

/* ---- another name ----------------------------------------------------------------------------------------------- */

#define UNDER " workspace_id = ccr_workspace() AND platform = $1 AND name = "

static const struct statement
    move_revisions = {"profile_move_revisions",
                      "UPDATE profile_revisions v SET name = $3, revision = v.revision + n.last"
                      " FROM (SELECT coalesce(max(revision), 0) AS last FROM profile_revisions WHERE" UNDER "$3) n"
                      " WHERE v.workspace_id = ccr_workspace() AND v.platform = $1 AND v.name = $2"},
    leave_name = {"profile_leave_name",
                  RECORD " SELECT workspace_id, platform, name, revision + 1, id, auth_token, extra,"
                         " content, 'rename', $3 FROM (SELECT " KEPT " AS content FROM profiles"
                         " WHERE" UNDER "$2) p"},
    take_name = {
        "profile_take_name",
        "WITH renamed AS (UPDATE profiles SET name = $3, updated_at = now(), revision = 1 + greatest(revision,"
        " (SELECT max(v.revision) FROM profile_revisions v WHERE v.workspace_id = ccr_workspace()"
        " AND v.platform = $1 AND v.name = $3)) WHERE" UNDER "$2 RETURNING " KEPT " AS content) " RECORD
        " SELECT workspace_id, platform, name, revision, id, auth_token, extra, content, 'rename', $4 FROM renamed"
        " RETURNING revision"};

enum error profile_rename(struct actor *actor, struct profile *p, const char *new_name)
{
    struct row row;
    const char *by = actor->who.username;
    struct profile taken;
    enum error error = profile_find(actor, p->platform, new_name, false, &taken);
    if (error != ERR_NOT_FOUND)
        return error ? error : fail(actor, MSG_CONFIG_EXISTS, new_name, NULL);
    actor->failure.message = MSG_NONE;
    error = db_run(actor->db, &move_revisions, DB_ARGS(p->platform, p->name, new_name));
    if (!error)
        error = db_run(actor->db, &leave_name, DB_ARGS(p->platform, p->name, by));
    if (!error)
        error = db_one(actor->db, &take_name, &row, DB_ARGS(p->platform, p->name, new_name, by));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_CONFIG_EXISTS, new_name);
    p->name = new_name;
    p->revision = row_int(&row, 0);
    return ERR_NONE;
}
