/* Resources in the store: found and listed. The statements are the same for every kind. */
#include <stdint.h>
#include <string.h>

#include "resource.h"
#include "resource_sql.h"
#include "util.h"

#define SHORT     RESOURCE_SHORT
#define WHOLE     RESOURCE_WHOLE
#define OF_KIND   RESOURCE_OF_KIND
#define ORDER     RESOURCE_ORDER
#define TOTAL     RESOURCE_TOTAL
#define BEHIND    RESOURCE_BEHIND
#define IN_FOLDER RESOURCE_IN_FOLDER

#define FILTERED RESOURCE_FILTERED("$6", "$7")
#define OFF      " AND NOT r.enabled"
/* Of those that changed, so many are put in order about as fast as others are passed over. */
enum { CHANGED_MOST = 55000 };

static const struct statement
    select_one = {"resource_select", "SELECT " WHOLE " FROM resources r WHERE" OF_KIND " AND r.name = $3"},
    lock_one = {"resource_lock", "SELECT " WHOLE " FROM resources r WHERE" OF_KIND " AND r.name = $3 FOR UPDATE"},
    lock_named = {"resources_lock_named",
                  "SELECT " WHOLE " FROM resources r WHERE" OF_KIND
                  " AND r.name IN (SELECT json_array_elements_text($3::json))" ORDER " FOR UPDATE"},
    lock_others = {"resources_lock_others",
                   "SELECT " WHOLE " FROM resources r WHERE" OF_KIND
                   " AND r.name NOT IN (SELECT json_array_elements_text($3::json))" ORDER " FOR UPDATE"},
    lock_sharing = {"resources_lock_sharing",
                    "SELECT " WHOLE
                    ", r.platform, r.kind FROM resources r WHERE r.workspace_id = (SELECT ccr_workspace())"
                    " AND r.id IN (SELECT json_array_elements_text($1::json)::uuid)"
                    " ORDER BY r.id, r.platform FOR UPDATE"},
    select_platform = {"resources_on_platform",
                       "SELECT " WHOLE ", r.platform, r.kind FROM resources r WHERE r.workspace_id ="
                       " (SELECT ccr_workspace()) AND r.platform = $1 ORDER BY r.kind, r.position, r.name"},
    /* One more than asked for tells whether there are others behind them. Where a far page begins the index alone tells. */
    select_offset = {"resources_offset",
                     "SELECT " SHORT ", " TOTAL " FROM resources r WHERE" OF_KIND
                     " AND (r.position, r.name) >= (SELECT r.position, r.name FROM resources r WHERE" OF_KIND ORDER
                     " LIMIT 1 OFFSET $4::integer)" ORDER " LIMIT $3::integer + 1"},
    select_behind = {"resources_behind", "SELECT " SHORT ", " TOTAL " FROM resources r WHERE" OF_KIND BEHIND ORDER
                                         " LIMIT $3::integer + 1"},
    select_all = {"resources_all", "SELECT " WHOLE " FROM resources r WHERE" OF_KIND ORDER},
    /* Nothing of it is opened. */
    select_by_name = {"resources_by_name",
                      "SELECT " SHORT ", r.unlisted, NULL::json, NULL::text FROM resources r WHERE" OF_KIND
                      " AND r.name > $3 ORDER BY r.name LIMIT $4::integer"},
    lock_all = {"resources_lock_all", "SELECT " WHOLE " FROM resources r WHERE" OF_KIND ORDER " FOR UPDATE"},
    count_all = {"resources_count", "SELECT " TOTAL},
    /* Filtered pages are counted as far as a search counts. */
    select_filtered = {"resources_filtered", "SELECT " SHORT ", 0 FROM resources r WHERE" OF_KIND BEHIND FILTERED ORDER
                                             " LIMIT $3::integer + 1 OFFSET $8::integer"},
    count_filtered = {"resources_count_filtered",
                      "SELECT count(*) FROM (SELECT 1 FROM resources r WHERE" OF_KIND BEHIND FILTERED
                      " LIMIT $3::integer + 1) c"},
    select_folder = {"resources_folder", "SELECT " SHORT ", 0 FROM resources r WHERE" OF_KIND BEHIND FILTERED IN_FOLDER(
                                             "$9") ORDER " LIMIT $3::integer + 1 OFFSET $8::integer"},
    count_folder = {"resources_count_folder",
                    "SELECT count(*) FROM (SELECT 1 FROM resources r WHERE" OF_KIND BEHIND FILTERED IN_FOLDER(
                        "$8") " LIMIT $3::integer + 1) c"},
    /* What changed, if it is not too much. Only the page's rows are read. */
    count_changed = {"resources_count_changed",
                     "SELECT count(*) FROM (" RESOURCE_CHANGED("$3", "$4", "$5", "$6") ") c"},
    select_changed = {"resources_changed",
                      "SELECT " SHORT ", 0 FROM resources r WHERE" OF_KIND
                      " AND r.id IN (SELECT r.id FROM (" RESOURCE_CHANGED(
                          "$7", "$6", "$9", "$10") ") r"
                                                   " WHERE true" BEHIND ORDER
                                                   " LIMIT $3::integer + 1 OFFSET $8::integer)" ORDER},
    /* By an index of those that are off, which are few among many. */
    select_off = {"resources_off", "SELECT " SHORT ", 0 FROM resources r WHERE" OF_KIND BEHIND OFF ORDER
                                   " LIMIT $3::integer + 1 OFFSET $6::integer"},
    count_off = {"resources_count_off",
                 "SELECT count(*) FROM (SELECT 1 FROM resources r WHERE" OF_KIND OFF " LIMIT $3::integer + 1) c"};

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void short_from(struct resource *r, const struct kind *kind, const char *platform, const struct row *row)
{
    *r = (struct resource){.kind = kind,
                           .platform = platform,
                           .name = row_text(row, R_NAME),
                           .position = row_int(row, R_POSITION),
                           .enabled = row_bool(row, R_ENABLED),
                           .uses = row_int(row, R_USES),
                           .shared = row_text(row, R_SHARED),
                           .listed = row_text(row, R_LISTED),
                           .revision = row_int(row, R_REVISION),
                           .updated_at = row_text(row, R_UPDATED)};
    memcpy(r->id, row_string(row, R_ID), UUID_TEXT);
}

