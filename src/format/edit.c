/* Edits: paths, what the document is to say after each edit, and the proof that the text says it. */
#include "edit.h"

#include <string.h>

#include "edit_format.h"
#include "toml.h"
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

const json_t *edit_value(const struct edit_document *document)
{
    return document->now.value;
}

/* ---- setting ---- */

bool edit_can_say(struct arena *arena, enum edit_format format, json_t *value, unsigned levels)
{
    const char *name;
    json_t *child;
    size_t i;

    if (format == EDIT_TOML && (json_is_null(value) || json_object_get(value, "$toml")))
        return json_is_object(value) && toml_from_json(arena, NULL, NULL, value)->type != TOML_TABLE;
    if (!levels && (json_is_object(value) || json_is_array(value)))
        return false;
    json_array_foreach(value, i, child) if (!edit_can_say(arena, format, child, levels - 1)) return false;
    json_object_foreach(value, name, child) if (!edit_can_say(arena, format, child, levels - 1)) return false;
    return true;
}

bool edit_set(struct edit_document *document, const json_t *value, struct edit_error *error)
{
    json_t *copy = json_deep_copy(value);
    if (!edit_can_say(document->now.tree.arena, document->format, copy, EDIT_MAX_NESTING))
        return edit_fail(error, "nested deeper than 32 levels, or a null or the like, which TOML does not have");
    bool no_table = !json_is_object(copy) || (document->format == EDIT_TOML && json_object_get(copy, "$toml"));
    if (document->now.tree.lines && no_table)
        return edit_fail(error, "this document is a table");
    if (json_equal(document->now.value, copy))
        return true;
    document->edited = true;
    item_make_equal(&document->now.tree, document->now.root, document->now.value, copy);
    document->now.value = copy;
    return true;
}

/* "$toml" marks in JSON what only TOML has (toml.h), and so is no name. */
bool edit_rename(struct edit_document *document, const char *const *path, const char *name, struct edit_error *error)
{
    struct tree *tree = &document->now.tree;
    struct item *item = document->now.root;
    json_t *in = NULL, *value = document->now.value;
    const char *old = NULL;

    for (; *path && item; path++) {
        in = value;
        old = *path;
        value = json_object_get(in, old);
        item = value ? node_member(tree, item->value, old) : NULL;
    }
    if (!item || !in)
        return edit_fail(error, "there is no such member");
    if (strcmp(old, name) == 0)
        return true;
    if (!utf8_valid(name, strlen(name)) || (document->format == EDIT_TOML && strcmp(name, "$toml") == 0))
        return edit_fail(error, "this is no name");
    if (json_object_get(in, name))
        return edit_fail(error, "another member has this name");
    document->edited = true;
    item_rename(tree, item, name);
    json_object_set(in, name, value);
    json_object_del(in, old);
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
