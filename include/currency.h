/* The currency that a workspace's people are shown amounts in, beside US dollars: a code, a rate and the date that the rate is of. Nothing is
 * stored, added up, compared or charged in it, and no amount of the API is: whoever shows one multiplies. sql/migrations/0034_prices.up.sql */
#pragma once

#include "actor.h"

struct currency {
    const char *code; /* ISO 4217: three capital letters, not USD */
    const char *rate; /* units of it for one US dollar, in decimal, more than 0 */
    const char *date; /* of the rate: 2026-01-31 */
};

/* The workspace's as the text of an object, {"currency", "rate", "date"}, or "null" without one; it is the arena's. */
enum error currency_text(struct actor *actor, const char **text);
/* Sets it, in the place of what was set, with an audit row. ERR_VALIDATION names the field. */
enum error currency_set(struct actor *actor, const struct currency *currency);
/* ERR_NOT_FOUND without one. */
enum error currency_remove(struct actor *actor);
