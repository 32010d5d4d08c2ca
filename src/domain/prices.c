/* Prices in PostgreSQL. A list is compared with the newest that is known of each model and tier, set by set; what differs comes as a new
 * set, with the date of the list. */
#include "prices.h"

#include <string.h>

#include "audit.h"
#include "price_name.h"
#include "util.h"

enum { LIST_MAX = 64 * MIB };

#define LOCK "prices"

/* ---- statements ------------------------------------------------------------------------------------------------- */

#define RATES              "input, output, cache_read, cache_write, cache_write_1h"
#define RATES_OF(row)      row ".input, " row ".output, " row ".cache_read, " row ".cache_write, " row ".cache_write_1h"
#define SET_OF(row, above) "array_agg(ARRAY[" above "::numeric, " RATES_OF(row) "] ORDER BY " above ")"
#define A_RATE(name)       name " numeric(18, 9)"

/* $1 the list's rows, $2 its time. `listed` and `newest` have a row a model and tier: what the list says, and what is known. */
#define COMPARED                                                                                                                                                                         \
    "WITH file AS MATERIALIZED (SELECT f.model, f.shown, f.tier, f.above, " RATES_OF(                                                                                                    \
        "f") " FROM json_to_recordset($1::json)"                                                                                                                                         \
             " AS f (model text, shown text, tier text, above bigint, " A_RATE("input") ", " A_RATE("output") ", " A_RATE("cache_read") ", " A_RATE("cache_write") ", " A_RATE(          \
                 "cache_write_1h") ")),"                                                                                                                                                 \
                                   " listed AS MATERIALIZED (SELECT f.model, f.tier, " SET_OF(                                                                                           \
                                       "f",                                                                                                                                              \
                                       "f.above") " AS rates FROM file f GROUP BY f.model, f.tier),"                                                                                     \
                                                  " newest AS MATERIALIZED (SELECT p.model, p.tier, p.since, max(p.seen_at) AS seen_at, " SET_OF(                                        \
                                                      "p",                                                                                                                               \
                                                      "p.prompt_above") " AS rates FROM usage_prices p JOIN (SELECT model, tier, max(since) AS since FROM usage_prices"                  \
                                                                        " WHERE workspace_id IS NULL GROUP BY model, tier) n ON (p.model, p.tier, p.since) = (n.model, n.tier, n.since)" \
                                                                        " WHERE p.workspace_id IS NULL GROUP BY p.model, p.tier, p.since),"                                              \
                                                                        " compared AS MATERIALIZED (SELECT l.model, l.tier, n.since, n.model IS NULL AS is_new,"                         \
                                                                        " coalesce(n.seen_at > $2::timestamptz, false) AS is_older,"                                                     \
                                                                        " n.rates IS DISTINCT FROM l.rates AS differs FROM listed l LEFT JOIN newest n ON (n.model, n.tier) = (l.model, l.tier)) "

