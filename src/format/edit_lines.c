/* Changes of TOML's lines: where a new key or table goes, and what goes with an old one. */
#include <string.h>

#include "edit_tree.h"

/* ---- lines ---- */

struct line *line_new(struct tree *tree, struct line *after, struct slice *pieces, size_t keys)
{
    struct line *line = arena_alloc(tree->arena, sizeof *line);
    *line =
        (struct line){.previous = after, .lead = slice_of(""), .pieces = pieces, .keys = keys, .tail = slice_of("")};
    line->next = after ? after->next : tree->lines;
    *(after ? &after->next : &tree->lines) = line;
    *(line->next ? &line->next->previous : &tree->end) = line;
    return line;
}

void line_mention(struct tree *tree, struct line *line, size_t key, struct item *item)
{
    struct mention *mention = arena_alloc(tree->arena, sizeof *mention);
    *mention = (struct mention){line, key, item->mentions};
    item->mentions = mention;
}

/* The part of a lead behind its last line break. */
static struct slice indentation(struct slice lead)
{
    size_t from = lead.length;
    while (from && lead.at[from - 1] != '\n')
        from--;
    return slice_behind(lead, from);
}

/* Whether the last whole line of a lead is empty, and where that one starts. */
static bool ends_in_empty_line(struct slice lead, size_t *start)
{
    struct slice lines = {lead.at, lead.length - indentation(lead).length};
    if (!lines.length)
        return false;
    size_t from = lines.length - 1;
    while (from && lead.at[from - 1] != '\n')
        from--;
    *start = from;
    return slice_is_space(slice_behind(lines, from));
}

/* A lead up to and with its last empty line; nothing when it has none. */
static struct slice set_off(struct slice lead)
{
    size_t start = 0;
    lead.length -= indentation(lead).length;
    while (lead.length && !ends_in_empty_line(lead, &start))
        lead.length = start;
    return lead;
}

/* Those of `owner` and of what it is in that `after` was the last line of have another last line now. */
static void follow(struct item *owner, struct line *after, struct line *line)
{
    for (; owner; owner = owner->in ? owner->in->holder : NULL) {
        struct node *node = owner->value;
        if (node->last_line == after)
            node->last_line = line;
        if (line->item && node->last_key == after)
            node->last_key = line;
    }
}

/* ---- where new lines go ---- */

/* Takes the comments at the end of the document, but not the empty lines behind them. */
static struct slice take_trailer(struct tree *tree)
{
    struct slice taken = tree->trailer;
    size_t start;

    while (ends_in_empty_line(taken, &start))
        taken.length = start;
    tree->trailer = slice_behind(tree->trailer, taken.length);
    return taken;
}

/* Comments at the end of the document, and an empty line unless the document has none there. */
static struct slice lead_of_header(struct tree *tree, const struct line *after)
{
    struct slice lead = after->next ? slice_of("") : take_trailer(tree);
    bool alone = after == tree->lines && lead.length == 0;
    if (tree->dense || alone)
        return lead;
    return slice_join(tree, lead, slice_of(tree->eol));
}

/* The first key of a document that has only headers goes below what is on top and set off by an empty line. */
static struct slice lead_of_first_key(struct tree *tree, struct line *next)
{
    if (!next)
        return take_trailer(tree);
    struct slice lead = set_off(next->lead);
    next->lead = slice_behind(next->lead, lead.length);
    if (!tree->dense && !next->gone)
        next->lead = slice_join(tree, slice_of(tree->eol), next->lead);
    return lead;
}

/* Puts a line into the document: the key of `leaf`, or a header when that is NULL. `owner` is the table it tells of. */
static struct line *place_line(struct tree *tree, struct line *after, struct slice *pieces, size_t keys,
                               struct item *leaf, struct item *owner)
{
    struct slice lead = !leaf                  ? lead_of_header(tree, after)
                        : after == tree->lines ? lead_of_first_key(tree, after->next)
                                               : indentation(after->item ? after->lead : slice_of(""));
    struct line *line = line_new(tree, after, pieces, keys);
    line->lead = lead;
    line->tail = slice_of(tree->eol);
    line->item = leaf;
    follow(owner, after, line);
    return line;
}

/* ---- keys ---- */

static struct slice raw_key(struct tree *tree, const struct item *item)
{
    const struct mention *mention = item->mentions;
    return mention ? mention->line->pieces[2 * mention->key + 1]
                   : slice_of(tree->syntax->key_text(tree->arena, item->name));
}

/* The place in a line where a dotted key makes this table. */
static const struct mention *dotted_mention(const struct item *table)
{
    const struct mention *mention = table->mentions;
    while (mention && (!mention->line->item || mention->line->keys == mention->key + 1))
        mention = mention->next;
    return mention;
}

