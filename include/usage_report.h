/* Reports on usage: sums of the ledger by what calls have in common, over a period of a time zone. */
#pragma once

#include "actor.h"
#include "json.h"

/* Whose usage the actor sees: NULL = everybody's in the workspace, which takes the role admin; else his own, as a user's id. */
const char *usage_scope(const struct actor *actor);

/* "Europe/Berlin": the form of a name, which need not be one. PostgreSQL takes "XYZ+3" for a zone as well, which nobody means. */
bool usage_zone_plausible(const char *zone);

/* What calls are put together by. */
enum { USAGE_GROUPS_MAX = 3 };
#define USAGE_TIMES       "hour|day|week|month|window"
#define USAGE_GROUP_NAMES USAGE_TIMES "|user|machine|platform|provider|profile|model|project|branch|tier|source|session"

struct usage_question {
    const char *user_id; /* NULL = everybody's */
    const char *from,
        *to; /* a date of the zone or a time (RFC 3339); NULL: 30 days, up to today. A date in `to` is included. */
    const char *zone;                     /* NULL = the workspace's */
    const char *groups[USAGE_GROUPS_MAX]; /* of USAGE_GROUP_NAMES, one of USAGE_TIMES at most; NULL behind the last */
    json_t *
        filters; /* {"model": ["claude-sonnet-4-5", …]}; of user, machine, platform, provider, profile, model, project; NULL = none */
    bool compare;      /* with as long a period before */
    const char *order; /* cost, tokens, calls (the greatest first) or name */
    long long limit, offset;
};

/* Splits "a,b\,c" into an array of texts of at most `max` characters, and puts it into `filters` under the name; a model's name becomes its
 * key of prices. NULL is left out. ERR_VALIDATION with the field. */
enum error usage_filter(struct actor *actor, json_t *filters, const char *name, const char *text);

/* Splits "day,user" into the question's groups. ERR_VALIDATION under "group". */
enum error usage_group_by(struct actor *actor, struct usage_question *question, const char *text);

/* Whether one of them is a time. */
bool usage_has_time(const struct usage_question *question);

/* As the answer names them; times are RFC 3339 in UTC. */
struct usage_period {
    const char *zone;
    const char *from, *to, *before; /* `before`: where the period that it is compared with begins; `from` without one */
};

struct usage_report {
    struct usage_period period;
    struct rows
        rows; /* the sum of all, then those of the page: usage_report_group() and usage_report_sums() say what is in them */
    long long total; /* rows in all */
    const char *groups[USAGE_GROUPS_MAX];
};

/* ERR_VALIDATION with the field for a period that is none, or too long for its groups. */
enum error usage_report(struct actor *actor, const struct usage_question *question, struct usage_report *report);

/* What the row is for, of the report's group `index`: NULL = not known any more (a user who is gone). */
const char *usage_report_group(const struct usage_report *report, const struct row *row, size_t index);

/* What is summed up, in the order of these names; texts of numbers, cost with six decimals at most. */
enum { USAGE_SUMS = 9 };
extern const char *const usage_sum_names[USAGE_SUMS];
const char *usage_report_sum(const struct row *row, size_t index, bool before);

/* As members of the object that is open. */
void usage_report_write_sums(const struct row *row, bool before, struct json_writer *w);
/* The same with the groups. */
void usage_report_write_row(const struct usage_report *report, const struct row *row, bool compare,
                            struct json_writer *w);
