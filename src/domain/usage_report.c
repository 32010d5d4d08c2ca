/* Reports on usage. Days of the workspace by one thing, and by user, are read from the sums of its facets, by several things from the sums of
 * its days, anything else from those of quarters of an hour, and sessions from the calls themselves. One statement for each of these serves all
 * groupings: what a row is put together by are its parameters. */
#include "usage_report.h"

#include <string.h>

#include "field.h"
#include "price_name.h"
#include "util.h"

enum {
    VALUES_MAX = 100,    /* of a filter */
    VALUE_MAX = 1000,    /* characters of each */
    FINE_DAYS_MAX = 400, /* where quarters of an hour are added up */
    CALL_DAYS_MAX = 100, /* where calls or windows are */
    TEXT_DATE = sizeof "2026-01-31" - 1,
};

/* ---- the period ------------------------------------------------------------------------------------------------- */

/* $1 zone, $2 and $3 from, $4 and $5 to (a date and a time, one of the two at most), $6 compare. Times are widened to quarters of an hour. The
 * period before is as many days long where days are whole, whatever the clock was put to, else as many seconds. */
#define QUARTER "interval '15 minutes'"
#define EPOCH   "timestamptz 'epoch'"
static const struct statement find_period = {
    "usage_period",
    "WITH z AS (SELECT w.time_zone AS own, CASE WHEN $1::text IS NULL THEN w.time_zone ELSE $1 END AS zone FROM workspaces w"
    " WHERE w.id = (SELECT ccr_workspace())),"
    " u AS (SELECT z.own, z.zone, CASE WHEN $5::timestamptz IS NOT NULL"
    " THEN date_bin(" QUARTER ", $5::timestamptz + " QUARTER " - interval '1 microsecond', " EPOCH ")"
    " WHEN $4::date IS NOT NULL THEN ($4::date + 1)::timestamp AT TIME ZONE z.zone"
    " ELSE (date_trunc('day', now() AT TIME ZONE z.zone) + interval '1 day') AT TIME ZONE z.zone END AS until FROM z),"
    " p AS (SELECT u.own, u.zone, u.until, CASE WHEN $3::timestamptz IS NOT NULL THEN date_bin(" QUARTER
    ", $3::timestamptz, " EPOCH ") WHEN $2::date IS NOT NULL THEN $2::date::timestamp AT TIME ZONE u.zone"
    " ELSE (u.until AT TIME ZONE u.zone - interval '30 days') AT TIME ZONE u.zone END AS since FROM u),"
    " q AS (SELECT p.own, p.zone, p.since, p.until, date_trunc('day', p.since, p.zone) = p.since"
    " AND date_trunc('day', p.until, p.zone) = p.until AS whole,"
    " (p.until AT TIME ZONE p.zone)::date - (p.since AT TIME ZONE p.zone)::date AS days FROM p)"
    " SELECT q.zone, " SQL_TIME("q.since") " AS since, " SQL_TIME("q.until") " AS until, " SQL_TIME(
        "CASE WHEN NOT $6::boolean THEN q.since WHEN q.whole THEN ((q.since AT TIME ZONE q.zone)::date - q.days)"
        "::timestamp AT TIME ZONE q.zone ELSE q.since - (q.until - q.since) END") " AS before,"
                                                                                  " CASE WHEN q.whole THEN q.days || ' days' ELSE extract(epoch FROM q.until - q.since) || ' seconds' END AS shift,"
                                                                                  " q.whole AND q.zone = q.own AS own_days, ceil(extract(epoch FROM q.until - q.since) / 86400)::bigint AS days FROM q"};

enum { PERIOD_ZONE, PERIOD_SINCE, PERIOD_UNTIL, PERIOD_BEFORE, PERIOD_SHIFT, PERIOD_OWN_DAYS, PERIOD_DAYS };

/* ---- the sums --------------------------------------------------------------------------------------------------- */

/* $1 since, $2 until, $3 where the period before begins, $4 how far it is away, $5 zone, $6 what time is cut into ('' = nothing), $7 to $9 groups,
 * $10 user, $11 filters, $12 order, $13 limit, $14 offset, $15 grain or facet.
 *
 * What rows of the sums are put together by is found for each group of calls and numbered, so that thousands of rows are put together by numbers.
 * Which groups are wanted is one expression: of several the planner would think that hardly any is left. */