static struct item *add_item(struct tree *tree, struct node *in, struct item *after, const char *name,
                             struct node *value)
{
    struct item *item = item_new(tree);
    item->name = name ? arena_strdup(tree->arena, name) : NULL;
    item_hold(item, value);
    node_link(tree, in, after, item);
    return item;
}

static struct node *new_table(struct tree *tree, enum node_kind kind, enum node_style style, struct line *last)
{
    struct node *node = node_new(tree, kind);
    node->style = style;
    node->last_line = node->last_key = last;
    return node;
}

/* key = value, behind the other keys of the table. */
static struct item *insert_key(struct tree *tree, struct node *in, const char *name, json_t *value)
{
    const struct mention *prefix = in->style == STYLE_DOTTED ? dotted_mention(in->holder) : NULL;
    size_t keys = prefix ? prefix->key + 2 : 1;
    struct slice *pieces = arena_array(tree->arena, 2 * keys + 1, sizeof *pieces);
    struct line *after = in->last_key;
    struct item *item = add_item(tree, in, in->last, name, node_build(tree, value));

    pieces[0] = slice_of("");
    if (prefix) {
        memcpy(pieces, prefix->line->pieces, (2 * keys - 2) * sizeof *pieces);
        pieces[2 * keys - 2] = slice_of(".");
    }
    item->key = pieces[2 * keys - 1] = raw_key(tree, item);
    pieces[2 * keys] = after->item && !tree->syntax->needs_blank ? after->pieces[2 * after->keys] : tree->between;
    item->line = place_line(tree, after, pieces, keys, item, in->holder);
    struct item *named = item;
    for (size_t key = keys; key--; named = named->in->holder)
        line_mention(tree, item->line, key, named);
    return item;
}

/* ---- headers ---- */

/* [a.b.c] or [[a.b.c]] for a table, behind `after`. */
static void insert_header(struct tree *tree, struct item *table, struct line *after)
{
    bool element = !table->name;
    struct item *named[EDIT_MAX_NESTING + 1];
    size_t keys = 0;

    for (struct item *item = table; item && keys < EDIT_MAX_NESTING; item = item->in ? item->in->holder : NULL)
        if (item->name)
            named[keys++] = item;
    struct slice *pieces = arena_array(tree->arena, 2 * keys + 1, sizeof *pieces);
    for (size_t i = 0; i < keys; i++) {
        pieces[2 * i] = slice_of(i ? "." : element ? "[[" : "[");
        pieces[2 * i + 1] = raw_key(tree, named[keys - 1 - i]);
    }
    pieces[2 * keys] = slice_of(element ? "]]" : "]");
    table->line = place_line(tree, after, pieces, keys, NULL, table);
    table->value->style = STYLE_HEADER;
    table->value->last_line = table->value->last_line == after ? table->line : table->value->last_line;
    table->value->last_key = table->line;
    for (size_t i = 0; i < keys; i++)
        line_mention(tree, table->line, i, named[keys - 1 - i]);
}

static bool is_table(const struct tree *tree, json_t *value)
{
    return json_is_object(value) && !tree->syntax->scalar_text(tree->arena, value);
}

bool lines_are_tables(const struct tree *tree, json_t *value)
{
    size_t i;
    json_t *element;
    json_array_foreach(value, i, element) if (!is_table(tree, element)) return false;
    return json_array_size(value) > 0;
}

/* What can stand as key = value comes first: behind a header it would belong to that one's table. */
static void fill_table(struct tree *tree, struct node *table, json_t *value)
{
    const char *name;
    json_t *member;

    for (int lines = 0; lines < 2; lines++)
        json_object_foreach(value, name, member)
        {
            bool headers = is_table(tree, member) || lines_are_tables(tree, member);
            if (headers == (lines == 1))
                lines_insert(tree, table, table->last, name, member);
        }
}

static struct item *insert_table(struct tree *tree, struct node *in, const char *name, json_t *value)
{
    struct item *item = add_item(tree, in, in->last, name, new_table(tree, NODE_TABLE, STYLE_IMPLIED, in->last_line));
    if (json_object_size(value) == 0)
        insert_header(tree, item, in->last_line);
    fill_table(tree, item->value, value);
    return item;
}

static struct item *insert_element(struct tree *tree, struct node *list, struct item *after, json_t *value)
{
    struct line *place = after ? after->value->last_line : list->first ? list->first->line->previous : list->last_line;
    struct item *item = add_item(tree, list, after, NULL, new_table(tree, NODE_TABLE, STYLE_HEADER, place));
    insert_header(tree, item, place);
    fill_table(tree, item->value, value);
    return item;
}

