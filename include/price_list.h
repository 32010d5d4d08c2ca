/* Price list: what LiteLLM's file of prices (model_prices_and_context_window.json, MIT) says, for the models that a coding CLI talks to.
 * Portable: no server needed. Amounts are whole numbers of 10^-9 US dollars for a million tokens (10^-15 a token), so that nothing is ever
 * rounded twice. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "json.h"

enum price_rate { PRICE_INPUT, PRICE_OUTPUT, PRICE_CACHE_READ, PRICE_CACHE_WRITE, PRICE_CACHE_WRITE_1H, PRICE_RATES };
extern const char *const price_rate_names[PRICE_RATES]; /* "input", "output", "cache_read" ... */

enum price_tier { PRICE_STANDARD, PRICE_FAST, PRICE_PRIORITY, PRICE_FLEX, PRICE_BATCH, PRICE_TIERS };
extern const char *const price_tier_names[PRICE_TIERS]; /* "standard", "fast" ... */

enum { PRICE_UNTOLD = -1, PRICE_DECIMALS = 9 };
enum { PRICE_TEXT = 32 };                                  /* bytes of an amount as text */
static const int64_t PRICE_MAX = 1000000LL * 1000000000LL; /* of an amount: a million dollars for a million tokens */

/* The rates of one tier of one model for prompts of more than `above` tokens (cached ones count; -1: any), until the next higher `above`.
 * They hold for the whole request. */
struct price {
    const char *model; /* price_name's key */
    const char *shown;
    enum price_tier tier;
    int64_t above;
    int64_t rates[PRICE_RATES]; /* PRICE_UNTOLD: what such tokens cost is not known */
};

/* Why an entry of the file, or all those of a model, are not taken. */
enum price_skip {
    PRICE_SKIP_MODE,     /* it makes pictures, sounds or vectors */
    PRICE_SKIP_UNPRICED, /* no price of input or output, or none that is a number */
    PRICE_SKIP_HALF, /* one of the two is 0 and the other is not; or both are, at somebody else's door than its maker's */
    PRICE_SKIP_REASONING, /* tokens of reasoning cost something else than output, and logs do not always tell them apart */
    PRICE_SKIP_RANGES,    /* its ranges of prompts have gaps, or are too many */
    PRICE_SKIP_NAME,      /* no name, or one that says a tier */
    PRICE_SKIP_AMBIGUOUS, /* several entries are the same model at different prices, and none is its maker's */
    PRICE_SKIPS
};
extern const char *const price_skip_names[PRICE_SKIPS]; /* "mode", "unpriced" ... */

struct price_list {
    const struct price *prices; /* by model, tier and `above` */
    size_t count, models;
    size_t skipped[PRICE_SKIPS]; /* entries; of PRICE_SKIP_AMBIGUOUS models */
    json_t *ambiguous;           /* their keys, PRICE_AMBIGUOUS_MAX at most */
};
enum { PRICE_AMBIGUOUS_MAX = 100 };

/* Reads the file's object. Of a model's entries one is taken: the one of exactly that name, else those that only have a date or a version
 * behind it, else its maker's ("zai/glm-4.6"), else all others; where the ones of a kind differ in price, the model is ambiguous and left
 * out. False when `file` is no object, says nothing that could be used, or has more than 20,000 entries. What it makes is the arena's. */
bool price_list_read(struct arena *arena, json_t *file, struct price_list *out);

/* As decimal digits: "0.075". Returns `text`. */
const char *price_text(char text[PRICE_TEXT], int64_t amount);
/* A JSON number, or a text of digits with a '.' or without: of at most PRICE_DECIMALS decimals, 0 to PRICE_MAX. False for anything else. */
bool price_amount(const json_t *value, int64_t *amount);
/* A JSON array of the prices: {"model", "shown", "tier", "above", "input", ... "cache_write_1h"}, what is not told as null. */
void price_list_write(struct json_writer *w, const struct price_list *list);
