/* Small things that several layers need: UTF-8, names, time, numbers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum { KIB = 1024, MIB = 1024 * 1024 };

/* Well-formed UTF-8 (no surrogates, no overlong forms, no NUL), RFC 3629. */
bool utf8_valid(const char *text, size_t length);
/* Bytes of the well-formed sequence that a NUL-terminated text begins with; 0 when it begins with none. */
size_t utf8_sequence(const char *text);
/* Number of code points of a valid string. */
size_t utf8_length(const char *text);
/* Next code point of a valid string; *text moves behind it. 0 at the end. */
uint32_t utf8_next(const char **text);

/* 1-100 code points, letters of any script, digits, '-', '_', '.'; not "." or "..". */
bool name_valid(const char *name);

/* 1-100 code points of any kind but control characters, without white space at either end, and no "." or ".." as a whole or
 * between slashes: what can stand in an address (percent-encoded) and as a quoted key of TOML. */
bool label_valid(const char *text);

int hex_digit(char c); /* its value; -1 when it is none */
bool has_control(const char *text);
bool uuid_valid(const char *text);
/* For tables of names that nobody outside chooses: FNV-1a, 64 bits. Two of some hundred names have the same one about once in
 * 10^14 programs. */
uint64_t name_hash(const char *name);
bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
const char *text_or_null(const char *text);    /* NULL for an empty one, too */
/* The last of so many bytes that is c, or NULL: memrchr, which POSIX does not have. */
const char *find_last(const char *bytes, size_t length, char c);
/* White space is what Unicode says it is. */
bool is_blank(const char *text); /* NULL, "" or white space only */
bool has_white_space(const char *text);
/* *text moves to the first character that is none; returns the bytes up to the last one that is none (0 = all blank). */
size_t trim_white_space(const char **text);

/* The user name, perhaps with a password, in front of the host of the first URL in the text that has one (RFC 3986, 3.2.1),
 * *length bytes without the '@' behind it; NULL when none has. */
const char *url_userinfo(const char *text, size_t *length);
bool url_has_userinfo(const char *text);

/* Whole of text as a number in [min, max]; false otherwise. */
bool parse_int(const char *text, long long min, long long max, long long *out);

/* A piece of a text; "" and 0 for one that is not there. */
struct part {
    const char *text;
    size_t length;
};
/* Whether an extended regular expression (POSIX) finds something in the text: parts[0] is that, the others what its parentheses
 * found, `count` in all. */
bool text_matches(const char *text, const char *expression, struct part *parts, size_t count);
/* In decimal; points into out. */
enum { DECIMAL_TEXT = 24 };
const char *decimal(char out[DECIMAL_TEXT], long long value);
bool parse_int_part(const struct part *part, long long min, long long max, long long *out);

/* RFC 3339 in UTC with milliseconds: "2026-01-31T12:00:00.000Z". */
enum { TIME_TEXT = 32 };
void time_text(char out[TIME_TEXT], struct timespec when);
void time_now_text(char out[TIME_TEXT]);
/* What ISO 8601 and RFC 3339 say of a point in time, "2026-01-31T13:00:00.123456+01:00" (a blank for the T, "Z", "+0100" and "+01" too), as
 * microseconds since 1970, UTC. False for anything else, for a time before 1970, and for one that does not say where it was that late. */
bool time_parse(const char *text, int64_t *us);
int64_t monotonic_ms(void);
int64_t monotonic_us(void);

/* No process has this id. False also when another user's has. */
bool process_gone(pid_t pid);

/* Overwrites and does not get optimised away. */
void wipe(void *bytes, size_t size);
