/* LiteLLM's file of prices. An entry's numbers stand under names that are put together of what they are for, from how many tokens on, and
 * of which tier: "cache_read_input_token_cost_above_200k_tokens_priority". */
#include "price_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "price_name.h"
#include "util.h"

enum { RANGES_MAX = 12, THOUSAND = 1000, ANY = -1, ENTRIES_MAX = 20000, ROWS_MAX = 100000 };

static const double PER_TOKEN = 1e15, PER_MILLION = 1e9; /* of which an amount is one */

const char *const price_rate_names[PRICE_RATES] = {"input", "output", "cache_read", "cache_write", "cache_write_1h"};
const char *const price_tier_names[PRICE_TIERS] = {"standard", "fast", "priority", "flex", "batch"};
const char *const price_skip_names[PRICE_SKIPS] = {"mode",   "unpriced", "half",     "reasoning",
                                                   "ranges", "name",     "ambiguous"};

/* ---- amounts ---------------------------------------------------------------------------------------------------- */

const char *price_text(char text[PRICE_TEXT], int64_t amount)
{
    static const int64_t one = 1000000000;
    int length = snprintf(text, PRICE_TEXT, "%lld.%09lld", (long long)(amount / one), (long long)(amount % one));
    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[length - 1] = '\0';
    return text;
}

/* A double holds 15 decimal digits exactly, and no more stand in what people write; behind them is the noise of other people's sums. */
static bool whole_amount(double number, int64_t *amount)
{
    if (!(number >= 0 && number <= (double)PRICE_MAX))
        return false;
    *amount = llround(number);
    return true;
}

static bool amount_of_text(const char *text, int64_t *amount)
{
    int64_t value = 0;
    int digits = 0, decimals = -1;
    for (; *text; text++) {
        if (*text == '.' && decimals < 0 && digits) {
            decimals = 0;
            continue;
        }
        if (*text < '0' || *text > '9' || value > PRICE_MAX / 10 || decimals == PRICE_DECIMALS)
            return false;
        value = value * 10 + (*text - '0');
        digits++;
        decimals += decimals >= 0;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < PRICE_DECIMALS; i++) {
        if (value > PRICE_MAX / 10)
            return false;
        value *= 10;
    }
    *amount = value;
    return digits && decimals != 0 && value <= PRICE_MAX;
}

bool price_amount(const json_t *value, int64_t *amount)
{
    if (json_is_string(value))
        return amount_of_text(json_string_value(value), amount);
    double number = json_is_number(value) ? json_number_value(value) * PER_MILLION : -1;
    double beyond =
        fabs(number - nearbyint(number)); /* more decimals than there may be: more than a double's own error */
    return beyond <= number * 4e-16 && whole_amount(number, amount);
}

/* ---- names of an entry's numbers -------------------------------------------------------------------------------- */

enum { REASONING = PRICE_RATES, CACHE_HIT, NUMBERS }; /* behind the rates */

static const struct {
    const char *name;
    int number;
} numbers[] = {
    {"input_cost_per_token_cache_hit", CACHE_HIT}, /* in front of what it begins with */
    {"input_cost_per_token", PRICE_INPUT},
    {"output_cost_per_token", PRICE_OUTPUT},
    {"cache_read_input_token_cost", PRICE_CACHE_READ},
    {"cache_creation_input_token_cost_above_1hr", PRICE_CACHE_WRITE_1H},
    {"cache_creation_input_token_cost", PRICE_CACHE_WRITE},
    {"output_cost_per_reasoning_token", REASONING},
};

static const struct {
    const char *name;
    enum price_tier tier;
} tiers[] = {{"_priority", PRICE_PRIORITY}, {"_flex", PRICE_FLEX}, {"_batches", PRICE_BATCH}};

/* What a name says. */
struct spot {
    int number;
    enum price_tier tier;
    int64_t above;
};

static bool skip(const char **text, const char *word)
{
    size_t length = strlen(word);
    bool there = strncmp(*text, word, length) == 0;
    *text += there ? length : 0;
    return there;
}

/* "_above_200k_tokens" */
static bool read_above(const char **text, int64_t *above)
{
    const char *rest = *text;
    long long thousands;
    if (!skip(&rest, "_above_"))
        return true;
    const struct part digits = {rest, strspn(rest, "0123456789")};
    rest += digits.length;
    if (!parse_int_part(&digits, 1, 1000000, &thousands) || !skip(&rest, "k_tokens"))
        return false;
    *above = thousands * THOUSAND;
    *text = rest;
    return true;
}

