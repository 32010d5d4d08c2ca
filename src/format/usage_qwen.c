/* Qwen Code's chats: ~/.qwen/projects/<project>/chats/<session>.jsonl. A reply's numbers stand on its line and once more on the one of type
 * "system" that tells of telemetry: the first counts. */
#include "usage_parts.h"
#include "util.h"

enum number { PROMPT, CACHED, CANDIDATES, THOUGHTS, TOTAL, NUMBERS };
enum { TYPE, UUID, SESSION, TIME, PROJECT, BRANCH, MODEL, USAGE, FIRST_NUMBER };

static const struct json_pick_path paths[] = {
    {"type", USAGE_NAME_MAX},
    {"uuid", USAGE_ID_MAX},
    {"sessionId", USAGE_ID_MAX},
    {"timestamp", USAGE_NAME_MAX},
    {"cwd", USAGE_TEXT_MAX},
    {"gitBranch", USAGE_TEXT_MAX},
    {"model", USAGE_TEXT_MAX},
    {"usageMetadata"},
    {"usageMetadata.promptTokenCount"},
    {"usageMetadata.cachedContentTokenCount"},
    {"usageMetadata.candidatesTokenCount"},
    {"usageMetadata.thoughtsTokenCount"},
    {"usageMetadata.totalTokenCount"},
};

static enum usage_verdict qwen_line(struct usage_reader *reader)
{
    static const char *const quiet_types[] = {"user", "assistant", "tool_result", "system", NULL};
    const char *uuid = usage_text(reader, UUID);
    struct usage_record record = {.session = usage_session(reader, SESSION),
                                  .project = usage_text(reader, PROJECT),
                                  .branch = usage_text(reader, BRANCH),
                                  .model = usage_text(reader, MODEL)};
    int64_t n[NUMBERS];

    if (!usage_text_is(reader, TYPE, "assistant") || json_pick_kind(reader->pick, USAGE) != JSON_PICK_OBJECT)
        return usage_one_of(usage_text(reader, TYPE), quiet_types) ? USAGE_OTHER : USAGE_UNKNOWN;
    if (!usage_numbers(reader, FIRST_NUMBER, n, NUMBERS) || !usage_time(reader, TIME, &record.time_us))
        return USAGE_BAD;
    usage_counts_qwen(n[PROMPT], n[CACHED], n[CANDIDATES], n[THOUGHTS], n[TOTAL], record.counts);
    record.key = uuid ? usage_put(reader->key, "uuid:%s", uuid) : usage_place_key(reader, &record);
    record.alike = usage_alike(reader->alike, record.session, record.counts, true);
    return usage_give(reader, &record);
}

const struct usage_format usage_qwen = {"qwen", paths, ARRAY_SIZE(paths), .line = qwen_line};
