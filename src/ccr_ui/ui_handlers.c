/* Handlers of CCR UI's pages: the engine's, with names and shapes of the page around them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "name_index.h"
#include "profile.h"
#include "ui_page.h"
#include "util.h"

enum { ROUTES_MAX = 160, PATTERN_MAX = 64, PAGES_MAX = 40 };

struct route ui_page_routes[ROUTES_MAX + 1];
static const struct ui_page *page_of_route[ROUTES_MAX]; /* by their place in that table */
static char patterns[PAGES_MAX * 4][PATTERN_MAX];
static struct field fields_of[PAGES_MAX][2][UI_MEMBERS_MAX + 1]; /* of a new one, of changes */

static const struct ui_page *page_of(const struct request *rq)
{
    return page_of_route[rq->route - ui_page_routes];
}

/* ---- which one -------------------------------------------------------------------------------------------------- */

void ui_put_path_arg(struct request *rq, const char *name, const char *value)
{
    size_t i = 0;
    while (i < rq->path_arg_count && strcmp(rq->path_args[i].name, name) != 0)
        i++;
    rq->path_args[i] = (struct pair){name, value};
    if (i == rq->path_arg_count)
        rq->path_arg_count++;
}

/* What an address may mean, the likeliest first: the second tells that it is not clear. Finds nothing for a name that is whole. */
static enum error find_names(struct request *rq, const char *asked, const char *likely, struct rows *rows)
{
    /* The last name of one in folders, or its whole one. */
    static const struct statement select_leaves = {
        "ui_leaves",
        "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
        " AND (name = $3 OR right(name, length($3) + 1) = '/' || $3) ORDER BY name <> $4, name <> $3, name LIMIT 2"};
    static const struct statement select_known = {
        "ui_known",
        "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
        " AND (listed->>$4 = $3 OR (coalesce(listed->>$4, '') = '' AND listed->>'url' = $3)) ORDER BY name LIMIT 2"};
    static const struct statement select_before_at = {
        "ui_before_at",
        "SELECT name FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
        " AND (name = $3 OR starts_with(name, $3 || '@')) ORDER BY name <> $3, name LIMIT 2"};
    const struct ui_page *page = page_of(rq);
    *rows = (struct rows){NULL, 0};
    if (page->before_at)
        return db_all(rq->actor.db, &select_before_at, rows, DB_ARGS(page->kind->name, page->platform, asked));
    if (page->known_by)
        return db_all(rq->actor.db, &select_known, rows,
                      DB_ARGS(page->kind->name, page->platform, asked, page->known_by));
    if (page->kind->flags & KIND_FOLDERS)
        return db_all(rq->actor.db, &select_leaves, rows, DB_ARGS(page->kind->name, page->platform, asked, likely));
    return ERR_NONE;
}

static const char *in_folder(struct request *rq, const char *folder, const char *leaf)
{
    return folder && *folder ? arena_printf(rq->actor.arena, "%s/%s", folder, leaf) : leaf;
}

static const char *sent_as(struct request *rq, enum ui_form form)
{
    for (const struct ui_member *m = page_of(rq)->shape->members; m->form; m++)
        if (m->form == form)
            return body_text(rq, m->name);
    return NULL;
}

/* Puts the whole name into the path, where CCR UI leaves the folders out, or knows the thing by something else. What is to be changed
 * must be the only one that is meant: the page shows several under one name. */
