/* Objects of CCR UI and the columns of a resource, translated by a page's members. */
#include <string.h>

#include "json.h"
#include "ui_page.h"
#include "util.h"

enum { INTEGER_MAX = 100000000, LOOSE_BYTES = 64 * KIB };

/* ---- shown ------------------------------------------------------------------------------------------------------ */

/* What stands where a column is not set; NULL = nothing does. */
static json_t *nothing(enum ui_form form)
{
    switch (form) {
    case UI_TEXT:
        return json_string("");
    case UI_LIST:
        return json_array();
    case UI_MAP:
        return json_object();
    case UI_NULLABLE:
        return json_null();
    default:
        return NULL;
    }
}

static json_t *folder_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return json_stringn(name, slash ? (size_t)(slash - name) : 0);
}

static json_t *leaf_of(const struct resource *r)
{
    const char *slash = r->kind->flags & KIND_FOLDERS ? strrchr(r->name, '/') : NULL;
    return json_string(slash ? slash + 1 : r->name);
}

static json_t *member_value(const struct ui_member *m, const struct resource *r, const json_t *values)
{
    json_t *value;
    switch (m->form) {
    case UI_NAME:
        return leaf_of(r);
    case UI_FOLDER:
        return folder_of(r->name);
    case UI_ENABLED:
        return json_boolean(r->enabled);
    case UI_DISABLED:
        return json_boolean(!r->enabled);
    case UI_USES:
        return json_integer(r->uses);
    case UI_CONSTANT:
        return json_stored(m->column);
    case UI_MADE:
    case UI_ALIAS:
    case UI_IN_USE:
    case UI_TAKEN:
    case UI_REFUSED:
        return NULL;
    default:
        value = json_object_get(values, m->column);
        return value && !json_is_null(value) ? json_incref(value) : nothing(m->form);
    }
}

json_t *ui_object(struct actor *actor, const struct ui_page *page, const struct resource *r, const char *current)
{
    json_t *object = json_object(), *values = resource_shown(r);
    for (const struct ui_member *m = page->shape->members; m->form; m++) {
        json_t *value = m->form == UI_IN_USE ? json_boolean(text_equal(r->name, current)) : member_value(m, r, values);
        if (value)
            json_object_set_new(object, m->name, value);
    }
    if (page->shape->shown)
        page->shape->shown(actor, r, values, object);
    return object;
}

/* ---- taken ------------------------------------------------------------------------------------------------------ */

bool ui_is_column(enum ui_form form)
{
    return form >= UI_TEXT && form <= UI_MAP;
}

/* Of a member, or of its other name. */
static json_t *value_sent(const struct ui_page *page, const struct ui_member *m, const json_t *sent)
{
    json_t *value = json_object_get(sent, m->name);
    for (const struct ui_member *other = page->shape->members; !value && ui_is_column(m->form) && other->form; other++)
        if (other->form == UI_ALIAS && strcmp(other->column, m->column) == 0)
            value = json_object_get(sent, other->name);
    if (json_is_string(value) && m->flags & UI_LOOSE)
        value = *json_string_value(value) ? json_pack("[O]", value) : NULL;
    return json_is_null(value) ? NULL : value;
}

static void take_member(struct actor *actor, const struct ui_page *page, const struct ui_member *m, json_t *sent,
                        bool changes, json_t *values)
{
    json_t *value = value_sent(page, m, sent);
    if (m->form == UI_ENABLED && value)
        json_object_set(values, "enabled", value);
    else if (m->form == UI_DISABLED && value)
        json_object_set_new(values, "enabled", json_boolean(!json_is_true(value)));
    else if (m->form == UI_REFUSED && json_object_size(value))
        fail_field(actor, m->name, MSG_NOT_EXPRESSIBLE, page->platform, NULL);
    else if (ui_is_column(m->form) && value)
        json_object_set(values, m->column, value);
    else if (ui_is_column(m->form) && !(changes && m->flags & UI_KEPT))
        json_object_del(values, m->column);
}

json_t *ui_values(struct actor *actor, const struct ui_page *page, json_t *sent, const struct resource *before,
                  const char *name)
{
    json_t *values = before ? resource_shown(before) : json_object();
    for (const struct ui_member *m = page->shape->members; m->form; m++)
        take_member(actor, page, m, sent, before != NULL, values);
    if (page->shape->taken)
        page->shape->taken(actor, sent, before, name, values);
    return values;
}

/* Of a server that has no address. */
static bool needs_command(const json_t *sent, const char *platform)
{
    (void)platform;
    return is_blank(json_text_at(sent, "url")) && is_blank(json_text_at(sent, "httpUrl"));
}

static bool has_alias(const struct ui_page *page, const struct ui_member *m)
{
    for (const struct ui_member *other = page->shape->members; other->form; other++)
        if (other->form == UI_ALIAS && strcmp(other->column, m->column) == 0)
            return true;
    return false;
}

/* As the column says. What the engine requires, this platform's page may not. */
static struct field column_field(const struct ui_page *page, const struct ui_member *m, bool changes)
{
    struct field field = kind_column(page->kind, m->column)->field;
    field.name = m->name;
    field.required = NULL; /* the engine knows for which platform to ask */
    if (m->flags & UI_LOOSE)
        return (struct field){m->name, FIELD_JSON, .max = LOOSE_BYTES};
    if (m->form == UI_OPTIONAL || m->form == UI_ALIAS || (changes && m->flags & UI_KEPT) || has_alias(page, m))
        field.flags &= ~(unsigned)FIELD_REQUIRED;
    if (page->called_after && !changes && strcmp(m->name, "command") == 0)
        field.required = needs_command;
    return field;
}

