/* TOML cut into parts. Every value knows its line; a key's lines are those of all values below it. */
#include "toml_parts.h"

#include <string.h>

/* The text of a line, and of the end behind the last. Lines count from 1. */
struct lines {
    const char **starts;
    unsigned count;
};

static struct lines lines_of(struct arena *arena, const char *text, size_t length)
{
    size_t count = 1;
    for (size_t i = 0; i < length; i++)
        count += text[i] == '\n';
    struct lines lines = {arena_array(arena, count + 2, sizeof *lines.starts), 0};
    lines.starts[++lines.count] = text;
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + length - at)));)
        lines.starts[++lines.count] = ++at;
    lines.starts[lines.count + 1] = text + length;
    return lines;
}

static bool begins_with(const struct lines *lines, unsigned line, char c)
{
    const char *at = lines->starts[line], *end = lines->starts[line + 1];
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at < end && *at == c;
}

/* What looks like a comment may be the end of a text of several lines, which has three quotes. */
static bool is_comment(const struct lines *lines, unsigned line)
{
    const char *at = lines->starts[line], *end = lines->starts[line + 1];
    bool quotes = false;
    for (; at + 3 <= end && !quotes; at++)
        quotes = (*at == '"' || *at == '\'') && at[1] == *at && at[2] == *at;
    return begins_with(lines, line, '#') && !quotes;
}

static void find_lines(const struct toml *node, unsigned *first, unsigned *last)
{
    *first = node->line && node->line < *first ? node->line : *first;
    *last = node->line > *last ? node->line : *last;
    for (const struct toml *child = node->first; child; child = child->next)
        find_lines(child, first, last);
}

size_t toml_parts(struct arena *arena, const char *text, size_t length, const struct toml *root,
                  struct toml_part **parts)
{
    struct lines lines = lines_of(arena, text, length);
    size_t most = 2, count = 1;
    unsigned last = 0;
    for (const struct toml *node = root->first; node; node = node->next)
        most++;
    struct toml_part *part = *parts = arena_array(arena, most, sizeof **parts);
    *part = (struct toml_part){.text = text};
    for (const struct toml *node = root->first; node; node = node->next) {
        unsigned first = lines.count, end = 0, line;
        find_lines(node, &first, &end);
        if (first > last) {
            for (line = first; line > last + 1 && is_comment(&lines, line - 1);)
                line--;
            *++part = (struct toml_part){
                .text = lines.starts[line], .first = node, .header = begins_with(&lines, first, '[')};
            count++;
        }
        part->count++;
        last = end > last ? end : last;
    }
    for (size_t i = 0; i < count; i++)
        (*parts)[i].length = (size_t)((i + 1 < count ? (*parts)[i + 1].text : text + length) - (*parts)[i].text);
    return count;
}
