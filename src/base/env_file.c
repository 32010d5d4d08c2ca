/* Env file: reads KEY=VALUE lines; comments, `export`, single and double quotes. Nothing in it is expanded. */
#include "env_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

enum { FILE_MAX_BYTES = 64 * KIB };

struct env_pair {
    const char *name;
    char *value;
    struct env_pair *next;
};

static const char name_start[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char name_rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
static const char blanks[] = " \t\r"; /* '\r': files that were edited on Windows */

/* What may follow a closing quote: nothing, or a comment. */
static bool only_comment(const char *text)
{
    text += strspn(text, blanks);
    return *text == '\0' || *text == '#';
}

/* The functions below shorten *value in place and return what is wrong, or NULL. */

static const char *value_single_quoted(char **value)
{
    char *end = strchr(++*value, '\'');

    if (!end)
        return "the quote is not closed on this line";
    if (!only_comment(end + 1))
        return "there is text behind the closing quote";
    *end = '\0';
    return NULL;
}

static const char *value_double_quoted(char **value)
{
    static const char escapes[] = "n\nt\tr\r\"\"\\\\$$``";
    char *in = ++*value;
    char *out = in;

    while (*in && *in != '"') {
        if (*in == '\\') {
            const char *escape = escapes;
            in++;
            while (*escape && *escape != *in)
                escape += 2;
            if (!*escape)
                return "a backslash in double quotes may only stand before \" \\ $ ` n r t; use single quotes";
            *out++ = escape[1];
            in++;
        } else {
            *out++ = *in++;
        }
    }
    if (!*in)
        return "the quote is not closed on this line";
    if (!only_comment(in + 1))
        return "there is text behind the closing quote";
    *out = '\0';
    return NULL;
}

/* Ends before " #..." and before white space at the end. */
static const char *value_plain(char **value)
{
    char *text = *value;
    size_t length = 0;

    if (text[0] == '#' && text[-1] != '=')
        text[0] = '\0'; /* NAME= # comment */
    for (size_t i = 0; text[i]; i++) {
        bool blank = strchr(blanks, text[i]) != NULL;
        if (blank && text[i + 1] == '#')
            break;
        if (!blank)
            length = i + 1;
    }
    text[length] = '\0';
    return NULL;
}

static const char *value_read(char **value)
{
    *value += strspn(*value, blanks);
    if (**value == '\'')
        return value_single_quoted(value);
    if (**value == '"')
        return value_double_quoted(value);
    return value_plain(value);
}

/* One line without its newline. */
static const char *line_read(struct env_file *file, struct arena *arena, char *line)
{
    char *name = line + strspn(line, blanks);

    if (*name == '\0' || *name == '#')
        return NULL;
    if (strncmp(name, "export", 6) == 0 && (name[6] == ' ' || name[6] == '\t')) {
        name += 6;
        name += strspn(name, blanks);
    }
    char *end = name + (strspn(name, name_start) ? strspn(name, name_rest) : 0);
    char *equals = end + strspn(end, blanks);
    if (end == name || *equals != '=')
        return "expected NAME=VALUE";
    *end = '\0';

    char *value = equals + 1;
    const char *problem = value_read(&value);
    if (problem)
        return problem;
    struct env_pair *pair = arena_alloc(arena, sizeof *pair);
    *pair = (struct env_pair){name, value, file->pairs};
    file->pairs = pair;
    return NULL;
}

/* The file's bytes, NUL-terminated, or what is wrong. */
static const char *content_read(struct env_file *file, struct arena *arena, const char *path)
{
    FILE *stream = fopen(path, "re");

    if (!stream)
        return strerror(errno);
    setvbuf(stream, NULL, _IONBF, 0); /* no copy of secrets in stdio's buffer */
    file->content = arena_alloc(arena, FILE_MAX_BYTES + 1);
    errno = 0;
    file->size = fread(file->content, 1, FILE_MAX_BYTES + 1, stream);
    int failure = ferror(stream) ? (errno ? errno : EIO) : 0;
    fclose(stream);
    if (failure)
        return strerror(failure);
    if (file->size > FILE_MAX_BYTES)
        return "is larger than 64 KiB";
    if (!utf8_valid(file->content, file->size))
        return "is not UTF-8 text";
    file->content[file->size] = '\0';
    return NULL;
}

bool env_file_load(struct env_file *out, struct arena *arena, const char *path, char *problem, size_t size)
{
    *out = (struct env_file){0};
    const char *wrong = content_read(out, arena, path);
    if (wrong) {
        snprintf(problem, size, "%s: %s", path, wrong);
        return false;
    }

    char *line = out->content;
    if (strncmp(line, "\xEF\xBB\xBF", 3) == 0)
        line += 3; /* a byte order mark */
    for (unsigned number = 1; line; number++) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        wrong = line_read(out, arena, line);
        if (wrong) {
            snprintf(problem, size, "%s:%u: %s", path, number, wrong);
            return false;
        }
        line = next;
    }
    return true;
}

char *env_file_get(const struct env_file *file, const char *name)
{
    for (struct env_pair *pair = file->pairs; pair; pair = pair->next) /* newest first: the last line wins */
        if (strcmp(pair->name, name) == 0)
            return pair->value;
    return NULL;
}

void env_file_wipe(struct env_file *file)
{
    if (file->content)
        wipe(file->content, file->size);
}
