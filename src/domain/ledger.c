/* Ledger: a batch of records in memory, and how it gets into the tables. */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_array.h"
#include "json.h"
#include "ledger_names.h"
#include "ledger_profiles.h"
#include "platform.h"
#include "price_name.h"
#include "util.h"

enum {
    PLACES = 16384, /* of the batch's table of keys: a power of two, far more than LEDGER_BATCH */
    TEXT_MAX = 8 * MIB,
    PATIENCE_MS = 60000, /* another writer of the workspace has its batch first */
    PLATFORMS_MAX = 8,
    TOTALS_MAX = 64,
    MEMORY = 8 * MIB,
    REQUEST_REACH_S = 2 * 24 * 60 * 60,
    ALIKE_REACH_S = 10 * 60,
    ROUNDS_MAX = 8,
};

/* How well a source knows where a call belongs. */
enum place { PLACE_EVENT, PLACE_COPY, PLACE_OWN };

enum column { KEYS, ALIASES, TIMES, GROUPS, SESSIONS, PLACES_KNOWN, REACHES, COUNTS, COLUMNS = COUNTS + USAGE_COUNTS };

struct entry {
    struct ledger_id key, alias;
    bool has_alias;
    short place;
    int reach_s;           /* how far the times of one alias may be apart */
    size_t group, session; /* in the ledger's tables of names */
    int64_t time_us;
    int64_t counts[USAGE_COUNTS];
};

/* A session's sum until now, which becomes a call of what it has grown by. */
struct total {
    size_t session;
    int64_t time_us;
    int64_t counts[USAGE_COUNTS];
    char platform[16], model[USAGE_TEXT_MAX + 1], provider[USAGE_TEXT_MAX + 1], tier[16];
};

struct ledger {
    struct arena *arena; /* its own, which it is in */
    struct actor *actor;
    enum usage_source source;
    char *machine;
    struct ledger_profiles *profiles;
    enum error unread; /* they could not be read: nothing is written then */
    struct entry entries[LEDGER_BATCH + TOTALS_MAX];
    size_t count; /* of those that were given; what totals become comes behind */
    struct total totals[TOTALS_MAX];
    size_t total_count;
    unsigned short places[PLACES]; /* 1 + of an entry */
    struct ledger_names *groups, *sessions;
    long long platform_calls[PLATFORMS_MAX]; /* records, by platform */
    int64_t platform_last[PLATFORMS_MAX];
    struct buffer columns[COLUMNS], told; /* what was sent last; and for note_reporter */
    bool sent;                            /* its answer is to come */
    size_t sent_count;
    char time_zone[USAGE_TEXT_MAX]; /* with what was sent */
    bool others;
    struct ledger_counts counts, pending, writing;
};

