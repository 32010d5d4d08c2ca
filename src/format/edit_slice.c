/* Stretches of a text, white space and comments between its tokens, and places in it for errors. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "edit_tree.h"

struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

struct slice slice_between(const char *from, const char *to)
{
    return (struct slice){from, (size_t)(to - from)};
}

struct slice slice_join(struct tree *tree, struct slice a, struct slice b)
{
    if (a.length == 0)
        return b;
    if (b.length == 0)
        return a;
    char *both = arena_alloc(tree->arena, a.length + b.length);
    memcpy(both, a.at, a.length);
    memcpy(both + a.length, b.at, b.length);
    return (struct slice){both, a.length + b.length};
}

struct slice slice_behind(struct slice s, size_t length)
{
    return (struct slice){s.at + length, s.length - length};
}

struct slice slice_blanks(struct slice s)
{
    size_t length = 0;
    while (length < s.length && (s.at[length] == ' ' || s.at[length] == '\t'))
        length++;
    return (struct slice){s.at, length};
}

struct slice slice_mark(struct slice text)
{
    bool marked = text.length >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0;
    return (struct slice){text.at, marked ? 3 : 0};
}

bool slice_is_space(struct slice s)
{
    size_t length = 0;
    while (length < s.length && strchr(" \t\r\n", s.at[length]))
        length++;
    return length == s.length;
}

size_t line_break(const char *at, const char *end)
{
    if (at < end && *at == '\n')
        return 1;
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

size_t hash_comment(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && *at == '#' && !line_break(p, end))
        p++;
    return (size_t)(p - at);
}

struct space space_look(const struct syntax *syntax, struct slice space)
{
    struct space seen = {0};
    const char *end = space.at + space.length;
    for (const char *at = space.at; at < end;) {
        size_t comment = syntax->comment(at, end);
        size_t ending = line_break(at, end);
        if (ending) {
            seen.breaks = true;
            seen.last_break = (size_t)(at - space.at);
        }
        if (comment || ending)
            seen.open = comment && !(at[0] == '/' && at[1] == '*');
        at += comment ? comment : ending ? ending : 1;
    }
    return seen;
}

bool edit_fail(struct edit_error *error, const char *format, ...)
{
    va_list args;
    *error = (struct edit_error){0};
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return false;
}

bool edit_fail_at(struct edit_error *error, struct slice text, const char *at, const char *message)
{
    edit_fail(error, "%s", message);
    error->line = error->column = 1;
    text = slice_behind(text, slice_mark(text).length);
    for (const char *p = text.at; p < at; p++) {
        if (*p == '\n') {
            error->line++;
            error->column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            error->column++;
        }
    }
    return false;
}