static const struct statement
    import_time = {"prices_time", "SELECT coalesce($1::timestamptz, now())::text"},
    count_list = {"prices_count", COMPARED
                  ", models AS (SELECT c.model, EXISTS (SELECT 1 FROM newest n WHERE n.model = c.model) AS known,"
                  " bool_or(c.differs AND NOT c.is_older) AS changed, bool_or(c.is_older) AS older FROM compared c"
                  " GROUP BY c.model) SELECT count(*) FILTER (WHERE NOT known),"
                  " count(*) FILTER (WHERE known AND changed),"
                  " count(*) FILTER (WHERE known AND NOT changed AND NOT older),"
                  " count(*) FILTER (WHERE known AND NOT changed AND older) FROM models"},
    /* Two lists of one time: the second one is right. */
    remove_replaced = {"prices_replace", COMPARED
                       "DELETE FROM usage_prices p USING compared c WHERE p.workspace_id IS NULL"
                       " AND (p.model, p.tier, p.since) = (c.model, c.tier, c.since) AND c.since = $2::timestamptz"
                       " AND c.differs AND NOT c.is_older"},
    insert_list =
        {"prices_insert", COMPARED
         "INSERT INTO usage_prices (workspace_id, model, tier, since, prompt_above, shown, " RATES
         ", source, seen_at) SELECT NULL, f.model, f.tier,"
         " CASE WHEN c.is_new THEN '-infinity' ELSE $2::timestamptz END, f.above, f.shown, " RATES_OF(
             "f") ", $3, $2::timestamptz FROM file f"
                  " JOIN compared c ON (c.model, c.tier) = (f.model, f.tier) WHERE c.differs AND NOT c.is_older"},
    note_seen = {"prices_seen", COMPARED
                 "UPDATE usage_prices p SET seen_at = $2::timestamptz FROM compared c WHERE p.workspace_id IS NULL"
                 " AND (p.model, p.tier, p.since) = (c.model, c.tier, c.since) AND NOT c.differs AND NOT c.is_older"
                 " AND p.seen_at < $2::timestamptz"},
    count_own = {"prices_own_count", "SELECT count(*) FROM usage_prices WHERE workspace_id = ccr_workspace()"},
    /* What was there is read before it is written over. */
    set_own =
        {"price_set",
         "WITH before AS (SELECT " RATES
         " FROM usage_prices WHERE workspace_id = ccr_workspace() AND model = $1 AND tier = $2"
         " AND since = $3::timestamptz AND prompt_above = $4::bigint),"
         " after AS (INSERT INTO usage_prices (workspace_id, model, tier, since, prompt_above, shown, " RATES
         ", source, seen_at) VALUES (ccr_workspace(), $1, $2, $3::timestamptz, $4::bigint, $5, $6::numeric, $7::numeric,"
         " $8::numeric, $9::numeric, $10::numeric, $11, now()) ON CONFLICT ON CONSTRAINT usage_prices_key DO UPDATE SET"
         " (shown, " RATES ", source, seen_at) = (excluded.shown, " RATES_OF(
             "excluded") ", excluded.source, now())"
                         " RETURNING " RATES ")"
                         " SELECT json_build_array(json_build_object('key', 'tier', 'old_value', NULL, 'new_value', $2::text),"
                         " json_build_object('key', 'prompt_above', 'old_value', NULL, 'new_value', $4::bigint::text),"
                         " json_build_object('key', 'since', 'old_value', NULL, 'new_value', CASE WHEN isfinite($3::timestamptz)"
                         " THEN " SQL_TIME(
                             "$3::timestamptz") " END))::jsonb"
                                                " || coalesce((SELECT jsonb_agg(json_build_object('key', c.key, 'old_value', trim_scale(c.old)::text,"
                                                " 'new_value', trim_scale(c.new)::text) ORDER BY c.place) FROM after a LEFT JOIN before b ON true"
                                                " CROSS JOIN LATERAL (VALUES (1, 'input', b.input, a.input), (2, 'output', b.output, a.output),"
                                                " (3, 'cache_read', b.cache_read, a.cache_read), (4, 'cache_write', b.cache_write, a.cache_write),"
                                                " (5, 'cache_write_1h', b.cache_write_1h, a.cache_write_1h)) AS c (place, key, old, new)"
                                                " WHERE c.old IS DISTINCT FROM c.new), '[]')"},
    remove_own = {
        "price_remove",
        "WITH gone AS (DELETE FROM usage_prices WHERE workspace_id = ccr_workspace() AND ($1::text IS NULL OR model = $1)"
        " AND ($2::text IS NULL OR tier = $2) AND ($3::timestamptz IS NULL OR since = $3::timestamptz)"
        " AND ($4::bigint IS NULL OR prompt_above = $4::bigint) RETURNING 1) SELECT count(*) FROM gone"};

/* ---- the site's ------------------------------------------------------------------------------------------------- */

static const char *joined(struct arena *arena, const json_t *texts)
{
    const char *out = "";
    size_t i;
    json_t *each;
    json_array_foreach(texts, i, each) out =
        arena_printf(arena, "%s%s%s", out, *out ? ", " : "", json_string_value(each));
    return out;
}

static enum error store_list(struct db *db, const char *rows, const struct prices_import *import,
                             struct prices_counts *counts)
{
    static const struct statement *const writes[] = {&remove_replaced, &insert_list, &note_seen};
    struct row when, row;
    enum error error = db_lock_name(db, LOCK, 0);
    if (!error)
        error = db_one(db, &import_time, &when, DB_ARGS(import->when));
    if (!error)
        error = db_one(db, &count_list, &row, DB_ARGS(rows, row_text(&when, 0)));
    if (error)
        return error;
    counts->added = row_int(&row, 0);
    counts->changed = row_int(&row, 1);
    counts->same = row_int(&row, 2);
    counts->older = row_int(&row, 3);
    for (size_t i = 0; !error && i < ARRAY_SIZE(writes); i++) {
        const char *const args[] = {rows, row_text(&when, 0), import->source};
        error = db_run(db, writes[i], args, writes[i] == &insert_list ? 3 : 2);
    }
    return error;
}

