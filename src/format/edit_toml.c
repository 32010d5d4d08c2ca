/* TOML for edits: a scanner that keeps where every token stands, for texts that toml++ has read: it knows the forms of tokens and
 * tables, but checks nothing that toml++ checks. Whatever it takes for another thing than toml++ does is found when the result of the
 * edits is read again. */
#include <string.h>

#include "edit_format.h"
#include "toml.h"

/* ---- syntax ---- */

enum { TOKEN_MAX = 16 * 1024 * 1024 };

static const char *toml_key_text(struct arena *arena, const char *name)
{
    struct buffer out;
    buffer_init_in(&out, arena, TOKEN_MAX);
    toml_write_key(&out, name);
    return buffer_string(&out);
}

static const char *toml_scalar_text(struct arena *arena, json_t *value)
{
    struct buffer out;
    if (json_is_array(value) || (json_is_object(value) && !json_object_get(value, "$toml")))
        return NULL;
    const struct toml *node = toml_from_json(arena, NULL, NULL, value);
    buffer_init_in(&out, arena, TOKEN_MAX);
    if (node)
        toml_write_value(&out, node);
    return buffer_string(&out);
}

static const struct syntax toml_syntax = {
    .separator = " = ",
    .padding = " ",
    .tables_on_lines = false,
    .comment = hash_comment,
    .key_text = toml_key_text,
    .scalar_text = toml_scalar_text,
};

/* ---- tokens ---- */

/* toml++ has read this as something else. */
static bool toml_puzzled(struct scanner *s)
{
    return scan_complain(s, s->at, "this is written in a way that cannot be edited");
}

static struct slice toml_blanks(struct scanner *s)
{
    struct slice found = slice_blanks(slice_between(s->at, s->end));
    s->at += found.length;
    return found;
}

static bool toml_starts(const struct scanner *s, const char *what)
{
    size_t length = strlen(what);
    return (size_t)(s->end - s->at) >= length && memcmp(s->at, what, length) == 0;
}

static bool toml_string_token(struct scanner *s)
{
    char quote = *s->at;
    const char triple[] = {quote, quote, quote, '\0'};
    bool lines = toml_starts(s, triple);

    s->at += lines ? 3 : 1;
    while (s->at < s->end) {
        if (quote == '"' && *s->at == '\\' && s->end - s->at > 1) {
            s->at += 2;
        } else if (lines ? toml_starts(s, triple) : *s->at == quote) {
            s->at += lines ? 3 : 1;
            for (int extra = 0; lines && extra < 2 && scan_peek(s) == quote; extra++)
                s->at++; /* """"" ends with up to two quotes that belong to the text */
            return true;
        } else {
            s->at++;
        }
    }
    return toml_puzzled(s);
}

static bool toml_looks_like_date(struct slice token)
{
    return token.length == 10 && token.at[4] == '-' && token.at[7] == '-';
}

/* A number, a word, a date: this may have a blank before its time. */
static bool toml_bare_token(struct scanner *s)
{
    const char *from = s->at;
    do
        while (s->at < s->end && !strchr(" \t\r\n,]}#", *s->at))
            s->at++;
    while (toml_looks_like_date(slice_between(from, s->at)) && s->end - s->at > 1 && s->at[0] == ' ' &&
           s->at[1] >= '0' && s->at[1] <= '9' && s->at++);
    return s->at > from || toml_puzzled(s);
}

/* ---- keys ---- */

static bool toml_key_token(struct scanner *s, struct slice *out)
{
    const char *from = s->at;
    if (scan_peek(s) == '"' || scan_peek(s) == '\'') {
        if (!toml_string_token(s))
            return false;
    } else {
        while (s->at < s->end && !strchr(" \t\r\n.=]", *s->at))
            s->at++;
    }
    *out = slice_between(from, s->at);
    return out->length > 0 || toml_puzzled(s);
}

static const char *toml_key_name(struct tree *tree, struct slice key)
{
    struct slice inside = {key.at + 1, key.length - 2};
    struct toml_error error;

    if (key.at[0] != '"' && key.at[0] != '\'')
        return arena_strndup(tree->arena, key.at, key.length);
    if (key.at[0] == '\'' || !memchr(inside.at, '\\', inside.length))
        return arena_strndup(tree->arena, inside.at, inside.length);
    const char *line = arena_printf(tree->arena, "k = %.*s", (int)key.length, key.at);
    const struct toml *root = toml_parse(tree->arena, line, strlen(line), &error);
    return root && root->first && root->first->text ? root->first->text : NULL;
}

struct toml_keys {
    struct slice pieces[2 * EDIT_MAX_NESTING + 1];
    const char *names[EDIT_MAX_NESTING];
    size_t count;
};

