/* JSON for edits: a scanner that keeps where every token stands. It checks the structure only; what a text, a number or a word
 * may look like is Jansson's to say, which reads the same bytes, with blanks in place of comments and last commas. */
#include <string.h>

#include "edit_format.h"
#include "json.h"

static size_t json_comment_length(const char *at, const char *end)
{
    if (end - at < 2 || at[0] != '/' || (at[1] != '/' && at[1] != '*'))
        return 0;
    const char *p = at + 2;
    if (at[1] == '/') {
        while (p < end && !line_break(p, end))
            p++;
        return (size_t)(p - at);
    }
    while (p < end && !(end - p >= 2 && p[0] == '*' && p[1] == '/'))
        p++;
    return (size_t)((p < end ? p + 2 : end) - at);
}

static const char *json_key_text(struct arena *arena, const char *name)
{
    return json_text(arena, json_string(name));
}

static const char *json_scalar_text(struct arena *arena, json_t *value)
{
    return json_is_object(value) || json_is_array(value) ? NULL : json_text(arena, value);
}

static const struct syntax json_syntax = {
    .separator = ": ",
    .padding = "",
    .tables_on_lines = true,
    .comment = json_comment_length,
    .key_text = json_key_text,
    .scalar_text = json_scalar_text,
};

struct json_scanner {
    struct tree *tree;
    struct slice text;
    const char *at, *end;
    char *plain; /* a copy of the text for Jansson, without what it does not know */
    bool relaxed;
    struct edit_error *error;
};

static bool json_complain(struct json_scanner *s, const char *at, const char *message)
{
    return edit_fail_at(s->error, s->text, at, message);
}

static bool json_blank_out(struct json_scanner *s, const char *at, size_t length, const char *complaint)
{
    if (!s->relaxed)
        return json_complain(s, at, complaint);
    for (char *p = s->plain + (at - s->text.at); length--; p++)
        if (*p != '\n')
            *p = ' ';
    return true;
}

static bool json_comment(struct json_scanner *s, size_t length)
{
    if (s->at[1] == '*' && (length < 4 || s->at[length - 1] != '/'))
        return json_complain(s, s->at, "a comment that does not end");
    if (!json_blank_out(s, s->at, length, "comments are not allowed in this file"))
        return false;
    s->at += length;
    return true;
}

/* White space and comments up to the next token, or if `line` is set up to the end of the line. */
static bool json_space(struct json_scanner *s, bool line, struct slice *out)
{
    const char *from = s->at;
    while (s->at < s->end) {
        size_t comment = json_comment_length(s->at, s->end);
        if (comment) {
            if (!json_comment(s, comment))
                return false;
        } else if ((line && line_break(s->at, s->end)) || !strchr(" \t\r\n", *s->at) || !*s->at) {
            break;
        } else {
            s->at++;
        }
    }
    *out = slice_between(from, s->at);
    return true;
}

/* The comments behind an item: those on the rest of the line, unless something else is there, to which they belong. Before a closing
 * bracket they are the item's, but not the blanks behind them. */
static bool json_tail(struct json_scanner *s, struct slice *out)
{
    const char *from = s->at;
    if (!json_space(s, true, out))
        return false;
    if (s->at == s->end || line_break(s->at, s->end))
        return true;
    if (*s->at == '}' || *s->at == ']')
        while (out->length && strchr(" \t\r", out->at[out->length - 1]))
            out->length--;
    else
        out->length = 0;
    s->at = from + out->length;
    return true;
}

static char json_peek(const struct json_scanner *s)
{
    return (char)(s->at < s->end ? *s->at : '\0');
}

/* From the quotation mark on. */
static bool json_string_token(struct json_scanner *s, struct slice *out)
{
    const char *from = s->at++;
    while (s->at < s->end && *s->at != '"' && *s->at != '\n')
        s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
    if (json_peek(s) != '"')
        return json_complain(s, from, "a text that does not end on its line");
    s->at++;
    *out = slice_between(from, s->at);
    return true;
}

static bool json_name(struct json_scanner *s, struct item *item)
{
    struct slice inside = {item->key.at + 1, item->key.length - 2};
    if (!memchr(inside.at, '\\', inside.length)) {
        item->name = arena_strndup(s->tree->arena, inside.at, inside.length);
        return true;
    }
    json_t *decoded = json_loadb(item->key.at, item->key.length, JSON_DECODE_ANY, NULL);
    if (!decoded)
        return json_complain(s, item->key.at, "a key with an escape that JSON does not have");
    item->name = arena_strdup(s->tree->arena, json_string_value(decoded));
    return true;
}