static struct field field_of(const struct ui_page *page, const struct ui_member *m, bool changes)
{
    struct field field = {m->name, FIELD_TEXT, .max = 300};
    switch (m->form) {
    case UI_NAME:
        field.flags = changes || page->called_after ? FIELD_TRIM : FIELD_REQUIRED | FIELD_TRIM;
        return field;
    case UI_FOLDER:
        return field;
    case UI_MADE:
        if (m->flags & UI_INTEGER)
            return (struct field){m->name, FIELD_INT, .min = 1, .max = INTEGER_MAX};
        field.max = m->flags & UI_OBJECT ? 0 : 4000;
        field.type = m->flags & UI_OBJECT ? FIELD_OBJECT : FIELD_TEXT;
        return field;
    case UI_ENABLED:
    case UI_DISABLED:
        return (struct field){m->name, FIELD_BOOL};
    case UI_TAKEN:
        return (struct field){m->name, FIELD_STRINGS};
    case UI_REFUSED:
        return (struct field){m->name, FIELD_OBJECT};
    default:
        return column_field(page, m, changes);
    }
}

/* What is only shown is no field. */
static bool is_sent(const struct ui_member *m)
{
    return m->form != UI_CONSTANT && m->form != UI_USES && m->form != UI_IN_USE &&
           (m->form != UI_MADE || m->flags & (UI_SENT | UI_OBJECT | UI_INTEGER));
}

void ui_fields(const struct ui_page *page, bool changes, struct field fields[UI_MEMBERS_MAX + 1])
{
    size_t count = 0;
    for (const struct ui_member *m = page->shape->members; m->form && count < UI_MEMBERS_MAX; m++)
        if (is_sent(m))
            fields[count++] = field_of(page, m, changes);
    fields[count] = (struct field){0};
}

/* ---- for the documentation -------------------------------------------------------------------------------------- */

static const char *const form_names[] = {
    [UI_NAME] = "name",         [UI_FOLDER] = "folder",     [UI_ENABLED] = "switch", [UI_DISABLED] = "switch",
    [UI_ALIAS] = "alias",       [UI_TEXT] = "text",         [UI_LIST] = "list",      [UI_NULLABLE] = "nullable",
    [UI_OPTIONAL] = "optional", [UI_CONSTANT] = "constant", [UI_MAP] = "map",        [UI_MADE] = "made",
    [UI_TAKEN] = "taken",       [UI_REFUSED] = "refused",   [UI_USES] = "uses",      [UI_IN_USE] = "in_use",
};

static const struct {
    enum ui_operation operation;
    const char *name;
} operation_names[] = {
    {UI_CHANGES_DEEP, "change_deep"},
    {UI_DELETES_DEEP, "delete_deep"},
    {UI_PATCHES, "patch"},
    {UI_PATCHES_TOGGLE, "patch_toggle"},
    {UI_CHOOSES, "choose"},
    {UI_LISTS, "list"},
    {UI_READS, "read"},
    {UI_ADDS, "add"},
    {UI_CHANGES, "change"},
    {UI_DELETES, "delete"},
    {UI_TOGGLES, "toggle"},
};

static void write_member(struct json_writer *w, const struct ui_page *page, const struct ui_member *m)
{
    bool json = m->form == UI_CONSTANT || m->form == UI_MADE;
    json_open_object(w);
    json_string_member(w, "name", m->name);
    json_string_member(w, "form", form_names[m->form]);
    json_string_member(w, "column", json ? NULL : m->column);
    json_raw_member(w, "json", json ? m->column : NULL);
    json_bool_member(w, "loose", m->flags & UI_LOOSE);
    json_bool_member(w, "sent", is_sent(m));
    json_bool_member(w, "required", is_sent(m) && field_of(page, m, false).flags & FIELD_REQUIRED);
    json_bool_member(w, "required_again", is_sent(m) && field_of(page, m, true).flags & FIELD_REQUIRED);
    json_close_object(w);
}

static void write_page(struct json_writer *w, const struct ui_page *page)
{
    json_open_object(w);
    json_string_member(w, "path", page->path);
    json_string_member(w, "platform", page->platform);
    json_string_member(w, "kind", page->kind->name);
    json_string_member(w, "write", access_names[kind_access(page->kind)]);
    json_literal_key(w, "operations");
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(operation_names); i++)
        if (page->operations & operation_names[i].operation)
            json_put_string(w, operation_names[i].name);
    json_close_array(w);
    json_string_member(w, "key", page->key);
    json_string_member(w, "one", page->one);
    json_string_member(w, "verb", page->verb);
    json_bool_member(w, "folders", page->folders);
    json_bool_member(w, "current", page->current);
    json_bool_member(w, "renames", page->renames);
    json_bool_member(w, "bare", page->bare);
    json_bool_member(w, "message", page->envelope == UI_MESSAGE);
    json_string_member(w, "noun", page->noun);
    json_literal_key(w, "members");
    json_open_array(w);
    for (const struct ui_member *m = page->shape->members; m->form; m++)
        write_member(w, page, m);
    json_close_array(w);
    json_close_object(w);
}

void ui_pages_write(struct json_writer *w)
{
    json_open_array(w);
    for (const struct ui_page *page = ui_pages; page->path; page++)
        write_page(w, page);
    json_close_array(w);
}
