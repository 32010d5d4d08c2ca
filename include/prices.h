/* Prices: what tokens of a model cost, since when, and for whom (sql/migrations/0034_prices.up.sql). The site's come from lists; a workspace
 * has its own for what it pays otherwise.
 *
 * How the ledger charges calls, any number in one statement. `calls` has the model as price_name's key, its tier (a name that says "fast" is
 * of the tier "fast"; NULL is "standard") and its tokens as usage_record.h counts them; the workspace is a parameter, not ccr_workspace(),
 * which would be asked anew for each call:
 *
 *     SELECT c.…, k.cost FROM calls c LEFT JOIN LATERAL
 *         usage_cost($1::uuid, c.model, c.tier, c.time, c.input, c.output, c.cache_read, c.cache_write, c.cache_write_1h) k ON true
 *
 * `cost` is in US dollars, exact, and NULL where the model has no price, or none for what the call used. No argument may be a subselect:
 * the planner then calls the function for each row, which takes ten times as long, instead of taking it apart. usage_price() has the rates
 * themselves. A price that an import brings holds from the list's date on, so calls before it keep theirs; what may change is the cost of
 * calls without one (the first price of a model holds for all time), of those between the list's date and its import, and, after a
 * workspace changed prices of its own, of that workspace's. */
#pragma once

#include "actor.h"
#include "price_list.h"

/* The prices that come with the program, as a JSON object: source, date, models. Generated of presets/prices.json. */
extern const char prices_json[];

/* ---- the site's ------------------------------------------------------------------------------------------------- */

struct prices_import {
    const char *when;   /* since when they hold: a date or time as PostgreSQL reads it; NULL = now */
    const char *source; /* who says so, 1 to 400 characters */
};

/* What came of it, in models. */
struct prices_counts {
    long long added, changed, same;
    long long older;             /* of which a newer list is known: nothing is done with them */
    size_t skipped[PRICE_SKIPS]; /* as in struct price_list */
    const char *ambiguous;       /* their keys with commas between; "" = none */
};

/* Takes a list in LiteLLM's form, in the caller's transaction on a connection that sees every workspace (db_maintenance). The same list once
 * more changes nothing. ERR_VALIDATION: it is no JSON, or has no model with a price. What counts points to is the arena's. */
enum error prices_import(struct db *db, struct arena *arena, const char *text, const struct prices_import *import,
                         struct prices_counts *counts);
/* The same with the prices that come with the program. */
enum error prices_seed(struct db *db, struct arena *arena, struct prices_counts *counts);

/* ---- a workspace's own ------------------------------------------------------------------------------------------ */

enum { PRICES_OWN_MAX = 1000 };  /* rows of a workspace */
#define PRICE_ALWAYS "-infinity" /* a `since` */

struct own_price {
    const char *model;              /* as it is called anywhere */
    const char *tier;               /* NULL = standard */
    const char *above;              /* tokens of the prompt, as digits; NULL = any */
    const char *since;              /* as PostgreSQL reads it; NULL = always */
    const char *rates[PRICE_RATES]; /* dollars for a million tokens, as digits; NULL = not told */
};

/* Sets one in the actor's workspace: model, tier, above and since say which. What says it in *price becomes what stands in the table: the
 * model's key, and what was left out. ERR_VALIDATION with the fields named; ERR_CONFLICT when there are too many. */
enum error price_set(struct actor *actor, struct own_price *price);
/* Removes the workspace's own of a model, all or as far as tier, above and since say. *removed may be 0. ERR_VALIDATION when it is no
 * name of a model. */
enum error price_remove(struct actor *actor, const struct own_price *which, long long *removed);
/* Removes all that the workspace has. */
enum error prices_reset(struct actor *actor, long long *removed);