/* clang-format off */
#define IN_PERIOD(time)                                                                                                \
    "s.workspace_id = (SELECT ccr_workspace()) AND s." time " >= $3::timestamptz AND s." time " < $2::timestamptz"
/* Rows of the period before stand beside those that are as far from its beginning. */
#define MOVED(what, time)                                                                                              \
    "CASE WHEN s." time " >= $1::timestamptz THEN " what                                                               \
    " WHEN $4::text LIKE '%day%' THEN (" what " AT TIME ZONE $5::text + $4::interval) AT TIME ZONE $5::text"           \
    " ELSE " what " + $4::interval END"
#define BUCKET(time)                                                                                                   \
    "CASE WHEN $6 = 'day' AND $15::text NOT IN ('', 'q') THEN " MOVED("s." time, time)                                                  \
    " ELSE date_trunc($6, " MOVED("s." time, time) ", $5::text) END"
#define NAMES "ARRAY[$7::text, $8::text, $9::text]"

#define EACH_AND(form, cost_form)                                                                                      \
    form("calls") ", " form("input") ", " form("output") ", " form("cache_read") ", " form("cache_write") ", "         \
    form("cache_write_1h") ", " form("reasoning") ", " cost_form("cost") ", " form("unpriced")
#define EACH(form) EACH_AND(form, form)
#define WAS(column) "was_" column
#define ITSELF(column) column
#define OF_ROW(column) "s." column
#define ALL(column) "coalesce(sum(" column "), 0)"
#define ALL_WAS(column) "coalesce(sum(was_" column "), 0)"
#define SHOWN(column) "n." column
#define SHOWN_COST(column) "trim_scale(round(n." column ", 6))"
#define SHOWN_WAS(column) "n.was_" column
#define SHOWN_COST_WAS(column) SHOWN_COST("was_" column)
#define NOW_AND_BEFORE(expression, column, time)                                                                       \
    "coalesce(sum(" expression ") FILTER (WHERE s." time " >= $1::timestamptz), 0) AS " column                         \
    ", coalesce(sum(" expression ") FILTER (WHERE s." time " < $1::timestamptz), 0) AS was_" column
#define COUNTS(time)                                                                                                   \
    NOW_AND_BEFORE("s.input", "input", time) ", " NOW_AND_BEFORE("s.output", "output", time) ", "                      \
    NOW_AND_BEFORE("s.cache_read", "cache_read", time) ", " NOW_AND_BEFORE("s.cache_write", "cache_write", time) ", "  \
    NOW_AND_BEFORE("s.cache_write_1h", "cache_write_1h", time) ", " NOW_AND_BEFORE("s.reasoning", "reasoning", time)
#define OF_SUMS                                                                                                        \
    NOW_AND_BEFORE("s.calls", "calls", "start") ", " NOW_AND_BEFORE("s.cost", "cost", "start") ", "                    \
    NOW_AND_BEFORE("s.unpriced", "unpriced", "start") ", " COUNTS("start")
#define OF_CALLS                                                                                                       \
    NOW_AND_BEFORE("1", "calls", "at") ", " NOW_AND_BEFORE("s.cost", "cost", "at") ", "                                \
    NOW_AND_BEFORE("(s.cost IS NULL)::integer", "unpriced", "at") ", " COUNTS("at")
/* Bucket (seconds), source (3 bits) and key (24 bits) as one number: three columns would each count as of many values, and be sorted. */
#define NUMBER(bucket) NUMBER_OF(bucket, "g.key")
#define NUMBER_OF(bucket, key)                                                                                              \
    "((CASE WHEN $6 = '' THEN 0 ELSE date_part('epoch', " bucket ")::bigint END << 3)"                                 \
    " + CASE WHEN 'source' = ANY (" NAMES ") THEN s.sources ELSE 0 END << 24) + " key " AS number"

#define FROM_SUMS                                                                                                      \
    "SELECT " NUMBER(BUCKET("start")) ", NULL::bigint AS session, " OF_SUMS                                            \
    " FROM usage_sums s JOIN g ON g.id = s.group_id WHERE s.grain = $15::\"char\" AND " IN_PERIOD("start")             \
    " GROUP BY 1"
#define FROM_FACETS                                                                                                    \
    "SELECT " NUMBER(BUCKET("start")) ", NULL::bigint AS session, " OF_SUMS                                            \
    " FROM usage_facet_days s JOIN g ON g.id = s.facet_id WHERE s.facet = $15::\"char\" AND " IN_PERIOD("start")       \
    " GROUP BY 1"