void resource_whole_from(struct resource *r, const struct kind *kind, const char *platform, const struct row *row)
{
    short_from(r, kind, platform, row);
    r->unlisted = row_text(row, R_UNLISTED);
    r->sealed = row_text(row, R_SEALED);
    r->source = row_text(row, R_SOURCE);
}

enum error resource_find(struct actor *actor, const struct kind *kind, const char *platform, const char *name,
                         bool lock, struct resource *r)
{
    struct row row;
    enum error error = db_one(actor->db, lock ? &lock_one : &select_one, &row, DB_ARGS(kind->name, platform, name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, kind_unknown(kind), name);
    resource_whole_from(r, kind, platform, &row);
    return ERR_NONE;
}

/* Without kind and platform those are the row's. */
static void all_from(struct actor *actor, const struct kind *kind, const char *platform, const struct rows *rows,
                     struct resource **found, size_t *count)
{
    *count = (size_t)rows->count;
    *found = arena_array(actor->arena, *count + 1, sizeof **found);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        resource_whole_from(&(*found)[i], kind ? kind : kind_find(row_string(&row, R_KIND)),
                            platform ? platform : row_text(&row, R_PLATFORM), &row);
    }
}

enum error resources_all(struct actor *actor, const struct kind *kind, const char *platform, bool lock,
                         struct resource **all, size_t *count)
{
    struct rows rows;
    enum error error = db_all(actor->db, lock ? &lock_all : &select_all, &rows, DB_ARGS(kind->name, platform));
    all_from(actor, kind, platform, &rows, all, count);
    return error;
}

enum error resources_by_name(struct actor *actor, const struct kind *kind, const char *platform, const char *after,
                             long long most, struct resource **found, size_t *count)
{
    struct rows rows;
    enum error error =
        db_all(actor->db, &select_by_name, &rows, DB_ARGS(kind->name, platform, after, number_text(actor, most)));
    all_from(actor, kind, platform, &rows, found, count);
    return error;
}

enum error resources_total(struct actor *actor, const struct kind *kind, const char *platform, long long *total)
{
    struct row row;
    enum error error = db_one(actor->db, &count_all, &row, DB_ARGS(kind->name, platform));
    *total = error ? 0 : row_int(&row, 0);
    return error;
}

enum error resources_named(struct actor *actor, const struct kind *kind, const char *platform, const char *names,
                           bool named, struct resource **found, size_t *count)
{
    struct rows rows;
    enum error error =
        db_all(actor->db, named ? &lock_named : &lock_others, &rows, DB_ARGS(kind->name, platform, names));
    all_from(actor, kind, platform, &rows, found, count);
    return error;
}

enum error resources_sharing(struct actor *actor, const char *ids, struct resource **found, size_t *count)
{
    struct rows rows;
    enum error error = db_all(actor->db, &lock_sharing, &rows, DB_ARGS(ids));
    all_from(actor, NULL, NULL, &rows, found, count);
    return error;
}

