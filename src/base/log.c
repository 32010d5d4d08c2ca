/* Log: builds a line on the stack, so that it can be written even when memory has run out. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "util.h"

/* TAIL is kept free for what closes a cut line: the quote, the mark, the brace and the newline. */
enum { LINE_LIMIT = 16 * KIB, TAIL = 32 };

struct line {
    size_t length;
    bool cut;
    char text[LINE_LIMIT];
};

static enum log_level enabled_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_JSON;
static int log_fd = STDERR_FILENO;
static char log_path[PATH_MAX]; /* "" = standard error */

static const struct {
    const char *json, *text;
} level_names[] = {
    [LOG_LEVEL_ERROR] = {"error", "ERROR"},
    [LOG_LEVEL_WARN] = {"warn", "WARN"},
    [LOG_LEVEL_INFO] = {"info", "INFO"},
    [LOG_LEVEL_DEBUG] = {"debug", "DEBUG"},
};

void log_configure(enum log_level level, enum log_format format)
{
    enabled_level = level;
    line_format = format;
}

bool log_enabled(enum log_level level)
{
    return level <= enabled_level;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void use_descriptor(int fd)
{
    if (log_fd != STDERR_FILENO)
        close(log_fd);
    log_fd = fd;
}

bool log_open(const char *path)
{
    if (!path) {
        use_descriptor(STDERR_FILENO);
        log_path[0] = '\0';
        return true;
    }
    if (strlen(path) >= sizeof log_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return false;
    use_descriptor(fd);
    if (path != log_path)
        memcpy(log_path, path, strlen(path) + 1);
    return true;
}

bool log_reopen(void)
{
    return log_path[0] == '\0' || log_open(log_path);
}

static bool write_line(int fd, const struct line *line)
{
    ssize_t written;
    while ((written = write(fd, line->text, line->length)) < 0 && errno == EINTR)
        ;
    return written == (ssize_t)line->length;
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

/* All of bytes or nothing; after the first that did not fit, nothing more. */
static void put_bytes(struct line *line, const char *bytes, size_t length)
{
    if (line->length + length > LINE_LIMIT - TAIL)
        line->cut = true;
    if (line->cut)
        return;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void put_text(struct line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

/* Into the room that put_bytes() leaves. */
static void put_tail(struct line *line, const char *text)
{
    size_t length = strlen(text);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

/* Writes what text begins with, escaped as in a JSON string; returns how many bytes that was. Control characters are
 * escaped up to U+009F: some would steer the terminal the log is read on. */
static size_t put_character(struct line *line, const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t length = utf8_sequence(text);
    if (length == 0) {
        put_text(line, "\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
        c = (unsigned char)text[1];
    else if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\') {
        put_bytes(line, text, length);
        return length;
    }

    char escape[8] = {'\\', (char)c};
    if (c == '\n' || c == '\t')
        escape[1] = c == '\n' ? 'n' : 't';
    else if (c != '"' && c != '\\')
        snprintf(escape, sizeof escape, "\\u%04x", c);
    put_text(line, escape);
    return length;
}

static void put_escaped(struct line *line, const char *text)
{
    size_t length = strlen(text);
    if (json_plain(text, length) && line->length + length <= LINE_LIMIT - TAIL) /* nearly every one */
        put_bytes(line, text, length);
    else
        while (*text && !line->cut)
            text += put_character(line, text);
}

/* A value may be cut anywhere between two characters, but not before its first quote. */
static void put_string(struct line *line, const char *text, bool quoted)
{
    if (quoted)
        put_bytes(line, "\"", 1);
    if (line->cut)
        return;
    put_escaped(line, text);
    if (quoted)
        put_tail(line, "\"");
}

static bool needs_quotes(const char *text)
{
    return *text == '\0' || strpbrk(text, " \"=\\") || has_control(text);
}

static void put_number(struct line *line, const struct log_field *field)
{
    char number[DECIMAL_TEXT];
    long long thousandths = field->type == LOG_FIELD_MS ? field->integer % 1000 : 0;
    put_text(line, decimal(number, field->type == LOG_FIELD_MS ? field->integer / 1000 : field->integer));
    if (thousandths) {
        put_text(line, ".");
        put_text(line, decimal(number, 1000 + thousandths) + 1);
    }
}

static void put_field(struct line *line, const struct log_field *field)
{
    bool json = line_format == LOG_FORMAT_JSON;
    size_t start = line->length;

    put_text(line, json ? ",\"" : " ");
    put_escaped(line, field->name);
    put_text(line, json ? "\":" : "=");
    size_t value = line->length;
    if (field->type == LOG_FIELD_STRING)
        put_string(line, field->text, json || needs_quotes(field->text));
    else
        put_number(line, field);

    /* Part of a string is worth keeping; part of a name or number is not. */
    if (line->cut && (field->type != LOG_FIELD_STRING || line->length == value))
        line->length = start;
}

static void put_head(struct line *line, enum log_level level, const char *message)
{
    char now[TIME_TEXT];
    time_now_text(now);
    bool json = line_format == LOG_FORMAT_JSON;

    put_text(line, json ? "{\"time\":\"" : "");
    put_text(line, now);
    put_text(line, json ? "\",\"level\":\"" : " ");
    put_text(line, json ? level_names[level].json : level_names[level].text);
    put_text(line, json ? "\",\"message\":" : " ");
    put_string(line, message, json);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    int saved_errno = errno; /* callers log in the middle of handling an error */
    struct line line;
    line.length = 0;
    line.cut = false;

    put_head(&line, level, message);
    for (size_t i = 0; i < count && fields[i].type != LOG_FIELD_END && !line.cut; i++)
        if (fields[i].type != LOG_FIELD_STRING || fields[i].text)
            put_field(&line, &fields[i]);

    bool json = line_format == LOG_FORMAT_JSON;
    if (line.cut)
        put_tail(&line, json ? ",\"cut\":true" : " cut=true");
    put_tail(&line, json ? "}\n" : "\n");

    if (!write_line(log_fd, &line) && log_fd != STDERR_FILENO) /* a full disk, mostly: the journal may be elsewhere */
        write_line(STDERR_FILENO, &line);
    errno = saved_errno;
}
