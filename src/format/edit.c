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
    if (format == EDIT_TOML)
        return edit_read_toml(reading, text, error);
    if (format == EDIT_FRONT_MATTER)
        return edit_read_front(reading, text, error);
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
    if (!document->now.tree.lines)
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
    struct item *item;       /* of the last step that there is */
    json_t *outer, *value;   /* its value, and what that is in */
    const char *name;        /* the step */
    const char *const *rest; /* steps that there are not, or not in the tree */
    bool piece; /* they lead into the value, which is written as one piece, such as an inline table with dotted keys */
};

/* Not what only TOML has, such as a date: that is an object only in JSON. */
static bool is_container(const json_t *value)
{
    return json_is_array(value) || (json_is_object(value) && !json_object_get(value, "$toml"));
}

/* Goes `steps` steps at most. */
static struct way walk_some(const struct edit_document *document, const char *const *path, size_t steps)
{
    struct way way = {document->now.root, NULL, document->now.value, NULL, path, false};
    for (; *way.rest && steps--; way.rest++) {
        struct item *item = item_step(&document->now.tree, way.item, *way.rest);
        if (!item)
            break;
        way = (struct way){item, way.value, json_step(way.value, *way.rest), *way.rest, way.rest, false};
    }
    way.piece = *way.rest && way.item->value->kind == NODE_SCALAR && is_container(way.value);
    return way;
}

static struct way walk(const struct edit_document *document, const char *const *path)
{
    return walk_some(document, path, SIZE_MAX);
}

/* A way for a value to a place. A list of tables that have headers cannot take anything else: the way ends before that, and the list
 * is written anew. */
static struct way walk_for(const struct edit_document *document, const char *const *path, const json_t *value)
{
    size_t steps = 0;
    while (path[steps])
        steps++;
    struct way list = walk_some(document, path, steps ? steps - 1 : 0);
    list.piece = list.item->value->style == STYLE_LIST && list.rest == path + steps - 1 &&
                 !(json_is_object(value) && is_container(value));
    return list.piece ? list : walk(document, path);
}

const json_t *edit_value(const struct edit_document *document)
{
    return document->now.value;
}

