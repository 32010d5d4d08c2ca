/* The tree of a document's text: building it, and changing it in the style that it shows. */
#include "edit_tree.h"

#include <string.h>

/* ---- building ---- */

struct item *tree_begin(struct tree *tree, const struct syntax *syntax, struct slice text)
{
    const char *end = text.length ? memchr(text.at, '\n', text.length) : NULL;
    tree->syntax = syntax;
    tree->eol = end && end > text.at && end[-1] == '\r' ? "\r\n" : "\n";
    tree->unit = slice_of("  ");
    tree->between = slice_of(syntax->separator);
    tree->trailer = slice_of("");
    return item_new(tree);
}

struct item *tree_begin_lines(struct tree *tree, const struct syntax *syntax, struct slice text)
{
    struct item *root = tree_begin(tree, syntax, text);
    struct slice *pieces = arena_alloc(tree->arena, sizeof *pieces);
    *pieces = slice_of("");
    item_hold(root, node_new(tree, NODE_TABLE));
    root->value->style = STYLE_HEADER;
    root->line = root->value->last_key = root->value->last_line = line_new(tree, NULL, pieces, 0);
    return root;
}

struct node *node_new(struct tree *tree, enum node_kind kind)
{
    struct node *node = arena_alloc(tree->arena, sizeof *node);
    *node = (struct node){.kind = kind, .text = slice_of(""), .close = slice_of("")};
    if (kind == NODE_TABLE)
        node->names = name_index_new();
    return node;
}

struct item *item_new(struct tree *tree)
{
    struct item *item = arena_alloc(tree->arena, sizeof *item);
    item->lead = item->key = item->between = item->gap = item->tail = slice_of("");
    return item;
}

void item_hold(struct item *item, struct node *value)
{
    item->value = value;
    value->holder = item;
}

static void register_name(struct tree *tree, struct node *table, struct item *item)
{
    tree->items = arena_more(tree->arena, tree->items, tree->count, &tree->capacity, sizeof(struct item *));
    tree->items[tree->count] = item;
    name_index_add(&table->names, item->name, tree->count++);
}

void node_link(struct tree *tree, struct node *in, struct item *after, struct item *item)
{
    item->in = in;
    item->previous = after;
    item->next = after ? after->next : in->first;
    *(item->previous ? &item->previous->next : &in->first) = item;
    *(item->next ? &item->next->previous : &in->last) = item;
    in->count++;
    if (item->name)
        register_name(tree, in, item);
}

/* What is between key and value, if it is of one line and no comment; otherwise nothing. */
static struct slice plain_between(const struct tree *tree, const struct item *item)
{
    size_t length = strcspn(tree->syntax->separator, ":="); /* where the sign stands in the usual form */
    char sign = tree->syntax->separator[length];
    size_t signs = 0, others = 0;
    for (size_t i = 0; i < item->between.length; i++) {
        char c = item->between.at[i];
        signs += c == sign;
        others += c != sign && c != ' ' && c != '\t';
    }
    return signs == 1 && others == 0 ? item->between : slice_of("");
}

static struct slice own_indent(const struct tree *tree, const struct item *item)
{
    struct space seen = space_look(tree->syntax, item->lead);
    if (!seen.breaks)
        return slice_of("");
    struct slice own = slice_behind(item->lead, seen.last_break);
    return slice_blanks(slice_behind(own, line_break(own.at, own.at + own.length)));
}

static bool item_breaks(const struct tree *tree, const struct item *item)
{
    return space_look(tree->syntax, item->lead).breaks;
}

void tree_learn_style(struct tree *tree, const struct item *root)
{
    const struct item *first = root->value->first;
    if (!first)
        return;
    tree->compact = !memchr(root->value->text.at, '\n', root->value->text.length);
    struct slice indent = own_indent(tree, first);
    if (indent.length)
        tree->unit = indent;
    struct slice between = plain_between(tree, first);
    if (between.length)
        tree->between = between;
}

/* ---- reading ---- */

struct item *node_member(const struct tree *tree, const struct node *table, const char *name)
{
    size_t place;
    if (table->kind != NODE_TABLE || !name_index_find(&table->names, name, &place))
        return NULL;
    struct item *item = tree->items[place];
    return item->gone || strcmp(item->name, name) != 0 ? NULL : item; /* it may have another name by now */
}