static enum error find_place(struct request *rq)
{
    struct rows rows;
    const struct ui_page *page = page_of(rq);
    const char *name = path_arg(rq, "name"), *rest = path_arg(rq, "rest"), *folder = NULL;
    ui_put_path_arg(rq, "platform", page->platform);
    if (!name)
        return ERR_NONE;
    if (rest && *rest) {
        name = in_folder(rq, name, rest);
        ui_put_path_arg(rq, "name", name);
        ui_put_path_arg(rq, "rest", ""); /* it is all there, for a transaction that is tried again */
    }
    if (rq->body && !page->known_by)
        folder = sent_as(rq, UI_FOLDER);
    const char *likely = in_folder(rq, folder, name);
    enum error error = find_names(rq, name, likely, &rows);
    if (error || !rows.count)
        return error; /* of the name that was asked for the engine says that there is none */
    struct row first = rows_at(&rows, 0);
    bool sure = !page->known_by && (page->before_at || folder || strchr(name, '/')) &&
                strcmp(row_string(&first, 0), likely) == 0;
    if (rows.count > 1 && !sure && rq->method != METHOD_GET && rq->method != METHOD_HEAD) {
        struct row second = rows_at(&rows, 1);
        return fail(&rq->actor, MSG_SEVERAL, name, row_text(&first, 0), row_text(&second, 0), NULL);
    }
    ui_put_path_arg(rq, "name", row_text(&first, 0));
    return ERR_NONE;
}

/* The name that a body gives: what it leaves out is as in `old` (NULL = it is new). */
static const char *name_of(struct request *rq, const char *old)
{
    const struct ui_page *page = page_of(rq);
    if (old && !page->renames)
        return old;
    const char *leaf = sent_as(rq, UI_NAME), *folder = sent_as(rq, UI_FOLDER);
    const char *slash = old && page->kind->flags & KIND_FOLDERS ? strrchr(old, '/') : NULL;
    if (!leaf)
        leaf = slash ? slash + 1 : old;
    if (!folder && slash)
        folder = arena_strndup(rq->actor.arena, old, (size_t)(slash - old));
    return in_folder(rq, folder, leaf);
}

/* The form has no field for a name: what it sends as one is the program or the address. */
static bool is_named(struct request *rq, const char *name)
{
    return name && !text_equal(name, body_text(rq, page_of(rq)->called_after)) &&
           !text_equal(name, body_text(rq, "url")) && !text_equal(name, body_text(rq, "httpUrl"));
}

/* The program without its folders, or the host of the address; NULL when there is neither. */
static const char *first_name(struct request *rq)
{
    const char *from = body_text(rq, page_of(rq)->called_after), *cut;
    if (!is_blank(from)) {
        cut = strrchr(from, '/');
        return cut && cut[1] ? cut + 1 : from;
    }
    from = body_text(rq, is_blank(body_text(rq, "url")) ? "httpUrl" : "url");
    from = from ? strstr(from, "://") : NULL;
    if (!from)
        return NULL;
    from = arena_strndup(rq->actor.arena, from + 3, strcspn(from + 3, "/?#"));
    cut = strrchr(from, '@');
    return text_or_null(cut ? cut + 1 : from);
}

/* One that nobody named: the next one of these is "npx-2". */
static enum error make_name(struct request *rq, const char **name)
{
    enum { MOST = 1000 };
    struct resource other;
    const struct ui_page *page = page_of(rq);
    enum error error = ERR_NONE;
    if (!page->called_after || is_named(rq, *name))
        return ERR_NONE;
    const char *first = first_name(rq);
    if (!first)
        return fail_field(&rq->actor, page->called_after, MSG_REQUIRED, NULL);
    *name = first;
    for (int i = 2; i < MOST; i++) {
        error = resource_find(&rq->actor, page->kind, page->platform, *name, false, &other);
        if (error)
            break;
        *name = arena_printf(rq->actor.arena, "%s-%d", first, i);
    }
    if (error != ERR_NOT_FOUND)
        return error;
    rq->actor.failure = (struct failure){0};
    return ERR_NONE;
}

/* ---- what is wrong ---------------------------------------------------------------------------------------------- */

/* A column as the page calls it: "prompt" as "command", "api_key[0]" as "apiKey[0]". */
static const char *name_on_page(struct actor *actor, const void *data, const char *field)
{
    const struct ui_page *page = data;
    size_t length = strcspn(field, ".[");
    for (const struct ui_member *m = page->shape->members; m->form; m++)
        if (ui_is_column(m->form) && strlen(m->column) == length && strncmp(field, m->column, length) == 0)
            return arena_printf(actor->arena, "%s%s", m->name, field + length);
    return field;
}

