/* Redis URLs, taken apart. */
#include "redis_url.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

enum { DEFAULT_PORT = 6379, DATABASE_MAX = 1024 };

/* Percent-decodes `length` bytes; false on a bad escape, an encoded NUL, or no room. */
static bool decode(char *out, size_t size, const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1, low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0 || high + low == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool parse_login(const char *text, size_t length, struct redis_address *out)
{
    const char *colon = memchr(text, ':', length);
    size_t user = colon ? (size_t)(colon - text) : length;
    return decode(out->user, sizeof out->user, text, user) &&
           (!colon || decode(out->password, sizeof out->password, colon + 1, length - user - 1));
}

static bool parse_port(const char *text, size_t length, int *port)
{
    char digits[8];
    long long number;
    if (length == 0 || length >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)length, text);
    if (!parse_int(digits, 1, 65535, &number))
        return false;
    *port = (int)number;
    return true;
}

static bool parse_host(const char *text, size_t length, struct redis_address *out)
{
    bool bracket = length && *text == '[';
    const char *end = bracket ? memchr(text, ']', length) : memchr(text, ':', length);
    if (bracket && !end)
        return false;
    size_t host = end ? (size_t)(end - text) - bracket : length;
    const char *port = end ? end + bracket : text + length;
    if (host == 0 || !decode(out->host, sizeof out->host, text + bracket, host))
        return false;
    if (port == text + length)
        return true;
    return *port == ':' && parse_port(port + 1, (size_t)(text + length - port) - 1, &out->port);
}

static bool parse_tcp(const char *text, struct redis_address *out)
{
    long long database;
    size_t authority = strcspn(text, "/?#");
    const char *at = find_last(text, authority, '@'), *host = at ? at + 1 : text;
    out->port = DEFAULT_PORT;
    if (at && !parse_login(text, (size_t)(at - text), out))
        return false;
    if (!parse_host(host, authority - (size_t)(host - text), out))
        return false;
    text += authority;
    if (*text == '\0' || strcmp(text, "/") == 0)
        return true;
    if (*text != '/' || !parse_int(text + 1, 0, DATABASE_MAX, &database))
        return false;
    out->database = (int)database;
    return true;
}

bool redis_url_parse(const char *url, struct redis_address *out)
{
    static const char tcp[] = "redis://", local[] = "unix:";
    memset(out, 0, sizeof *out);
    if (strncmp(url, tcp, sizeof tcp - 1) == 0)
        return parse_tcp(url + sizeof tcp - 1, out);
    if (strncmp(url, local, sizeof local - 1) != 0)
        return false;
    url += sizeof local - 1;
    if (strncmp(url, "//", 2) == 0)
        url += 2;
    return *url == '/' && decode(out->path, sizeof out->path, url, strlen(url));
}