static struct item *insert_list(struct tree *tree, struct node *in, const char *name, json_t *value)
{
    struct item *item = add_item(tree, in, in->last, name, new_table(tree, NODE_ARRAY, STYLE_LIST, in->last_line));
    size_t i;
    json_t *element;
    json_array_foreach(value, i, element) insert_element(tree, item->value, item->value->last, element);
    return item;
}

/* ---- what edit_tree.c asks for ---- */

struct item *lines_insert(struct tree *tree, struct node *in, struct item *after, const char *name, json_t *value)
{
    bool table = is_table(tree, value);

    if (in->style == STYLE_LIST)
        return table ? insert_element(tree, in, after, value)
                     : add_item(tree, in, after, name, node_build(tree, value));
    if (in->style == STYLE_DOTTED)
        return insert_key(tree, in, name, value);
    if (table)
        return insert_table(tree, in, name, value);
    if (lines_are_tables(tree, value))
        return insert_list(tree, in, name, value);
    if (in->style == STYLE_IMPLIED)
        insert_header(tree, in->holder, in->last_line);
    return insert_key(tree, in, name, value);
}

/* Comments on lines of their own stay, but not those between the keys of a table that goes; nor does the empty line above a header. */
static void remove_line(struct line *line, bool with_table)
{
    size_t start;
    line->gone = true;
    line->lead.length -= indentation(line->lead).length;
    if (with_table)
        line->lead = slice_of("");
    else if (!line->item && ends_in_empty_line(line->lead, &start))
        line->lead.length = start;
}

static void remove_lines(const struct item *item, bool with_table)
{
    const struct node *node = item->value;
    if (item->line)
        remove_line(item->line, with_table && item->line->item);
    if (node->style == STYLE_INLINE)
        return;
    for (const struct item *child = node->first; child; child = child->next)
        remove_lines(child, with_table || node->style == STYLE_HEADER);
}

void lines_remove(struct item *item)
{
    remove_lines(item, false);
}

void lines_rename(struct item *item)
{
    for (const struct mention *mention = item->mentions; mention; mention = mention->next)
        mention->line->pieces[2 * mention->key + 1] = item->key;
}

/* A value that was below its key, or was nothing at all, gives way to one that stands beside it. */
void lines_make_room(const struct tree *tree, struct item *item)
{
    const struct node *old = item->value;
    if (!item->line || !item->line->item || !tree->syntax->needs_blank)
        return;
    struct slice *between = &item->line->pieces[2 * item->line->keys];
    bool comment = memchr(between->at, '#', between->length) != NULL;
    if (!comment && (old->block || between->at[between->length - 1] == ':'))
        *between = tree->between;
}

/* ---- writing ---- */

/* When the first lines are gone, so is the empty line that set the next ones off. */
static struct slice without_empty_lines(struct slice lead)
{
    size_t ending;
    while ((ending = line_break(lead.at, lead.at + lead.length)) > 0)
        lead = slice_behind(lead, ending);
    return lead;
}

static void write_fence(struct buffer *out, const struct tree *tree)
{
    buffer_text(out, tree->fence);
    buffer_text(out, tree->eol);
}

static void write_line(struct buffer *out, const struct tree *tree, const struct line *line)
{
    for (size_t i = 0; i < 2 * line->keys + 1; i++)
        buffer_append(out, line->pieces[i].at, line->pieces[i].length);
    if (line->item)
        node_write(out, tree, line->item->value);
    buffer_append(out, line->tail.at, line->tail.length);
}

void lines_write(struct buffer *out, const struct tree *tree, const struct item *root)
{
    struct slice mark = root->lead;
    bool cut = false, fenced = tree->fence && root->value->count > 0;

    buffer_append(out, mark.at, mark.length);
    if (fenced)
        write_fence(out, tree);
    for (const struct line *line = tree->lines; line; line = line->next) {
        struct slice lead = cut && out->length == mark.length ? without_empty_lines(line->lead) : line->lead;
        buffer_append(out, lead.at, lead.length);
        cut = cut || line->gone;
        if (!line->gone)
            write_line(out, tree, line);
    }
    buffer_append(out, tree->trailer.at, tree->trailer.length);
    if (fenced)
        write_fence(out, tree);
    if (fenced && tree->rest.length && !line_break(tree->rest.at, tree->rest.at + tree->rest.length))
        buffer_text(out, tree->eol);
    buffer_append(out, tree->rest.at, tree->rest.length);
    size_t ending = strlen(tree->eol);
    if (tree->open_end && out->length >= ending && memcmp(out->data + out->length - ending, tree->eol, ending) == 0)
        buffer_cut(out, out->length - ending);
}