static bool read_spot(const char *name, struct spot *spot)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(numbers) && !skip(&name, numbers[i].name))
        i++;
    if (i == ARRAY_SIZE(numbers))
        return false;
    *spot = (struct spot){.number = numbers[i].number, .tier = PRICE_STANDARD, .above = ANY};
    if (!read_above(&name, &spot->above))
        return false;
    for (i = 0; *name && i < ARRAY_SIZE(tiers); i++)
        if (skip(&name, tiers[i].name))
            spot->tier = tiers[i].tier;
    return !*name;
}

/* ---- one entry -------------------------------------------------------------------------------------------------- */

struct entry {
    struct price_name name;
    const char *written; /* its name in the file */
    int rank;            /* which of a model's entries it is: enum rank */
    bool free;
    int64_t above[RANGES_MAX];
    size_t ranges;
    int64_t told[PRICE_TIERS][RANGES_MAX][NUMBERS];
};

static bool find_range(struct entry *e, int64_t above, size_t *index)
{
    for (*index = 0; *index < e->ranges; ++*index)
        if (e->above[*index] == above)
            return true;
    if (e->ranges == RANGES_MAX)
        return false;
    e->above[e->ranges++] = above;
    return true;
}

/* Where a text stands, nothing is told. */
static bool take_number(struct entry *e, const struct spot *spot, const json_t *value)
{
    size_t range;
    int64_t amount;
    if (!json_is_number(value) || !whole_amount(json_number_value(value) * PER_TOKEN, &amount))
        return true;
    if (!find_range(e, spot->above, &range))
        return false;
    e->told[spot->tier][range][spot->number] = amount;
    return true;
}

/* The members of an object that are prices; `above` is where they begin, unless a name says so itself. */
static bool take_members(struct entry *e, json_t *object, int64_t above)
{
    const char *name;
    json_t *value;
    struct spot spot;
    json_object_foreach(object, name, value)
    {
        if (!read_spot(name, &spot))
            continue;
        if (above != ANY && spot.above != ANY)
            return false;
        spot.above = spot.above == ANY ? above : spot.above;
        if (!take_number(e, &spot, value))
            return false;
    }
    return true;
}

/* "tiered_pricing": [{"range": [0, 32000.0], ...}, {"range": [32000.0, 128000.0], ...}]: one begins where the one before ends. */
static bool take_ranges(struct entry *e, json_t *list)
{
    size_t i;
    json_t *each;
    double end = 0;
    json_array_foreach(list, i, each)
    {
        json_t *range = json_object_get(each, "range");
        double from = json_number_value(json_array_get(range, 0)), to = json_number_value(json_array_get(range, 1));
        if (json_array_size(range) != 2 || from != end || to <= from || to > 1e12)
            return false;
        if (!take_members(e, each, from > 0 ? (int64_t)from : ANY))
            return false;
        end = to;
    }
    return true;
}

/* Claude's fast tier is told as what everything is multiplied by. */
static void take_fast(struct entry *e, json_t *object)
{
    json_t *fast = json_object_get(json_object_get(object, "provider_specific_entry"), "fast");
    double times = json_is_number(fast) ? json_number_value(fast) : 0;
    for (size_t range = 0; times > 0 && range < e->ranges; range++)
        for (int number = 0; number < NUMBERS; number++) {
            int64_t rate = e->told[PRICE_STANDARD][range][number], amount;
            if (rate != PRICE_UNTOLD && whole_amount((double)rate * times, &amount))
                e->told[PRICE_FAST][range][number] = amount;
        }
}

static bool is_text_mode(const char *mode)
{
    return !mode || strcmp(mode, "chat") == 0 || strcmp(mode, "responses") == 0 || strcmp(mode, "completion") == 0;
}

/* Every tier and range: what a cache gives back has two names; and whether reasoning costs something else. */
static bool settle_numbers(struct entry *e)
{
    for (int tier = 0; tier < PRICE_TIERS; tier++)
        for (size_t range = 0; range < e->ranges; range++) {
            int64_t *told = e->told[tier][range];
            if (told[PRICE_CACHE_READ] == PRICE_UNTOLD)
                told[PRICE_CACHE_READ] = told[CACHE_HIT];
            if (told[REASONING] != PRICE_UNTOLD && told[REASONING] != told[PRICE_OUTPUT])
                return false;
        }
    return true;
}