static struct item *node_element(const struct node *array, size_t index)
{
    struct item *item = array->first;
    while (item && index--)
        item = item->next;
    return item;
}

/* ---- changing ---- */

/* Something in it changed, and so did all that it is in. */
static void mark_changed(struct node *node)
{
    for (; node && !node->changed; node = node->holder->in)
        node->changed = true;
}

/* White space at the start of the line where `item` is, which may have begun with something around it. */
static struct slice line_indent(const struct tree *tree, const struct item *item)
{
    while (item && !item_breaks(tree, item))
        item = item->in ? item->in->holder : NULL;
    return item ? own_indent(tree, item) : slice_of("");
}

static struct node *build(struct tree *tree, json_t *value, struct slice indent, bool lines);

struct node *node_build(struct tree *tree, json_t *value)
{
    return build(tree, value, slice_of(""), false);
}

static struct item *build_item(struct tree *tree, const char *name, json_t *value, struct slice lead,
                               struct slice indent, bool lines)
{
    struct item *item = item_new(tree);
    item->lead = lead;
    if (name) {
        item->name = arena_strdup(tree->arena, name);
        item->key = slice_of(tree->syntax->key_text(tree->arena, name));
        item->between = tree->between;
    }
    item_hold(item, build(tree, value, indent, lines));
    return item;
}

/* A blank where the document has one behind the colon. */
static struct slice small_gap(const struct tree *tree)
{
    struct slice between = tree->between;
    return slice_of(between.at[between.length - 1] == ' ' ? " " : "");
}

/* Blanks inside the brackets of what stands on one line. */
static struct slice padding_of(const struct tree *tree, const struct node *node)
{
    return slice_of(node->kind == NODE_TABLE && small_gap(tree).length ? tree->syntax->padding : "");
}

static void build_items(struct tree *tree, struct node *node, json_t *value, struct slice indent, bool lines)
{
    struct slice outer = slice_join(tree, slice_of(tree->eol), indent), inner = slice_join(tree, outer, tree->unit);
    struct slice padding = padding_of(tree, node);
    struct slice deeper = slice_join(tree, indent, tree->unit), first = lines ? inner : padding,
                 next = lines ? inner : small_gap(tree);
    const char *name;
    json_t *member;
    size_t i;

    if (node->kind == NODE_TABLE) {
        json_object_foreach(value, name, member)
            node_link(tree, node, node->last, build_item(tree, name, member, node->last ? next : first, deeper, lines));
    } else {
        json_array_foreach(value, i, member)
            node_link(tree, node, node->last, build_item(tree, NULL, member, node->last ? next : first, deeper, lines));
    }
    if (node->count)
        node->close = lines ? outer : padding;
}

/* A value that is not in the document, for a place on a line with that indentation. */
static struct node *build(struct tree *tree, json_t *value, struct slice indent, bool lines)
{
    const char *scalar = tree->syntax->scalar_text(tree->arena, value);
    struct node *node = node_new(tree, scalar ? NODE_SCALAR : json_is_object(value) ? NODE_TABLE : NODE_ARRAY);
    node->changed = true;
    if (scalar)
        node->text = slice_of(scalar);
    else
        build_items(tree, node, value, indent, lines && tree->syntax->tables_on_lines);
    return node;
}

/* Where the last line of white space starts: at its line break, or at 0 when it has none. */
static size_t own_line(const struct tree *tree, struct slice lead)
{
    return space_look(tree->syntax, lead).last_break;
}

/* The white space before an item that comes behind another one, as that one has it. */
static struct slice lead_behind(struct tree *tree, const struct item *item)
{
    if (item_breaks(tree, item))
        return slice_join(tree, slice_of(tree->eol), own_indent(tree, item));
    if (!item->previous)
        return small_gap(tree);
    return slice_blanks(item->lead);
}

