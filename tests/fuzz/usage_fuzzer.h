/* What the fuzzers of usage share: what holds for each record, and a sum over all. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "usage_reader.h"
#include "util.h"

struct seen {
    uint64_t hash;
    long long records;
};

static inline void expect(bool holds)
{
    if (!holds)
        abort();
}

static inline void see_text(struct seen *seen, const char *text)
{
    if (text)
        expect(*text && strlen(text) <= USAGE_TEXT_MAX && utf8_valid(text, strlen(text)) && !has_control(text));
    seen->hash = (seen->hash ^ name_hash(text ? text : "none")) * 0x100000001B3u;
}

static inline bool see_record(void *context, const struct usage_record *record)
{
    struct seen *seen = context;
    const char *const texts[] = {record->platform, record->key,    record->request, record->alike,
                                 record->session,  record->model,  record->tier,    record->provider,
                                 record->project,  record->branch, record->agent};
    expect(record->platform && record->key && record->source < USAGE_SOURCES && record->time_us >= 0);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        see_text(seen, texts[i]);
    for (size_t i = 0; i < USAGE_COUNTS; i++) {
        expect(record->counts[i] >= 0 && record->counts[i] <= USAGE_TOKENS_MAX);
        seen->hash = seen->hash * 31 + (uint64_t)record->counts[i];
    }
    expect(record->counts[USAGE_REASONING] <= record->counts[USAGE_OUTPUT]);
    seen->hash = seen->hash * 31 + (uint64_t)record->time_us + record->sidechain + 2 * (uint64_t)record->so_far;
    seen->records++;
    return true;
}
