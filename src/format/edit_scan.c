/* What JSON and TOML have in common for edits: brackets, commas, and the white space and comments around them. */
#include <string.h>

#include "edit_format.h"

bool scan_complain(const struct scanner *s, const char *at, const char *message)
{
    return edit_fail_at(s->error, s->text, at, message);
}

char scan_peek(const struct scanner *s)
{
    return (char)(s->at < s->end ? *s->at : '\0');
}

bool scan_space(struct scanner *s, bool line, struct slice *out)
{
    const char *from = s->at;
    while (s->at < s->end) {
        size_t comment = s->tree->syntax->comment(s->at, s->end);
        if (comment && s->rules->comment && !s->rules->comment(s, comment))
            return false;
        if (!comment && ((line && line_break(s->at, s->end)) || !*s->at || !strchr(" \t\r\n", *s->at)))
            break;
        s->at += comment ? comment : 1;
    }
    *out = slice_between(from, s->at);
    return true;
}

/* The comments behind an item: those on the rest of the line, unless something else is there, to which they belong. Before a closing
 * bracket they are the item's, but not the blanks behind them. */
static bool scan_tail(struct scanner *s, struct slice *out)
{
    const char *from = s->at;
    if (!scan_space(s, true, out))
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

/* The comma behind an item, and the comments on both sides of it. */
static bool scan_separator(struct scanner *s, struct node *in, struct item *item)
{
    const char *from = s->at;
    if (!scan_space(s, false, &item->gap))
        return false;
    item->comma = scan_peek(s) == ',';
    in->comma_last = item->comma;
    s->at = item->comma ? s->at + 1 : from;
    if (!item->comma)
        item->gap.length = 0;
    return scan_tail(s, &item->tail);
}

static bool scan_container(struct scanner *s, struct node *node, unsigned level)
{
    const char *comma = NULL;
    char closing = node->kind == NODE_TABLE ? '}' : ']';
    bool piece = false;

    if (level > EDIT_MAX_NESTING)
        return scan_complain(s, s->at, "nested deeper than 32 levels");
    s->at++;
    for (;;) {
        struct item *item = item_new(s->tree);
        if (!scan_space(s, false, &item->lead))
            return false;
        if (scan_peek(s) == closing) {
            node->close = item->lead;
            node->kind = piece ? NODE_SCALAR : node->kind;
            s->at++;
            return !comma || !s->rules->last_comma || s->rules->last_comma(s, comma);
        }
        if (node->last && !comma)
            return scan_complain(s, s->at, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        if ((closing == '}' && !s->rules->member(s, node, item, &piece)) || !scan_value(s, item, level))
            return false;
        const char *behind = s->at;
        if (!scan_separator(s, node, item))
            return false;
        comma = item->comma ? behind + item->gap.length : NULL;
        node_link(s->tree, node, node->last, item);
    }
}

bool scan_value(struct scanner *s, struct item *item, unsigned level)
{
    char first = scan_peek(s);
    struct node *node = node_new(s->tree, first == '{' ? NODE_TABLE : first == '[' ? NODE_ARRAY : NODE_SCALAR);
    const char *from = s->at;

    item_hold(item, node);
    bool good = node->kind == NODE_SCALAR ? s->rules->scalar(s) : scan_container(s, node, level + 1);
    node->text = slice_between(from, s->at);
    return good;
}
