/* LiteLLM's file of prices: what its names mean, which of a model's entries counts, and what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "prices.h" /* before cmocka, which has a macro called fail */

#include <cmocka.h>

#include "json.h"
#include "price_list.h"
#include "util.h"

static struct arena *arena;
static struct price_list list;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16 * MIB);
    json_use_arena(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

static bool read_text(const char *text)
{
    json_t *file = json_stored(text);
    if (!file)
        fail_msg("the test's own JSON is none: %s", text);
    return price_list_read(arena, file, &list);
}

/* "3 15 0.3 - -" of a tier and range; "" when there is none. */
static const char *rates(const char *model, enum price_tier tier, int64_t above)
{
    const char *out = "";
    char text[PRICE_TEXT];
    for (size_t i = 0; i < list.count; i++) {
        const struct price *p = &list.prices[i];
        if (strcmp(p->model, model) != 0 || p->tier != tier || p->above != above)
            continue;
        assert_string_equal(out, ""); /* once */
        for (int rate = 0; rate < PRICE_RATES; rate++)
            out = arena_printf(arena, "%s%s%s", out, rate ? " " : "",
                               p->rates[rate] == PRICE_UNTOLD ? "-" : price_text(text, p->rates[rate]));
    }
    return out;
}

static void read_good(const char *text)
{
    assert_true(read_text(text));
}

static void skipped_as(const char *entry, enum price_skip why)
{
    assert_false(read_text(entry));
    assert_int_equal(list.skipped[why], 1);
    for (int other = 0; other < PRICE_SKIPS; other++)
        assert_int_equal(list.skipped[other], other == (int)why);
}

/* ---- the prices that come with the program ---------------------------------------------------------------------- */

/* Dollars for a million tokens, as they stand in the makers' own lists: input, output, read, write, write for an hour. */
static void what_models_cost(void **state)
{
    static const struct {
        const char *model;
        enum price_tier tier;
        int64_t above;
        const char *rates;
    } cases[] = {
        {"claude-3-haiku", PRICE_STANDARD, -1, "0.25 1.25 0.03 0.3 6"},
        {"claude-3-7-sonnet", PRICE_STANDARD, -1, "3 15 0.3 3.75 6"},
        {"claude-sonnet-4", PRICE_STANDARD, -1, "3 15 0.3 3.75 6"},
        {"claude-sonnet-4", PRICE_STANDARD, 200000, "6 22.5 0.6 7.5 -"},
        {"claude-sonnet-4-5", PRICE_STANDARD, -1, "3 15 0.3 3.75 6"},
        {"claude-sonnet-4-5", PRICE_STANDARD, 200000, "6 22.5 0.6 7.5 12"},
        {"claude-sonnet-4-6", PRICE_STANDARD, -1, "3 15 0.3 3.75 6"},
        {"claude-sonnet-4-6", PRICE_STANDARD, 200000, ""},
        {"claude-sonnet-5", PRICE_STANDARD, -1, "2 10 0.2 2.5 4"},
        {"claude-opus-4-1", PRICE_STANDARD, -1, "15 75 1.5 18.75 30"},
        {"claude-opus-4-5", PRICE_STANDARD, -1, "5 25 0.5 6.25 10"},
        {"claude-opus-4-5", PRICE_FAST, -1, ""},
        {"claude-opus-4-6", PRICE_FAST, -1, "30 150 3 37.5 60"},
        {"claude-opus-4-7", PRICE_FAST, -1, "30 150 3 37.5 60"},
        {"claude-opus-4-8", PRICE_FAST, -1, "10 50 1 12.5 20"},
        {"claude-opus-5", PRICE_FAST, -1, "10 50 1 12.5 20"},
        {"claude-haiku-4-5", PRICE_STANDARD, -1, "1 5 0.1 1.25 2"},
        {"claude-fable-5", PRICE_STANDARD, -1, "10 50 1 12.5 20"},
        {"gpt-5", PRICE_STANDARD, -1, "1.25 10 0.125 - -"},
        {"gpt-5", PRICE_PRIORITY, -1, "2.5 20 0.25 - -"},
        {"gpt-5", PRICE_FLEX, -1, "0.625 5 0.0625 - -"},
        {"gpt-5-mini", PRICE_STANDARD, -1, "0.25 2 0.025 - -"},
        {"gpt-5-2-codex", PRICE_STANDARD, -1, "1.75 14 0.175 - -"},
        {"gpt-5-4", PRICE_STANDARD, -1, "2.5 15 0.25 - -"},
        {"gpt-5-4", PRICE_STANDARD, 272000, "5 22.5 0.5 - -"},
        {"gpt-5-4", PRICE_BATCH, -1, "1.25 7.5 - - -"},
        {"gpt-5-4", PRICE_BATCH, 272000, "- - - - -"},
        {"gpt-5-6-sol", PRICE_STANDARD, -1, "5 30 0.5 6.25 -"},
        {"gpt-5-6-sol", PRICE_STANDARD, 272000, "10 45 1 12.5 -"},
        {"gpt-5-6-sol", PRICE_PRIORITY, -1, "10 60 1 12.5 -"},
        {"gpt-5-6-sol", PRICE_FLEX, -1, "2.5 15 0.25 3.125 -"},
        {"gemini-2-5-pro", PRICE_STANDARD, -1, "1.25 10 0.125 - -"},
        {"gemini-3-pro-preview", PRICE_STANDARD, -1, "2 12 0.2 - -"},
        {"gemini-3-pro-preview", PRICE_PRIORITY, 200000, "7.2 32.4 0.72 - -"},
        {"gemini-2-5-flash", PRICE_STANDARD, -1, "0.3 2.5 0.03 - -"},
        {"qwen3-coder-plus", PRICE_STANDARD, -1, "1 5 0.1 - -"},
        {"qwen3-coder-plus", PRICE_STANDARD, 32000, "1.8 9 0.18 - -"},
        {"qwen3-coder-plus", PRICE_STANDARD, 128000, "3 15 0.3 - -"},
        {"qwen3-coder-plus", PRICE_STANDARD, 256000, "6 60 0.6 - -"},
        {"kimi-k2-5", PRICE_STANDARD, -1, "0.6 3 0.1 - -"},
        {"kimi-k2-6", PRICE_STANDARD, -1, "0.95 4 0.16 - -"},
        {"glm-4-6", PRICE_STANDARD, -1, "0.6 2.2 0.11 0 -"},
        {"deepseek-chat", PRICE_STANDARD, -1, "0.28 0.42 0.028 - -"},
        {"deepseek-v4-pro", PRICE_STANDARD, -1, "0.435 0.87 0.003625 0 -"},
        {"deepseek-v4-flash", PRICE_STANDARD, -1, "0.14 0.28 0.0028 0 -"},
    };
    (void)state;
    assert_true(price_list_read(arena, json_object_get(json_stored(prices_json), "models"), &list));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(rates(cases[i].model, cases[i].tier, cases[i].above), cases[i].rates);
    assert_int_equal(list.models, 40);
    for (int why = 0; why < PRICE_SKIPS; why++)
        assert_int_equal(list.skipped[why], 0);
}

/* ---- what an entry says ----------------------------------------------------------------------------------------- */

#define FLAT "\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06"

static void names_of_numbers(void **state)
{
    (void)state;
    read_good(
        "{\"sample_spec\": {\"input_cost_per_token\": 0.0}, \"a\": {" FLAT ", \"cache_read_input_token_cost\": 1e-07,"
        "\"cache_creation_input_token_cost\": 1.25e-06, \"cache_creation_input_token_cost_above_1hr\": 2e-06,"
        "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\": 4e-06,"
        "\"input_cost_per_token_above_200k_tokens\": 3e-06, \"output_cost_per_token_above_128k_tokens\": 5e-06,"
        "\"input_cost_per_token_above_200k_tokens_priority\": 7e-06, \"output_cost_per_token_priority\": 8e-06,"
        "\"input_cost_per_token_priority\": 6e-06, \"input_cost_per_token_flex\": 5e-07,"
        "\"input_cost_per_token_batches\": 5e-07, \"output_cost_per_token_batches\": 1e-06,"
        "\"input_cost_per_token_above_200k\": 9, \"input_cost_per_token_gold\": 9, \"input_cost_per_audio_token\": 9}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 0.1 1.25 2");
    assert_string_equal(rates("a", PRICE_STANDARD, 200000), "3 - - - 4");
    assert_string_equal(rates("a", PRICE_STANDARD, 128000), "- 5 - - -");
    assert_string_equal(rates("a", PRICE_PRIORITY, -1), "6 8 - - -");
    assert_string_equal(rates("a", PRICE_PRIORITY, 200000), "7 - - - -");
    assert_string_equal(rates("a", PRICE_PRIORITY, 128000), "- - - - -");
    assert_string_equal(rates("a", PRICE_FLEX, -1), ""); /* no price of output, so none */
    assert_string_equal(rates("a", PRICE_BATCH, -1), "0.5 1 - - -");
    assert_int_equal(list.count, 9);
    for (size_t i = 1; i < list.count; i++) { /* in order */
        const struct price *p = &list.prices[i - 1], *q = &list.prices[i];
        assert_true(p->tier < q->tier || (p->tier == q->tier && p->above < q->above));
    }
}

static void names_of_reads(void **state)
{
    (void)state;
    read_good("{\"a\": {" FLAT ", \"input_cost_per_token_cache_hit\": 1e-08}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 0.01 - -");
    read_good("{\"a\": {" FLAT ", \"input_cost_per_token_cache_hit\": 1e-08, \"cache_read_input_token_cost\": 2e-08}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 0.02 - -");
}

static void fast_multiplies_everything(void **state)
{
    (void)state;
    read_good("{\"a\": {" FLAT
              ", \"cache_read_input_token_cost\": 1e-07, \"input_cost_per_token_above_200k_tokens\": 3e-06,"
              "\"provider_specific_entry\": {\"us\": 1.1, \"fast\": 2.5}}}");
    assert_string_equal(rates("a", PRICE_FAST, -1), "2.5 5 0.25 - -");
    assert_string_equal(rates("a", PRICE_FAST, 200000), "7.5 - - - -");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 0.1 - -");
    read_good("{\"a\": {" FLAT ", \"provider_specific_entry\": {\"us\": 1.1}}}");
    assert_int_equal(list.count, 1);
}

static void texts_are_no_numbers(void **state)
{
    (void)state;
    read_good("{\"a\": {" FLAT
              ", \"cache_read_input_token_cost\": \"1e-07\", \"cache_creation_input_token_cost\": null,"
              "\"cache_creation_input_token_cost_above_1hr\": -1}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 - - -");
}

static void noise_behind_the_digits(void **state)
{
    (void)state;
    read_good("{\"a\": {\"input_cost_per_token\": 3.0000000000000004e-07, \"output_cost_per_token\": 1.5e-05,"
              "\"cache_read_input_token_cost\": 3.625e-09}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "0.3 15 0.003625 - -");
}

/* ---- what is left out ------------------------------------------------------------------------------------------- */

static void what_has_no_price(void **state)
{
    static const struct {
        const char *entry;
        enum price_skip why;
    } cases[] = {
        {"{\"a\": {" FLAT ", \"mode\": \"image_generation\"}}", PRICE_SKIP_MODE},
        {"{\"a\": {" FLAT ", \"mode\": \"embedding\"}}", PRICE_SKIP_MODE},
        {"{\"a\": {\"input_cost_per_token\": 1e-06}}", PRICE_SKIP_UNPRICED},
        {"{\"a\": {\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": \"2e-06\"}}", PRICE_SKIP_UNPRICED},
        {"{\"a\": {\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2}}", PRICE_SKIP_UNPRICED},
        {"{\"a\": {}}", PRICE_SKIP_UNPRICED},
        {"{\"a\": 7}", PRICE_SKIP_UNPRICED},
        {"{\"a\": {\"input_cost_per_token\": 0, \"output_cost_per_token\": 2e-06}}", PRICE_SKIP_HALF},
        {"{\"a\": {\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 0.0}}", PRICE_SKIP_HALF},
        {"{\"free_host/a\": {\"input_cost_per_token\": 0.0, \"output_cost_per_token\": 0.0}}", PRICE_SKIP_HALF},
        {"{\"a\": {" FLAT ", \"output_cost_per_reasoning_token\": 3e-06}}", PRICE_SKIP_REASONING},
        {"{\"123\": {" FLAT "}}", PRICE_SKIP_NAME},
        {"{\"\": {" FLAT "}}", PRICE_SKIP_NAME},
        {"{\"claude-opus-4-6-fast\": {" FLAT "}}", PRICE_SKIP_NAME},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        skipped_as(cases[i].entry, cases[i].why);
    read_good("{\"a\": {" FLAT ", \"output_cost_per_reasoning_token\": 2e-06}}");
    read_good("{\"a\": {\"input_cost_per_token\": 0, \"output_cost_per_token\": 0.0}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "0 0 - - -");
    assert_false(read_text("{}"));
    assert_false(read_text("[]"));
    assert_false(read_text("null"));
}

#define RANGE(from, to) "{\"range\": [" from ", " to "], " FLAT "}"

static void ranges_without_gaps(void **state)
{
    static const char *const bad[] = {
        RANGE("1", "32000"),
        RANGE("0", "32000") "," RANGE("64000.0", "128000"),
        RANGE("0", "32000") "," RANGE("16000", "128000"),
        RANGE("0", "0"),
        "{" FLAT "}",
        RANGE("0", "1e300"),
        "{\"range\": [0, 1], " FLAT "}, {\"range\": [1, 2], \"input_cost_per_token_above_200k_tokens\": 1e-06}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        skipped_as(arena_printf(arena, "{\"a\": {\"tiered_pricing\": [%s]}}", bad[i]), PRICE_SKIP_RANGES);
    read_good("{\"a\": {\"tiered_pricing\": [" RANGE("0", "32000.0") "," RANGE("32000.0", "1e6") "]}}");
    assert_string_equal(rates("a", PRICE_STANDARD, -1), "1 2 - - -");
    assert_string_equal(rates("a", PRICE_STANDARD, 32000), "1 2 - - -");
}

static void too_many_ranges(void **state)
{
    const char *text = "{\"a\": {" FLAT;
    (void)state;
    for (int k = 1; k < 20; k++)
        text = arena_printf(arena, "%s, \"input_cost_per_token_above_%dk_tokens\": 1e-06", text, k);
    skipped_as(arena_printf(arena, "%s}}", text), PRICE_SKIP_RANGES);
}

/* ---- which entry of a model ------------------------------------------------------------------------------------- */

#define AT(price) "{\"input_cost_per_token\": " price ", \"output_cost_per_token\": 9e-06}"

static const char *input_of(const char *model)
{
    const char *all = rates(model, PRICE_STANDARD, -1);
    return arena_strndup(arena, all, strcspn(all, " "));
}

static void which_entry_counts(void **state)
{
    (void)state;
    read_good("{\"openrouter/anthropic/claude-x-1\": " AT("1e-06") ", \"claude-x-1-20260101\": " AT(
        "2e-06") ", \"claude-x-1\": " AT("3e-06") ", \"anthropic/claude-x-1\": " AT("4e-06") "}");
    assert_string_equal(input_of("claude-x-1"), "3");
    read_good("{\"openrouter/anthropic/claude-x-1\": " AT("1e-06") ", \"claude-x-1-20260101\": " AT(
        "2e-06") ", \"anthropic/claude-x-1\": " AT("4e-06") "}");
    assert_string_equal(input_of("claude-x-1"), "2");
    read_good("{\"openrouter/anthropic/claude-x-1\": " AT("1e-06") ", \"anthropic/claude-x-1\": " AT("4e-06") "}");
    assert_string_equal(input_of("claude-x-1"), "4");
    read_good("{\"dashscope/glm-9\": " AT("1e-06") ", \"zai/glm-9\": " AT("2e-06") "}"); /* whose models a door sells */
    assert_string_equal(input_of("glm-9"), "2");
    read_good("{\"one/some-9\": " AT("1e-06") ", \"two/some-9\": " AT("1e-06") "}");
    assert_string_equal(input_of("some-9"), "1");
    assert_int_equal(list.models, 1);
    read_good("{\"GPT-9.1\": " AT("1e-06") "}");
    assert_string_equal(list.prices[0].model, "gpt-9-1");
    assert_string_equal(list.prices[0].shown, "gpt-9.1");
}

static void what_is_ambiguous(void **state)
{
    (void)state;
    read_good("{\"one/some-9\": " AT("1e-06") ", \"two/some-9\": " AT("2e-06") ", \"other\": " AT(
        "1e-06") ", \"claude-x-1-20260101\": " AT("1e-06") ", \"claude-x-1-20260202\": " AT("2e-06") "}");
    assert_int_equal(list.models, 1);
    assert_int_equal(list.skipped[PRICE_SKIP_AMBIGUOUS], 2);
    assert_string_equal(json_text(arena, list.ambiguous), "[\"claude-x-1\",\"some-9\"]");
    assert_string_equal(input_of("some-9"), "");
}

/* ---- amounts ---------------------------------------------------------------------------------------------------- */

static void amounts_of_people(void **state)
{
    static const char *const good[][2] = {
        {"0", "0"},
        {"\"0\"", "0"},
        {"0.1", "0.1"},
        {"\"0.1\"", "0.1"},
        {"3", "3"},
        {"1e-9", "0.000000001"},
        {"1000000", "1000000"},
        {"\"1000000\"", "1000000"},
        {"0.075", "0.075"},
        {"\"007.50\"", "7.5"},
        {"123456.789", "123456.789"},
        {"\"0.000000001\"", "0.000000001"},
        {"\"999999.999999999\"", "999999.999999999"},
        {"0.123456789", "0.123456789"},
        {"18.75", "18.75"},
    };
    static const char *const bad[] = {"-1",
                                      "\"-1\"",
                                      "1000000.1",
                                      "\"1000001\"",
                                      "\"\"",
                                      "\"1e3\"",
                                      "\"1,5\"",
                                      "\".5\"",
                                      "\"5.\"",
                                      "\" 1\"",
                                      "\"1.0000000001\"",
                                      "1e-10",
                                      "0.1234567891",
                                      "true",
                                      "null",
                                      "[]",
                                      "\"1000000.000000001\"",
                                      "1e300",
                                      "\"99999999999999999999999\"",
                                      "\"1.2.3\""};
    char text[PRICE_TEXT];
    int64_t amount;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (!price_amount(json_stored(good[i][0]), &amount))
            fail_msg("%s is an amount", good[i][0]);
        assert_string_equal(price_text(text, amount), good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (price_amount(json_stored(bad[i]), &amount))
            fail_msg("%s is no amount", bad[i]);
    assert_false(price_amount(NULL, &amount));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_models_cost),           TEST(names_of_numbers),     TEST(names_of_reads),
        TEST(fast_multiplies_everything), TEST(texts_are_no_numbers), TEST(noise_behind_the_digits),
        TEST(what_has_no_price),          TEST(ranges_without_gaps),  TEST(too_many_ranges),
        TEST(which_entry_counts),         TEST(what_is_ambiguous),    TEST(amounts_of_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