static enum error import_models(struct db *db, struct arena *arena, json_t *models, const struct prices_import *import,
                                struct prices_counts *counts)
{
    struct price_list list;
    struct json_writer w;
    struct buffer rows;
    *counts = (struct prices_counts){.ambiguous = ""};
    bool usable = price_list_read(arena, models, &list);
    memcpy(counts->skipped, list.skipped, sizeof counts->skipped);
    counts->ambiguous = joined(arena, list.ambiguous);
    json_decref(list.ambiguous);
    if (!usable)
        return ERR_VALIDATION;
    buffer_init(&rows, LIST_MAX);
    json_begin(&w, &rows);
    price_list_write(&w, &list);
    enum error error = rows.overflow ? ERR_VALIDATION : store_list(db, buffer_string(&rows), import, counts);
    buffer_free(&rows);
    return error;
}

enum error prices_import(struct db *db, struct arena *arena, const char *text, const struct prices_import *import,
                         struct prices_counts *counts)
{
    json_t *models = json_stored(text); /* what stands twice in it counts as it does for its maker: the last one */
    enum error error = import_models(db, arena, models, import, counts);
    json_decref(models);
    return error;
}

enum error prices_seed(struct db *db, struct arena *arena, struct prices_counts *counts)
{
    json_t *file = json_stored(prices_json);
    const struct prices_import import = {.when = arena_printf(arena, "%s 00:00+00", json_text_at(file, "date")),
                                         .source = arena_strdup(arena, json_text_at(file, "source"))};
    enum error error = import_models(db, arena, json_object_get(file, "models"), &import, counts);
    json_decref(file);
    return error;
}

/* ---- a workspace's own ------------------------------------------------------------------------------------------ */

static enum error check_room(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &count_own, &row, DB_NO_ARGS);
    if (error || row_int(&row, 0) <= PRICES_OWN_MAX)
        return error;
    return fail(actor, MSG_PRICES_MAX, number_text(actor, PRICES_OWN_MAX), NULL);
}

static enum error note(struct actor *actor, const char *action, const char *key, const char *changes)
{
    return audit_write(actor, &(struct audit){.action = action, .target = key, .changes = changes});
}

static const char *key_of(struct actor *actor, const char *model, struct price_name *name)
{
    return price_name_read(name, model) ? arena_strdup(actor->arena, name->key) : NULL;
}

enum error price_set(struct actor *actor, struct own_price *p)
{
    struct price_name name;
    struct row row;
    const char *const *rates = p->rates;
    p->model = key_of(actor, p->model, &name);
    if (!p->model)
        return fail_field(actor, "model", MSG_PRICE_MODEL, NULL);
    if (!p->tier)
        p->tier = price_tier_names[name.fast ? PRICE_FAST : PRICE_STANDARD];
    p->since = p->since ? p->since : PRICE_ALWAYS;
    p->above = p->above ? p->above : "-1";
    enum error error = db_one(actor->db, &set_own, &row,
                              DB_ARGS(p->model, p->tier, p->since, p->above, name.shown, rates[PRICE_INPUT],
                                      rates[PRICE_OUTPUT], rates[PRICE_CACHE_READ], rates[PRICE_CACHE_WRITE],
                                      rates[PRICE_CACHE_WRITE_1H], actor->who.username));
    if (!error)
        error = check_room(actor);
    return error ? error : note(actor, "price.set", p->model, row_text(&row, 0));
}

static enum error remove_matching(struct actor *actor, const char *key, const struct own_price *which,
                                  long long *removed)
{
    struct row row;
    enum error error = db_one(actor->db, &remove_own, &row, DB_ARGS(key, which->tier, which->since, which->above));
    *removed = error ? 0 : row_int(&row, 0);
    return error;
}

enum error price_remove(struct actor *actor, const struct own_price *which, long long *removed)
{
    struct price_name name;
    const char *key = key_of(actor, which->model, &name);
    struct own_price narrowed = *which;
    *removed = 0;
    if (name.fast && !which->tier)
        narrowed.tier = price_tier_names[PRICE_FAST];
    if (!key)
        return fail_field(actor, "model", MSG_PRICE_MODEL, NULL);
    enum error error = remove_matching(actor, key, &narrowed, removed);
    return error || !*removed ? error : note(actor, "price.delete", key, NULL);
}

enum error prices_reset(struct actor *actor, long long *removed)
{
    static const struct own_price all = {0};
    enum error error = remove_matching(actor, NULL, &all, removed);
    return error || !*removed ? error : note(actor, "price.reset", NULL, NULL);
}
