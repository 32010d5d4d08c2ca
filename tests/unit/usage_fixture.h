/* What tests of the readers of usage share: records taken down as lines of text, and put together by their keys as the ledger does it. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "../test.h"
#include "buffer.h"
#include "usage_reader.h"
#include "util.h"

enum { CALLS_MAX = 400, CALL_KEY = USAGE_TEXT_MAX + 1 };

struct call {
    char key[CALL_KEY];
    int64_t counts[USAGE_COUNTS];
};

struct taken {
    struct buffer
        brief; /* "KEY input/output/cache read/cache write/for an hour/reasoning" of each record, and what else it is */
    struct buffer full; /* all of it */
    struct call calls[CALLS_MAX];
    size_t count;
    size_t records, stop_at; /* the record that the taker stops at, from 1; 0 = none */
    struct buffer bad;       /* "3: why" */
};

static inline void taken_begin(struct taken *taken)
{
    *taken = (struct taken){0};
    buffer_init(&taken->brief, MIB);
    buffer_init(&taken->full, 4 * MIB);
    buffer_init(&taken->bad, MIB);
}

static inline void taken_end(struct taken *taken)
{
    buffer_free(&taken->brief);
    buffer_free(&taken->full);
    buffer_free(&taken->bad);
}

/* usage_record.h says which of two records' numbers are right. */
static inline void join_counts(int64_t into[USAGE_COUNTS], const int64_t more[USAGE_COUNTS])
{
    int64_t before = into[USAGE_CACHE_WRITE] + into[USAGE_CACHE_WRITE_1H];
    int64_t after = more[USAGE_CACHE_WRITE] + more[USAGE_CACHE_WRITE_1H];
    if (after > before || (after == before && more[USAGE_CACHE_WRITE_1H] > into[USAGE_CACHE_WRITE_1H])) {
        into[USAGE_CACHE_WRITE] = more[USAGE_CACHE_WRITE];
        into[USAGE_CACHE_WRITE_1H] = more[USAGE_CACHE_WRITE_1H];
    }
    static const enum usage_count others[] = {USAGE_INPUT, USAGE_OUTPUT, USAGE_CACHE_READ, USAGE_REASONING};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (more[others[i]] > into[others[i]])
            into[others[i]] = more[others[i]];
}

static inline void join_call(struct taken *taken, const struct usage_record *record)
{
    for (size_t i = 0; i < taken->count; i++)
        if (strcmp(taken->calls[i].key, record->key) == 0) {
            join_counts(taken->calls[i].counts, record->counts);
            return;
        }
    assert_true(taken->count < CALLS_MAX);
    struct call *call = &taken->calls[taken->count++];
    snprintf(call->key, sizeof call->key, "%s", record->key);
    memcpy(call->counts, record->counts, sizeof call->counts);
}

static inline void totals(const struct taken *taken, int64_t sum[USAGE_COUNTS])
{
    memset(sum, 0, USAGE_COUNTS * sizeof *sum);
    for (size_t i = 0; i < taken->count; i++)
        for (size_t n = 0; n < USAGE_COUNTS; n++)
            sum[n] += taken->calls[i].counts[n];
}

static inline void note(struct buffer *out, const char *name, const char *text)
{
    if (text)
        buffer_printf(out, " %s=%s", name, text);
}

/* What holds for every record. */
static inline void check_record(const struct usage_record *record)
{
    const char *const texts[] = {record->key,    record->request, record->alike,    record->session,
                                 record->model,  record->tier,    record->provider, record->project,
                                 record->branch, record->agent,   record->platform};
    assert_true(record->key && *record->key && record->platform);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i]) {
            assert_true(strlen(texts[i]) > 0 && strlen(texts[i]) <= USAGE_TEXT_MAX);
            assert_true(utf8_valid(texts[i], strlen(texts[i])) && !has_control(texts[i]));
        }
    for (size_t i = 0; i < USAGE_COUNTS; i++)
        assert_true(record->counts[i] >= 0 && record->counts[i] <= USAGE_TOKENS_MAX);
    assert_true(record->counts[USAGE_REASONING] <= record->counts[USAGE_OUTPUT]);
    assert_true(record->time_us >= 0);
}

static inline bool take_down(void *context, const struct usage_record *record)
{
    struct taken *taken = context;
    const int64_t *n = record->counts;
    check_record(record);
    char numbers[200];
    snprintf(numbers, sizeof numbers, "%lld/%lld/%lld/%lld/%lld/%lld", (long long)n[USAGE_INPUT],
             (long long)n[USAGE_OUTPUT], (long long)n[USAGE_CACHE_READ], (long long)n[USAGE_CACHE_WRITE],
             (long long)n[USAGE_CACHE_WRITE_1H], (long long)n[USAGE_REASONING]);
    buffer_printf(&taken->brief, "%s %s\n", record->key, numbers);
    struct buffer *full = &taken->full;
    buffer_printf(full, "%s %s %s %s @%lld", usage_source_names[record->source], record->platform, record->key, numbers,
                  (long long)record->time_us);
    note(full, "request", record->request);
    note(full, "alike", record->alike);
    note(full, "session", record->session);
    note(full, "model", record->model);
    note(full, "tier", record->tier);
    note(full, "provider", record->provider);
    note(full, "project", record->project);
    note(full, "branch", record->branch);
    note(full, "agent", record->agent);
    buffer_printf(full, "%s%s\n", record->sidechain ? " sidechain" : "", record->so_far ? " so_far" : "");
    join_call(taken, record);
    return ++taken->records != taken->stop_at;
}

static inline void take_down_bad(void *context, long long line, const char *why)
{
    struct taken *taken = context;
    buffer_printf(&taken->bad, "%lld: %s\n", line, why);
}

/* Reads a whole file in pieces of `step` bytes; *lines gets the lines by kind, NULL allowed. */
static inline void read_log(struct taken *taken, const char *platform, const char *file, const char *text,
                            size_t length, size_t step, struct usage_lines *lines)
{
    struct usage_reader *reader = usage_reader_new(platform, file, NULL, take_down, take_down_bad, taken);
    assert_non_null(reader);
    for (size_t at = 0; at < length; at += step)
        assert_true(usage_reader_feed(reader, text + at, length - at < step ? length - at : step));
    assert_true(usage_reader_end(reader, true));
    assert_string_equal(usage_reader_problem(reader), "");
    assert_int_equal(usage_reader_position(reader), length);
    if (lines)
        *lines = *usage_reader_lines(reader);
    usage_reader_free(reader);
}

/* A file of the tests' samples, to be freed by the caller. */
static inline struct buffer read_sample(const char *name)
{
    struct buffer text;
    char path[300], bytes[4096];
    size_t length;
    buffer_init(&text, MIB);
    snprintf(path, sizeof path, "tests/samples/usage/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot read %s", path);
    while ((length = fread(bytes, 1, sizeof bytes, file)) > 0)
        buffer_append(&text, bytes, length);
    fclose(file);
    return text;
}
