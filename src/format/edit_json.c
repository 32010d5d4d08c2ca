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

static bool json_blank_out(struct scanner *s, const char *at, size_t length, const char *complaint)
{
    if (!s->relaxed)
        return scan_complain(s, at, complaint);
    for (char *p = s->plain + (at - s->text.at); length--; p++)
        if (*p != '\n')
            *p = ' ';
    return true;
}

static bool json_comment(struct scanner *s, size_t length)
{
    if (s->at[1] == '*' && (length < 4 || s->at[length - 1] != '/'))
        return scan_complain(s, s->at, "a comment that does not end");
    return json_blank_out(s, s->at, length, "comments are not allowed in this file");
}

static bool json_last_comma(struct scanner *s, const char *comma)
{
    return json_blank_out(s, comma, 1, "a comma behind the last one is not allowed in this file");
}

/* From the quotation mark on. */
static bool json_string_token(struct scanner *s)
{
    const char *from = s->at++;
    while (s->at < s->end && *s->at != '"' && *s->at != '\n')
        s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
    if (scan_peek(s) != '"')
        return scan_complain(s, from, "a text that does not end on its line");
    s->at++;
    return true;
}

static bool json_name(struct scanner *s, struct item *item)
{
    struct slice inside = {item->key.at + 1, item->key.length - 2};
    if (!memchr(inside.at, '\\', inside.length)) {
        item->name = arena_strndup(s->tree->arena, inside.at, inside.length);
        return true;
    }
    json_t *decoded = json_loadb(item->key.at, item->key.length, JSON_DECODE_ANY, NULL);
    if (!decoded)
        return scan_complain(s, item->key.at, "a key with an escape that JSON does not have");
    item->name = arena_strdup(s->tree->arena, json_string_value(decoded));
    return true;
}

static bool json_member(struct scanner *s, struct node *table, struct item *item, bool *piece)
{
    struct slice before, behind;
    const char *from = s->at;
    if (scan_peek(s) != '"')
        return scan_complain(s, s->at, "expected a key in double quotes");
    (void)piece;
    if (!json_string_token(s))
        return false;
    item->key = slice_between(from, s->at);
    if (!json_name(s, item))
        return false;
    if (node_member(s->tree, table, item->name))
        return scan_complain(s, item->key.at, "this key stands twice in one object");
    if (!scan_space(s, false, &before))
        return false;
    if (scan_peek(s) != ':')
        return scan_complain(s, s->at, "expected ':' behind the key");
    s->at++;
    if (!scan_space(s, false, &behind))
        return false;
    item->between = slice_between(before.at, s->at);
    return true;
}

static bool json_scalar(struct scanner *s)
{
    const char *from = s->at;
    if (scan_peek(s) == '"')
        return json_string_token(s);
    while (s->at < s->end && !strchr(" \t\r\n,:]}[{\"/", *s->at))
        s->at++;
    return s->at > from || scan_complain(s, from, "expected a value");
}

static const struct scan_rules json_rules = {json_comment, json_last_comma, json_member, json_scalar};

static bool json_document(struct scanner *s, struct item *root)
{
    s->at += slice_mark(s->text).length;
    if (!scan_space(s, false, &root->lead))
        return false;
    root->lead = slice_between(s->text.at, s->at);
    if (!scan_value(s, root, 0) || !scan_space(s, false, &root->tail))
        return false;
    return s->at == s->end || scan_complain(s, s->at, "expected nothing more");
}

/* Jansson has the last word on the bytes, and gives their meaning. */
static bool json_values(struct reading *reading, const struct scanner *s)
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
    struct scanner s = {.tree = tree,
                        .text = text,
                        .at = text.at,
                        .end = text.at + text.length,
                        .error = error,
                        .rules = &json_rules,
                        .relaxed = relaxed,
                        .plain = arena_strndup(tree->arena, text.at, text.length)};

    reading->root = tree_begin(tree, &json_syntax, text);
    return json_document(&s, reading->root) && json_values(reading, &s);
}