enum error resources_on(struct actor *actor, const char *platform, struct resource **found, size_t *count)
{
    struct rows rows;
    enum error error = db_all(actor->db, &select_platform, &rows, DB_ARGS(platform));
    if (!error)
        all_from(actor, NULL, platform, &rows, found, count);
    return error;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

const char *resource_cursor(struct actor *actor, const struct resource *r)
{
    return arena_printf(actor->arena, "%lld.%s", r->position, r->name);
}

/* Where the page begins: everything is behind no cursor. */
static bool take_cursor(struct actor *actor, const char *cursor, const char **position, const char **name)
{
    long long number;
    const char *dot = cursor ? strchr(cursor, '.') : NULL;
    *position = "-1";
    *name = "";
    if (!dot)
        return !cursor;
    *position = arena_strndup(actor->arena, cursor, (size_t)(dot - cursor));
    *name = dot + 1;
    return parse_int(*position, 0, INT32_MAX, &number);
}

static enum error find_off(struct actor *actor, const struct resource_query *q, const char *position, const char *name,
                           struct resource_page *page)
{
    struct row row;
    const char *kind = page->kind->name;
    enum error error = db_all(
        actor->db, &select_off, &page->rows,
        DB_ARGS(kind, page->platform, number_text(actor, q->limit), position, name, number_text(actor, q->offset)));
    if (!error)
        error = db_one(actor->db, &count_off, &row, DB_ARGS(kind, page->platform, number_text(actor, FOUND_MAX)));
    page->total = error ? 0 : row_int(&row, 0);
    return error;
}

/* `done` when they are few enough to be found by their times; otherwise there are more than anybody counts. */
static enum error find_changed(struct actor *actor, const struct resource_query *q, const char *position,
                               const char *name, bool *done, struct resource_page *page)
{
    struct row row;
    const char *kind = page->kind->name, *most = number_text(actor, CHANGED_MOST);
    enum error error = db_one(actor->db, &count_changed, &row,
                              DB_ARGS(kind, page->platform, q->updated_since, q->enabled, q->folder, most));
    page->total = error ? 0 : row_int(&row, 0);
    *done = page->total < CHANGED_MOST;
    if (error || !*done)
        return error;
    return db_all(actor->db, &select_changed, &page->rows,
                  DB_ARGS(kind, page->platform, number_text(actor, q->limit), position, name, q->enabled,
                          q->updated_since, number_text(actor, q->offset), q->folder, most));
}

static enum error find_filtered(struct actor *actor, const struct resource_query *q, const char *position,
                                const char *name, struct resource_page *page)
{
    struct row row;
    bool done = false;
    const char *limit = number_text(actor, q->limit), *most = number_text(actor, FOUND_MAX);
    const char *kind = page->kind->name, *offset = number_text(actor, q->offset);
    const char *const found[] = {kind,       page->platform,   limit,  position, name,
                                 q->enabled, q->updated_since, offset, q->folder};
    const char *const counted[] = {kind, page->platform, most, "-1", "", q->enabled, q->updated_since, q->folder};
    size_t without = q->folder ? 0 : 1;
    enum error error = q->updated_since ? find_changed(actor, q, position, name, &done, page) : ERR_NONE;
    if (error || done)
        return error;
    error = db_all(actor->db, q->folder ? &select_folder : &select_filtered, &page->rows, found,
                   ARRAY_SIZE(found) - without);
    if (error || page->total)
        return error;
    error =
        db_one(actor->db, q->folder ? &count_folder : &count_filtered, &row, counted, ARRAY_SIZE(counted) - without);
    page->total = error ? 0 : row_int(&row, 0);
    return error;
}

static enum error find_plain(struct actor *actor, const struct resource_query *q, const char *position,
                             const char *name, struct resource_page *page)
{
    const char *kind = page->kind->name, *limit = number_text(actor, q->limit);
    if (q->cursor)
        return db_all(actor->db, &select_behind, &page->rows, DB_ARGS(kind, page->platform, limit, position, name));
    return db_all(actor->db, &select_offset, &page->rows,
                  DB_ARGS(kind, page->platform, limit, number_text(actor, q->offset)));
}

static enum error find(struct actor *actor, const struct resource_query *q, const char *position, const char *name,
                       bool plain, struct resource_page *page)
{
    if (plain)
        return find_plain(actor, q, position, name, page);
    if (q->search)
        return resource_search(actor, q, position, name, page);
    bool off = q->enabled && strcmp(q->enabled, "false") == 0 && !q->folder && !q->updated_since;
    return (off ? find_off : find_filtered)(actor, q, position, name, page);
}

/* Every row tells the total; a page without one asks for it. */
static enum error take_total(struct actor *actor, bool plain, struct resource_page *page)
{
    enum error error = ERR_NONE;
    const struct row first = rows_at(&page->rows, 0);
    if (page->rows.count)
        page->total = page->total ? page->total : row_int(&first, R_TOTAL);
    else if (plain)
        error = resources_total(actor, page->kind, page->platform, &page->total);
    page->total_at_least = !plain && page->total > FOUND_MAX;
    if (page->total_at_least)
        page->total = FOUND_MAX;
    return error;
}

enum error resource_page(struct actor *actor, const struct kind *kind, const char *platform,
                         const struct resource_query *q, struct resource_page *page)
{
    const char *position, *name;
    bool plain = !q->search && !q->folder && !q->updated_since && !q->enabled;
    *page = (struct resource_page){.kind = kind, .platform = platform};
    if (!take_cursor(actor, q->cursor, &position, &name))
        return fail_field(actor, "cursor", MSG_CURSOR, NULL);
    enum error error = find(actor, q, position, name, plain, page);
    if (!error)
        error = take_total(actor, plain, page);
    page->more = page->rows.count > q->limit;
    page->count = page->more ? (int)q->limit : page->rows.count;
    return error;
}

void resource_at(const struct resource_page *page, int index, struct resource *r)
{
    struct row row = rows_at(&page->rows, index);
    short_from(r, page->kind, page->platform, &row);
}