/* Whoever reads an answer knows the fields of the form alone. */
static enum error fail_on_page(struct request *rq, enum error error)
{
    if (error == ERR_VALIDATION)
        rename_fields(&rq->actor, name_on_page, page_of(rq));
    return error;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

enum error ui_say(struct response *rs, const char *text)
{
    struct json_writer *w = respond_object_bare(rs, 200);
    json_bool_member(w, "success", true);
    json_string_member(w, "data", NULL);
    json_string_member(w, "message", text);
    return respond_end(rs);
}

static enum error respond_done(struct request *rq, struct response *rs, const char *text)
{
    return page_of(rq)->envelope == UI_DATA ? respond_text(rs, 200, text) : ui_say(rs, text);
}

static enum error respond_did(struct request *rq, struct response *rs, const char *deed)
{
    return respond_done(rq, rs, arena_printf(rq->actor.arena, "%s %s successfully", page_of(rq)->noun, deed));
}

/* A list as it is written: names come in their order, a part of them at a time. */
struct list {
    struct request *rq;
    struct json_writer *w;
    struct name_index seen;
    json_t *folders;     /* each once */
    const char *current; /* the profile in use; NULL = none */
    const char *last;    /* the name that came last */
};

static void put_one(struct list *list, const struct resource *r)
{
    struct actor *actor = &list->rq->actor;
    const char *slash = strrchr(r->name, '/');
    const char *folder = slash ? arena_strndup(actor->arena, r->name, (size_t)(slash - r->name)) : NULL;
    if (folder && name_index_note(&list->seen, folder))
        json_array_append_new(list->folders, json_string(folder));
    struct arena_mark mark = arena_mark(actor->arena);
    json_put_raw(list->w, json_text(actor->arena, ui_object(actor, page_of(list->rq), r, list->current)));
    arena_release(actor->arena, mark);
    list->last = r->name;
}

/* Ends where an answer ends that is too long. More are read at once as long as they are small. */
static enum error put_all(struct list *list, const struct response *rs)
{
    enum { AT_FIRST = 25, AT_MOST = 200 };
    const struct ui_page *page = page_of(list->rq);
    size_t at_once, count;
    for (bool small = false, more = true; more; more = count == at_once) {
        struct resource *found;
        size_t before = rs->body.length;
        at_once = small ? AT_MOST : AT_FIRST;
        enum error error = resources_by_name(&list->rq->actor, page->kind, page->platform, list->last,
                                             (long long)at_once, &found, &count);
        if (error)
            return error;
        for (size_t i = 0; i < count; i++)
            put_one(list, &found[i]);
        if (rs->body.overflow)
            return fail(&list->rq->actor, MSG_FEWER, NULL);
        small = rs->body.length - before < MIB;
    }
    return ERR_NONE;
}

static enum error list_all(struct request *rq, struct response *rs)
{
    const struct ui_page *page = page_of(rq);
    struct pointers pointers = {.current = NULL};
    struct list list = {.rq = rq, .seen = name_index_new(), .folders = json_array(), .last = ""};
    enum error error =
        page->operations & UI_CHOOSES ? profile_pointers(&rq->actor, page->platform, &pointers) : ERR_NONE;
    if (error)
        return error;
    list.current = pointers.current;
    list.w = page->bare ? respond_begin_bare(rs, 200) : respond_begin(rs, 200);
    if (page->key) {
        json_open_object(list.w);
        json_key(list.w, page->key);
    }
    json_open_array(list.w);
    if (kind_is_on(page->kind, page->platform)) /* else a CLI that has none of it */
        error = put_all(&list, rs);
    json_close_array(list.w);
    if (page->folders)
        json_raw_member(list.w, "folders", json_text(rq->actor.arena, list.folders));
    if (page->current)
        json_string_member(list.w, "current_profile", pointers.has_current ? pointers.current : NULL);
    if (page->key)
        json_close_object(list.w);
    respond_end(rs);
    return error;
}

static enum error get(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = find_place(rq);
    if (!error)
        error = resource_asked_for(rq, false, &r);
    if (error)
        return error;
    rs->revision = r.revision;
    struct json_writer *w = page_of(rq)->bare ? respond_begin_bare(rs, 200) : respond_begin(rs, 200);
    if (page_of(rq)->one) {
        json_open_object(w);
        json_key(w, page_of(rq)->one);
    }
    json_put_raw(w, json_text(rq->actor.arena, ui_object(&rq->actor, page_of(rq), &r, NULL)));
    if (page_of(rq)->one)
        json_close_object(w);
    return respond_end(rs);
}

/* ---- writes ----------------------------------------------------------------------------------------------------- */

/* What addresses know one by is not there yet. */
static enum error check_unknown(struct request *rq)
{
    struct rows rows;
    const struct ui_page *page = page_of(rq);
    const char *known = page->one_each ? body_text(rq, page->known_by) : NULL;
    enum error error = known ? find_names(rq, known, known, &rows) : ERR_NONE;
    return error || !known || !rows.count ? error : fail(&rq->actor, MSG_RESOURCE_EXISTS, known, NULL);
}

static enum error add(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    const char *name = name_of(rq, NULL);
    /* Before it is seen which names there are. */
    enum error error = resources_lock(&rq->actor, page_of(rq)->kind, page_of(rq)->platform, BRIEFLY);
    if (!error)
        error = check_unknown(rq);
    if (!error)
        error = make_name(rq, &name);
    if (!error && page_of(rq)->shape->named)
        error = page_of(rq)->shape->named(&rq->actor, page_of(rq), rq->body, NULL, &name);
    if (error)
        return error;
    json_t *sent = rq->body, *values = ui_values(&rq->actor, page_of(rq), sent, NULL, name);
    json_object_set_new(values, "name", json_string(name));
    ui_put_path_arg(rq, "platform", page_of(rq)->platform);
    rq->body = values;
    error = resource_create(rq, &r);
    rq->body = sent; /* for a transaction that is tried again */
    return error ? fail_on_page(rq, error) : respond_did(rq, rs, page_of(rq)->added);
}

/* The one that is to be changed, under the name that the body gives it. */
static enum error take_under_name(struct request *rq, const char *name, struct resource *r)
{
    json_t *sent = rq->body;
    if (strcmp(name, path_arg(rq, "name")) == 0)
        return resource_to_change(rq, r);
    rq->body = json_object();
    json_object_set_new(rq->body, "name", json_string(name));
    enum error error = resource_take_name(rq, r);
    rq->body = sent;
    return error;
}

static enum error change(struct request *rq, struct response *rs)
{
    struct resource before = {.name = ""}, after;
    json_t *sent = rq->body;
    enum error error = find_place(rq);
    const char *old = path_arg(rq, "name"), *name = error ? old : name_of(rq, old);
    if (!error && page_of(rq)->shape->named && page_of(rq)->renames)
        error = page_of(rq)->shape->named(&rq->actor, page_of(rq), sent, old, &name);
    if (!error)
        error = take_under_name(rq, name, &before);
    if (error)
        return error;
    rq->body = ui_values(&rq->actor, page_of(rq), sent, &before, before.name);
    error = resource_save_values(rq, &before, rq->body, &after);
    rq->body = sent;
    return error ? fail_on_page(rq, error) : respond_did(rq, rs, "updated");
}

static enum error destroy(struct request *rq, struct response *rs)
{
    enum error error = find_place(rq);
    if (!error)
        error = resource_destroy(rq);
    return error ? error : respond_did(rq, rs, "deleted");
}

static enum error toggle(struct request *rq, struct response *rs)
{
    const struct ui_page *page = page_of(rq);
    struct resource r = {.name = ""};
    enum error error = find_place(rq);
    if (!error)
        error = resource_to_change(rq, &r);
    bool enabled = !r.enabled;
    if (!error)
        error = resource_switch_on(rq, enabled, &r);
    if (error)
        return error;
    const char *said = enabled ? page->on : page->off;
    size_t length = strcspn(said, "{");
    return respond_done(
        rq, rs, arena_printf(rq->actor.arena, "%s%.*s%s", page->noun, (int)length, said, said[length] ? r.name : ""));
}

static enum error choose(struct request *rq, struct response *rs)
{
    const char *name = path_arg(rq, "name");
    enum error error = profile_switch(&rq->actor, page_of(rq)->platform, name);
    return error ? error : respond_done(rq, rs, arena_printf(rq->actor.arena, "Profile '%s' in use", name));
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static const struct ui_route {
    enum ui_operation operation;
    enum method method;
    const char *rest; /* of the path */
    handler *run;
} operations[] = {
    {UI_LISTS, METHOD_GET, "", list_all},
    {UI_ADDS, METHOD_POST, "", add},
    {UI_READS, METHOD_GET, "/{name}", get},
    {UI_CHANGES, METHOD_PUT, "/{name}", change},
    {UI_DELETES, METHOD_DELETE, "/{name}", destroy},
    {UI_TOGGLES, METHOD_PUT, "/{name}/toggle", toggle},
    {UI_CHANGES_DEEP, METHOD_PUT, "/{name}/{rest}", change},
    {UI_DELETES_DEEP, METHOD_DELETE, "/{name}/{rest}", destroy},
    {UI_PATCHES, METHOD_PATCH, "/{name}", change},
    {UI_PATCHES_TOGGLE, METHOD_PATCH, "/{name}/toggle", toggle},
    {UI_CHOOSES, METHOD_POST, "/{name}/", choose}, /* and the page's verb */
};

static const char *pattern_of(const struct ui_page *page, const struct ui_route *o)
{
    size_t i = 0;
    char pattern[PATTERN_MAX];
    snprintf(pattern, sizeof pattern, "%s%s%s", page->path, o->rest, o->operation == UI_CHOOSES ? page->verb : "");
    while (i < ARRAY_SIZE(patterns) - 1 && *patterns[i] && strcmp(patterns[i], pattern) != 0)
        i++;
    memcpy(patterns[i], pattern, sizeof pattern);
    return patterns[i];
}

static const struct field *body_of(size_t page, enum ui_operation operation)
{
    if (operation & (UI_ADDS | UI_CHANGES | UI_CHANGES_DEEP | UI_PATCHES))
        return fields_of[page][operation != UI_ADDS];
    return NULL;
}

void ui_routes_make(void)
{
    size_t count = 0;
    for (size_t number = 0; ui_pages[number].path; number++) {
        const struct ui_page *page = &ui_pages[number];
        if (number == PAGES_MAX || count + ARRAY_SIZE(operations) > ROUTES_MAX)
            abort(); /* the tables are too small for the pages: seen at the first start of such a program */
        ui_fields(page, false, fields_of[number][0]);
        ui_fields(page, true, fields_of[number][1]);
        for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
            const struct ui_route *o = &operations[i];
            bool reads = o->method == METHOD_GET, own = o->operation == UI_CHOOSES; /* which one is each member's own */
            if (!(page->operations & o->operation))
                continue;
            page_of_route[count] = page;
            ui_page_routes[count++] = (struct route){.method = o->method,
                                                     .pattern = pattern_of(page, o),
                                                     .run = o->run,
                                                     .access = reads || own ? ACCESS_VIEWER : kind_access(page->kind),
                                                     .body = body_of(number, o->operation),
                                                     .flags = reads ? ROUTE_CACHED : 0,
                                                     .data = page->kind};
        }
    }
}