/* The white space of the first item of a container that had none, or that comes before what was the first. */
static struct slice lead_first(struct tree *tree, struct node *in, struct slice indent, bool lines)
{
    struct item *first = in->first;
    if (!first) {
        bool comments = space_look(tree->syntax, in->close).breaks;
        if (!lines) {
            in->close = slice_is_space(in->close) ? padding_of(tree, in) : in->close;
            return padding_of(tree, in);
        }
        struct slice outer = slice_join(tree, slice_of(tree->eol), indent);
        struct slice kept = comments ? (struct slice){in->close.at, own_line(tree, in->close)} : in->close;
        in->close = comments ? slice_behind(in->close, kept.length) : outer;
        return slice_join(tree, slice_is_space(kept) ? slice_of("") : kept, slice_join(tree, outer, tree->unit));
    }
    struct slice lead = first->lead;
    if (item_breaks(tree, first))
        return lead_behind(tree, first);
    first->lead = first->next && !item_breaks(tree, first->next) ? slice_blanks(first->next->lead) : small_gap(tree);
    return lead;
}

/* A new item with `value`: behind `after`, or first. `name` is NULL in an array. */
static struct item *node_insert(struct tree *tree, struct node *in, struct item *after, const char *name, json_t *value)
{
    if (in->style != STYLE_INLINE)
        return lines_insert(tree, in, after, name, value);
    const struct item *neighbour = after ? after : in->first;
    bool lines = neighbour ? item_breaks(tree, neighbour) : !tree->compact && tree->syntax->tables_on_lines;
    struct slice indent = line_indent(tree, in->holder);
    struct slice lead = after ? lead_behind(tree, after) : lead_first(tree, in, indent, lines);
    struct slice inner = !lines      ? indent
                         : neighbour ? own_indent(tree, neighbour)
                                     : slice_join(tree, indent, tree->unit);
    struct item *item = build_item(tree, name, value, lead, inner, lines);
    struct slice between = name && neighbour ? plain_between(tree, neighbour) : slice_of("");

    if (between.length)
        item->between = between;
    node_link(tree, in, after, item);
    mark_changed(in);
    return item;
}

/* What stood before an item that goes and is not its own, comments and empty lines above it, stays before what follows. What follows
 * on the same line takes its place on it. */
static void pass_lead_on(struct tree *tree, const struct item *item)
{
    struct slice *next = item->next ? &item->next->lead : &item->in->close;
    struct space seen = space_look(tree->syntax, item->lead);
    struct slice kept = {item->lead.at, seen.breaks ? seen.last_break : 0};
    bool takes_place = item->next && !item_breaks(tree, item->next) && (seen.breaks || !item->previous);

    if (takes_place) {
        struct slice indent = own_indent(tree, item);
        struct slice start =
            seen.breaks ? slice_between(kept.at + kept.length, indent.at + indent.length) : slice_blanks(item->lead);
        *next = slice_join(tree, start, slice_behind(*next, slice_blanks(*next).length));
    }
    *next = slice_join(tree, kept, *next);
    if (item->in->count == 1 && slice_is_space(*next))
        *next = slice_of("");
}

static void item_remove(struct tree *tree, struct item *item)
{
    struct node *in = item->in;

    if (in->style == STYLE_INLINE)
        pass_lead_on(tree, item);
    else
        lines_remove(item);
    *(item->previous ? &item->previous->next : &in->first) = item->next;
    *(item->next ? &item->next->previous : &in->last) = item->previous;
    in->count--;
    item->gone = true;
    mark_changed(in);
}

void item_rename(struct tree *tree, struct item *item, const char *name)
{
    item->name = arena_strdup(tree->arena, name);
    item->key = slice_of(tree->syntax->key_text(tree->arena, name));
    lines_rename(item);
    register_name(tree, item->in, item);
    mark_changed(item->in);
}

/* ---- as few changes as possible ---- */

static void make_members_equal(struct tree *tree, struct node *table, json_t *old, json_t *value)
{
    const char *name;
    json_t *member;

    json_object_foreach(old, name, member) if (!json_object_get(value, name))
        item_remove(tree, node_member(tree, table, name));
    json_object_foreach(value, name, member)
    {
        json_t *before = json_object_get(old, name);
        if (before)
            item_make_equal(tree, node_member(tree, table, name), before, member);
        else
            node_insert(tree, table, table->last, name, member);
    }
}