/* PRICE_SKIPS when it is good. */
static enum price_skip read_entry(struct entry *e, json_t *object)
{
    json_t *ranges = json_object_get(object, "tiered_pricing");
    if (!is_text_mode(json_text_at(object, "mode")))
        return PRICE_SKIP_MODE;
    if (!price_name_read(&e->name, e->written) || e->name.fast)
        return PRICE_SKIP_NAME;
    for (size_t i = 0; i < sizeof e->told / sizeof(int64_t); i++)
        (&e->told[0][0][0])[i] = PRICE_UNTOLD;
    e->above[0] = ANY;
    e->ranges = 1;
    if (!(json_array_size(ranges) ? take_ranges(e, ranges) : take_members(e, object, ANY)))
        return PRICE_SKIP_RANGES;
    take_fast(e, object);
    if (!settle_numbers(e))
        return PRICE_SKIP_REASONING;
    int64_t input = e->told[PRICE_STANDARD][0][PRICE_INPUT], output = e->told[PRICE_STANDARD][0][PRICE_OUTPUT];
    if (input == PRICE_UNTOLD || output == PRICE_UNTOLD)
        return PRICE_SKIP_UNPRICED;
    e->free = !input && !output;
    return !input == !output ? PRICE_SKIPS : PRICE_SKIP_HALF;
}

/* ---- whose entry it is ------------------------------------------------------------------------------------------ */

enum rank { RANK_WHOLE, RANK_BARE, RANK_MAKER, RANK_OTHER };

/* Where a model's maker sells it, and how its names begin: the same door sells others' models, too. */
static const struct {
    const char *door, *begins;
} makers[] = {
    {"anthropic/", "claude"},  {"openai/", "gpt"},        {"openai/", "o"},          {"openai/", "codex"},
    {"gemini/", "gemini"},     {"gemini/", "gemma"},      {"xai/", "grok"},          {"dashscope/", "qwen"},
    {"dashscope/", "qwq"},     {"moonshot/", "kimi"},     {"moonshot/", "moonshot"}, {"zai/", "glm"},
    {"deepseek/", "deepseek"}, {"mistral/", "mistral"},   {"mistral/", "codestral"}, {"mistral/", "devstral"},
    {"mistral/", "magistral"}, {"mistral/", "ministral"}, {"minimax/", "minimax"},   {"cohere/", "command"},
};

static bool is_makers(const char *written, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
        const char *rest = written, *name = key;
        if (skip(&rest, makers[i].door) && !strchr(rest, '/') && skip(&name, makers[i].begins))
            return true;
    }
    return false;
}

static int rank_of(const struct entry *e)
{
    if (e->name.bare)
        return e->name.whole ? RANK_WHOLE : RANK_BARE;
    return is_makers(e->written, e->name.key) ? RANK_MAKER : RANK_OTHER;
}

/* ---- rows of an entry ------------------------------------------------------------------------------------------- */

static bool tells(const struct entry *e, int tier, size_t range)
{
    for (int rate = 0; rate < PRICE_RATES; rate++)
        if (e->told[tier][range][rate] != PRICE_UNTOLD)
            return true;
    return false;
}

static int by_above(const void *a, const void *b)
{
    const struct price *left = a, *right = b;
    return left->above < right->above ? -1 : left->above > right->above;
}

/* One tier. A range that the standard tier has and this one does not is a row without rates: what it costs there is not known, and the
 * price of shorter prompts would be a guess. */
static size_t write_tier(const struct entry *e, int tier, struct price *out)
{
    size_t count = 0;
    const int64_t *any = e->told[tier][0];
    if (any[PRICE_INPUT] == PRICE_UNTOLD || any[PRICE_OUTPUT] == PRICE_UNTOLD)
        return 0;
    for (size_t range = 0; range < e->ranges; range++) {
        if (!tells(e, tier, range) && !tells(e, PRICE_STANDARD, range))
            continue;
        struct price *price = &out[count++];
        *price = (struct price){.tier = (enum price_tier)tier, .above = e->above[range]};
        memcpy(price->rates, e->told[tier][range], sizeof price->rates);
    }
    qsort(out, count, sizeof *out, by_above);
    return count;
}

/* An entry that was read, without the room that reading took. */
struct offer {
    const char *key, *shown;
    int rank;
    bool free;
    const struct price *prices;
    size_t count;
};

