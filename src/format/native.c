/* Native files read: which rows know a file, the resources that stand in it, and what is left of it without them. */
#include "native.h"

#include <string.h>

#include "mask.h"
#include "name_index.h"
#include "native_parts.h"
#include "util.h"

enum { STEPS_MAX = 8, NAME_CODE_POINTS = 100 };

/* ---- paths ------------------------------------------------------------------------------------------------------ */

/* Behind the last folder of that name, with its slash; the path itself when it has none. */
static const char *behind_folder(const char *path, const char *folder, size_t length)
{
    const char *found = path;
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strncmp(part, folder, length) == 0)
            found = part + length;
    return found;
}

static bool matches_one(struct arena *arena, const char *pattern, const char *path, const char **name)
{
    const char *slash = strchr(pattern, '/'), *last = find_last(path, strlen(path), '/');
    size_t folder = *pattern == '.' && slash ? (size_t)(slash - pattern) + 1 : 0;
    const char *rest = folder ? behind_folder(path, pattern, folder) : last ? last + 1 : path;
    const char *tail = pattern + folder, *star = strchr(tail, '*');
    *name = NULL;
    if (!star)
        return strcmp(rest, tail) == 0;
    size_t head = (size_t)(star - tail), end = strlen(star + 1), length = strlen(rest);
    if (length <= head + end || strncmp(rest, tail, head) != 0 || strcmp(rest + length - end, star + 1) != 0)
        return false;
    *name = arena_strndup(arena, rest + head, length - head - end);
    return true;
}

