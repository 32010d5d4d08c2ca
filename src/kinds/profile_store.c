/* Profiles in the store: where a user stands among them, and switching to one. */
#include <string.h>

#include "audit.h"
#include "native.h"
#include "profile.h"
#include "resource_sql.h"
#include "util.h"

/* What every statement here begins with: the kind, the platform, the workspace and the user as values, since functions would be called
 * for each of a team's pointers, of which there are too few for an index. */
#define PLACE(actor, platform)                                                                                         \
    kind_profile.name, (platform), (actor)->who.workspace_id, text_or_null((actor)->who.user_id)
#define WORKSPACE "workspace_id = $3::uuid"

/* What the user and the workspace point to; NULL = nothing. */
#define CURRENT                                                                                                        \
    "(SELECT current_profile FROM user_platforms WHERE " WORKSPACE " AND user_id = $4::uuid AND platform = $2)"
#define STANDARD "(SELECT default_profile FROM workspace_platforms WHERE " WORKSPACE " AND platform = $2)"
#define POINTERS CURRENT ", " STANDARD

/* They stand behind the columns of the profile: all of them, or those that a reader sees. */
#define WHOLE      "SELECT " RESOURCE_WHOLE ", " POINTERS
#define SEEN       "SELECT r.name, r.enabled, r.uses, r.listed, r.revision, "
#define FROM_WHERE " FROM resources r WHERE r." WORKSPACE " AND r.kind = $1 AND r.platform = $2"

enum { W_CURRENT = R_WHOLE_COUNT, S_NAME = 0, S_ENABLED, S_USES, S_LISTED, S_REVISION, S_CURRENT };
/* Before a page stands a row about all of them, which is there for an empty page, too. */
enum { A_CURRENT = S_NAME, A_TOTAL = S_USES, A_STANDARD = S_CURRENT };

static const struct statement
    select_one = {"profile_select", SEEN POINTERS FROM_WHERE " AND r.name = $5"},
    lock_one = {"profile_lock", WHOLE FROM_WHERE " AND r.name = $5 FOR UPDATE OF r"},
    select_current = {"profile_current", WHOLE FROM_WHERE " AND r.name = coalesce(" POINTERS ", 'default')"},
    /* When that name points to nothing: the default, else the first one that may be used. */
    select_fallback = {"profile_select_fallback",
                       WHOLE FROM_WHERE " AND (r.enabled OR r.name = " STANDARD ")"
                                        " ORDER BY r.name IS DISTINCT FROM " STANDARD ", r.position, r.name LIMIT 1"},
    select_pointers = {"profile_pointers", "SELECT " POINTERS " WHERE $1::text IS NOT NULL"},
    select_page = {"profile_page",
                   "SELECT " CURRENT ", NULL, " RESOURCE_TOTAL ", NULL, NULL, " STANDARD " UNION ALL (" SEEN
                   "NULL" FROM_WHERE RESOURCE_ORDER " LIMIT $5::integer OFFSET $6::integer)"},
    set_current = {"profile_set_current",
                   "INSERT INTO user_platforms (workspace_id, user_id, platform, current_profile, last_used_at)"
                   " VALUES (ccr_workspace(), ccr_user(), $1, $2, now())"
                   " ON CONFLICT (workspace_id, user_id, platform)"
                   " DO UPDATE SET current_profile = excluded.current_profile, last_used_at = excluded.last_used_at"},
    count_use = {"profile_count_use", "UPDATE resources SET uses = least(uses, $3::bigint - 1) + 1"
                                      " WHERE workspace_id = ccr_workspace() AND id = $1::uuid AND platform = $2"};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void pointers_from(struct pointers *pointers, const char *current, const char *standard)
{
    pointers->has_current = current != NULL;
    pointers->has_standard = standard != NULL;
    pointers->standard = standard ? standard : "default";
    pointers->current = current ? current : pointers->standard;
}

static void note_pointers(struct profile *p, const struct pointers *pointers)
{
    p->is_current = strcmp(p->r.name, pointers->current) == 0;
    p->is_default = strcmp(p->r.name, pointers->standard) == 0;
}

static void seen_from(struct profile *p, const char *platform, const struct row *row)
{
    p->r = (struct resource){.kind = &kind_profile,
                             .platform = platform,
                             .name = row_text(row, S_NAME),
                             .enabled = row_bool(row, S_ENABLED),
                             .uses = row_int(row, S_USES),
                             .listed = row_text(row, S_LISTED),
                             .revision = row_int(row, S_REVISION)};
}

static void from_row(struct profile *p, const char *platform, const struct row *row, bool whole)
{
    struct pointers pointers;
    int current = whole ? W_CURRENT : S_CURRENT;
    if (whole)
        resource_whole_from(&p->r, &kind_profile, platform, row);
    else
        seen_from(p, platform, row);
    pointers_from(&pointers, row_text(row, current), row_text(row, current + 1));
    note_pointers(p, &pointers);
}