static const struct statement
    add_groups =
        {"ledger_add_groups",
         "INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision,"
         " model, price_model, tier, project, branch) SELECT $1::uuid, g.* FROM json_to_recordset($2::json)"
         " AS g (hash uuid, user_id uuid, machine text, platform text, provider text, profile text, revision bigint,"
         " model text, price_model text, tier text, project text, branch text)"
         " ON CONFLICT (hash, workspace_id) DO NOTHING"},
    add_sessions =
        {"ledger_add_sessions",
         "INSERT INTO usage_sessions AS s (workspace_id, hash, platform, session, user_id, machine, project, branch)"
         " SELECT $1::uuid, n.* FROM json_to_recordset($2::json) AS n (hash uuid, platform text, session text,"
         " user_id uuid, machine text, project text, branch text) ON CONFLICT (hash, workspace_id) DO UPDATE SET"
         " project = coalesce(nullif(s.project, ''), excluded.project),"
         " branch = coalesce(nullif(s.branch, ''), excluded.branch)"
         " WHERE s.project = '' AND excluded.project <> '' OR s.branch = '' AND excluded.branch <> ''"},
    find_total = {"ledger_find_total",
                  "SELECT s.project, s.branch, array_to_string(t.counts, ' ') FROM usage_sessions s"
                  " LEFT JOIN usage_totals t ON t.session_id = s.id"
                  " WHERE s.id = $1::bigint AND s.workspace_id = $2::uuid"},
    keep_total = {"ledger_keep_total", "INSERT INTO usage_totals (session_id, workspace_id, counts)"
                                       " VALUES ($1::bigint, $2::uuid, string_to_array($3, ' ')::bigint[])"
                                       " ON CONFLICT (session_id) DO UPDATE SET counts = excluded.counts"},
    group_ids = {"ledger_group_ids", LEDGER_IDS("usage_groups", "true"), .planned_anew = true},
    session_ids = {"ledger_session_ids", LEDGER_IDS("usage_sessions", "e.project <> '' AND e.branch <> ''"),
                   .planned_anew = true},
    /* What goes through all calls (ccr_usage_sweep) has this lock for itself. */
    share_all = {"ledger_share", "SELECT pg_advisory_xact_lock_shared(hashtextextended('usage', 0))"},
    /* The time zone, and whether another source was ever seen. */
    set_up = {"ledger_set_up",
              "SELECT w.time_zone, EXISTS (SELECT 1 FROM usage_reporters r WHERE r.workspace_id = $1::uuid"
              " AND r.source <> $2::smallint) FROM workspaces w WHERE w.id = $1::uuid"},
    make_months = {"ledger_months",
                   "SELECT ccr_usage_months(timestamptz 'epoch' + $1::bigint * interval '1 microsecond',"
                   " timestamptz 'epoch' + $2::bigint * interval '1 microsecond')"},
    take = {"ledger_take",
            "SELECT added, changed, put_off FROM ccr_usage_take($1::smallint, $2::boolean, $3, $4::uuid[],"
            " $5::uuid[], $6::timestamptz[], $7::bigint[], $8::bigint[], $9::smallint[], $10::integer[],"
            " $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::integer[])"},
    report = {
        "ledger_report",
        "INSERT INTO usage_reporters AS r (workspace_id, user_id, machine, platform, source, last_call, calls)"
        " SELECT $1::uuid, $2::uuid, $3, p.platform, $4::smallint, timestamptz 'epoch' + p.us * interval '1 microsecond',"
        " p.calls FROM json_to_recordset($5::json) AS p (platform text, us bigint, calls bigint)"
        " ON CONFLICT (workspace_id, user_id, machine, platform, source) DO UPDATE SET last_seen = now(),"
        " last_call = greatest(r.last_call, excluded.last_call), calls = r.calls + excluded.calls"};

/* ---- what calls have in common ---------------------------------------------------------------------------------- */

static size_t group_of(struct ledger *ledger, const struct usage_record *r)
{
    static const char *const titles[] = {"user_id", "machine",     "platform", "provider", "profile", "revision",
                                         "model",   "price_model", "tier",     "project",  "branch"};
    struct price_name name;
    char revision[DECIMAL_TEXT];
    int64_t number;
    bool known = price_name_read(&name, r->model);
    const char *profile = ledger_profile_at(ledger->profiles, r->platform, r->time_us, &number);
    const char *texts[] = {ledger->actor->who.user_id,
                           ledger->machine,
                           r->platform,
                           r->provider,
                           profile,
                           decimal(revision, number),
                           r->model,
                           known ? name.key : NULL,
                           r->tier              ? r->tier
                           : known && name.fast ? "fast"
                                                : "standard",
                           r->project,
                           r->branch};
    return ledger_names_place(ledger->groups, titles, texts, ARRAY_SIZE(texts), ARRAY_SIZE(texts));
}

/* A conversation is the same wherever it is told of; where it was first told of names its user and machine. */
static size_t session_of(struct ledger *ledger, const struct usage_record *r)
{
    static const char *const titles[] = {"platform", "session", "user_id", "machine", "project", "branch"};
    const char *texts[] = {r->platform, r->session, ledger->actor->who.user_id, ledger->machine, r->project, r->branch};
    return ledger_names_place(ledger->sessions, titles, texts, ARRAY_SIZE(texts), r->session ? 2 : ARRAY_SIZE(texts));
}

/* ---- a batch ---------------------------------------------------------------------------------------------------- */

static size_t platform_number(const char *name)
{
    size_t i = 0;
    while (platforms[i].name && strcmp(platforms[i].name, name) != 0)
        i++;
    return i;
}

static void record_key(const struct ledger *ledger, struct ledger_id *out, const char *platform, const char *before,
                       const char *key)
{
    char text[USAGE_TEXT_MAX + sizeof USAGE_KEY_OF_REQUEST];
    if (*before)
        snprintf(text, sizeof text, "%s%s", before, key);
    parts_hash(out->bytes, (const char *const[]){ledger->actor->who.workspace_id, platform, *before ? text : key}, 3);
}

