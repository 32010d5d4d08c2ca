/* Edits: paths, what the document is to say after each edit, and the proof that the text says it. */
#include "edit.h"

#include <string.h>

#include "edit_format.h"
#include "util.h"

struct edit_document {
    enum edit_format format;
    struct slice text; /* as opened */
    struct reading now;
    bool edited;
};

static bool read_text(struct reading *reading, enum edit_format format, struct slice text, struct edit_error *error)
{
    const char *nul = text.length ? memchr(text.at, '\0', text.length) : NULL;
    if (nul)
        return edit_fail_at(error, text, nul, "NUL byte");
    return edit_read_json(reading, text, format == EDIT_JSONC, error);
}

struct edit_document *edit_open(struct arena *arena, enum edit_format format, const char *text, size_t length,
                                struct edit_error *error)
{
    struct edit_document *document = arena_alloc(arena, sizeof *document);

    document->format = format;
    document->text = (struct slice){text, length};
    document->now.tree.arena = arena;
    *error = (struct edit_error){0};
    if (length > EDIT_MAX_TEXT) {
        edit_fail(error, "longer than %d MiB", EDIT_MAX_TEXT / MIB);
        return NULL;
    }
    if (!read_text(&document->now, format, document->text, error))
        return NULL;
    tree_learn_style(&document->now.tree, document->now.root);
    return document;
}

/* ---- paths ---- */

/* Digits without a zero in front; "-" is what comes behind the last of `count`. */
static bool list_index(const char *name, size_t count, size_t *index)
{
    long long number;
    *index = count;
    if (strcmp(name, "-") == 0)
        return true;
    if (name[strspn(name, "0123456789")] != '\0' || (name[0] == '0' && name[1]) ||
        !parse_int(name, 0, EDIT_MAX_TEXT, &number))
        return false;
    *index = (size_t)number;
    return true;
}

static json_t *json_step(const json_t *at, const char *name)
{
    size_t index;
    if (json_is_object(at))
        return json_object_get(at, name);
    if (json_is_array(at) && list_index(name, json_array_size(at), &index))
        return json_array_get(at, index);
    return NULL;
}

static struct item *item_step(const struct tree *tree, const struct item *at, const char *name)
{
    size_t index;
    if (at->value->kind == NODE_TABLE)
        return node_member(tree, at->value, name);
    if (at->value->kind == NODE_ARRAY && list_index(name, at->value->count, &index))
        return node_element(at->value, index);
    return NULL;
}

/* How far a path goes in the document. */
struct way {
    struct item *holder, *item; /* of the last step that there is, and what it is in */
    json_t *outer, *value;      /* the same in values */
    const char *name;           /* the last step */
    const char *const *rest;    /* steps that there are not */
};

static struct way walk(const struct edit_document *document, const char *const *path)
{
    struct way way = {NULL, document->now.root, NULL, document->now.value, NULL, path};
    for (; *way.rest; way.rest++) {
        struct item *item = item_step(&document->now.tree, way.item, *way.rest);
        if (!item)
            break;
        way = (struct way){way.item, item, way.value, json_step(way.value, *way.rest), *way.rest, way.rest};
    }
    return way;
}

const json_t *edit_value(const struct edit_document *document)
{
    return document->now.value;
}

const json_t *edit_get(const struct edit_document *document, const char *const *path)
{
    struct way way = walk(document, path);
    return *way.rest ? NULL : way.value;
}

/* Whether these bytes are of the text that was opened. */
static bool stands_in(const struct edit_document *document, struct slice s)
{
    uintptr_t start = (uintptr_t)document->text.at, at = (uintptr_t)s.at;
    return at >= start && at < start + document->text.length;
}

bool edit_find(const struct edit_document *document, const char *const *path, struct edit_span *span)
{
    struct way way = walk(document, path);
    const struct node *node = way.item->value;
    if (*way.rest || node->changed || !stands_in(document, node->text))
        return false;
    *span = (struct edit_span){node->text.at, node->text.length};
    return true;
}

/* ---- setting ---- */

static unsigned deeper(unsigned deepest, unsigned depth)
{
    return depth > deepest ? depth : deepest;
}

/* Levels of a value; past `limit` it is not looked at. */
static unsigned depth_of(json_t *value, unsigned limit)
{
    unsigned deepest = 0;
    const char *name;
    json_t *child;
    size_t i;

    if (limit == 0 || (!json_is_object(value) && !json_is_array(value)))
        return 0;
    json_array_foreach(value, i, child) deepest = deeper(deepest, depth_of(child, limit - 1));
    json_object_foreach(value, name, child) deepest = deeper(deepest, depth_of(child, limit - 1));
    return deepest + 1;
}

static bool acceptable(const char *const *path, json_t *value, struct edit_error *error)
{
    unsigned steps = 0;
    for (; path[steps]; steps++)
        if (steps == EDIT_MAX_NESTING || !utf8_valid(path[steps], strlen(path[steps])))
            return edit_fail(error, "%s",
                             steps == EDIT_MAX_NESTING ? "nested deeper than 32 levels" : "a name that is not UTF-8");
    if (steps + depth_of(value, EDIT_MAX_NESTING + 1) > EDIT_MAX_NESTING)
        return edit_fail(error, "nested deeper than 32 levels");
    return true;
}

/* Objects around a value, for names that there are not: the innermost is the last. */
static json_t *wrap(const char *const *names, json_t *value)
{
    size_t count = 0;
    while (names[count])
        count++;
    while (count--) {
        json_t *object = json_object();
        json_object_set_new(object, names[count], value);
        value = object;
    }
    return value;
}

