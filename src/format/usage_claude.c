/* Claude Code's transcripts: ~/.claude/projects/<folder>/<session>.jsonl, and those of sub-agents beside them.
 *
 * One reply stands on as many lines as it has blocks, each with the numbers known by then, and a session that was resumed or forked
 * brings the lines of the one before. All have the id of the same message, which is the key; the ledger takes the highest of each number.
 * Lines of type "progress" repeat the calls of a sub-agent, under the same ids as its own file: they are given as well, as copies, since
 * old versions wrote no such file. docs/usage.md has the rules. */
#include "usage_parts.h"
#include "util.h"

/* Of a call, in the order of CALL_ROWS. */
enum {
    CALL_TYPE,
    CALL_UUID,
    CALL_TIME,
    CALL_REQUEST,
    CALL_SIDECHAIN,
    CALL_ERROR,
    CALL_ID,
    CALL_MODEL,
    CALL_SPEED,
    CALL_TIER,
    CALL_USAGE,
    CALL_INPUT,
    CALL_OUTPUT,
    CALL_CACHE_READ,
    CALL_REASONING,
    CALL_WRITE, /* this and the next two as struct writes has them */
    CALL_WRITE_5M,
    CALL_WRITE_1H,
    CALL_LAST_WRITE, /* of the last of the iterations that a reply took */
    CALL_LAST_WRITE_5M,
    CALL_LAST_WRITE_1H,
    CALL_PATHS,
};
#define CALL_ROWS(at)                                                                                                  \
    {at "type", USAGE_NAME_MAX}, {at "uuid", USAGE_ID_MAX}, {at "timestamp", USAGE_NAME_MAX},                          \
        {at "requestId", USAGE_ID_MAX}, {at "isSidechain"}, {at "isApiErrorMessage"}, {at "message.id", USAGE_ID_MAX}, \
        {at "message.model", USAGE_TEXT_MAX}, {at "message.usage.speed", USAGE_NAME_MAX},                              \
        {at "message.usage.service_tier", USAGE_NAME_MAX}, {at "message.usage"}, {at "message.usage.input_tokens"},    \
        {at "message.usage.output_tokens"}, {at "message.usage.cache_read_input_tokens"},                              \
        {at "message.usage.output_tokens_details.thinking_tokens"}, {at "message.usage.cache_creation_input_tokens"},  \
        {at "message.usage.cache_creation.ephemeral_5m_input_tokens"},                                                 \
        {at "message.usage.cache_creation.ephemeral_1h_input_tokens"},                                                 \
        {at "message.usage.iterations[].cache_creation_input_tokens"},                                                 \
        {at "message.usage.iterations[].cache_creation.ephemeral_5m_input_tokens"},                                    \
    {                                                                                                                  \
        at "message.usage.iterations[].cache_creation.ephemeral_1h_input_tokens"                                       \
    }

enum {
    COPY = CALL_PATHS, /* the call that a progress line repeats */
    COPY_AGENT = 2 * CALL_PATHS,
    SESSION,
    PROJECT,
    BRANCH,
    AGENT,
    FLAT_INPUT, /* once upon a time */
    FLAT_OUTPUT,
    FLAT_CACHE_READ,
    FLAT_WRITE,
};

static const struct json_pick_path paths[] = {
    CALL_ROWS(""),
    CALL_ROWS("data.message."),
    {"data.agentId", USAGE_TEXT_MAX},
    {"sessionId", USAGE_TEXT_MAX},
    {"cwd", USAGE_TEXT_MAX},
    {"gitBranch", USAGE_TEXT_MAX},
    {"agentId", USAGE_TEXT_MAX},
    {"inputTokens"},
    {"outputTokens"},
    {"cacheReadInputTokens"},
    {"cacheCreationInputTokens"},
};

/* Types of lines that tell of no call. "cost-state" sums up what other lines say; "started" and "result" are a workflow's journal. */
static const char *const quiet_types[] = {"user",
                                          "assistant",
                                          "system",
                                          "summary",
                                          "progress",
                                          "queue-operation",
                                          "last-prompt",
                                          "ai-title",
                                          "attachment",
                                          "mode",
                                          "custom-title",
                                          "permission-mode",
                                          "bridge-session",
                                          "file-history-snapshot",
                                          "pr-link",
                                          "started",
                                          "cost-state",
                                          "result",
                                          NULL};

/* What went into the cache: in all, and of that for 5 minutes and for an hour. */
struct writes {
    int64_t all, for_5m, for_1h;
};

static bool adds_up(const struct writes *writes)
{
    return writes->for_5m + writes->for_1h == writes->all;
}

/* The number of all is what was paid for. The parts may be those of an earlier iteration of the same reply; then those of the last one
 * count if they add up. Whatever no part is told of may have been kept for any time. */
static bool take_writes(struct usage_reader *reader, size_t call, int64_t counts[USAGE_COUNTS])
{
    struct writes told, last;
    int64_t numbers[6];
    if (!usage_numbers(reader, call + CALL_WRITE, numbers, ARRAY_SIZE(numbers)))
        return false;
    told = (struct writes){numbers[0], numbers[1], numbers[2]};
    last = (struct writes){numbers[3], numbers[4], numbers[5]};
    if (told.all == 0)
        told.all = told.for_5m + told.for_1h;
    if (!adds_up(&told) && last.all == told.all && adds_up(&last))
        told = last;
    if (told.for_5m + told.for_1h > told.all)
        told.for_1h = 0;
    counts[USAGE_CACHE_WRITE] = told.all - told.for_1h;
    counts[USAGE_CACHE_WRITE_1H] = told.for_1h;
    return true;
}