/* What is equal at both ends stays; of the rest as many as both have are paired. */
static void make_elements_equal(struct tree *tree, struct node *array, json_t *old, json_t *value)
{
    size_t before = json_array_size(old), after = json_array_size(value), start = 0;
    while (start < before && start < after && json_equal(json_array_get(old, start), json_array_get(value, start)))
        start++;
    while (before > start && after > start &&
           json_equal(json_array_get(old, before - 1), json_array_get(value, after - 1)))
        before--, after--;

    struct item *item = node_element(array, start), *last = item ? item->previous : array->last;
    size_t i = start;
    for (; item && i < before && i < after; i++, item = item->next) {
        item_make_equal(tree, item, json_array_get(old, i), json_array_get(value, i));
        last = item;
    }
    for (size_t extra = i; item && extra < before; extra++) {
        struct item *next = item->next;
        item_remove(tree, item);
        item = next;
    }
    for (; i < after; i++)
        last = node_insert(tree, array, last, NULL, json_array_get(value, i));
}

void item_make_equal(struct tree *tree, struct item *item, json_t *old, json_t *value)
{
    struct node *node = item->value;
    bool scalar = tree->syntax->scalar_text(tree->arena, value) != NULL;
    const char *block;

    if (json_equal(old, value))
        return;
    if (node->kind == NODE_TABLE && (!scalar || !item->in) && json_is_object(value)) {
        make_members_equal(tree, node, old, value);
    } else if (node->kind == NODE_ARRAY &&
               (node->style == STYLE_LIST ? lines_are_tables(tree, value) : json_is_array(value))) {
        make_elements_equal(tree, node, old, value);
    } else if (node->style != STYLE_INLINE && item->in) {
        struct node *in = item->in;
        const char *name = item->name;
        item_remove(tree, item);
        node_insert(tree, in, in->last, name, value);
    } else if (node->block && (block = tree->syntax->block_text(tree, item, old, value)) != NULL) {
        node->text = slice_of(block);
        node->changed = true;
        mark_changed(item->in);
    } else {
        bool lines = item->in ? item_breaks(tree, item) : !tree->compact;
        struct node *now = build(tree, value, line_indent(tree, item), lines);
        lines_make_room(tree, item);
        item_hold(item, now);
        mark_changed(item->in);
    }
}

/* ---- writing ---- */

struct writer {
    struct buffer *out;
    const struct tree *tree;
    bool open; /* the last comment still wants its line break */
};

static void write_space(struct writer *w, struct slice space)
{
    struct slice rest = slice_behind(space, slice_blanks(space).length);
    if (space.length == 0)
        return;
    if (w->open && !line_break(rest.at, rest.at + rest.length))
        buffer_text(w->out, w->tree->eol);
    buffer_append(w->out, space.at, space.length);
    w->open = space_look(w->tree->syntax, space).open;
}

static void write_token(struct writer *w, struct slice token)
{
    if (w->open && token.length)
        buffer_text(w->out, w->tree->eol);
    w->open = w->open && !token.length;
    buffer_append(w->out, token.at, token.length);
}

static void write_node(struct writer *w, const struct node *node);

static void write_item(struct writer *w, const struct item *item)
{
    bool comma = item->in && (item->next || item->in->comma_last);

    write_space(w, item->lead);
    write_token(w, item->key);
    write_space(w, item->between);
    write_node(w, item->value);
    if (comma && !item->comma)
        write_token(w, slice_of(","));
    write_space(w, item->gap);
    if (comma && item->comma)
        write_token(w, slice_of(","));
    write_space(w, item->tail);
}

static void write_node(struct writer *w, const struct node *node)
{
    if (!node->changed || node->kind == NODE_SCALAR) {
        write_token(w, node->text);
        return;
    }
    write_token(w, slice_of(node->kind == NODE_TABLE ? "{" : "["));
    for (const struct item *item = node->first; item; item = item->next)
        write_item(w, item);
    write_space(w, node->close);
    write_token(w, slice_of(node->kind == NODE_TABLE ? "}" : "]"));
}

void node_write(struct buffer *out, const struct tree *tree, const struct node *node)
{
    struct writer w = {out, tree, false};
    write_node(&w, node);
}

void tree_write(struct buffer *out, const struct tree *tree, const struct item *root)
{
    struct writer w = {out, tree, false};
    if (tree->lines)
        lines_write(out, tree, root);
    else
        write_item(&w, root);
}
