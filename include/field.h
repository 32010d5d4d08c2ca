/* Field: what one member of a JSON object, or one query parameter, may be. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "actor.h"

enum field_type {
    FIELD_END,
    FIELD_TEXT,  /* UTF-8 without control characters except newline and tab */
    FIELD_NAME,  /* name_valid() */
    FIELD_LABEL, /* label_valid() */
    FIELD_URL,   /* url_valid() */
    FIELD_KEY,   /* TEXT without white space: what goes into a header as it is */
    FIELD_BOOL,
    FIELD_INT,     /* a whole number; "" counts as null */
    FIELD_STRINGS, /* array of texts */
    FIELD_OBJECT,
    FIELD_MAP,     /* object of texts, at most `max` of them */
    FIELD_OBJECTS, /* array of objects, at most `max` */
    FIELD_NUMBER,  /* with a fraction or without; min and max as for INT */
    FIELD_FILES,   /* object, path (file_path.h) -> its text, or {"base64": its bytes}; at most `max` of them */
    FIELD_JSON,    /* anything; at most `max` bytes as JSON */
    FIELD_AMOUNT,  /* a number or a text of its digits, as price_amount() has it; becomes the text. "" counts as null */
    FIELD_INTS,    /* array of whole numbers */
};

enum field_flag {
    FIELD_REQUIRED = 1, /* present, not null, not blank */
    FIELD_TRIM = 2,     /* white space at both ends is cut off; blank becomes null */
    FIELD_SECRET = 4,   /* never echoed, not even in an error */
    FIELD_POSITIVE = 8, /* AMOUNT: more than 0 */
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    long long min,
        max; /* INT: range (both 0 = any); TEXT: code points (max 0 = 1000); STRINGS, INTS: entries (0 = 100) */
    const char *choices; /* TEXT: "a|b|c"; NULL = any */
    /* FIELD_REQUIRED where that depends on the object's other members, or the platform it is for; NULL = the flag alone says it. */
    bool (*required)(const json_t *object, const char *platform);
};

/* Checks object[field->name], and trims it there. Says what is wrong with fail_field(). ERR_VALIDATION. */
enum error field_check(struct actor *actor, json_t *object, const struct field *field);
/* The same for a text that stands in no object. */
enum error field_check_text(struct actor *actor, const struct field *field, const char *text);
/* What is wrong with a text for a field of a type that is one: MSG_NONE, or a message and its argument (or NULL). */
enum message field_problem(struct actor *actor, const struct field *field, const char *text, const char **argument);
/* The most it may be, in the unit of its type: what the field says, or else what holds for the type. 0 = nothing in particular. */
long long field_max(const struct field *field);
/* The most code points of each text in STRINGS and MAP, bytes of each file in FILES; 0 for other types. */
long long field_item_max(const struct field *field);
/* A text that is a date, midnight in UTC, or a time (RFC 3339), as PostgreSQL reads it; *out is NULL when text is. ERR_VALIDATION
 * (MSG_TIME). field_time.c */
enum error field_time(struct actor *actor, const char *name, const char *text, const char **out);
/* The same for a date alone, which is given as it is (MSG_DATE). */
enum error field_date(struct actor *actor, const char *name, const char *text, const char **out);
/* Which of "a|b|c" the text is, from 0; -1 when it is none. */
int field_choice(const char *choices, const char *text);