static bool no_way(const struct edit_document *document, const struct node *node, struct edit_error *error)
{
    const char *message = node->kind == NODE_ARRAY ? "the list has no such element" : "what stands here has no members";
    if (!stands_in(document, node->text))
        return edit_fail(error, "%s", message);
    return edit_fail_at(error, document->text, node->text.at, message);
}

/* Puts what is not there yet behind the last of what it belongs in. NULL with *error when it belongs nowhere. */
static struct item *add(struct edit_document *document, const struct way *way, json_t *value, struct edit_error *error)
{
    struct tree *tree = &document->now.tree;
    struct node *in = way->item->value;
    json_t *wrapped = wrap(way->rest + 1, value);
    const char *name = way->rest[0];
    size_t index;

    if (in->kind == NODE_SCALAR ||
        (in->kind == NODE_ARRAY && !(list_index(name, in->count, &index) && index == in->count))) {
        no_way(document, in, error);
        return NULL;
    }
    struct item *item = node_insert(tree, in, in->last, in->kind == NODE_TABLE ? name : NULL, wrapped);
    if (in->kind == NODE_TABLE)
        json_object_set_new(way->value, name, wrapped);
    else
        json_array_append_new(way->value, wrapped);
    for (const char *const *inner = way->rest + 1; *inner; inner++)
        item = item_step(tree, item, *inner);
    document->edited = true;
    return item;
}

static void put_value(struct edit_document *document, const struct way *way, json_t *value)
{
    size_t index;
    if (!way->outer)
        document->now.value = value;
    else if (json_is_object(way->outer))
        json_object_set_new(way->outer, way->name, value);
    else if (list_index(way->name, json_array_size(way->outer), &index))
        json_array_set_new(way->outer, index, value);
}

bool edit_set(struct edit_document *document, const char *const *path, const json_t *value, struct edit_error *error)
{
    struct way way = walk(document, path);
    json_t *copy = json_deep_copy(value);
    if (!acceptable(path, copy, error))
        return false;
    if (*way.rest)
        return add(document, &way, copy, error) != NULL;
    if (json_equal(way.value, copy))
        return true;
    document->edited = true;
    item_make_equal(&document->now.tree, way.item, way.value, copy);
    put_value(document, &way, copy);
    return true;
}

bool edit_set_text(struct edit_document *document, const char *const *path, const char *text, size_t length,
                   struct edit_error *error)
{
    struct reading piece = document->now;
    struct slice copy = {arena_strndup(document->now.tree.arena, text, length), length};
    struct way way = walk(document, path);

    if (length == 0 || strlen(copy.at) != length)
        return edit_fail(error, "%s", length == 0 ? "no value" : "NUL byte");
    if (!read_text(&piece, document->format, copy, error) || !acceptable(path, piece.value, error))
        return false;
    if (piece.root->lead.length || piece.root->tail.length)
        return edit_fail(error, "something is around the value");
    document->now.tree = piece.tree;
    if (*way.rest) {
        struct item *made = add(document, &way, piece.value, error);
        if (made)
            item_replace(made, piece.root->value);
        return made != NULL;
    }
    document->edited = true;
    item_replace(way.item, piece.root->value);
    put_value(document, &way, piece.value);
    return true;
}

/* ---- removing and renaming ---- */

bool edit_remove(struct edit_document *document, const char *const *path)
{
    struct way way = walk(document, path);
    size_t index;

    if (*way.rest || !way.outer)
        return false;
    document->edited = true;
    item_remove(&document->now.tree, way.item);
    if (json_is_object(way.outer))
        json_object_del(way.outer, way.name);
    else if (list_index(way.name, json_array_size(way.outer), &index))
        json_array_remove(way.outer, index);
    return true;
}

bool edit_rename(struct edit_document *document, const char *const *path, const char *name, struct edit_error *error)
{
    struct way way = walk(document, path);

    if (*way.rest || !json_is_object(way.outer))
        return edit_fail(error, "there is no such member");
    if (!utf8_valid(name, strlen(name)))
        return edit_fail(error, "a name that is not UTF-8");
    if (strcmp(way.name, name) == 0)
        return true;
    if (json_object_get(way.outer, name))
        return edit_fail(error, "another member has this name");
    document->edited = true;
    item_rename(&document->now.tree, way.item, name);
    json_object_set(way.outer, name, way.value);
    json_object_del(way.outer, way.name);
    return true;
}

/* ---- the text ---- */

const char *edit_text(const struct edit_document *document, size_t *length, struct edit_error *error)
{
    struct arena *arena = document->now.tree.arena;
    struct reading again = {.tree = {.arena = arena}};
    struct buffer out;

    *length = document->text.length;
    if (!document->edited)
        return arena_strndup(arena, document->text.at, document->text.length);
    buffer_init_in(&out, arena, EDIT_MAX_TEXT);
    tree_write(&out, &document->now.tree, document->now.root);
    if (out.overflow) {
        edit_fail(error, "longer than %d MiB", EDIT_MAX_TEXT / MIB);
        return NULL;
    }
    if (!read_text(&again, document->format, (struct slice){out.data, out.length}, error))
        return NULL;
    if (!json_equal(again.value, document->now.value)) {
        edit_fail(error, "this file is written in a way that cannot be edited safely");
        return NULL;
    }
    *length = out.length;
    return out.data;
}
