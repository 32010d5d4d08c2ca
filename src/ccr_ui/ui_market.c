/* CCR UI's marketplace: the presets that come with the program, and what Claude Code has in the workspace already. Nobody rates anything or
 * counts downloads here, so both are null. */
#include <string.h>

#include "json.h"
#include "name_index.h"
#include "presets.h"
#include "ui_page.h"

#define PLATFORM "claude" /* whose page it is */

/* By what an item's id begins with. */
static const struct shelf {
    const char *prefix, *category, *kind;
    bool presets; /* what there is to install; of the others only what is there already is shown */
} shelves[] = {
    {"mcp-", "mcp", "mcp_server", true},
    {"command-", "command", "slash_command", true},
    {"skill-", "skill", "skill", false},
    {"plugin-", "plugin", "plugin", false},
};

static const struct field install_fields[] = {
    {"item_id", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 320},
    {"category", FIELD_TEXT, .choices = "skill|mcp|plugin|command"},
    {"platforms", FIELD_STRINGS},
    {"env", FIELD_MAP, .max = 100},
    {0},
};

static const struct shelf *shelf_of_id(const char *id)
{
    for (size_t i = 0; i < ARRAY_SIZE(shelves); i++)
        if (strncmp(id, shelves[i].prefix, strlen(shelves[i].prefix)) == 0)
            return &shelves[i];
    return NULL;
}

/* ---- the list --------------------------------------------------------------------------------------------------- */

struct market {
    struct actor *actor;
    struct json_writer *w;
    const char *category;  /* NULL = all */
    bool installed;        /* only what is */
    struct name_index has; /* "<kind>/<name>" */
    long long total;
};

static bool is_shown(const struct market *m, const struct shelf *shelf, bool installed)
{
    return (!m->category || strcmp(m->category, shelf->category) == 0) && (installed || !m->installed);
}

static const char *key_of(struct arena *arena, const char *kind, const char *name)
{
    return arena_printf(arena, "%s/%s", kind, name);
}

struct item {
    const char *id, *name, *description, *version;
    const json_t *preset; /* NULL = it is none */
    bool installed;
};

static void put_item(struct market *m, const struct shelf *shelf, const struct item *item)
{
    struct json_writer *w = m->w;
    struct arena_mark mark = arena_mark(m->actor->arena);
    const json_t *tags = json_object_get(item->preset, "tags");
    json_open_object(w);
    json_string_member(w, "id", arena_printf(m->actor->arena, "%s%s", shelf->prefix, item->id));
    json_string_member(w, "name", item->name);
    json_string_member(w, "description", item->description ? item->description : "");
    json_string_member(w, "category", shelf->category);
    json_string_member(w, "author", NULL);
    json_string_member(w, "version", item->version);
    json_string_member(w, "downloads", NULL);
    json_string_member(w, "rating", NULL);
    json_bool_member(w, "installed", item->installed);
    json_string_member(w, "source", item->preset ? "builtin" : "local");
    json_raw_member(w, "tags", tags ? json_text(m->actor->arena, tags) : "[]");
    json_string_member(w, "homepage", json_text_at(item->preset, "homepage"));
    json_close_object(w);
    m->total++;
    arena_release(m->actor->arena, mark);
}

static void put_presets(struct market *m, const struct shelf *shelf)
{
    size_t i;
    json_t *preset, *found = presets_found(m->actor, shelf->kind, PLATFORM);
    json_array_foreach(found, i, preset)
    {
        const char *id = json_text_at(preset, "id");
        const struct item item = {
            .id = id,
            .name = json_text_at(preset, "label"),
            .description = json_text_at(preset, "description"),
            .version = number_text(m->actor, json_integer_value(json_object_get(preset, "version"))),
            .preset = preset,
            .installed = name_index_find(&m->has, key_of(m->actor->arena, shelf->kind, id), NULL)};
        if (is_shown(m, shelf, item.installed))
            put_item(m, shelf, &item);
    }
}

static void put_own(struct market *m, const struct shelf *shelf, const struct rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        const struct item item = {.id = row_text(&row, 1),
                                  .name = row_text(&row, 1),
                                  .description = row_text(&row, 2),
                                  .version = row_text(&row, 3),
                                  .installed = true};
        if (strcmp(row_text(&row, 0), shelf->kind) == 0 && is_shown(m, shelf, true))
            put_item(m, shelf, &item);
    }
}