/* Behind OFFSET 0 the planner cannot look up rows for each window. */
#define FROM_WINDOWS                                                                                                   \
    "SELECT " NUMBER_OF(MOVED("w.began", "start"), "s.key") ", NULL::bigint AS session, " OF_SUMS                      \
    " FROM (SELECT g.key, g.user_id, g.platform, s.start, s.sources, " EACH(OF_ROW)                                    \
    " FROM usage_sums s JOIN g ON g.id = s.group_id WHERE s.grain = $15::\"char\" AND " IN_PERIOD("start")             \
    " OFFSET 0) s JOIN ccr_usage_windows($3::timestamptz, $2::timestamptz, $10::uuid) w ON w.user_id = s.user_id"      \
    " AND w.platform = s.platform AND w.hour = date_bin(interval '1 hour', s.start, " EPOCH ") GROUP BY 1"
#define FROM_CALLS                                                                                                     \
    "SELECT " NUMBER(BUCKET("at")) ", s.session_id AS session, " OF_CALLS                                              \
    " FROM usage_calls s JOIN g ON g.id = s.group_id WHERE " IN_PERIOD("at") " GROUP BY 1, 2"

#define USER_OF_GROUP "(SELECT u.username FROM users u WHERE u.id = g.user_id)"
#define KEY(number, parameter)                                                                                         \
    "(CASE " parameter "::text WHEN 'user' THEN " USER_OF_GROUP " WHEN 'machine' THEN g.machine"                       \
    " WHEN 'platform' THEN g.platform WHEN 'provider' THEN g.provider WHEN 'profile' THEN g.profile"                   \
    " WHEN 'model' THEN g.price_model WHEN 'project' THEN g.project WHEN 'branch' THEN g.branch"                       \
    " WHEN 'tier' THEN g.tier END) COLLATE \"C\" AS k" number
#define KEY_OF_ROW(number, parameter)                                                                                  \
    "(CASE " parameter "::text WHEN 'source' THEN (f.number >> 24 & 7)::text WHEN 'session' THEN f.session::text"                  \
    " ELSE k.k" number " END) COLLATE \"C\" AS k" number
#define FILTER_TEXTS(name) "(SELECT json_array_elements_text($11::json -> '" name "'))"
#define UNWANTED(name, column)                                                                                         \
    " WHEN (SELECT $11::json -> '" name "' IS NOT NULL) AND " column " NOT IN " FILTER_TEXTS(name) " THEN false"

