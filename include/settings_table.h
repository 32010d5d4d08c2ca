/* Settings, inside: what one row of the table is. Only src/config/settings*.c include this; everyone else settings.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "settings.h"

struct setting;

/* A value on its way into struct settings. */
struct setting_value {
    const char *name;    /* the variable it came from: the row's name or its alias */
    const char *text;    /* what was written; a check may replace it by a cleaned copy */
    const char *shown;   /* what `settings` prints; text unless set; never a secret */
    const char *source;  /* "environment", the file's path, "default" */
    const char *waiting; /* what was written since, shown likewise, and needs a restart; NULL = nothing */
};

/* Where a check says what is wrong, without the variable's name in front and without any part of a secret. */
struct problem {
    struct arena *arena;
    char *text;
    size_t size;
};

typedef bool setting_check(struct setting_value *value, struct problem *problem);

/* Checks value->text and stores it in *field. Text goes through the row's check; "" only ever is a default. */
struct setting_type {
    bool (*store)(const struct setting *row, struct setting_value *value, void *field, struct problem *problem);
    bool number; /* *field is a number and shown as one */
};

extern const struct setting_type setting_text, setting_path, setting_integer, setting_octal, setting_choice;

struct setting_word {
    const char *word;
    int value;
    bool hidden; /* accepted, but not listed */
};

struct setting {
    const char *name;
    const struct setting_type *type;
    size_t offset;        /* of the member in struct settings */
    const char *fallback; /* the default, as one would write it; "" = none */
    long long min, max;   /* integers */
    bool required, secret;
    bool restart;                     /* what is made of it is made before the first fork: a reload cannot change it */
    const char *help;                 /* for the documentation, in Markdown */
    const char *kind;                 /* text: what it has to be, in a few words */
    const char *example;              /* for .env.example when the default says little */
    const char *alias;                /* another variable, used when this one is not set */
    setting_check *check;             /* text: what it must satisfy */
    const struct setting_word *words; /* choices, ended by NULL */
};

/* The table; ended by a row without a name. */
extern const struct setting settings_table[];

/* The row's value in `settings`; loaded ones only. */
const struct setting_value *settings_value(const struct settings *settings, const struct setting *row);

bool problem_set(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "error, warn, info, debug" */
const char *setting_words(const struct setting *row, char *out, size_t size);

setting_check check_database_url, check_host, check_socket, check_jwt_secret, check_secrets_key, check_origins,
    check_url, check_place, check_log_file, check_redis_url, check_networks, check_metrics_token;