/* Keys with dots between them; the last piece is left to the caller. */
static bool toml_dotted_keys(struct scanner *s, struct slice before, struct toml_keys *keys)
{
    keys->count = 0;
    keys->pieces[0] = before;
    for (;;) {
        if (keys->count == EDIT_MAX_NESTING)
            return scan_complain(s, s->at, "nested deeper than 32 levels");
        struct slice *key = &keys->pieces[2 * keys->count + 1];
        if (!toml_key_token(s, key))
            return false;
        const char *name = toml_key_name(s->tree, *key);
        if (!name || strcmp(name, "$toml") == 0)
            return toml_puzzled(s);
        keys->names[keys->count++] = name;
        const char *behind = s->at;
        toml_blanks(s);
        if (scan_peek(s) != '.') {
            s->at = behind;
            return true;
        }
        s->at++;
        toml_blanks(s);
        key[1] = slice_between(behind, s->at);
    }
}

/* The equals sign and the blanks around it. */
static bool toml_equals(struct scanner *s, struct slice *out)
{
    const char *from = s->at;
    toml_blanks(s);
    if (scan_peek(s) != '=')
        return toml_puzzled(s);
    s->at++;
    toml_blanks(s);
    *out = slice_between(from, s->at);
    return true;
}

/* ---- values ---- */

/* Whether the keys of this table cannot be told apart: a.b = 1 stands in it. It is then kept as one piece. */
static bool toml_member(struct scanner *s, struct node *table, struct item *item, bool *dotted)
{
    struct toml_keys keys;
    (void)table;
    if (!toml_dotted_keys(s, slice_of(""), &keys) || !toml_equals(s, &item->between))
        return false;
    *dotted = *dotted || keys.count > 1;
    item->key = keys.pieces[1];
    item->name = keys.names[0];
    return true;
}

static bool toml_scalar(struct scanner *s)
{
    return scan_peek(s) == '"' || scan_peek(s) == '\'' ? toml_string_token(s) : toml_bare_token(s);
}

static const struct scan_rules toml_rules = {NULL, NULL, toml_member, toml_scalar};

/* ---- lines ---- */

struct toml_place {
    struct item *table; /* of the last header */
    struct line *last;
};

static struct slice *toml_keep_pieces(struct tree *tree, const struct toml_keys *keys)
{
    size_t count = 2 * keys->count + 1;
    struct slice *pieces = arena_array(tree->arena, count, sizeof *pieces);
    memcpy(pieces, keys->pieces, count * sizeof *pieces);
    return pieces;
}

static struct item *toml_new(struct tree *tree, struct item *in, const char *name, enum node_style style)
{
    struct item *item = item_new(tree);
    item->name = name;
    item_hold(item, node_new(tree, style == STYLE_LIST ? NODE_ARRAY : NODE_TABLE));
    item->value->style = style;
    node_link(tree, in->value, in->value->last, item);
    return item;
}

/* The table by this name, made if it is not there; of a list of tables its last one. For a header of an element, the list gets one more; NULL
 * when it is no list. */
static struct item *toml_step(struct tree *tree, struct item *from, const char *name, enum node_style style,
                              struct line *line, size_t key)
{
    struct item *item = node_member(tree, from->value, name);
    if (!item)
        item = toml_new(tree, from, name, style);
    line_mention(tree, line, key, item);
    if (style == STYLE_LIST && item->value->style != STYLE_LIST)
        return NULL;
    if (style == STYLE_LIST)
        toml_new(tree, item, NULL, STYLE_HEADER);
    return item->value->style == STYLE_LIST ? item->value->last : item;
}

/* The tables that a line tells of, from the innermost on. */
static void toml_note_line(struct item *innermost, const struct item *section, struct line *line)
{
    bool keys = line->item != NULL;
    for (struct item *item = innermost; item; item = item->in ? item->in->holder : NULL) {
        item->value->last_line = line;
        if (keys)
            item->value->last_key = line;
        keys = keys && item != section;
    }
}

static bool toml_header(struct scanner *s, struct toml_place *place, struct slice lead, struct item *root)
{
    struct tree *tree = s->tree;
    const char *from = s->at;
    bool list = toml_starts(s, "[[");
    struct toml_keys keys;
    struct item *item = root;

    s->at += list ? 2 : 1;
    toml_blanks(s);
    if (!toml_dotted_keys(s, slice_between(from, s->at), &keys))
        return false;
    const char *behind = s->at;
    toml_blanks(s);
    if (!toml_starts(s, list ? "]]" : "]"))
        return toml_puzzled(s);
    s->at += list ? 2 : 1;
    keys.pieces[2 * keys.count] = slice_between(behind, s->at);

    struct line *line = line_new(tree, place->last, toml_keep_pieces(tree, &keys), keys.count);
    line->lead = lead;
    for (size_t i = 0; i < keys.count && item && item->value->style != STYLE_INLINE; i++)
        item = toml_step(tree, item, keys.names[i], list && i + 1 == keys.count ? STYLE_LIST : STYLE_IMPLIED, line, i);
    if (!item || item->value->style == STYLE_INLINE)
        return toml_puzzled(s);
    item->value->style = STYLE_HEADER;
    item->line = line;
    item->value->last_key = line;
    toml_note_line(item, item, line);
    *place = (struct toml_place){item, line};
    return true;
}