#define GROUPS " FROM usage_groups g WHERE g.workspace_id = (SELECT ccr_workspace())"
#define FACETS " FROM usage_facets g WHERE g.workspace_id = (SELECT ccr_workspace()) AND g.facet = $15::\"char\""
#define REPORT(groups, source)                                                                                                 \
    "WITH g AS MATERIALIZED (SELECT g.id, g.user_id, g.platform, g.k1, g.k2, g.k3,"                                    \
    " dense_rank() OVER (ORDER BY g.k1, g.k2, g.k3) AS key FROM (SELECT g.id, g.user_id, g.platform, "                 \
    KEY("1", "$7") ", " KEY("2", "$8") ", " KEY("3", "$9")                                                             \
    groups " AND CASE"                                                                                                 \
    " WHEN $10::uuid IS NOT NULL AND g.user_id <> $10::uuid THEN false"                                                \
    " WHEN (SELECT $11::json -> 'user' IS NOT NULL) AND g.user_id NOT IN (SELECT u.id FROM users u"                    \
    " WHERE lower(u.username) IN (SELECT lower(t) FROM " FILTER_TEXTS("user") " AS n (t))) THEN false"                 \
    UNWANTED("machine", "g.machine") UNWANTED("platform", "g.platform") UNWANTED("provider", "g.provider")             \
    UNWANTED("profile", "g.profile") UNWANTED("model", "g.price_model") UNWANTED("project", "g.project")               \
    " ELSE true END) AS g),"                                                                                           \
    " k AS (SELECT DISTINCT g.key, g.k1, g.k2, g.k3 FROM g),"                                                          \
    " f AS MATERIALIZED (" source "),"                                                                                 \
    " r AS (SELECT false AS whole, CASE WHEN $6 <> '' THEN " EPOCH " + (f.number >> 27) * interval '1 second' END AS bucket, "  \
    KEY_OF_ROW("1", "$7") ", " KEY_OF_ROW("2", "$8") ", "                   \
    KEY_OF_ROW("3", "$9") ", " EACH(ITSELF) ", " EACH(WAS) " FROM f JOIN k ON k.key = (f.number & 16777215)"                           \
    " WHERE f.calls <> 0 OR f.was_calls <> 0"                                                                          \
    " UNION ALL SELECT true, NULL, NULL, NULL, NULL, " EACH(ALL) ", " EACH(ALL_WAS) " FROM f),"                        \
    " n AS (SELECT r.whole, r.bucket, r.k1, r.k2, r.k3, " EACH(ITSELF) ", " EACH(WAS) ", "                             \
    " count(*) FILTER (WHERE NOT r.whole) OVER () AS total, row_number() OVER (PARTITION BY r.whole"                   \
    " ORDER BY CASE $12 WHEN 'cost' THEN r.cost WHEN 'calls' THEN r.calls WHEN 'tokens'"                               \
    " THEN r.input + r.output + r.cache_read + r.cache_write + r.cache_write_1h END DESC,"                             \
    " r.bucket, r.k1, r.k2, r.k3) AS place FROM r)"                                                                    \
    " SELECT n.total, CASE $6 WHEN 'month' THEN to_char(n.bucket AT TIME ZONE $5::text, 'YYYY-MM')"                    \
    " WHEN 'week' THEN to_char(n.bucket AT TIME ZONE $5::text, 'YYYY-MM-DD')"                                          \
    " WHEN 'day' THEN to_char(n.bucket AT TIME ZONE $5::text, 'YYYY-MM-DD') ELSE " SQL_TIME("n.bucket") " END AS label," \
    " n.k1, n.k2, n.k3, " EACH_AND(SHOWN, SHOWN_COST) ", " EACH_AND(SHOWN_WAS, SHOWN_COST_WAS)                         \
    " FROM n WHERE n.whole OR (n.place > $14::bigint AND n.place <= $14::bigint + $13::bigint)"                        \
    " ORDER BY n.whole DESC, n.place"
/* clang-format on */

static const struct statement of_facets = {"usage_report_facets", REPORT(FACETS, FROM_FACETS)},
                              of_sums = {"usage_report", REPORT(GROUPS, FROM_SUMS)},
                              of_windows = {"usage_report_windows", REPORT(GROUPS, FROM_WINDOWS)},
                              of_calls = {"usage_report_calls", REPORT(GROUPS, FROM_CALLS)};

enum { ROW_TOTAL, ROW_LABEL, ROW_KEYS, ROW_SUMS = ROW_KEYS + USAGE_GROUPS_MAX };

const char *const usage_sum_names[USAGE_SUMS] = {"calls",          "input",     "output", "cache_read", "cache_write",
                                                 "cache_write_1h", "reasoning", "cost",   "unpriced"};

/* ---- questions -------------------------------------------------------------------------------------------------- */

const char *usage_scope(const struct actor *actor)
{
    return actor->who.role >= ROLE_ADMIN ? NULL : actor->who.user_id;
}

bool usage_zone_plausible(const char *zone)
{
    return text_matches(zone, "^(UTC|GMT|Etc/(UTC|GMT)([+-][0-9]{1,2})?|([A-Za-z_]+/)+[A-Za-z_-]+)$", NULL, 0);
}

static bool is_time(const char *group)
{
    return field_choice(USAGE_TIMES, group) >= 0;
}

static bool is_among(const char *const groups[USAGE_GROUPS_MAX], const char *name)
{
    for (size_t i = 0; i < USAGE_GROUPS_MAX && groups[i]; i++)
        if (strcmp(groups[i], name) == 0)
            return true;
    return false;
}

static const char *time_among(const char *const groups[USAGE_GROUPS_MAX])
{
    for (size_t i = 0; i < USAGE_GROUPS_MAX && groups[i]; i++)
        if (is_time(groups[i]))
            return groups[i];
    return NULL;
}

bool usage_has_time(const struct usage_question *question)
{
    return time_among(question->groups) != NULL;
}