static const char *key_of(struct usage_reader *reader, size_t call, const struct usage_record *record)
{
    const char *id = usage_text(reader, call + CALL_ID), *uuid = usage_text(reader, call + CALL_UUID);
    if (id)
        return usage_put(reader->key, "message:%s", id);
    if (record->request)
        return usage_put(reader->key, "request:%s", record->request);
    if (uuid)
        return usage_put(reader->key, "uuid:%s", uuid);
    return usage_place_key(reader, record);
}

static enum usage_verdict give(struct usage_reader *reader, size_t call, struct usage_record *record)
{
    const char *tier = usage_tier(usage_text(reader, call + CALL_SPEED));
    if (!usage_time(reader, call + CALL_TIME, &record->time_us))
        return USAGE_BAD;
    record->request = usage_text(reader, call + CALL_REQUEST);
    record->model = usage_text(reader, call + CALL_MODEL);
    record->tier = tier ? tier : usage_tier(usage_text(reader, call + CALL_TIER));
    record->session = usage_session(reader, SESSION);
    record->project = usage_text(reader, PROJECT);
    record->branch = usage_text(reader, BRANCH);
    record->key = key_of(reader, call, record);
    if (!record->request)
        record->alike = usage_alike(reader->alike, record->session, record->counts, false);
    return usage_give(reader, record);
}

/* Answers that Claude Code made up itself, to tell of an error, cost nothing. */
static bool made_up(const struct usage_reader *reader, size_t call)
{
    return usage_text_is(reader, call + CALL_MODEL, "<synthetic>") ||
           json_pick_kind(reader->pick, call + CALL_ERROR) == JSON_PICK_TRUE;
}

static enum usage_verdict take_call(struct usage_reader *reader, size_t call, struct usage_record *record)
{
    if (made_up(reader, call))
        return USAGE_OTHER;
    int64_t *counts = record->counts;
    if (!usage_numbers(reader, call + CALL_INPUT, &counts[USAGE_INPUT], 1) ||
        !usage_numbers(reader, call + CALL_OUTPUT, &counts[USAGE_OUTPUT], 1) ||
        !usage_numbers(reader, call + CALL_CACHE_READ, &counts[USAGE_CACHE_READ], 1) ||
        !usage_numbers(reader, call + CALL_REASONING, &counts[USAGE_REASONING], 1) ||
        !take_writes(reader, call, counts))
        return USAGE_BAD;
    return give(reader, call, record);
}

static bool has_usage(const struct usage_reader *reader, size_t call)
{
    return json_pick_kind(reader->pick, call + CALL_USAGE) == JSON_PICK_OBJECT;
}

/* The numbers at the top of the line, without a message: seen in examples only. */
static bool is_flat(const struct usage_reader *reader)
{
    return json_pick_kind(reader->pick, FLAT_INPUT) == JSON_PICK_NUMBER &&
           json_pick_kind(reader->pick, FLAT_OUTPUT) == JSON_PICK_NUMBER;
}

static enum usage_verdict take_flat(struct usage_reader *reader, struct usage_record *record)
{
    int64_t numbers[4];
    if (made_up(reader, 0))
        return USAGE_OTHER;
    if (!usage_numbers(reader, FLAT_INPUT, numbers, ARRAY_SIZE(numbers)))
        return USAGE_BAD;
    record->counts[USAGE_INPUT] = numbers[0];
    record->counts[USAGE_OUTPUT] = numbers[1];
    record->counts[USAGE_CACHE_READ] = numbers[2];
    record->counts[USAGE_CACHE_WRITE] = numbers[3];
    return give(reader, 0, record);
}

/* Only with an id is it known to be the call that the sub-agent's own file has. */
static enum usage_verdict take_copy(struct usage_reader *reader)
{
    struct usage_record record = {.sidechain = true, .agent = usage_text(reader, COPY_AGENT)};
    bool known = usage_text(reader, COPY + CALL_ID) || usage_text(reader, COPY + CALL_REQUEST);
    return known ? take_call(reader, COPY, &record) : USAGE_OTHER;
}

static enum usage_verdict claude_line(struct usage_reader *reader)
{
    const char *type = usage_text(reader, CALL_TYPE);
    struct usage_record record = {
        .sidechain = json_pick_kind(reader->pick, CALL_SIDECHAIN) == JSON_PICK_TRUE,
        .agent = usage_text(reader, AGENT),
    };
    bool reply = !type || text_equal(type, "assistant");
    if (reply && has_usage(reader, 0))
        return take_call(reader, 0, &record);
    if (reply && is_flat(reader))
        return take_flat(reader, &record);
    if ((!type || text_equal(type, "progress")) && has_usage(reader, COPY))
        return take_copy(reader);
    return usage_one_of(type, quiet_types) ? USAGE_OTHER : USAGE_UNKNOWN;
}

const struct usage_format usage_claude = {"claude", paths, ARRAY_SIZE(paths), .line = claude_line};
