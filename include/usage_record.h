/* Usage record: one call of a model, as a log line, an event of OpenTelemetry or a client's own report has it. Numbers, names and times
 * only: no text of a prompt, a reply or a tool's argument ever stands in one. Portable: no server needed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who says it. A log has every call but may know too little of its output; an event knows the numbers, but not the project. */
enum usage_source { USAGE_LOG, USAGE_EVENT, USAGE_RECORD, USAGE_SOURCES };
extern const char *const usage_source_names[USAGE_SOURCES]; /* "log", "event", "record" */

/* What is counted of a call. Of two records of one call the higher of each number is right, but for what was written into a cache: there the
 * higher sum of both is, and of two equal sums the one with more for an hour, since not every source tells for how long. Each token is in one of the first five only; what a CLI counts in another way is taken apart by its
 * reader. `reasoning` is a part of `output`, and known for some. */
enum usage_count {
    USAGE_INPUT, /* read at the full price: neither from a cache nor into one */
    USAGE_OUTPUT,
    USAGE_CACHE_READ,
    USAGE_CACHE_WRITE, /* kept for 5 minutes, or for a time that is not told */
    USAGE_CACHE_WRITE_1H,
    USAGE_REASONING,
    USAGE_COUNTS
};
extern const char *const usage_count_names[USAGE_COUNTS]; /* "input", "output", "cache_read" ... */

#define USAGE_KEY_OF_REQUEST "request:"

enum { USAGE_TEXT_MAX = 400, USAGE_TOKENS_MAX = 1000000000 };

/* Texts are UTF-8 of at most USAGE_TEXT_MAX bytes (longer ones are cut at a character), NULL = not told; they are the reader's, and
 * good until the function that is given the record returns. */
struct usage_record {
    enum usage_source source;
    const char *platform; /* "claude" (platform.h) */
    /* Who it is. Two records are one call when their keys are the same, or one's request is the other's. */
    const char *key; /* never NULL: the same wherever the call is written down again, in any file of any machine */
    const char
        *request; /* as the provider names it; of who knows nothing else, USAGE_KEY_OF_REQUEST and it are the key */
    /* What a log and an event say alike of a call, its conversation and its numbers, where the log knows no request. A log's record and an
     * event's with the same one, at nearly the same time, are one call; two logs' are two, if their keys differ. */
    const char *alike;
    int64_t time_us;     /* since 1970, UTC; 0 = not told */
    const char *session; /* the conversation that it belongs to: of a copy, the first */
    const char *model;   /* as the CLI writes it */
    const char *tier;    /* "standard" is NULL; "fast", "priority", "flex", "batch" */
    const char *provider;
    const char *project; /* the folder that the CLI ran in */
    const char *branch;
    const char *agent;            /* of a sub-agent: its name or id */
    int64_t counts[USAGE_COUNTS]; /* 0 ... USAGE_TOKENS_MAX */
    bool sidechain; /* a copy made for an aside: another record of the same call knows better where it belongs */
    /* What stands in counts is the session's sum until now, of a tool that tells no single calls: what it has grown by since it was seen
     * last is the call. All 0: only where the session belongs is told. */
    bool so_far;
};