static struct entry *entry_of(struct ledger *ledger, const struct ledger_id *key, bool *is_new)
{
    size_t i = ledger_id_place(key, PLACES);
    for (; ledger->places[i]; i = (i + 1) & (PLACES - 1)) {
        struct entry *entry = &ledger->entries[ledger->places[i] - 1];
        if (memcmp(&entry->key, key, sizeof *key) == 0) {
            *is_new = false;
            return entry;
        }
    }
    *is_new = true;
    ledger->places[i] = (unsigned short)++ledger->count;
    struct entry *entry = &ledger->entries[ledger->count - 1];
    *entry = (struct entry){.key = *key, .place = -1};
    return entry;
}

static enum place place_of(const struct ledger *ledger, const struct usage_record *r)
{
    return ledger->source == USAGE_EVENT ? PLACE_EVENT : r->sidechain ? PLACE_COPY : PLACE_OWN;
}

/* A log's line is known by its request, and by what an event says alike only where it knows none; an event has its request as its key. Of
 * several, the one that knows best says it: numbers that grow have another likeness each time, and a copy may be told of under another request. */
static void add_alias(const struct ledger *ledger, struct entry *entry, const struct usage_record *r, enum place place)
{
    bool by_request = r->request && (ledger->source != USAGE_EVENT || !r->alike);
    bool better = (int)place > entry->place ||
                  ((int)place == entry->place && r->counts[USAGE_OUTPUT] > entry->counts[USAGE_OUTPUT]);
    if ((entry->has_alias && !better) || (!r->request && !r->alike))
        return;
    entry->has_alias = true;
    entry->reach_s = by_request ? REQUEST_REACH_S : ALIKE_REACH_S;
    record_key(ledger, &entry->alias, r->platform,
               by_request ? USAGE_KEY_OF_REQUEST : "alike:", by_request ? r->request : r->alike);
}

/* As ccr_usage_writes() in the database has it. */
static bool tells_more_writes(const int64_t a[USAGE_COUNTS], const int64_t b[USAGE_COUNTS])
{
    int64_t sum_a = a[USAGE_CACHE_WRITE] + a[USAGE_CACHE_WRITE_1H],
            sum_b = b[USAGE_CACHE_WRITE] + b[USAGE_CACHE_WRITE_1H];
    return sum_a != sum_b ? sum_a > sum_b : a[USAGE_CACHE_WRITE_1H] > b[USAGE_CACHE_WRITE_1H];
}

/* Of several records of one call the highest numbers and the earliest time hold, and the names of the one that knows best. */
static void entry_add(struct ledger *ledger, struct entry *entry, bool is_new, const struct usage_record *r)
{
    enum place place = place_of(ledger, r);
    add_alias(ledger, entry, r, place);
    for (size_t i = 0; i < USAGE_COUNTS; i++)
        if (i != USAGE_CACHE_WRITE && i != USAGE_CACHE_WRITE_1H && r->counts[i] > entry->counts[i])
            entry->counts[i] = r->counts[i];
    if (tells_more_writes(r->counts, entry->counts)) {
        entry->counts[USAGE_CACHE_WRITE] = r->counts[USAGE_CACHE_WRITE];
        entry->counts[USAGE_CACHE_WRITE_1H] = r->counts[USAGE_CACHE_WRITE_1H];
    }
    if (is_new || r->time_us < entry->time_us)
        entry->time_us = r->time_us;
    if ((int)place > entry->place) {
        entry->place = (short)place;
        entry->group = group_of(ledger, r);
        entry->session = session_of(ledger, r);
    }
}

static bool is_full(const struct ledger *ledger)
{
    return ledger->count == LEDGER_BATCH || ledger->total_count == TOTALS_MAX || ledger_names_full(ledger->groups) ||
           ledger_names_full(ledger->sessions);
}