static bool toml_key_value(struct scanner *s, struct toml_place *place, struct slice lead)
{
    struct tree *tree = s->tree;
    struct toml_keys keys = {0};
    struct item *item = place->table, *leaf = item_new(tree);

    if (!toml_dotted_keys(s, slice_of(""), &keys) || !toml_equals(s, &keys.pieces[2 * keys.count]) ||
        !scan_value(s, leaf, (unsigned)keys.count))
        return false;
    struct line *line = line_new(tree, place->last, toml_keep_pieces(tree, &keys), keys.count);
    line->lead = lead;
    line->item = leaf;
    for (size_t i = 0; i + 1 < keys.count; i++) {
        item = toml_step(tree, item, keys.names[i], STYLE_DOTTED, line, i);
        if (item->value->kind != NODE_TABLE || item->value->style == STYLE_INLINE)
            return toml_puzzled(s);
    }
    leaf->line = line;
    leaf->name = keys.names[keys.count - 1];
    leaf->key = keys.pieces[2 * keys.count - 1];
    leaf->between = keys.pieces[2 * keys.count];
    if (node_member(tree, item->value, leaf->name))
        return toml_puzzled(s);
    node_link(tree, item->value, item->value->last, leaf);
    line_mention(tree, line, keys.count - 1, leaf);
    toml_note_line(item, place->table, line);
    place->last = line;
    return true;
}

static bool toml_line_end(struct scanner *s, struct line *line)
{
    const char *from = s->at;
    scan_space(s, true, &line->tail);
    size_t ending = line_break(s->at, s->end);
    if (!ending && s->at < s->end)
        return toml_puzzled(s);
    s->at += ending;
    line->tail = slice_between(from, s->at);
    return true;
}

static bool toml_lines(struct scanner *s, struct item *root)
{
    struct tree *tree = s->tree;
    struct toml_place place = {root, root->line};
    size_t headers = 0, spaced = 0;

    for (;;) {
        /* Whole lines of nothing or comments, then the indentation of the next line that has more. */
        struct slice lead;
        scan_space(s, false, &lead);
        if (s->at == s->end) {
            tree->trailer = lead;
            break;
        }
        bool header = *s->at == '[';
        headers += header && place.last != root->line;
        spaced += header && lead.length && line_break(lead.at, lead.at + lead.length);
        if (!(header ? toml_header(s, &place, lead, root) : toml_key_value(s, &place, lead)) ||
            !toml_line_end(s, place.last))
            return false;
    }
    tree->dense = headers > 1 && spaced == 0;
    return true;
}

/* ---- reading ---- */

static void toml_lend_line_end(struct tree *tree, const struct slice text)
{
    struct slice eol = slice_of(tree->eol);
    if (text.length == 0 || text.at[text.length - 1] == '\n')
        return;
    tree->open_end = true;
    if (tree->trailer.length || tree->end == tree->lines)
        tree->trailer = slice_join(tree, tree->trailer, eol);
    else
        tree->end->tail = slice_join(tree, tree->end->tail, eol);
}

static void toml_learn_style(struct tree *tree)
{
    const struct line *line = tree->lines;
    while (line && !line->item)
        line = line->next;
    if (line)
        tree->between = line->pieces[2 * line->keys];
}

/* The values as toml++ has them. */
static bool toml_values(struct reading *reading, struct slice text, struct edit_error *error)
{
    struct toml_error failure;
    const struct toml *root = toml_parse(reading->tree.arena, text.at, text.length, &failure);
    if (!root) {
        edit_fail(error, "%s", failure.message);
        error->line = failure.line;
        error->column = failure.column;
        return false;
    }
    reading->value = toml_to_json(root);
    return reading->value || edit_fail(error, "not UTF-8");
}

bool edit_read_toml(struct reading *reading, struct slice text, struct edit_error *error)
{
    struct tree *tree = &reading->tree;
    struct scanner s = {
        .tree = tree, .text = text, .at = text.at, .end = text.at + text.length, .error = error, .rules = &toml_rules};

    if (!toml_values(reading, text, error))
        return false;
    reading->root = tree_begin_lines(tree, &toml_syntax, text);
    reading->root->lead = slice_mark(text);
    s.at += reading->root->lead.length;
    if (!toml_lines(&s, reading->root))
        return false;
    toml_learn_style(tree);
    toml_lend_line_end(tree, text);
    return true;
}
