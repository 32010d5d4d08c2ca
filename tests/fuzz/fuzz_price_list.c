/* Fuzzer for lists of prices: whatever the file says, no model has two prices for one call, each set begins with prompts of any length, no
 * amount is out of range, and what is written is JSON. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "json.h"
#include "price_list.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf exhausted;

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(exhausted, 1);
}

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_price(const struct price *before, const struct price *price)
{
    bool same_set = before && strcmp(before->model, price->model) == 0 && before->tier == price->tier;
    expect(*price->model && *price->shown);
    expect(!before || strcmp(before->model, price->model) <= 0);
    expect(same_set ? before->above < price->above : price->above == -1);
    for (int rate = 0; rate < PRICE_RATES; rate++)
        expect(price->rates[rate] == PRICE_UNTOLD || (price->rates[rate] >= 0 && price->rates[rate] <= PRICE_MAX));
}

static void check_list(struct arena *arena, json_t *file)
{
    struct price_list list;
    struct json_writer w;
    struct buffer text;
    if (!price_list_read(arena, file, &list))
        return;
    expect(list.models > 0 && list.count >= list.models);
    for (size_t i = 0; i < list.count; i++)
        check_price(i ? &list.prices[i - 1] : NULL, &list.prices[i]);
    buffer_init_in(&text, arena, 16 * MIB);
    json_begin(&w, &text);
    price_list_write(&w, &list);
    expect(text.overflow || json_array_size(json_stored(buffer_string(&text))) == list.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(32 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    json_use_arena(arena);
    if (setjmp(exhausted) == 0)
        check_list(arena, json_stored(arena_strndup(arena, (const char *)data, size)));
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}