static void keep_total_of(struct ledger *ledger, const struct usage_record *r)
{
    struct total *total = &ledger->totals[ledger->total_count++];
    *total = (struct total){.session = session_of(ledger, r), .time_us = r->time_us};
    memcpy(total->counts, r->counts, sizeof total->counts);
    snprintf(total->platform, sizeof total->platform, "%s", r->platform);
    snprintf(total->model, sizeof total->model, "%s", r->model ? r->model : "");
    snprintf(total->provider, sizeof total->provider, "%s", r->provider ? r->provider : "");
    snprintf(total->tier, sizeof total->tier, "%s", r->tier ? r->tier : "");
}

static void keep_call_of(struct ledger *ledger, const struct usage_record *r)
{
    struct ledger_id key;
    bool is_new;
    record_key(ledger, &key, r->platform, "", r->key);
    struct entry *entry = entry_of(ledger, &key, &is_new);
    entry_add(ledger, entry, is_new, r);
}

bool ledger_take(struct ledger *ledger, const struct usage_record *record)
{
    size_t platform = platform_number(record->platform);
    if (record->so_far)
        keep_total_of(ledger, record);
    else
        keep_call_of(ledger, record);
    ledger->pending.taken++;
    ledger->platform_calls[platform]++;
    if (record->time_us > ledger->platform_last[platform])
        ledger->platform_last[platform] = record->time_us;
    return !is_full(ledger);
}

size_t ledger_waiting(const struct ledger *ledger)
{
    return (size_t)ledger->pending.taken;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const enum db_array_type column_types[COLUMNS] = {
    [KEYS] = DB_UUID,     [ALIASES] = DB_UUID,      [TIMES] = DB_TIME,   [GROUPS] = DB_INT8,
    [SESSIONS] = DB_INT8, [PLACES_KNOWN] = DB_INT2, [REACHES] = DB_INT4, [COUNTS... COLUMNS - 1] = DB_INT4,
};

static void put_number(struct ledger *ledger, size_t column, int64_t value)
{
    db_array_put(&ledger->columns[column], column_types[column], value);
}

static void put_columns(struct ledger *ledger, size_t count)
{
    for (size_t c = 0; c < COLUMNS; c++)
        db_array_begin(&ledger->columns[c], column_types[c], count);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &ledger->entries[i];
        db_array_put_uuid(&ledger->columns[KEYS], entry->key.bytes);
        db_array_put_uuid(&ledger->columns[ALIASES], entry->has_alias ? entry->alias.bytes : NULL);
        put_number(ledger, TIMES, entry->time_us);
        put_number(ledger, GROUPS, ledger_names_id(ledger->groups, entry->group));
        put_number(ledger, SESSIONS, ledger_names_id(ledger->sessions, entry->session));
        put_number(ledger, PLACES_KNOWN, entry->place);
        put_number(ledger, REACHES, entry->reach_s);
        for (size_t c = 0; c < USAGE_COUNTS; c++)
            put_number(ledger, COUNTS + c, entry->counts[c]);
    }
}

static enum error months(struct ledger *ledger, size_t count)
{
    char first[DECIMAL_TEXT], last[DECIMAL_TEXT];
    int64_t min = ledger->entries[0].time_us, max = min;
    for (size_t i = 1; i < count; i++) {
        min = ledger->entries[i].time_us < min ? ledger->entries[i].time_us : min;
        max = ledger->entries[i].time_us > max ? ledger->entries[i].time_us : max;
    }
    return db_run(ledger->actor->db, &make_months, DB_ARGS(decimal(first, min), decimal(last, max)));
}

/* With the columns as they are. */
static enum error send_columns(struct ledger *ledger)
{
    char source[DECIMAL_TEXT];
    enum { TEXTS = 3 };
    const char *values[TEXTS + COLUMNS] = {decimal(source, 1 << ledger->source), ledger->others ? "true" : "false",
                                           ledger->time_zone};
    int lengths[TEXTS + COLUMNS] = {-1, -1, -1};
    for (size_t c = 0; c < COLUMNS; c++) {
        values[TEXTS + c] = ledger->columns[c].data;
        lengths[TEXTS + c] = (int)ledger->columns[c].length;
    }
    enum error error = db_send(ledger->actor->db, &take, &(struct db_args){values, lengths, ARRAY_SIZE(values)});
    ledger->sent = !error;
    return error;
}

static enum error send_batch(struct ledger *ledger, size_t count)
{
    put_columns(ledger, count);
    ledger->sent_count = count;
    return send_columns(ledger);
}

