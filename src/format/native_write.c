/* Native files written: values are put into what a file says, and the difference into its text (edit.h). */
#include <string.h>

#include "native_parts.h"
#include "util.h"

static bool is_nothing(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_string(value) && is_blank(json_string_value(value)));
}

/* A stored text has lost the white space around it. */
static bool same(const json_t *a, const json_t *b)
{
    const char *one = json_string_value(a), *other = json_string_value(b);
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (!one || !other)
        return json_equal(a, b);
    size_t length = trim_white_space(&one);
    return trim_white_space(&other) == length && strncmp(one, other, length) == 0;
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

struct change {
    struct native_state *state;
    const struct native_place *place;
    struct native_slot *slot;
    json_t *before, *after; /* with "name" and "enabled" */
};

/* A column, or what decides about its key, differs. */
static bool differs(const struct change *c, const char *column)
{
    if (!same(json_object_get(c->before, column), json_object_get(c->after, column)))
        return true;
    for (const struct native_member *m = c->place->members; m->key; m++) {
        if (!text_equal(m->column, column) || !m->when || !member_is_on(m, c->state->platform))
            continue;
        const char *decides = arena_strndup(c->state->arena, m->when, strcspn(m->when, "="));
        if (!same(json_object_get(c->before, decides), json_object_get(c->after, decides)))
            return true;
    }
    return false;
}

/* The key for a column: one that stands there already, or else the first that may. */
static const struct native_member *key_for(const struct change *c, const char *column)
{
    const struct native_member *found = NULL;
    for (const struct native_member *m = c->place->members; m->key; m++) {
        if (!text_equal(m->column, column) || !member_is_on(m, c->state->platform) ||
            condition_fails(m->when, c->after, true))
            continue;
        bool there = form_read(c->state->arena, m, c->slot) != NULL;
        if (there)
            return m;
        if (!found && m->form != FORM_IF_THERE)
            found = m;
    }
    return found;
}

static void write_column(struct change *c, const char *column)
{
    json_t *value = json_object_get(c->after, column);
    const struct native_member *key = is_nothing(value) ? NULL : key_for(c, column);
    for (const struct native_member *m = c->place->members; m->key; m++)
        if (text_equal(m->column, column) && member_is_on(m, c->state->platform) &&
            (!key || strcmp(m->key, key->key) != 0) && form_read(c->state->arena, m, c->slot))
            form_write(c->state->arena, m, c->slot, NULL);
    if (key)
        form_write(c->state->arena, key, c->slot, value);
}

static bool is_first(const struct native_member *members, const struct native_member *m, unsigned platform)
{
    for (; members < m; members++)
        if (text_equal(members->column, m->column) && member_is_on(members, platform))
            return false;
    return true;
}

static bool write_members(struct change *c)
{
    bool any = false;
    for (const struct native_member *m = c->place->members; m->key; m++) {
        if (!m->column || !member_is_on(m, c->state->platform) || !is_first(c->place->members, m, c->state->platform) ||
            !differs(c, m->column))
            continue;
        write_column(c, m->column);
        any = true;
    }
    return any;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *name)
{
    const char *slash = find_last(name, strlen(name), '/');
    return slash ? slash + 1 : name;
}

/* What the file calls it. */
static const char *own_name(const struct native_place *place, const char *name)
{
    return native_is_file(place) ? last_part(name) : name;
}

static void replace(struct native_document *document, struct native_slot *slot, json_t *was)
{
    if (slot->value == was)
        return;
    if (slot->key)
        json_object_set(slot->in, slot->key, slot->value);
    else if (!slot->in)
        document->value = slot->value;
    else
        json_array_set(slot->in, native_place_in(slot->in, was), slot->value);
}

/* The key in an object keeps its place and its comments. */
static bool rename_key(struct native_document *document, struct native_slot *slot, const char *key)
{
    struct edit_error error;
    size_t steps = 0;
    while (slot->steps[steps])
        steps++;
    if (json_object_get(slot->in, key) || !steps)
        return false;
    if (!edit_rename(document->state->edit, slot->steps, key, &error))
        return false;
    json_object_set(slot->in, key, slot->value);
    json_object_del(slot->in, slot->key);
    slot->key = slot->steps[steps - 1] = arena_strdup(document->state->arena, key);
    document->state->changed = true;
    return true;
}

static const char *map_key(struct arena *arena, const struct native_place *place, const char *name,
                           const json_t *values)
{
    const struct native_member *m = place->members;
    const char *behind = m->form == FORM_AFTER_AT ? json_string_value(json_object_get(values, m->column)) : NULL;
    size_t length = strlen(name), tail = behind ? strlen(behind) : 0;
    if (!behind || (length > tail + 1 && name[length - tail - 1] == '@' && strcmp(name + length - tail, behind) == 0))
        return name;
    return arena_printf(arena, "%s@%s", name, behind);
}

/* Values that are said beside the item, which others in the same list share, or by where it stands. */
static bool stands_elsewhere(const struct change *c, bool renamed)
{
    unsigned levels = 0;
    if (c->place->shape == NATIVE_KEYS) {
        while (c->slot->steps[levels])
            levels++;
        return renamed || !edit_can_say(c->state->arena, c->state->format, json_object_get(c->after, "value"),
                                        EDIT_MAX_NESTING - levels);
    }
    for (const struct native_member *m = c->place->members; m->key; m++) {
        bool shared = *m->key == '^' && json_array_size(c->slot->in) > 1;
        if (m->column && member_is_on(m, c->state->platform) && (shared || strcmp(m->key, "*") == 0) &&
            differs(c, m->column))
            return true;
    }
    return condition_fails(c->place->given, c->after, true);
}

bool native_change(struct native_document *document, struct native_item *item, const char *name, json_t *values,
                   bool enabled)
{
    struct native_state *state = document->state;
    struct native_slot *slot = item->slot;
    struct change c = {state, item->place, slot, json_copy(item->values), json_copy(values)};
    json_t *was = slot->value;
    bool renamed = strcmp(name, item->name) != 0;
    json_object_set_new(c.before, "enabled", json_boolean(item->enabled));
    json_object_set_new(c.after, "enabled", json_boolean(enabled));
    if (renamed)
        json_object_set_new(c.after, "name", json_string(own_name(item->place, name)));
    if (stands_elsewhere(&c, renamed))
        return false;
    const char *key = item->place->shape == NATIVE_MAP ? map_key(state->arena, item->place, name, values) : NULL;
    if (key && strcmp(key, slot->key) != 0 && !rename_key(document, slot, key))
        return false;
    state->changed |= write_members(&c);
    replace(document, slot, was);
    return true;
}

void native_remove(struct native_document *document, struct native_item *item)
{
    struct native_slot *slot = item->slot;
    struct change c = {document->state, item->place, slot, item->values, json_object()};
    document->state->changed = true;
    if (slot->value == document->value)
        write_members(&c);
    else if (slot->key)
        json_object_del(slot->in, slot->key);
    else
        json_array_remove(slot->in, native_place_in(slot->in, slot->value));
    if (slot->group && json_array_size(slot->in) == 0)
        json_array_remove(slot->groups, native_place_in(slot->groups, slot->group));
}

/* ---- new ones --------------------------------------------------------------------------------------------------- */

static json_t *step_of(json_t *in, const char **path, const char *star)
{
    const char *key = star;
    size_t length = strcspn(*path, ".");
    if (strncmp(*path, "*", length) != 0)
        key = *path;
    size_t size = key == star ? strlen(key) : length;
    bool last = !(*path)[length];
    *path += length + !last;
    json_t *inner = json_object_getn(in, key, size);
    if (!inner && json_is_object(in)) {
        inner = json_object();
        json_object_setn_new(in, key, size, inner);
    }
    return inner;
}

/* What the column says that '*' in the place's path is. */
static const char *star_of(const struct native_place *place, const json_t *values)
{
    for (const struct native_member *m = place->members; m->key; m++)
        if (strcmp(m->key, "*") == 0)
            return json_string_value(json_object_get(values, m->column));
    return "";
}

/* The last object on the way to the place, and the last step. */
static json_t *container_of(json_t *value, const struct native_place *place, const char *star, const char **last)
{
    const char *path = place->path, *key = star;
    while (strchr(path, '.'))
        value = step_of(value, &path, star);
    if (strcmp(path, "*") != 0)
        key = path;
    *last = key;
    return json_is_object(value) ? value : NULL;
}

static bool put_element(json_t *in, const char *key, json_t *element)
{
    json_t *list = json_object_get(in, key);
    if (!list) {
        list = json_array();
        json_object_set_new(in, key, list);
    }
    return json_is_array(list) && json_array_append(list, element) == 0;
}

/* At keys where nothing stands yet. */
static bool put_key(struct native_state *state, json_t *in, const char *name, json_t *value, unsigned levels)
{
    size_t length = native_key(name);
    bool quoted = *name == '"';
    const char *key = arena_strndup(state->arena, name + quoted, length - (quoted ? 2 : 0));
    json_t *inner = json_object_get(in, key);
    if (!json_is_object(in) || json_object_get(in, "$toml") || strcmp(key, "$toml") == 0 || !levels)
        return false;
    if (!name[length])
        return !inner && edit_can_say(state->arena, state->format, value, levels - 1) &&
               json_object_set(in, key, value) == 0;
    if (!inner)
        json_object_set_new(in, key, inner = json_object());
    return put_key(state, inner, name + length + 1, value, levels - 1);
}

static bool put_new(struct native_document *document, const struct native_place *place, const struct native_slot *slot)
{
    const char *key;
    json_t *in = container_of(document->value, place, slot->star, &key), *inner;
    if (!in)
        return false;
    switch (place->shape) {
    case NATIVE_MAP:
        inner = json_object_get(in, key);
        if (!inner) {
            inner = json_object();
            json_object_set_new(in, key, inner);
        }
        return json_is_object(inner) && !json_object_get(inner, slot->key) &&
               json_object_set(inner, slot->key, slot->value) == 0;
    case NATIVE_KEYS:
        return put_key(document->state, document->value, slot->key, slot->value, EDIT_MAX_NESTING);
    case NATIVE_LIST:
        return put_element(in, key, slot->value);
    case NATIVE_GROUPS:
        json_object_set_new(slot->group, "hooks", json_pack("[O]", slot->value));
        return put_element(in, key, slot->group);
    default:
        return !json_object_get(in, key) && json_object_set(in, key, slot->value) == 0;
    }
}

bool native_add(struct native_document *document, const struct native_place *place, const char *name, json_t *values,
                bool enabled)
{
    struct native_state *state = document->state;
    bool spread = place->shape == NATIVE_ONE && !*place->path, whole = spread || native_is_file(place);
    struct native_slot slot = {.key = map_key(state->arena, place, name, values),
                               .star = star_of(place, values),
                               .group = place->shape == NATIVE_GROUPS ? json_object() : NULL,
                               .value = whole ? document->value : json_object()};
    struct change c = {state, place, &slot, json_object(), json_copy(values)};
    json_object_set_new(c.after, "name", json_string(own_name(place, name)));
    if (!slot.star || (spread && native_first(state, place, &slot)))
        return false;
    for (const struct native_member *m = place->members; m->key; m++)
        if (!m->column && member_is_on(m, state->platform))
            json_object_set_new(slot.value, m->key, json_string(m->when));
    write_members(&c);
    if (!enabled || json_object_size(slot.value) == 0) {
        json_object_set_new(c.after, "enabled", json_boolean(enabled));
        write_column(&c, "enabled");
    }
    state->changed = true;
    return whole || put_new(document, place, &slot);
}

const struct native_place *native_place_for(const struct native_document *document, unsigned platform, const char *kind,
                                            const json_t *values)
{
    const char *name;
    for (const struct native_place *place = native_places; place->kind; place++) {
        if (strcmp(place->kind, kind) != 0 || !(place->platforms & platform) ||
            condition_fails(place->given, values, true))
            continue;
        if (!document ||
            (!native_is_file(place) && native_matches(document->state->arena, place, document->path, &name)))
            return place;
    }
    return NULL;
}

const char *native_default_path(struct arena *arena, const struct native_place *place, const char *name)
{
    const char *file = arena_strndup(arena, place->file, strcspn(place->file, "|")), *star = strchr(file, '*');
    return star ? arena_printf(arena, "%.*s%s%s", (int)(star - file), file, name, star + 1) : file;
}

const char *native_renamed_path(struct arena *arena, const struct native_document *document, const char *name)
{
    const struct native_item *item = document->items;
    const char *star = document->state->file_name, *tail = strrchr(item->place->file, '*');
    if (!star || !tail || strcmp(star, item->name) != 0) /* or it calls itself otherwise */
        return document->path;
    size_t head = strlen(document->path) - strlen(tail + 1) - strlen(star);
    return arena_printf(arena, "%.*s%s%s", (int)head, document->path, name, tail + 1);
}

/* ---- the text --------------------------------------------------------------------------------------------------- */

const char *native_text(struct native_document *document, size_t *length, struct edit_error *error)
{
    struct native_state *state = document->state;
    json_t *body = json_object_get(document->value, NATIVE_BODY), *keys = json_copy(document->value);
    const char *text = json_string_value(body) ? json_string_value(body) : "";
    *length = state->length;
    if (!state->changed)
        return arena_strndup(state->arena, state->text, state->length);
    *length = json_string_length(body);
    if (state->plain)
        return text;
    struct edit_span old = edit_body(state->edit);
    if (body && (old.length != *length || memcmp(old.text, text, *length) != 0))
        edit_set_body(state->edit, text, *length);
    json_object_del(keys, NATIVE_BODY);
    json_object_del(keys, NATIVE_FILES);
    return edit_set(state->edit, keys, error) ? edit_text(state->edit, length, error) : NULL;
}