enum error usage_group_by(struct actor *actor, struct usage_question *question, const char *text)
{
    size_t count = 0;
    bool good = true;
    for (const char *name = text; good && name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
        const char *group = arena_strndup(actor->arena, name, strcspn(name, ","));
        good = count < USAGE_GROUPS_MAX && field_choice(USAGE_GROUP_NAMES, group) >= 0 &&
               !is_among(question->groups, group) && !(is_time(group) && time_among(question->groups));
        if (good)
            question->groups[count++] = group;
    }
    if (good)
        return ERR_NONE;
    char *names = arena_strdup(actor->arena, USAGE_GROUP_NAMES);
    for (char *end = names; (end = strchr(end, '|'));)
        *end = ' ';
    return fail_field(actor, "group", MSG_USAGE_GROUP, names, NULL);
}

/* Up to a comma that no backslash stands in front of; *text moves behind it, to NULL at the end. */
static const char *next_value(struct actor *actor, const char **text)
{
    char *value = arena_strdup(actor->arena, *text), *to = value;
    const char *from = *text;
    for (; *from && *from != ','; from++) {
        if (from[0] == '\\' && from[1] == ',')
            from++;
        *to++ = *from;
    }
    *to = '\0';
    *text = *from ? from + 1 : NULL;
    return value;
}

/* Models are known by their keys. */
static json_t *stored_value(const char *name, const char *value)
{
    struct price_name model;
    if (strcmp(name, "model") == 0 && price_name_read(&model, value))
        return json_string(model.key);
    return json_string(value);
}

