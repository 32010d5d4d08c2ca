/* UTF-8, names, numbers, time and wiping. */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unicode_letters.inc"

enum { NAME_MAX_CODE_POINTS = 100, PARTS_MAX = 16 };

/* Length of the well-formed sequence at bytes, 0 when there is none. Table 3-7 of the Unicode standard: only the second
 * byte's range depends on the first. */
static size_t sequence(const unsigned char *bytes, size_t left)
{
    unsigned char lead = left ? bytes[0] : 0;
    if (lead < 0x80)
        return lead ? 1 : 0;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;

    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length > left)
        return 0;
    unsigned char lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;  /* below: overlong */
    unsigned char highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf; /* above: surrogates, over U+10FFFF */
    if (bytes[1] < lowest || bytes[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

size_t utf8_sequence(const char *text)
{
    return sequence((const unsigned char *)text, strnlen(text, 4));
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    while (length > 0) {
        size_t step = sequence(bytes, length);
        if (step == 0)
            return false;
        bytes += step;
        length -= step;
    }
    return true;
}

size_t utf8_length(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

uint32_t utf8_next(const char **text)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *bytes = (const unsigned char *)*text;
    if (*bytes == 0)
        return 0;
    size_t length = utf8_sequence(*text);
    if (length == 0) { /* not a valid string after all: one replacement character a byte */
        ++*text;
        return 0xfffd;
    }
    uint32_t code = bytes[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    *text += length;
    return code;
}

static bool letter_or_digit(uint32_t code)
{
    size_t low = 0, high = ARRAY_SIZE(unicode_letters);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code > unicode_letters[middle].last)
            low = middle + 1;
        else if (code < unicode_letters[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

bool name_valid(const char *name)
{
    if (!name || !utf8_valid(name, strlen(name)) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    size_t count = 0;
    uint32_t code;
    while ((code = utf8_next(&name)) != 0) {
        if (!letter_or_digit(code) && code != '-' && code != '_' && code != '.')
            return false;
        if (++count > NAME_MAX_CODE_POINTS)
            return false;
    }
    return count > 0;
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool has_control(const char *text)
{
    uint32_t code;
    while ((code = utf8_next(&text)) != 0)
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            return true;
    return false;
}

bool uuid_valid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (!text || strlen(text) != sizeof shape - 1)
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* Unicode's White_Space property: U+3000 is what a Chinese keyboard types for a space. */
static bool white_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

uint64_t name_hash(const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return hash;
}

bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

const char *text_or_null(const char *text)
{
    return text && *text ? text : NULL;
}

bool is_blank(const char *text)
{
    if (!text)
        return true;
    while (*text)
        if (!white_space(utf8_next(&text)))
            return false;
    return true;
}

bool has_white_space(const char *text)
{
    uint32_t code;
    while ((code = utf8_next(&text)) != 0)
        if (white_space(code))
            return true;
    return false;
}

const char *find_last(const char *bytes, size_t length, char c)
{
    while (length > 0)
        if (bytes[--length] == c)
            return bytes + length;
    return NULL;
}

const char *url_userinfo(const char *text, size_t *length)
{
    /* A backslash ends the authority, too, for whoever follows the URL standard of the WHATWG; a quotation mark ends the URL. */
    for (const char *at = strstr(text, "://"); at; at = strstr(at, "://")) {
        at += strlen("://");
        const char *end = find_last(at, strcspn(at, "/?#\\\" \t\r\n"), '@');
        if (!end)
            continue;
        *length = (size_t)(end - at);
        return at;
    }
    return NULL;
}

bool url_has_userinfo(const char *text)
{
    size_t length;
    return url_userinfo(text, &length) != NULL;
}

size_t trim_white_space(const char **text)
{
    const char *next = *text, *end = NULL;
    while (*next) {
        const char *here = next;
        if (white_space(utf8_next(&next)))
            continue;
        if (!end)
            *text = here;
        end = next;
    }
    return end ? (size_t)(end - *text) : 0;
}

/* Between slashes: servers and proxies on the way take those for folders, also when they are percent-encoded. */
static bool has_dot_segment(const char *text)
{
    for (;;) {
        size_t length = strcspn(text, "/");
        if ((length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.'))
            return true;
        if (!text[length])
            return false;
        text += length + 1;
    }
}

bool label_valid(const char *text)
{
    if (!text || !utf8_valid(text, strlen(text)) || utf8_length(text) > NAME_MAX_CODE_POINTS)
        return false;
    const char *start = text;
    size_t length = trim_white_space(&start);
    return length > 0 && length == strlen(text) && !has_control(text) && !has_dot_segment(text);
}

bool parse_int(const char *text, long long min, long long max, long long *out)
{
    /* strtoll would also take white space and '+' in front. */
    if (!text || (*text != '-' && !isdigit((unsigned char)*text)))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool parse_int_part(const struct part *part, long long min, long long max, long long *out)
{
    char digits[24];
    if (part->length >= sizeof digits)
        return false;
    memcpy(digits, part->text, part->length);
    digits[part->length] = '\0';
    return parse_int(digits, min, max, out);
}

bool text_matches(const char *text, const char *expression, struct part *parts, size_t count)
{
    regex_t compiled;
    regmatch_t found[PARTS_MAX];
    if (count > PARTS_MAX || regcomp(&compiled, expression, REG_EXTENDED) != 0)
        return false;
    bool matches = regexec(&compiled, text, count, found, 0) == 0;
    for (size_t i = 0; matches && i < count; i++)
        parts[i] = found[i].rm_so < 0 ? (struct part){"", 0}
                                      : (struct part){text + found[i].rm_so, (size_t)(found[i].rm_eo - found[i].rm_so)};
    regfree(&compiled);
    return matches;
}

const char *decimal(char out[DECIMAL_TEXT], long long value)
{
    char *digits = out + DECIMAL_TEXT - 1;
    unsigned long long left = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
    *digits = '\0';
    do {
        *--digits = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        *--digits = '-';
    return digits;
}

/* Keeps what it made of the last second: most lines of a log share theirs with the one before. */
void time_text(char out[TIME_TEXT], struct timespec when)
{
    static char text[TIME_TEXT];
    static time_t second;
    static size_t length;
    int ms = (int)(when.tv_nsec / 1000000);
    struct tm tm;
    if (!length || when.tv_sec != second) {
        if (!gmtime_r(&when.tv_sec, &tm)) /* the year does not fit an int */
            tm = (struct tm){.tm_year = 70, .tm_mday = 1};
        length = strftime(text, sizeof text - sizeof ".000Z", "%Y-%m-%dT%H:%M:%S", &tm);
        second = when.tv_sec;
    }
    const char end[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', '\0'};
    memcpy(out, text, length);
    memcpy(out + length, end, sizeof end);
}

void time_now_text(char out[TIME_TEXT])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_text(out, now);
}

/* Days since 1970 of a date of the Gregorian calendar, which repeats itself after 400 years of 146,097 days. Years are counted from
 * March, so that the day that some have more is their last; (153 m + 2) / 5 is the day that the m-th month after it begins on. */
static int64_t days_since_1970(int year, int month, int day)
{
    enum { DAYS_OF_400_YEARS = 146097, FROM_YEAR_0_TO_1970 = 719468 };
    year -= month <= 2;
    int century = year / 400, of_400 = year % 400;
    int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (int64_t)century * DAYS_OF_400_YEARS + of_400 * 365 + of_400 / 4 - of_400 / 100 + of_year -
           FROM_YEAR_0_TO_1970;
}

/* So many digits, as a number of [min, max]; *text moves behind them. */
static bool take_digits(const char **text, int digits, int min, int max, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, ++*text) {
        if (**text < '0' || **text > '9')
            return false;
        *out = *out * 10 + (**text - '0');
    }
    return *out >= min && *out <= max;
}

static bool take_mark(const char **text, const char *marks)
{
    if (!**text || !strchr(marks, **text))
        return false;
    ++*text;
    return true;
}

static bool take_date(const char **text, int64_t *days)
{
    static const int lengths[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!take_digits(text, 4, 1, 9999, &year) || !take_mark(text, "-") || !take_digits(text, 2, 1, 12, &month) ||
        !take_mark(text, "-") || !take_digits(text, 2, 1, 31, &day))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    *days = days_since_1970(year, month, day);
    return day <= lengths[month] + (month == 2 && leap);
}

/* Seconds east of Greenwich. */
static bool take_offset(const char **text, int *seconds)
{
    int hours, minutes = 0;
    *seconds = 0;
    if (take_mark(text, "Zz"))
        return true;
    bool west = **text == '-';
    if (!take_mark(text, "+-") || !take_digits(text, 2, 0, 23, &hours))
        return false;
    bool colon = take_mark(text, ":");
    if ((colon || **text) && !take_digits(text, 2, 0, 59, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

bool time_parse(const char *text, int64_t *us)
{
    enum { US = 1000000, DAY = 24 * 60 * 60 };
    int64_t days;
    int hour, minute, second, offset, digit;
    int64_t fraction = 0;

    if (!take_date(&text, &days) || !take_mark(&text, "Tt ") || !take_digits(&text, 2, 0, 23, &hour) ||
        !take_mark(&text, ":") || !take_digits(&text, 2, 0, 59, &minute) || !take_mark(&text, ":") ||
        !take_digits(&text, 2, 0, 60, &second)) /* 60: a leap second */
        return false;
    if (take_mark(&text, ".,")) {
        int64_t unit = US / 10;
        do {
            if (!take_digits(&text, 1, 0, 9, &digit))
                return false;
            fraction += digit * unit;
            unit /= 10;
        } while (*text >= '0' && *text <= '9');
    }
    if (!take_offset(&text, &offset) || *text)
        return false;
    *us = ((days * DAY + (hour * 60 + minute) * 60 + second) - offset) * US + fraction;
    return *us >= 0;
}

int64_t monotonic_ms(void)
{
    return monotonic_us() / 1000;
}

int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool process_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

void wipe(void *bytes, size_t size)
{
    if (size) /* callers wipe what may never have been set: NULL, 0 */
        sodium_memzero(bytes, size);
}