const json_t *edit_get(const struct edit_document *document, const char *const *path)
{
    struct way way = walk(document, path);
    json_t *value = way.value;
    for (; *way.rest && is_container(value); way.rest++)
        value = json_step(value, *way.rest);
    return *way.rest ? NULL : value;
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

static bool has_null(json_t *value)
{
    const char *name;
    json_t *child;
    size_t i;

    json_array_foreach(value, i, child) if (has_null(child)) return true;
    json_object_foreach(value, name, child) if (has_null(child)) return true;
    return json_is_null(value);
}

/* "$toml" marks in JSON what only TOML has (toml.h), and so is no name. */
static bool name_acceptable(const struct edit_document *document, const char *name, struct edit_error *error)
{
    if (!utf8_valid(name, strlen(name)))
        return edit_fail(error, "a name that is not UTF-8");
    return document->format != EDIT_TOML || strcmp(name, "$toml") != 0 ||
           edit_fail(error, "this name cannot be edited");
}

static bool acceptable(const struct edit_document *document, const char *const *path, json_t *value,
                       struct edit_error *error)
{
    unsigned steps = 0;
    for (; steps < EDIT_MAX_NESTING && path[steps]; steps++)
        if (!name_acceptable(document, path[steps], error))
            return false;
    if (path[steps] || steps + depth_of(value, EDIT_MAX_NESTING + 1) > EDIT_MAX_NESTING)
        return edit_fail(error, "nested deeper than 32 levels");
    if (document->format == EDIT_TOML && has_null(value))
        return edit_fail(error, "TOML has no null");
    if (document->now.tree.lines && !steps && !(json_is_object(value) && is_container(value)))
        return edit_fail(error, "this document is a table");
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

/* Whether `in` has the place, there or behind its last. */
static bool has_place(const json_t *in, const char *name)
{
    size_t index;
    return json_is_object(in) ||
           (json_is_array(in) && list_index(name, json_array_size(in), &index) && index <= json_array_size(in));
}

static bool put_json(json_t *in, const char *name, json_t *value)
{
    size_t index;
    if (!has_place(in, name))
        return false;
    if (json_is_object(in))
        return json_object_set_new(in, name, value) == 0;
    list_index(name, json_array_size(in), &index);
    return (index < json_array_size(in) ? json_array_set_new(in, index, value) : json_array_append_new(in, value)) == 0;
}

static void remove_json(json_t *from, const char *name)
{
    size_t index;
    if (json_is_object(from))
        json_object_del(from, name);
    else if (list_index(name, json_array_size(from), &index))
        json_array_remove(from, index);
}

/* Puts another value where there is one, with as few changed bytes as possible. */
static void put_over(struct edit_document *document, const struct way *way, json_t *value)
{
    document->edited = true;
    item_make_equal(&document->now.tree, way->item, way->value, value);
    if (way->outer)
        put_json(way->outer, way->name, value);
    else
        document->now.value = value;
}

/* Into what is kept as one piece: that is written anew. NULL takes away. */
static bool put_into_piece(struct edit_document *document, const struct way *way, json_t *value)
{
    json_t *copy = json_deep_copy(way->value), *in = copy;
    const char *const *rest = way->rest;

    for (json_t *next; rest[1] && (next = json_step(in, rest[0])) && is_container(next); rest++)
        in = next;
    if (!value && (rest[1] || !json_step(in, rest[0])))
        return false;
    if (!value)
        remove_json(in, rest[0]);
    else if ((rest[1] && json_step(in, rest[0])) || !put_json(in, rest[0], wrap(rest + 1, value)))
        return false;
    put_over(document, way, copy);
    return true;
}

static bool no_way(const struct edit_document *document, const struct way *way, struct edit_error *error)
{
    const struct node *node = way->item->value;
    const char *message =
        json_is_array(way->value) ? "the list has no such element" : "what stands here has no members";
    if (!stands_in(document, node->text))
        return edit_fail(error, "%s", message);
    return edit_fail_at(error, document->text, node->text.at, message);
}

/* Puts what is not there yet behind the last of what it belongs in; the item may hold another value than `value` for now. NULL
 * when it belongs nowhere. */
static struct item *add(struct edit_document *document, const struct way *way, json_t *value, json_t *for_now)
{
    struct tree *tree = &document->now.tree;
    struct node *in = way->item->value;
    const char *name = way->rest[0];

    if (in->kind == NODE_SCALAR || !has_place(way->value, name))
        return NULL;
    struct item *item =
        node_insert(tree, in, in->last, in->kind == NODE_TABLE ? name : NULL, wrap(way->rest + 1, for_now));
    put_json(way->value, name, wrap(way->rest + 1, value));
    for (const char *const *inner = way->rest + 1; *inner && item && item->value->kind != NODE_SCALAR; inner++)
        item = item_step(tree, item, *inner);
    document->edited = true;
    return item;
}

bool edit_set(struct edit_document *document, const char *const *path, const json_t *value, struct edit_error *error)
{
    json_t *copy = json_deep_copy(value);
    if (!acceptable(document, path, copy, error))
        return false;
    struct way way = walk_for(document, path, copy);
    if (!*way.rest) {
        if (!json_equal(way.value, copy))
            put_over(document, &way, copy);
        return true;
    }
    bool done =
        way.piece ? put_into_piece(document, &way, copy) : add(document, &way, copy, json_deep_copy(copy)) != NULL;
    return done || no_way(document, &way, error);
}

/* One value, with its tree among the document's. */
static bool read_value(struct edit_document *document, struct slice text, struct reading *piece,
                       struct edit_error *error)
{
    struct tree *tree = &document->now.tree;
    struct slice copy = {arena_strndup(tree->arena, text.at, text.length), text.length};

    if (text.length == 0 || strlen(copy.at) != text.length)
        return edit_fail(error, "%s", text.length == 0 ? "no value" : "NUL byte");
    if (!(document->format == EDIT_TOML           ? edit_read_toml_value(piece, copy, error)
          : document->format == EDIT_FRONT_MATTER ? edit_read_front_value(piece, copy, error)
                                                  : read_text(piece, document->format, copy, error)))
        return false;
    tree->items = piece->tree.items;
    tree->count = piece->tree.count;
    tree->capacity = piece->tree.capacity;
    return (!piece->root->lead.length && !piece->root->tail.length) ||
           edit_fail(error, "something is around the value");
}

bool edit_set_text(struct edit_document *document, const char *const *path, const char *text, size_t length,
                   struct edit_error *error)
{
    struct reading piece = document->now;
    if (document->now.tree.lines && !*path)
        return edit_fail(error, "this document is no value");
    if (!read_value(document, (struct slice){text, length}, &piece, error) ||
        !acceptable(document, path, piece.value, error))
        return false;

    struct way way = walk_for(document, path, NULL);
    struct item *item = way.item;
    if (way.piece)
        return put_into_piece(document, &way, piece.value) || no_way(document, &way, error);
    if (document->format == EDIT_FRONT_MATTER && *way.rest && way.rest[1])
        return edit_set(document, path, piece.value, error); /* what is around it is one piece */
    if (*way.rest) {
        item = add(document, &way, piece.value, json_integer(0));
        if (!item)
            return no_way(document, &way, error);
    } else if (item->value->style != STYLE_INLINE) {
        put_over(document, &way, json_integer(0)); /* tables on lines of their own make room for a value */
        way = walk(document, path);
        item = way.item;
        put_json(way.outer, way.name, piece.value);
    } else if (way.outer) {
        put_json(way.outer, way.name, piece.value);
    } else {
        document->now.value = piece.value;
    }
    document->edited = true;
    item_replace(&document->now.tree, item, piece.root->value);
    return true;
}

/* ---- removing and renaming ---- */

bool edit_remove(struct edit_document *document, const char *const *path)
{
    struct way way = walk(document, path);

    if (way.piece)
        return put_into_piece(document, &way, NULL);
    if (*way.rest || !way.outer)
        return false;
    document->edited = true;
    item_remove(&document->now.tree, way.item);
    remove_json(way.outer, way.name);
    return true;
}

bool edit_rename(struct edit_document *document, const char *const *path, const char *name, struct edit_error *error)
{
    struct way way = walk(document, path);

    if (way.piece)
        return edit_fail(error, "this is written in a way that cannot be edited");
    if (*way.rest || !json_is_object(way.outer))
        return edit_fail(error, "there is no such member");
    if (!name_acceptable(document, name, error))
        return false;
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

/* ---- the body of Markdown ---- */

struct edit_span edit_body(const struct edit_document *document)
{
    return (struct edit_span){document->now.body.at, document->now.body.length};
}

void edit_set_body(struct edit_document *document, const char *text, size_t length)
{
    struct tree *tree = &document->now.tree;
    struct slice fence = {tree->rest.at, tree->rest.length - document->now.body.length};
    struct slice body = {arena_strndup(tree->arena, text, length), length};

    if (fence.length && fence.at[fence.length - 1] != '\n')
        fence = slice_join(tree, fence, slice_of(tree->eol));
    document->now.body = body;
    tree->rest = slice_join(tree, fence, body);
    document->edited = true;
}

/* An empty line comes between a body and the keys that it did not have. */
static bool same_body(const struct reading *now, struct slice written)
{
    size_t empty = now->tree.fence && now->root->value->count ? line_break(written.at, written.at + written.length) : 0;
    struct slice rest = slice_behind(written, now->body.length < written.length ? empty : 0);
    return rest.length == now->body.length && memcmp(rest.at, now->body.at, rest.length) == 0;
}

/* ---- the text ---- */

static bool says(const json_t *written, json_t *wanted);

/* A table or list of TOML that only its members make is gone with the last of them. */
static bool says_member(const json_t *written, const char *name, json_t *wanted)
{
    const json_t *found = json_object_get(written, name);
    if (found)
        return says(found, wanted);
    return json_is_array(wanted) ? json_array_size(wanted) == 0 : json_is_object(wanted) && says(json_object(), wanted);
}

static bool says(const json_t *written, json_t *wanted)
{
    size_t members = 0, i;
    const char *name;
    json_t *child;

    if (json_is_array(wanted)) {
        json_array_foreach(wanted, i, child) if (!says(json_array_get(written, i), child)) return false;
        return json_array_size(written) == json_array_size(wanted);
    }
    if (!json_is_object(wanted) || !json_is_object(written))
        return json_equal(written, wanted);
    json_object_foreach(wanted, name, child)
    {
        members += json_object_get(written, name) != NULL;
        if (!says_member(written, name, child))
            return false;
    }
    return members == json_object_size(written);
}

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
    if (!read_text(&again, document->format, (struct slice){buffer_string(&out), out.length}, error))
        return NULL;
    bool same = document->format == EDIT_TOML ? says(again.value, document->now.value)
                                              : json_equal(again.value, document->now.value);
    if (!same || (document->format == EDIT_FRONT_MATTER && !same_body(&document->now, again.body))) {
        edit_fail(error, "this file is written in a way that cannot be edited safely");
        return NULL;
    }
    *length = out.length;
    return buffer_string(&out);
}