/* What there is of the kinds that have no presets, and those names that are names of presets. */
static enum error find_own(struct market *m, struct rows *rows)
{
    static const struct statement select = {
        "ui_market", "SELECT kind, name, listed->>'description', listed->>'version' FROM resources"
                     " WHERE workspace_id = (SELECT ccr_workspace()) AND platform = '" PLATFORM "'"
                     " AND (kind IN ('skill', 'plugin') OR (kind IN ('mcp_server', 'slash_command')"
                     " AND name IN (SELECT json_array_elements_text($1::json)))) ORDER BY kind, name"};
    size_t i;
    json_t *preset, *ids = json_array(), *all = presets_found(m->actor, NULL, PLATFORM);
    json_array_foreach(all, i, preset) json_array_append(ids, json_object_get(preset, "id"));
    enum error error = db_all(m->actor->db, &select, rows, DB_ARGS(json_text(m->actor->arena, ids)));
    m->has = name_index_new();
    for (int each = 0; !error && each < rows->count; each++) {
        struct row row = rows_at(rows, each);
        name_index_note(&m->has, key_of(m->actor->arena, row_text(&row, 0), row_text(&row, 1)));
    }
    return error;
}

static enum error respond_market(struct request *rq, struct response *rs, const char *category, bool installed)
{
    struct rows rows;
    struct market m = {.actor = &rq->actor, .category = category, .installed = installed};
    enum error error = find_own(&m, &rows);
    if (error)
        return error;
    m.w = respond_object(rs, 200);
    json_literal_key(m.w, "items");
    json_open_array(m.w);
    for (size_t i = 0; i < ARRAY_SIZE(shelves); i++) {
        if (shelves[i].presets)
            put_presets(&m, &shelves[i]);
        else
            put_own(&m, &shelves[i], &rows);
    }
    json_close_array(m.w);
    json_int_member(m.w, "total", m.total);
    respond_end(rs);
    return rs->body.overflow ? fail(&rq->actor, MSG_FEWER, NULL) : ERR_NONE;
}

static enum error list(struct request *rq, struct response *rs)
{
    return respond_market(rq, rs, NULL, false);
}

static enum error list_installed(struct request *rq, struct response *rs)
{
    return respond_market(rq, rs, NULL, true);
}

static enum error list_category(struct request *rq, struct response *rs)
{
    const char *category = path_arg(rq, "category");
    for (size_t i = 0; i < ARRAY_SIZE(shelves); i++)
        if (strcmp(shelves[i].category, category) == 0)
            return respond_market(rq, rs, category, false);
    return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, category, NULL);
}

/* ---- installing ------------------------------------------------------------------------------------------------- */

static enum error install(struct request *rq, struct response *rs)
{
    const char *id = body_text(rq, "item_id");
    const struct shelf *shelf = shelf_of_id(id);
    if (!shelf || !shelf->presets)
        return fail_field(&rq->actor, "item_id", MSG_RESOURCE_UNKNOWN, id, NULL);
    ui_put_path_arg(rq, "id", id + strlen(shelf->prefix));
    json_t *preset = preset_asked_for(rq, shelf->kind);
    return preset ? ui_install_preset(rq, rs, preset) : ERR_NOT_FOUND;
}

static enum error uninstall(struct request *rq, struct response *rs)
{
    const char *id = path_arg(rq, "id");
    const struct shelf *shelf = shelf_of_id(id);
    const struct route *route = rq->route;
    const struct kind *kind = shelf ? kind_find(shelf->kind) : NULL;
    if (!kind || kind_access(kind) != route->access) /* plugins take more than this route does */
        return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, id, NULL);
    struct route of_kind = *route; /* the engine finds the kind there */
    of_kind.data = kind;
    ui_put_path_arg(rq, "platform", PLATFORM);
    ui_put_path_arg(rq, "name", id + strlen(shelf->prefix));
    rq->route = &of_kind;
    enum error error = resource_destroy(rq);
    rq->route = route;
    return error ? error : respond_text(rs, 200, arena_printf(rq->actor.arena, "'%s' uninstalled", id));
}

const struct route ui_market_routes[] = {
    {METHOD_GET, "/api/marketplace", list, ACCESS_VIEWER},
    {METHOD_GET, "/api/marketplace/installed", list_installed, ACCESS_VIEWER},
    {METHOD_GET, "/api/marketplace/category/{category}", list_category, ACCESS_VIEWER},
    {METHOD_POST, "/api/marketplace/install", install, ACCESS_EDITOR, .body = install_fields},
    {METHOD_DELETE, "/api/marketplace/uninstall/{id}", uninstall, ACCESS_EDITOR},
    {0},
};
