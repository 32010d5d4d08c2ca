/* Redis URLs, taken apart. */
#include "redis_url.h"

#include <string.h>

#include "util.h"

enum { DEFAULT_PORT = 6379, DATABASE_MAX = 1024 };

/* Percent-decodes a part; false on a bad escape, an encoded NUL, or no room. */
static bool decode(char *out, size_t size, const struct part *part)
{
    const char *text = part->text;
    size_t n = 0;
    for (size_t i = 0; i < part->length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < part->length ? hex_digit(text[i + 1]) : -1,
                low = high >= 0 ? hex_digit(text[i + 2]) : -1;
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

/* `otherwise` where it is not there. */
static bool take_number(const struct part *part, long long otherwise, long long min, long long max, int *out)
{
    long long number = otherwise;
    if (part->length && !parse_int_part(part, min, max, &number))
        return false;
    *out = (int)number;
    return true;
}

bool redis_url_parse(const char *url, struct redis_address *out)
{
    enum { USER = 2, PASSWORD = 4, ADDRESS = 6, NAME = 7, PORT = 9, DATABASE = 11, PARTS };
    struct part part[PARTS];
    memset(out, 0, sizeof *out);
    if (text_matches(url, "^unix:(//)?(/([^/].*)?)$", part, 3))
        return decode(out->path, sizeof out->path, &part[2]);
    return text_matches(url,
                        "^redis://(([^:/?#]*)(:([^/?#]*))?@)?"
                        "(\\[([^]/?#]+)\\]|([^]@/?#:[]+))(:([0-9]+))?(/([0-9]*))?$",
                        part, PARTS) &&
           decode(out->user, sizeof out->user, &part[USER]) &&
           decode(out->password, sizeof out->password, &part[PASSWORD]) &&
           decode(out->host, sizeof out->host, &part[part[ADDRESS].length ? ADDRESS : NAME]) &&
           take_number(&part[PORT], DEFAULT_PORT, 1, 65535, &out->port) &&
           take_number(&part[DATABASE], 0, 0, DATABASE_MAX, &out->database);
}
