/* Pointers to profiles: who holds one, and where they go when it is renamed or removed. */
#include "profile_pointers.h"

#include "audit.h"
#include "budgets.h"
#include "util.h"

enum { HOLDERS_NAMED = 5 };

#define OF_PLATFORM " WHERE workspace_id = ccr_workspace() AND platform = $1"

static const struct statement
    holders = {"pointers_holders",
               "SELECT u.username, count(*) OVER () FROM user_platforms p"
               " JOIN memberships m ON m.workspace_id = p.workspace_id AND m.user_id = p.user_id"
               " JOIN users u ON u.id = p.user_id AND u.disabled_at IS NULL"
               " WHERE p.workspace_id = ccr_workspace() AND p.platform = $1 AND p.current_profile = $2"
               " AND p.user_id <> ccr_user() ORDER BY u.username LIMIT 5"},
    forget = {"pointers_forget", "DELETE FROM user_platforms" OF_PLATFORM
                                 " AND current_profile IN (SELECT json_array_elements_text($2::json))"},
    move_default = {"pointers_move_default",
                    "UPDATE workspace_platforms SET default_profile = (SELECT q.name FROM resources q"
                    " WHERE q.workspace_id = ccr_workspace() AND q.kind = 'profile' AND q.platform = $1 AND q.enabled"
                    " AND q.name <> $2 ORDER BY q.position, q.name LIMIT 1)" OF_PLATFORM
                    " AND default_profile = $2 RETURNING default_profile"},
    rename_current = {"pointers_rename_current",
                      "UPDATE user_platforms SET current_profile = $3" OF_PLATFORM " AND current_profile = $2"},
    rename_default =
        {"pointers_rename_default",
         "UPDATE workspace_platforms SET"
         " default_profile = CASE WHEN default_profile = $2 THEN $3 ELSE default_profile END,"
         " key_order = (SELECT coalesce(json_agg(CASE WHEN k.name = $2 THEN $3 ELSE k.name END ORDER BY k.n),"
         " '[]') FROM json_array_elements_text(key_order) WITH ORDINALITY AS k (name, n))" OF_PLATFORM},
    remember = {"pointers_remember", "SELECT coalesce(json_object_agg(user_id, current_profile), '{}')"
                                     " FROM user_platforms" OF_PLATFORM},
    recall = {"pointers_recall",
              "INSERT INTO user_platforms (workspace_id, user_id, platform, current_profile)"
              " SELECT m.workspace_id, m.user_id, $1, p.name FROM json_each_text($2::json) AS r (user_id, name)"
              " JOIN memberships m ON m.workspace_id = ccr_workspace() AND m.user_id = r.user_id::uuid"
              " JOIN resources p ON p.workspace_id = m.workspace_id AND p.kind = 'profile' AND p.platform = $1"
              " AND p.name = r.name"
              " ON CONFLICT DO NOTHING"};

/* Who left the workspace or is disabled holds nothing. */
static enum error refuse_held(struct actor *actor, const struct resource *r)
{
    struct rows rows;
    struct buffer names;
    struct pointers pointers;
    enum error error = profile_pointers(actor, r->platform, &pointers);
    if (!error && text_equal(pointers.current, r->name))
        return fail(actor, MSG_CONFIG_CURRENT, r->name, NULL);
    if (!error)
        error = db_all(actor->db, &holders, &rows, DB_ARGS(r->platform, r->name));
    if (error || !rows.count)
        return error;
    struct row first = rows_at(&rows, 0);
    long long others = row_int(&first, 1) - rows.count;
    buffer_init_in(&names, actor->arena, 2 * KIB);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        buffer_printf(&names, "%s%s", i ? ", " : "", row_string(&row, 0));
    }
    const char *list = buffer_string(&names);
    if (others)
        list = translate(actor, MSG_AND_MORE, list, arena_printf(actor->arena, "%lld", others), NULL);
    return fail(actor, MSG_CONFIG_HELD, r->name, list, NULL);
}

enum error profile_leaves(struct actor *actor, const struct resource *r)
{
    struct row row;
    json_t *names = json_array();
    json_array_append_new(names, json_string(r->name));
    enum error error = refuse_held(actor, r);
    if (!error)
        error = pointers_forget(actor, r->platform, json_text(actor->arena, names));
    if (!error)
        error = db_one(actor->db, &move_default, &row, DB_ARGS(r->platform, r->name));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    const char *next = row_text(&row, 0);
    const struct audit entry = {.action = "profile.default",
                                .platform = r->platform,
                                .target = next ? next : r->name,
                                .from_config = r->name,
                                .to_config = next};
    return audit_write(actor, &entry);
}

enum error pointers_forget(struct actor *actor, const char *platform, const char *names)
{
    return db_run(actor->db, &forget, DB_ARGS(platform, names));
}

enum error profile_renamed(struct actor *actor, const struct resource *r, const char *old_name)
{
    enum error error = db_run(actor->db, &rename_current, DB_ARGS(r->platform, old_name, r->name));
    if (!error)
        error = db_run(actor->db, &rename_default, DB_ARGS(r->platform, old_name, r->name));
    return error ? error : budgets_profile_renamed(actor, r->platform, old_name, r->name);
}

enum error pointers_remember(struct actor *actor, const char *platform, const char **pointers)
{
    struct row row;
    enum error error = db_one(actor->db, &remember, &row, DB_ARGS(platform));
    *pointers = error ? NULL : row_string(&row, 0);
    return error;
}

enum error pointers_recall(struct actor *actor, const char *platform, const char *pointers)
{
    return db_run(actor->db, &recall, DB_ARGS(platform, pointers));
}
