/* The display currency of a workspace in PostgreSQL. */
#include "currency.h"

#include <string.h>

#include "audit.h"
#include "util.h"

enum { CODE = 3 };

/* A date may be of today somewhere: the earliest day of the world is 14 hours before UTC. */
static const struct statement
    read_text = {"currency_text",
                 "SELECT json_build_object('currency', currency, 'rate', trim_scale(rate), 'date', date)"
                 " FROM display_currencies WHERE workspace_id = ccr_workspace()"},
    set =
        {"currency_set",
         "WITH before AS (SELECT currency, rate, date FROM display_currencies WHERE workspace_id = ccr_workspace()),"
         " after AS (INSERT INTO display_currencies (workspace_id, currency, rate, date)"
         " SELECT ccr_workspace(), $1, $2::numeric, $3::date"
         " WHERE $3::date <= (now() AT TIME ZONE 'UTC' + interval '14 hours')::date"
         " ON CONFLICT (workspace_id) DO UPDATE SET (currency, rate, date) = (excluded.currency, excluded.rate, excluded.date)"
         " RETURNING currency, rate, date)"
         " SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('key', c.key, 'old_value', c.old, 'new_value', c.new)"
         " ORDER BY c.place), '[]') FROM (VALUES (1, 'currency', b.currency, a.currency),"
         " (2, 'rate', trim_scale(b.rate)::text, trim_scale(a.rate)::text), (3, 'date', b.date::text, a.date::text))"
         " AS c (place, key, old, new) WHERE c.old IS DISTINCT FROM c.new) FROM after a LEFT JOIN before b ON true"},
    destroy = {"currency_delete",
               "DELETE FROM display_currencies WHERE workspace_id = ccr_workspace() RETURNING currency"};

enum error currency_text(struct actor *actor, const char **text)
{
    struct row row;
    enum error error = db_one(actor->db, &read_text, &row, DB_NO_ARGS);
    *text = error ? "null" : arena_strdup(actor->arena, row_text(&row, 0));
    return error == ERR_NOT_FOUND ? ERR_NONE : error;
}

static bool is_code(const char *text)
{
    return strlen(text) == CODE && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == CODE && strcmp(text, "USD") != 0;
}

enum error currency_set(struct actor *actor, const struct currency *c)
{
    struct row row;
    if (!is_code(c->code))
        return fail_field(actor, "currency", MSG_CURRENCY, NULL);
    enum error error = db_one(actor->db, &set, &row, DB_ARGS(c->code, c->rate, c->date));
    if (error)
        return error == ERR_NOT_FOUND ? fail_field(actor, "date", MSG_DATE_COMING, NULL) : error;
    return audit_write(actor,
                       &(struct audit){.action = "currency.set", .target = c->code, .changes = row_text(&row, 0)});
}

enum error currency_remove(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &destroy, &row, DB_NO_ARGS);
    return error ? error
                 : audit_write(actor, &(struct audit){.action = "currency.delete", .target = row_string(&row, 0)});
}
