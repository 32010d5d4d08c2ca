/* Log: one line per event on stderr or in a file, JSON for machines or text for people. Never a secret, never a body. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

struct log_field {
    enum { LOG_FIELD_END, LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_MS } type;
    const char *name;
    const char *text; /* NULL leaves the field out */
    long long integer;
};

/* clang-format off */
#define LOG_STR(field_name, value) {LOG_FIELD_STRING, (field_name), (value), 0}
#define LOG_INT(field_name, value) {LOG_FIELD_INT, (field_name), NULL, (long long)(value)}
/* Microseconds, which stand there as milliseconds with three decimals. */
#define LOG_MS(field_name, value) {LOG_FIELD_MS, (field_name), NULL, (long long)(value)}
/* clang-format on */

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* Lines go to the end of this file from now on (made with mode 0640 when missing); NULL = to standard error. On false
 * errno says why, and they go where they went before. Processes forked later write to the same file. */
bool log_open(const char *path);
/* Opens the file of log_open anew, after somebody renamed it; until that succeeds the renamed one is written on. */
bool log_reopen(void);

/* Writes one line with one write(2), so that lines of several processes never mix. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count);

/* The first element only keeps the array from being empty; it is not passed on. */
#define LOG_FIELDS_(...) ((const struct log_field[]){{LOG_FIELD_END, NULL, NULL, 0}, ##__VA_ARGS__})
#define LOG_AT_(level, message, ...)                                                                                   \
    do {                                                                                                               \
        if (log_enabled(level))                                                                                        \
            log_write((level), (message), LOG_FIELDS_(__VA_ARGS__) + 1,                                                \
                      sizeof LOG_FIELDS_(__VA_ARGS__) / sizeof(struct log_field) - 1);                                 \
    } while (0)

/* log_info("worker started", LOG_INT("worker", 3)); the fields are optional. */
#define log_error(message, ...) LOG_AT_(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_warn(message, ...)  LOG_AT_(LOG_LEVEL_WARN, message, __VA_ARGS__)
#define log_info(message, ...)  LOG_AT_(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_debug(message, ...) LOG_AT_(LOG_LEVEL_DEBUG, message, __VA_ARGS__)