enum error usage_filter(struct actor *actor, json_t *filters, const char *name, const char *text)
{
    if (!text)
        return ERR_NONE;
    const struct field each = {.name = name, .type = FIELD_TEXT, .max = VALUE_MAX};
    json_t *values = json_array();
    enum error error = ERR_NONE;
    while (!error && text) {
        const char *value = next_value(actor, &text);
        error = field_check_text(actor, &each, value);
        json_array_append_new(values, stored_value(name, value));
    }
    if (!error && json_array_size(values) > VALUES_MAX)
        error = fail_field(actor, name, MSG_FEWER, NULL);
    json_object_set_new(filters, name, values);
    return error;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static const char *if_date(const char *text)
{
    return text && strlen(text) == TEXT_DATE ? text : NULL;
}

static enum error period(struct actor *actor, const struct usage_question *q, struct row *row)
{
    const char *from, *to;
    enum error error = field_time(actor, "from", q->from, &from);
    enum error other = field_time(actor, "to", q->to, &to);
    if (q->zone && !usage_zone_plausible(q->zone))
        error = fail_field(actor, "zone", MSG_TIME_ZONE, NULL);
    if (error || other)
        return error ? error : other;
    const char *from_date = if_date(q->from), *to_date = if_date(q->to);
    error = db_one(actor->db, &find_period, row,
                   DB_ARGS(q->zone, from_date, from_date ? NULL : from, to_date, to_date ? NULL : to,
                           q->compare ? "true" : "false"));
    if (error == ERR_VALIDATION)
        return fail_field(actor, q->zone ? "zone" : "from", q->zone ? MSG_TIME_ZONE : MSG_TIME, NULL);
    return error;
}

/* How the question is answered: from which rows. */
struct way {
    const struct statement *statement;
    const char *grain;
    long long days_max; /* 0 = any */
};

/* What else than time and user a question is about, and the facet that has it. */
static const struct facet {
    const char *name, *of_user, *of_all;
} facets[] = {
    {NULL, "t", "T"},    {"machine", "k", "K"}, {"platform", "l", "L"}, {"provider", "v", "V"}, {"profile", "f", "F"},
    {"model", "m", "M"}, {"tier", "m", "M"},    {"project", "p", "P"},  {"branch", "b", "B"},   {"source", "s", "S"},
};

/* False: it would take two of them. */
static bool narrow(const struct facet **facet, const char *name)
{
    const struct facet *one = &facets[1], *end = facets + ARRAY_SIZE(facets);
    if (is_time(name) || strcmp(name, "user") == 0)
        return true;
    while (one < end && strcmp(one->name, name) != 0)
        one++;
    bool good = one < end && (!(*facet)->name || strcmp((*facet)->of_all, one->of_all) == 0);
    *facet = good ? one : *facet;
    return good;
}

/* NULL: the question is about several things at once. */
static const char *facet_for(const struct usage_question *q)
{
    const struct facet *facet = &facets[0];
    const char *name;
    json_t *values;
    for (size_t i = 0; i < USAGE_GROUPS_MAX && q->groups[i]; i++)
        if (!narrow(&facet, q->groups[i]))
            return NULL;
    json_object_foreach(q->filters, name, values) if (!narrow(&facet, name)) return NULL;
    return q->user_id || is_among(q->groups, "user") || json_object_get(q->filters, "user") ? facet->of_user
                                                                                            : facet->of_all;
}

static struct way way_to(const struct usage_question *q, const char *unit, bool own_days)
{
    if (is_among(q->groups, "session"))
        return (struct way){&of_calls, "", CALL_DAYS_MAX};
    if (text_equal(unit, "window"))
        return (struct way){&of_windows, "q", CALL_DAYS_MAX};
    if (!own_days || text_equal(unit, "hour"))
        return (struct way){&of_sums, "q", FINE_DAYS_MAX};
    const char *facet = facet_for(q);
    return facet ? (struct way){&of_facets, facet, 0} : (struct way){&of_sums, "d", 0};
}

static enum error check_length(struct actor *actor, const struct row *period, const struct way *way)
{
    enum { EVER = 36500 };
    long long days = row_int(period, PERIOD_DAYS), max = way->days_max ? way->days_max : EVER;
    return days > 0 && days <= max ? ERR_NONE
                                   : fail_field(actor, "to", MSG_USAGE_PERIOD, number_text(actor, max), NULL);
}

enum error usage_report(struct actor *actor, const struct usage_question *q, struct usage_report *report)
{
    struct row p;
    const char *unit = time_among(q->groups);
    enum error error = period(actor, q, &p);
    if (error)
        return error;
    struct way way = way_to(q, unit, row_bool(&p, PERIOD_OWN_DAYS));
    error = check_length(actor, &p, &way);
    if (error)
        return error;
    *report = (struct usage_report){.period = {.zone = row_string(&p, PERIOD_ZONE),
                                               .from = row_string(&p, PERIOD_SINCE),
                                               .to = row_string(&p, PERIOD_UNTIL),
                                               .before = row_string(&p, PERIOD_BEFORE)}};
    memcpy(report->groups, q->groups, sizeof report->groups);
    error = db_all(actor->db, way.statement, &report->rows,
                   DB_ARGS(report->period.from, report->period.to, report->period.before, row_string(&p, PERIOD_SHIFT),
                           report->period.zone, unit ? unit : "", q->groups[0], q->groups[1], q->groups[2], q->user_id,
                           json_object_size(q->filters) ? json_text(actor->arena, q->filters) : NULL, q->order,
                           number_text(actor, q->limit), number_text(actor, q->offset), way.grain));
    if (!error && report->rows.count) {
        struct row whole = rows_at(&report->rows, 0);
        report->total = row_int(&whole, ROW_TOTAL);
    }
    return error;
}

/* ---- how they are written --------------------------------------------------------------------------------------- */

/* Which sources told of a call: bits of enum usage_source. */
static const char *const source_names[] = {"",       "log",        "event",        "log+event",
                                           "record", "log+record", "event+record", "log+event+record"};

const char *usage_report_group(const struct usage_report *report, const struct row *row, size_t index)
{
    const char *group = report->groups[index];
    if (is_time(group))
        return row_text(row, ROW_LABEL);
    const char *text = row_text(row, ROW_KEYS + (int)index);
    long long bits;
    if (strcmp(group, "source") == 0 && parse_int(text, 0, ARRAY_SIZE(source_names) - 1, &bits))
        return source_names[bits];
    return text;
}

const char *usage_report_sum(const struct row *row, size_t index, bool before)
{
    return row_string(row, ROW_SUMS + (before ? USAGE_SUMS : 0) + (int)index);
}

void usage_report_write_sums(const struct row *row, bool before, struct json_writer *w)
{
    for (size_t i = 0; i < USAGE_SUMS; i++) {
        json_key(w, usage_sum_names[i]);
        json_put_raw(w, usage_report_sum(row, i, before));
    }
}

void usage_report_write_row(const struct usage_report *report, const struct row *row, bool compare,
                            struct json_writer *w)
{
    json_open_object(w);
    for (size_t i = 0; i < USAGE_GROUPS_MAX && report->groups[i]; i++) {
        json_key(w, report->groups[i]);
        if (strcmp(report->groups[i], "session") == 0)
            json_put_raw(w, usage_report_group(report, row, i));
        else
            json_put_string(w, usage_report_group(report, row, i));
    }
    usage_report_write_sums(row, false, w);
    if (compare) {
        json_literal_key(w, "previous");
        json_open_object(w);
        usage_report_write_sums(row, true, w);
        json_close_object(w);
    }
    json_close_object(w);
}