static struct offer make_offer(struct arena *arena, const struct entry *e)
{
    struct price rows[PRICE_TIERS * RANGES_MAX];
    size_t count = 0;
    for (int tier = 0; tier < PRICE_TIERS; tier++)
        count += write_tier(e, tier, rows + count);
    struct offer offer = {.key = arena_strdup(arena, e->name.key),
                          .shown = arena_strdup(arena, e->name.shown),
                          .rank = e->rank,
                          .free = e->free,
                          .count = count};
    struct price *prices = arena_array(arena, count, sizeof *prices);
    for (size_t i = 0; i < count; i++) {
        prices[i] = rows[i];
        prices[i].model = offer.key;
        prices[i].shown = offer.shown;
    }
    offer.prices = prices;
    return offer;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* By model, the ones to be taken first; the shortest name of several is the one that is shown. */
static int by_model(const void *a, const void *b)
{
    const struct offer *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    order = order ? order : left->rank - right->rank;
    return order ? order : strcmp(left->shown, right->shown);
}

static bool same_price(const struct offer *a, const struct offer *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct price *left = &a->prices[i], *right = &b->prices[i];
        if (left->tier != right->tier || left->above != right->above ||
            memcmp(left->rates, right->rates, sizeof left->rates) != 0)
            return false;
    }
    return true;
}

/* Those of a model: whether they agree, as far as they count. */
static bool agree(const struct offer *offers, size_t count)
{
    for (size_t i = 1; i < count && offers[i].rank == offers[0].rank; i++)
        if (!same_price(&offers[i], &offers[0]))
            return false;
    return true;
}

static void choose(struct price_list *out, struct price *prices, const struct offer *offers, size_t count)
{
    if (!agree(offers, count)) {
        out->skipped[PRICE_SKIP_AMBIGUOUS]++;
        if (json_array_size(out->ambiguous) < PRICE_AMBIGUOUS_MAX)
            json_array_append_new(out->ambiguous, json_string(offers->key));
        return;
    }
    memcpy(prices + out->count, offers->prices, offers->count * sizeof *prices);
    out->count += offers->count;
    out->models++;
}

/* Each entry that can be used; returns how many. *rows are those of all. */
static size_t read_offers(struct arena *arena, json_t *file, struct offer *offers, size_t *rows, struct price_list *out)
{
    static const char example[] = "sample_spec"; /* which explains the others */
    const char *written;
    json_t *object;
    size_t count = 0;
    struct entry *e = arena_alloc(arena, sizeof *e);
    *rows = 0;
    json_object_foreach(file, written, object)
    {
        if (strcmp(written, example) == 0 || *rows > ROWS_MAX)
            continue;
        e->written = written;
        enum price_skip why = read_entry(e, object);
        if (why == PRICE_SKIPS) {
            e->rank = rank_of(e);
            why = e->free && e->rank == RANK_OTHER ? PRICE_SKIP_HALF : why;
        }
        if (why < PRICE_SKIPS) {
            out->skipped[why]++;
            continue;
        }
        offers[count] = make_offer(arena, e);
        *rows += offers[count++].count;
    }
    return count;
}

bool price_list_read(struct arena *arena, json_t *file, struct price_list *out)
{
    size_t rows;
    *out = (struct price_list){.ambiguous = json_array()};
    if (json_object_size(file) > ENTRIES_MAX)
        return false;
    struct offer *offers = arena_array(arena, json_object_size(file) + 1, sizeof *offers);
    size_t count = read_offers(arena, file, offers, &rows, out);
    if (rows > ROWS_MAX)
        return false;
    qsort(offers, count, sizeof *offers, by_model);
    struct price *prices = arena_array(arena, rows + 1, sizeof *prices);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && strcmp(offers[next].key, offers[i].key) == 0;)
            next++;
        choose(out, prices, offers + i, next - i);
    }
    out->prices = prices;
    return out->models > 0;
}

void price_list_write(struct json_writer *w, const struct price_list *list)
{
    char text[PRICE_TEXT];
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++) {
        const struct price *price = &list->prices[i];
        json_open_object(w);
        json_string_member(w, "model", price->model);
        json_string_member(w, "shown", price->shown);
        json_string_member(w, "tier", price_tier_names[price->tier]);
        json_int_member(w, "above", price->above);
        for (int rate = 0; rate < PRICE_RATES; rate++) {
            json_key(w, price_rate_names[rate]);
            json_put_raw(w, price->rates[rate] == PRICE_UNTOLD ? NULL : price_text(text, price->rates[rate]));
        }
        json_close_object(w);
    }
    json_close_array(w);
}
