/* Factory Droid's sessions: ~/.factory/sessions/<folder>/<session>.settings.json has the sums of the whole session, overwritten as it goes
 * on; <session>.jsonl beside it has no numbers, but the folder that it ran in. */
#include "usage_parts.h"
#include "util.h"

enum number { INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, THINKING, NUMBERS };
enum { TYPE, ID, PROJECT, MODEL, PROVIDER, USAGE, FIRST_NUMBER };

static const struct json_pick_path paths[] = {
    {"type", USAGE_NAME_MAX},         {"id", USAGE_ID_MAX},
    {"cwd", USAGE_TEXT_MAX},          {"model", USAGE_TEXT_MAX},
    {"providerLock", USAGE_TEXT_MAX}, {"tokenUsage"},
    {"tokenUsage.inputTokens"},       {"tokenUsage.outputTokens"},
    {"tokenUsage.cacheReadTokens"},   {"tokenUsage.cacheCreationTokens"},
    {"tokenUsage.thinkingTokens"},
};

static enum usage_verdict give(struct usage_reader *reader, const char *session, struct usage_record *record)
{
    if (!session)
        return usage_bad(reader, "only the file's name would tell the session, and it is not known");
    record->so_far = true;
    record->session = session;
    record->key = usage_put(reader->key, "droid:%s", session);
    return usage_give(reader, record);
}

/* Whether thinking is a part of the output is not documented; taking it for one counts no token twice. */
static enum usage_verdict take_sums(struct usage_reader *reader)
{
    struct usage_record record = {.model = usage_text(reader, MODEL), .provider = usage_text(reader, PROVIDER)};
    int64_t n[NUMBERS];
    if (!usage_numbers(reader, FIRST_NUMBER, n, NUMBERS))
        return USAGE_BAD;
    record.counts[USAGE_INPUT] = n[INPUT];
    record.counts[USAGE_OUTPUT] = n[OUTPUT];
    record.counts[USAGE_CACHE_READ] = n[CACHE_READ];
    record.counts[USAGE_CACHE_WRITE] = n[CACHE_WRITE];
    record.counts[USAGE_REASONING] = n[THINKING];
    return give(reader, text_or_null(reader->file_session), &record);
}

static enum usage_verdict droid_line(struct usage_reader *reader)
{
    const char *type = usage_text(reader, TYPE), *id = usage_text(reader, ID);
    struct usage_record record = {.project = usage_text(reader, PROJECT)};
    if (json_pick_kind(reader->pick, USAGE) == JSON_PICK_OBJECT)
        return take_sums(reader);
    if (text_equal(type, "session_start") && record.project)
        return give(reader, id ? id : text_or_null(reader->file_session), &record);
    static const char *const quiet_types[] = {"session_start", "message", NULL};
    return usage_one_of(type, quiet_types) || usage_text(reader, MODEL) ? USAGE_OTHER : USAGE_UNKNOWN;
}

const struct usage_format usage_droid = {"droid", paths, ARRAY_SIZE(paths), true, droid_line, NULL};