static bool json_member_key(struct json_scanner *s, struct node *table, struct item *item)
{
    struct slice before, behind;
    if (json_peek(s) != '"')
        return json_complain(s, s->at, "expected a key in double quotes");
    if (!json_string_token(s, &item->key) || !json_name(s, item))
        return false;
    if (node_member(s->tree, table, item->name))
        return json_complain(s, item->key.at, "this key stands twice in one object");
    if (!json_space(s, false, &before))
        return false;
    if (json_peek(s) != ':')
        return json_complain(s, s->at, "expected ':' behind the key");
    s->at++;
    if (!json_space(s, false, &behind))
        return false;
    item->between = slice_between(before.at, s->at);
    return true;
}

static bool json_any_value(struct json_scanner *s, struct item *item, unsigned level);

/* The comma behind an item, and the comments on both sides of it. */
static bool json_separator(struct json_scanner *s, struct node *in, struct item *item)
{
    const char *from = s->at;
    if (!json_space(s, false, &item->gap))
        return false;
    item->comma = json_peek(s) == ',';
    in->comma_last = item->comma;
    if (item->comma) {
        s->at++;
    } else {
        item->gap.length = 0;
        s->at = from;
    }
    return json_tail(s, &item->tail);
}

static bool json_container(struct json_scanner *s, struct node *node, unsigned level)
{
    const char *comma = NULL;
    char closing = node->kind == NODE_TABLE ? '}' : ']';

    if (level > EDIT_MAX_NESTING)
        return json_complain(s, s->at, "nested deeper than 32 levels");
    s->at++;
    for (;;) {
        struct slice lead;
        if (!json_space(s, false, &lead))
            return false;
        if (json_peek(s) == closing) {
            node->close = lead;
            s->at++;
            return !comma || json_blank_out(s, comma, 1, "a comma behind the last one is not allowed in this file");
        }
        if (node->last && !comma)
            return json_complain(s, s->at, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        struct item *item = item_new(s->tree);
        item->lead = lead;
        if ((node->kind == NODE_TABLE && !json_member_key(s, node, item)) || !json_any_value(s, item, level))
            return false;
        const char *behind = s->at;
        if (!json_separator(s, node, item))
            return false;
        comma = item->comma ? behind + item->gap.length : NULL;
        node_link(s->tree, node, node->last, item);
    }
}

static bool json_scalar(struct json_scanner *s, struct slice *out)
{
    if (json_peek(s) == '"')
        return json_string_token(s, out);
    const char *from = s->at;
    while (s->at < s->end && !strchr(" \t\r\n,:]}[{\"/", *s->at))
        s->at++;
    *out = slice_between(from, s->at);
    return out->length > 0 || json_complain(s, from, "expected a value");
}

static bool json_any_value(struct json_scanner *s, struct item *item, unsigned level)
{
    char first = json_peek(s);
    struct node *node = node_new(s->tree, first == '{' ? NODE_TABLE : first == '[' ? NODE_ARRAY : NODE_SCALAR);
    const char *from = s->at;

    item_hold(item, node);
    if (node->kind == NODE_SCALAR)
        return json_scalar(s, &node->text);
    if (!json_container(s, node, level + 1))
        return false;
    node->text = slice_between(from, s->at);
    return true;
}

static bool json_document(struct json_scanner *s, struct item *root)
{
    s->at += slice_mark(s->text).length;
    if (!json_space(s, false, &root->lead))
        return false;
    root->lead = slice_between(s->text.at, s->at);
    if (!json_any_value(s, root, 0) || !json_space(s, false, &root->tail))
        return false;
    return s->at == s->end || json_complain(s, s->at, "expected nothing more");
}

/* Jansson has the last word on the bytes, and gives their meaning. */
static bool json_values(struct reading *reading, const struct json_scanner *s)
{
    struct json_failure failure;
    reading->value = json_parse(s->plain, s->text.length, &failure);
    if (reading->value)
        return true;
    edit_fail(s->error, "%s", failure.too_deep ? "nested deeper than 32 levels" : failure.message);
    s->error->line = failure.line > 0 ? (unsigned)failure.line : 0;
    s->error->column = failure.column > 0 ? (unsigned)failure.column : 0;
    return false;
}

bool edit_read_json(struct reading *reading, struct slice text, bool relaxed, struct edit_error *error)
{
    struct tree *tree = &reading->tree;
    if (text.length == 0)
        text = slice_of("{}\n");
    struct json_scanner s = {
        tree, text, text.at, text.at + text.length, arena_strndup(tree->arena, text.at, text.length), relaxed, error};

    reading->root = tree_begin(tree, &json_syntax, text);
    return json_document(&s, reading->root) && json_values(reading, &s);
}