enum error profile_find(struct actor *actor, const char *platform, const char *name, bool lock, struct profile *profile)
{
    struct row row;
    enum error error = db_one(actor->db, lock ? &lock_one : &select_one, &row, DB_ARGS(PLACE(actor, platform), name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, name);
    from_row(profile, platform, &row, lock);
    return ERR_NONE;
}

enum error profile_current(struct actor *actor, const char *platform, struct profile *profile)
{
    struct row row;
    enum error error = db_one(actor->db, &select_current, &row, DB_ARGS(PLACE(actor, platform)));
    if (error == ERR_NOT_FOUND)
        error = db_one(actor->db, &select_fallback, &row, DB_ARGS(PLACE(actor, platform)));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_CONFIG_NONE, platform);
    from_row(profile, platform, &row, true);
    return ERR_NONE;
}

enum error profile_pointers(struct actor *actor, const char *platform, struct pointers *pointers)
{
    struct row row;
    enum error error = db_one(actor->db, &select_pointers, &row, DB_ARGS(PLACE(actor, platform)));
    if (!error)
        pointers_from(pointers, row_text(&row, 0), row_text(&row, 1));
    return error;
}

enum error profile_list_page(struct actor *actor, const char *platform, long long limit, long long offset,
                             struct profile_page *page)
{
    *page = (struct profile_page){.platform = platform};
    enum error error = db_all(actor->db, &select_page, &page->rows,
                              DB_ARGS(PLACE(actor, platform), number_text(actor, limit), number_text(actor, offset)));
    if (error)
        return error;
    const struct row about = rows_at(&page->rows, 0);
    page->count = page->rows.count - 1;
    page->total = row_int(&about, A_TOTAL);
    pointers_from(&page->pointers, row_text(&about, A_CURRENT), row_text(&about, A_STANDARD));
    return ERR_NONE;
}

void profile_at(const struct profile_page *page, int index, struct profile *p)
{
    struct row row = rows_at(&page->rows, 1 + index);
    seen_from(p, page->platform, &row);
    note_pointers(p, &page->pointers);
}

void profile_write(struct json_writer *w, const struct profile *p)
{
    json_open_object(w);
    json_string_member(w, "name", p->r.name);
    json_put_members(w, p->r.listed);
    json_bool_member(w, "is_current", p->is_current);
    json_bool_member(w, "is_default", p->is_default);
    json_int_member(w, "usage_count", p->r.uses);
    json_bool_member(w, "enabled", p->r.enabled);
    json_string_member(w, "platform", p->r.platform);
    json_int_member(w, "revision", p->r.revision);
    json_close_object(w);
}

/* ---- choosing one ----------------------------------------------------------------------------------------------- */

enum error profile_set_current(struct actor *actor, const char *platform, const char *name)
{
    return db_run(actor->db, &set_current, DB_ARGS(platform, name));
}

/* The variables a switch changes on a developer's machine, by the names Claude Code reads, else by the profile's columns. */
static const char *switch_changes(struct actor *actor, const struct profile *from, const struct profile *to)
{
    static const char variable[] = "env.";
    const struct native_member *m = native_place_of(ON_CLAUDE, kind_profile.name)->members;
    bool claude = strcmp(to->r.platform, "claude") == 0;
    json_t *before = from ? resource_shown(&from->r) : NULL, *after = resource_shown(&to->r), *changes = json_array();
    for (const char *last = NULL; m->key; last = m->column, m++) {
        const char *old = text_or_null(json_string_value(json_object_get(before, m->column)));
        const char *new = text_or_null(json_string_value(json_object_get(after, m->column)));
        if (!text_equal(old, new) && !text_equal(last, m->column)) /* the first of its variables */
            json_array_append_new(changes,
                                  json_pack("{s:s, s:s?, s:s?}", "key", claude ? m->key + strlen(variable) : m->column,
                                            "old_value", old, "new_value", new));
    }
    return json_text(actor->arena, changes);
}

enum error profile_switch(struct actor *actor, const char *platform, const char *name)
{
    struct profile to, from;
    struct pointers pointers;
    enum error error = profile_find(actor, platform, name, true, &to);
    const char *problem = error ? NULL : profile_problem(actor, &to.r);
    if (problem)
        error = fail(actor, MSG_SWITCH_INVALID, problem, NULL);
    if (!error)
        error = profile_pointers(actor, platform, &pointers);
    if (error)
        return error;
    error = profile_find(actor, platform, pointers.current, false, &from);
    if (error && error != ERR_NOT_FOUND)
        return error;
    bool had = error == ERR_NONE;
    actor->failure.message = MSG_NONE;
    error = profile_set_current(actor, platform, to.r.name);
    if (!error)
        error = db_run(actor->db, &count_use, DB_ARGS(to.r.id, platform, number_text(actor, USES_MAX)));
    const struct audit entry = {.action = "profile.switch",
                                .platform = platform,
                                .target = to.r.name,
                                .from_config = pointers.current,
                                .to_config = to.r.name,
                                .changes = switch_changes(actor, had ? &from : NULL, &to)};
    return error ? error : audit_write(actor, &entry);
}