static enum error note_reporter(struct ledger *ledger)
{
    struct json_writer w;
    char source[DECIMAL_TEXT];
    struct actor *actor = ledger->actor;
    struct buffer *text = &ledger->told;
    buffer_cut(text, 0);
    json_begin(&w, text);
    json_open_array(&w);
    for (size_t i = 0; platforms[i].name; i++) {
        if (!ledger->platform_calls[i])
            continue;
        json_open_object(&w);
        json_string_member(&w, "platform", platforms[i].name);
        json_literal_key(&w, "us");
        json_put_int(&w, ledger->platform_last[i]);
        json_literal_key(&w, "calls");
        json_put_int(&w, ledger->platform_calls[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    return db_run(actor->db, &report,
                  DB_ARGS(actor->who.workspace_id, actor->who.user_id, ledger->machine,
                          decimal(source, 1 << ledger->source), buffer_string(text)));
}

/* What the session's sum has grown by; false when that is nothing. `known` becomes the highest numbers. */
static bool grown(const struct total *total, const char *text, int64_t known[USAGE_COUNTS], int64_t more[USAGE_COUNTS])
{
    bool any = false;
    char *end = NULL;
    for (size_t i = 0; i < USAGE_COUNTS; i++) {
        int64_t before = strtoll(text, &end, 10);
        text = end;
        known[i] = total->counts[i] > before ? total->counts[i] : before;
        more[i] = known[i] - before;
        any |= more[i] > 0;
    }
    return any;
}

static enum error keep_sums(struct ledger *ledger, const char *session, const int64_t known[USAGE_COUNTS],
                            struct ledger_id *key)
{
    char text[USAGE_COUNTS * DECIMAL_TEXT] = "", number[DECIMAL_TEXT];
    for (size_t i = 0; i < USAGE_COUNTS; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", i ? " " : "", decimal(number, known[i]));
    }
    parts_hash(key->bytes, (const char *const[]){"so far", session, text}, 3);
    return db_run(ledger->actor->db, &keep_total, DB_ARGS(session, ledger->actor->who.workspace_id, text));
}

/* Behind the entries that were given, *count of all. */
static enum error add_total(struct ledger *ledger, const struct total *total, size_t *count)
{
    struct row row;
    char text[DECIMAL_TEXT];
    int64_t known[USAGE_COUNTS];
    struct entry *entry = &ledger->entries[*count];
    const char *session = decimal(text, ledger_names_id(ledger->sessions, total->session));
    enum error error = db_one(ledger->actor->db, &find_total, &row, DB_ARGS(session, ledger->actor->who.workspace_id));
    *entry = (struct entry){.place = PLACE_OWN, .session = total->session, .time_us = total->time_us};
    if (error || !grown(total, row_string(&row, 2), known, entry->counts))
        return error;
    const struct usage_record record = {.platform = total->platform,
                                        .time_us = total->time_us,
                                        .model = text_or_null(total->model),
                                        .provider = text_or_null(total->provider),
                                        .tier = text_or_null(total->tier),
                                        .project = text_or_null(row_string(&row, 0)),
                                        .branch = text_or_null(row_string(&row, 1))};
    entry->group = group_of(ledger, &record);
    error = keep_sums(ledger, session, known, &entry->key);
    ++*count;
    return error;
}

static enum error add_totals(struct ledger *ledger, size_t *count)
{
    enum error error = ERR_NONE;
    for (size_t i = 0; !error && i < ledger->total_count; i++)
        error = add_total(ledger, &ledger->totals[i], count);
    return error;
}

/* What is there before the calls themselves; *count is how many there are. */
static enum error prepare(struct ledger *ledger, size_t *count)
{
    struct row row;
    char source[DECIMAL_TEXT];
    struct actor *actor = ledger->actor;
    enum { TIME_ZONE, OTHERS };
    enum error error =
        db_one(actor->db, &set_up, &row, DB_ARGS(actor->who.workspace_id, decimal(source, 1 << ledger->source)));
    if (error)
        return error;
    snprintf(ledger->time_zone, sizeof ledger->time_zone, "%s", row_string(&row, TIME_ZONE));
    ledger->others = row_bool(&row, OTHERS);
    error = ledger_names_ask(ledger->actor, ledger->sessions, &add_sessions, &session_ids);
    if (!error)
        error = add_totals(ledger, count);
    if (!error)
        error = ledger_names_ask(ledger->actor, ledger->groups, &add_groups, &group_ids);
    if (!error && *count)
        error = months(ledger, *count);
    return error ? error : note_reporter(ledger);
}

static void empty(struct ledger *ledger);

enum error ledger_begin(struct ledger *ledger)
{
    char lock[UUID_TEXT + 8];
    size_t count = ledger->count;
    if (ledger->unread || !ledger->pending.taken)
        return ledger->unread;
    snprintf(lock, sizeof lock, "usage.%s", ledger->actor->who.workspace_id);
    enum error error = db_lock_name(ledger->actor->db, lock, PATIENCE_MS);
    if (!error)
        error = db_run(ledger->actor->db, &share_all, DB_NO_ARGS);
    if (!error)
        error = prepare(ledger, &count);
    if (!error && count)
        error = send_batch(ledger, count);
    if (!error)
        empty(ledger);
    return error;
}

/* From now on only those are one that are known to be. */
static void reach_no_further(struct ledger *ledger)
{
    db_array_begin(&ledger->columns[REACHES], column_types[REACHES], ledger->sent_count);
    for (size_t i = 0; i < ledger->sent_count; i++)
        put_number(ledger, REACHES, -1);
}

static enum error receive_batch(struct ledger *ledger, long long *put_off)
{
    struct row row;
    enum { ADDED, CHANGED, PUT_OFF };
    ledger->sent = false;
    enum error error = db_receive(ledger->actor->db, &row);
    if (error)
        return error;
    ledger->writing.added += row_int(&row, ADDED);
    ledger->writing.changed += row_int(&row, CHANGED);
    *put_off = row_int(&row, PUT_OFF);
    return ERR_NONE;
}

/* Each round finds a place for one of those that mean the same call at least. Real ones are through after two or three; who goes on making up
 * such that all mean the same has the rest counted as they are. */
enum error ledger_end(struct ledger *ledger)
{
    long long put_off = 0;
    if (!ledger->sent)
        return ERR_NONE;
    enum error error = receive_batch(ledger, &put_off);
    for (int rounds = 1; !error && put_off; rounds++) {
        if (rounds == ROUNDS_MAX)
            reach_no_further(ledger);
        error = send_columns(ledger);
        if (!error)
            error = receive_batch(ledger, &put_off);
    }
    return error;
}

/* What it held is on its way. */
static void empty(struct ledger *ledger)
{
    ledger->writing = ledger->pending;
    ledger->pending = (struct ledger_counts){0};
    ledger->count = ledger->total_count = 0;
    memset(ledger->places, 0, sizeof ledger->places);
    memset(ledger->platform_calls, 0, sizeof ledger->platform_calls);
    memset(ledger->platform_last, 0, sizeof ledger->platform_last);
    ledger_names_settle(ledger->groups);
    ledger_names_settle(ledger->sessions);
}

void ledger_done(struct ledger *ledger)
{
    ledger->counts.taken += ledger->writing.taken;
    ledger->counts.added += ledger->writing.added;
    ledger->counts.changed += ledger->writing.changed;
    ledger->writing = (struct ledger_counts){0};
}

const struct ledger_counts *ledger_counts(const struct ledger *ledger)
{
    return &ledger->counts;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

struct ledger *ledger_new(struct actor *actor, enum usage_source source, const char *machine)
{
    struct arena *arena = arena_new(MEMORY);
    struct ledger *ledger = arena_alloc(arena, sizeof *ledger);
    ledger->arena = arena;
    ledger->actor = actor;
    ledger->source = source;
    ledger->machine = arena_strdup(arena, machine);
    ledger->unread = ledger_profiles_read(actor, &ledger->profiles);
    for (size_t c = 0; c < COLUMNS; c++)
        buffer_init(&ledger->columns[c], TEXT_MAX);
    buffer_init(&ledger->told, TEXT_MAX);
    ledger->groups = ledger_names_new(arena);
    ledger->sessions = ledger_names_new(arena);
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t c = 0; c < COLUMNS; c++)
        buffer_free(&ledger->columns[c]);
    buffer_free(&ledger->told);
    ledger_names_free(ledger->groups);
    ledger_names_free(ledger->sessions);
    ledger_profiles_free(ledger->profiles);
    arena_free(ledger->arena);
}