bool native_matches(struct arena *arena, const struct native_place *place, const char *path, const char **name)
{
    for (const char *each = place->file; *each;) {
        size_t length = strcspn(each, "|");
        if (matches_one(arena, arena_strndup(arena, each, length), path, name))
            return true;
        each += length + (each[length] == '|');
    }
    return false;
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static size_t bare_length(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$");
}

size_t native_key(const char *name)
{
    if (*name != '"')
        return bare_length(name);
    size_t length = strcspn(name + 1, "\"");
    return length > bare_length(name + 1) && name[1 + length] ? length + 2 : 0;
}

/* The name of the keys that lead to a place. */
static const char *key_name(struct arena *arena, const char *const *steps, size_t count)
{
    const char *name = "";
    for (size_t i = 0; i < count; i++) {
        const char *quote = steps[i][bare_length(steps[i])] || !*steps[i] ? "\"" : "";
        name = arena_printf(arena, "%s%s%s%s%s", name, i ? "." : "", quote, steps[i], quote);
    }
    return name;
}

/* Whether a name is that of the path, up to a '*', or of something below it. */
static bool is_below(const char *name, const char *path)
{
    const char *star = strstr(path, ".*");
    size_t length = star ? (size_t)(star - path) : strlen(path);
    return length && strncmp(name, path, length) == 0 && (name[length] == '.' || !name[length]);
}

bool native_claims(unsigned platform, const char *name)
{
    for (const struct native_place *place = native_places; place->kind; place++) {
        bool spread = place->shape == NATIVE_ONE && !*place->path;
        if (!(place->platforms & platform))
            continue;
        if (is_below(name, place->path))
            return true;
        for (const struct native_member *m = place->members; spread && m->key; m++)
            if (member_is_on(m, platform) && is_below(name, m->key))
                return true;
    }
    return false;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

const struct native_place *native_place_of(unsigned on, const char *kind)
{
    for (const struct native_place *place = native_places; place->kind; place++)
        if (place->platforms & on && strcmp(place->kind, kind) == 0)
            return place;
    return NULL;
}

bool native_says(const struct native_place *place, const char *column)
{
    size_t length = strlen(column);
    if (place->given && strncmp(place->given, column, length) == 0 && place->given[length] == '=')
        return true;
    for (const struct native_member *m = place->members; m->key; m++)
        if (member_is_on(m, place->platforms) &&
            (text_equal(m->column, column) ||
             (m->when && m->column && strncmp(m->when, column, length) == 0 && m->when[length] == '=')))
            return true;
    return false;
}

const char *native_first(const struct native_state *state, const struct native_place *place,
                         const struct native_slot *slot)
{
    for (const struct native_member *m = place->members; m->key; m++)
        if (member_is_on(m, state->platform) && form_read(state->arena, m, slot))
            return m->key;
    return NULL;
}

/* All that the members of a place say of one item; what they say is taken away with `take`. */
static json_t *read_members(const struct native_state *state, const struct native_place *place,
                            struct native_slot *slot, bool take)
{
    json_t *values = json_object(), *value;
    condition_imply(state->arena, place->given, values);
    for (const struct native_member *m = place->members; m->key; m++) {
        if (!member_is_on(m, state->platform) || condition_fails(m->column ? m->when : NULL, values, false) ||
            (m->column && json_object_get(values, m->column)))
            continue;
        value = form_read(state->arena, m, slot);
        if (!value || (!m->column && !text_equal(json_string_value(value), m->when)))
            continue;
        if (m->column) {
            json_object_set(values, m->column, value);
            condition_imply(state->arena, m->when, values);
        }
        if (take)
            form_take(m, slot);
    }
    return values;
}

/* ---- items ------------------------------------------------------------------------------------------------------ */

struct walk {
    struct native_document *document;
    const struct native_place *place;
    const char *star;
    const char *steps[STEPS_MAX];
    size_t depth;
    struct name_index *names;
    size_t capacity;
    bool too_many;
};

/* Without a path, an item is where its first key is. */
static const char *where_of(struct arena *arena, const struct walk *w, const struct native_slot *slot)
{
    const char *where =
        w->place->shape == NATIVE_ONE && w->depth == 0 ? native_first(w->document->state, w->place, slot) : "";
    for (size_t i = 0; i < w->depth; i++)
        where = arena_printf(arena, "%s%s%s", where, *where ? "." : "", w->steps[i]);
    return where;
}

/* What can be a name without folders: no slashes, not too long, nothing around it, and no secrets, which a rule for a command may hold:
 * everybody sees names. */
static const char *as_label(struct arena *arena, const char *text)
{
    char *label = arena_strdup(arena, mask_parts(arena, text));
    const char *end = label, *start = label;
    for (char *c = label; *c; c++)
        if (*c == '/' || (unsigned char)*c < 0x20)
            *c = '_';
    for (int i = 0; i < NAME_CODE_POINTS - 4 && *end; i++) /* room for a number */
        utf8_next(&end);
    label[end - label] = '\0';
    size_t length = trim_white_space(&start);
    return length ? arena_strndup(arena, start, length) : "unnamed";
}

/* No other item of the place's kind in the document may have it. How far a label's numbers go is remembered, for files that say the same
 * thousands of times. */
static const char *unique(struct arena *arena, struct walk *w, const char *label, bool always_numbered)
{
    const char *kind = w->place->kind, *counter = arena_printf(arena, "%s//%s", kind, label), *name;
    size_t number = 0;
    name_index_find(w->names, counter, &number);
    do {
        number++;
        name = always_numbered ? arena_printf(arena, "%s-%zu", label, number)
               : number > 1    ? arena_printf(arena, "%s %zu", label, number)
                               : label;
    } while (!name_index_note(w->names, arena_printf(arena, "%s/%s", kind, name)));
    name_index_add(w->names, counter, number);
    return name;
}

/* The file's folders, then what it calls itself or else is called. */
static const char *file_name(struct arena *arena, const char *path_name, const char *own)
{
    size_t length = strlen(path_name);
    const char *slash = find_last(path_name, length, '/');
    if (!own || is_blank(own) || strchr(own, '/'))
        return path_name;
    return arena_printf(arena, "%.*s%s", slash ? (int)(slash - path_name) + 1 : 0, path_name, own);
}

/* A text's name is its path without the ending. */
static const char *text_name(struct arena *arena, const struct native_document *document)
{
    const char *path = document->path;
    if (*path == '.' && strchr(path, '/'))
        path = strchr(path, '/') + 1;
    const char *dot = find_last(path, strlen(path), '.');
    return as_label(arena, arena_strndup(arena, path, dot && dot > path ? (size_t)(dot - path) : strlen(path)));
}

static const char *item_name(struct walk *w, const struct native_slot *slot, const char *own, json_t *values)
{
    struct arena *arena = w->document->state->arena;
    const char *named = w->place->name ? json_string_value(json_object_get(values, w->place->name)) : NULL;
    switch (w->place->shape) {
    case NATIVE_MAP:
        return slot->key;
    case NATIVE_LIST:
        return unique(arena, w, as_label(arena, own ? own : named ? named : "unnamed"), false);
    case NATIVE_GROUPS:
        return unique(arena, w, as_label(arena, slot->star), true);
    case NATIVE_ONE:
        return w->place->name;
    case NATIVE_KEYS:
        return key_name(arena, w->steps, w->depth);
    case NATIVE_FILE:
        return file_name(arena, w->document->state->file_name, own);
    case NATIVE_FOLDER:
        return w->document->state->file_name;
    default:
        return text_name(arena, w->document);
    }
}

static void add_item(struct walk *w, struct native_slot slot)
{
    struct native_document *document = w->document;
    struct arena *arena = document->state->arena;
    struct native_slot *own = arena_alloc(arena, sizeof *own);
    slot.star = w->star;
    slot.steps = arena_array(arena, w->depth + 1, sizeof *slot.steps);
    memcpy(slot.steps, w->steps, w->depth * sizeof *slot.steps);
    *own = slot;
    json_t *values = read_members(document->state, w->place, own, false), *enabled = json_object_get(values, "enabled");
    const char *name = json_string_value(json_object_get(values, "name"));
    if (w->place->shape == NATIVE_ONE && !native_first(document->state, w->place, own))
        return;
    if (document->count == NATIVE_ITEMS_MAX) {
        w->too_many = true;
        return;
    }
    document->items = arena_more(arena, document->items, document->count, &w->capacity, sizeof *document->items);
    struct native_item *item = &document->items[document->count++];
    *item = (struct native_item){.place = w->place,
                                 .where = where_of(arena, w, own),
                                 .values = values,
                                 .enabled = !json_is_false(enabled),
                                 .slot = own};
    item->name = item_name(w, own, name, values);
    json_object_del(values, "enabled");
    json_object_del(values, "name");
}

/* The table's paths have fewer steps than there is room for. */
static void step_into(struct walk *w, const char *step)
{
    w->steps[w->depth++] = step;
}

static void add_elements(struct walk *w, json_t *list, json_t *group, json_t *groups)
{
    size_t i;
    json_t *each;
    json_array_foreach(list, i, each)
    {
        step_into(w, arena_printf(w->document->state->arena, "%zu", i));
        add_item(w, (struct native_slot){.in = list, .value = each, .group = group, .groups = groups});
        w->depth--;
    }
}

static void add_groups(struct walk *w, json_t *groups)
{
    size_t i;
    json_t *group;
    json_array_foreach(groups, i, group)
    {
        step_into(w, arena_printf(w->document->state->arena, "%zu", i));
        step_into(w, "hooks");
        add_elements(w, json_object_get(group, "hooks"), group, groups);
        w->depth--;
        w->depth--;
    }
}

/* Objects are gone through, but for what only TOML has, such as a date (toml.h). */
static void add_keys(struct walk *w, json_t *in)
{
    const char *name;
    json_t *each;
    struct native_state *state = w->document->state;
    json_object_foreach(in, name, each)
    {
        if (w->depth == STEPS_MAX)
            return;
        step_into(w, name);
        if (json_is_object(each) && !json_object_get(each, "$toml"))
            add_keys(w, each);
        else if (!native_claims(state->platform, key_name(state->arena, w->steps, w->depth)))
            add_item(w, (struct native_slot){.in = in, .key = name, .value = each});
        w->depth--;
    }
}

static void add_items(struct walk *w, json_t *in, const char *key, json_t *value)
{
    const char *name;
    json_t *each;
    switch (w->place->shape) {
    case NATIVE_MAP:
        json_object_foreach(value, name, each)
        {
            step_into(w, name);
            add_item(w, (struct native_slot){.in = value, .key = name, .value = each});
            w->depth--;
        }
        break;
    case NATIVE_LIST:
        add_elements(w, value, NULL, NULL);
        break;
    case NATIVE_GROUPS:
        add_groups(w, value);
        break;
    case NATIVE_KEYS:
        add_keys(w, value);
        break;
    default:
        add_item(w, (struct native_slot){.in = in, .key = key, .value = value});
    }
}

static void follow(struct walk *w, const char *path, json_t *in, const char *key, json_t *value)
{
    const char *name;
    json_t *each;
    if (!value)
        return;
    if (!*path) {
        add_items(w, in, key, value);
        return;
    }
    size_t length = strcspn(path, ".");
    const char *step = arena_strndup(w->document->state->arena, path, length);
    path += length + (path[length] == '.');
    if (strcmp(step, "*") != 0) {
        step_into(w, step);
        follow(w, path, value, step, json_object_get(value, step));
        w->depth--;
        return;
    }
    json_object_foreach(value, name, each)
    {
        step_into(w, name);
        w->star = name;
        follow(w, path, value, name, each);
        w->star = NULL;
        w->depth--;
    }
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static enum edit_format format_of(unsigned platform, const char *path)
{
    const char *dot = find_last(path, strlen(path), '.');
    if (text_equal(dot, ".toml"))
        return EDIT_TOML;
    if (text_equal(dot, ".md"))
        return EDIT_FRONT_MATTER;
    return platform & (ON_GEMINI | ON_QWEN) ? EDIT_JSONC : EDIT_JSON;
}

static bool read_document(struct native_document *document, const struct native_place *place, struct edit_error *error)
{
    struct native_state *state = document->state;
    struct edit_span body = {state->text, state->length};
    enum edit_format format = state->format = format_of(state->platform, document->path);
    state->plain = place->shape == NATIVE_TEXT;
    document->known = true;
    document->value = json_object();
    if (!state->plain) {
        state->edit = edit_open(state->arena, format, state->text, state->length, error);
        if (!state->edit)
            return false;
        document->value = json_deep_copy(edit_value(state->edit));
        if (format == EDIT_FRONT_MATTER)
            body = edit_body(state->edit);
    }
    json_t *text = state->plain || format == EDIT_FRONT_MATTER ? json_stringn(body.text, body.length) : NULL;
    if (text && body.length && json_is_object(document->value))
        json_object_set_new(document->value, NATIVE_BODY, text);
    if (!text && (state->plain || format == EDIT_FRONT_MATTER))
        memcpy(error->message, "not UTF-8", sizeof "not UTF-8");
    return text || !(state->plain || format == EDIT_FRONT_MATTER);
}

struct native_document *native_open(struct arena *arena, unsigned platform, const char *path, const char *text,
                                    size_t length, struct edit_error *error)
{
    struct native_document *document = arena_alloc(arena, sizeof *document);
    struct name_index names = name_index_new();
    struct walk w = {.document = document, .names = &names};
    const char *name;
    document->path = path;
    document->value = json_object();
    document->state = arena_alloc(arena, sizeof *document->state);
    *document->state = (struct native_state){.arena = arena, .platform = platform, .text = text, .length = length};
    *error = (struct edit_error){0};
    if (length && memchr(text, '\0', length)) {
        memcpy(error->message, "NUL byte", sizeof "NUL byte");
        return NULL;
    }
    for (const struct native_place *place = native_places; place->kind; place++) {
        if (!(place->platforms & platform) || !native_matches(arena, place, path, &name))
            continue;
        if (!document->known && !read_document(document, place, error))
            return NULL;
        w.place = place;
        document->state->file_name = name;
        if (length) /* a new file has nothing yet, not even an empty resource */
            follow(&w, place->path, NULL, NULL, document->value);
    }
    if (!w.too_many)
        return document;
    memcpy(error->message, "more than 5000 resources", sizeof "more than 5000 resources");
    return NULL;
}

/* ---- folders ---------------------------------------------------------------------------------------------------- */

const char *native_folder(struct arena *arena, const struct native_document *document)
{
    if (!document->count || document->items[0].place->shape != NATIVE_FOLDER)
        return NULL;
    const char *last = find_last(document->path, strlen(document->path), '/');
    return arena_strndup(arena, document->path, (size_t)(last + 1 - document->path));
}

void native_put_files(struct native_document *document, json_t *files)
{
    json_object_set(document->value, NATIVE_FILES, files);
    json_object_set(document->items[0].values, "files", files);
}

size_t native_place_in(const json_t *list, const json_t *element)
{
    size_t i = 0;
    while (i < json_array_size(list) && json_array_get(list, i) != element)
        i++;
    return i;
}

/* ---- what is left ----------------------------------------------------------------------------------------------- */

/* Whether anything but empty objects and lists is in it. */
static bool says_something(json_t *value)
{
    size_t i;
    const char *name;
    json_t *each;
    json_object_foreach(value, name, each) if (says_something(each)) return true;
    json_array_foreach(value, i, each) if (says_something(each)) return true;
    return !json_is_object(value) && !json_is_array(value) && !json_is_null(value);
}

void native_take(struct native_document *document, const struct native_item *item)
{
    const json_t *before = item->slot->value;
    struct native_slot *slot = item->slot;
    read_members(document->state, item->place, slot, true);
    if (slot->value && says_something(slot->value))
        return;
    if (slot->key)
        json_object_del(slot->in, slot->key);
    else
        json_array_set_new(slot->in, native_place_in(slot->in, before), json_null()); /* the others keep their places */
}

static void list_left(struct arena *arena, json_t *paths, const char *path, json_t *now, const json_t *before,
                      const json_t *inside)
{
    size_t i;
    const char *name, *dot = *path ? "." : "";
    json_t *each;
    if (!says_something(now))
        return;
    if (*path && !json_object_get(inside, path) && json_equal(now, before)) {
        json_array_append_new(paths, json_string(path));
        return;
    }
    json_object_foreach(now, name, each)
        list_left(arena, paths, arena_printf(arena, "%s%s%s", path, dot, strcmp(name, NATIVE_BODY) ? name : "body"),
                  each, json_object_get(before, name), inside);
    json_array_foreach(now, i, each)
        list_left(arena, paths, arena_printf(arena, "%s%s%zu", path, dot, i), each, json_array_get(before, i), inside);
    if (!json_is_object(now) && !json_is_array(now))
        json_array_append_new(paths, json_string(path));
}

json_t *native_left(struct native_document *document, const json_t *inside)
{
    json_t *paths = json_array();
    const json_t *before = document->state->edit ? edit_value(document->state->edit) : NULL;
    list_left(document->state->arena, paths, "", document->value, before, inside);
    return paths;
}
