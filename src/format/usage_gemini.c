/* Gemini CLI's chats: ~/.gemini/tmp/<project>/chats/session-….jsonl, and .json as it was written before.
 *
 * A message is written again when its numbers or a tool's result arrive, and "$set" writes the whole list again, so its id within the
 * session is the key. What was rewound was paid for all the same. */
#include "usage_parts.h"
#include "util.h"

/* Of a message, in the order of MESSAGE_ROWS. */
enum {
    MESSAGE_ID,
    MESSAGE_TYPE,
    MESSAGE_TIME,
    MESSAGE_MODEL,
    MESSAGE_TOKENS,
    MESSAGE_NUMBERS, /* in the order of enum number */
    MESSAGE_PATHS = MESSAGE_NUMBERS + 5,
};
enum number { INPUT, CACHED, TOOL, OUTPUT, THOUGHTS, NUMBERS };
#define MESSAGE_ROWS(at)                                                                                               \
    {at "id", USAGE_ID_MAX - USAGE_KEPT_MAX}, {at "type", USAGE_NAME_MAX}, {at "timestamp", USAGE_NAME_MAX},           \
        {at "model", USAGE_TEXT_MAX}, {at "tokens"}, {at "tokens.input"}, {at "tokens.cached"}, {at "tokens.tool"},    \
        {at "tokens.output"},                                                                                          \
    {                                                                                                                  \
        at "tokens.thoughts"                                                                                           \
    }

enum {
    SET_MESSAGE = MESSAGE_PATHS,
    LISTED_MESSAGE = 2 * MESSAGE_PATHS,
    SET_ITEM = 3 * MESSAGE_PATHS,
    LISTED_ITEM,
    SESSION,
    KIND,
    SET,
    REWIND,
    MESSAGES,
};

static const struct json_pick_path paths[] = {
    MESSAGE_ROWS(""),
    MESSAGE_ROWS("$set.messages[]."),
    MESSAGE_ROWS("messages[]."),
    {"$set.messages[]", .ends = true},
    {"messages[]", .ends = true},
    {"sessionId", USAGE_KEPT_MAX},
    {"kind", USAGE_NAME_MAX},
    {"$set"},
    {"$rewindTo"},
    {"messages"},
};

static enum usage_verdict take_message(struct usage_reader *reader, size_t message)
{
    static const char *const quiet_types[] = {"user", "gemini", "info", "error", "warning", NULL};
    const char *type = usage_text(reader, message + MESSAGE_TYPE), *id = usage_text(reader, message + MESSAGE_ID);
    const char *session = usage_text(reader, SESSION);
    struct usage_record record = {.model = usage_text(reader, message + MESSAGE_MODEL),
                                  .agent = text_or_null(reader->kept.agent)};
    int64_t n[NUMBERS];

    bool reply = text_equal(type, "gemini");
    if (!reply || json_pick_kind(reader->pick, message + MESSAGE_TOKENS) != JSON_PICK_OBJECT)
        return usage_one_of(type, quiet_types) ? USAGE_OTHER : USAGE_UNKNOWN;
    if (!usage_numbers(reader, message + MESSAGE_NUMBERS, n, NUMBERS) ||
        !usage_time(reader, message + MESSAGE_TIME, &record.time_us))
        return USAGE_BAD;
    if (!usage_counts_gemini(n[INPUT], n[CACHED], n[TOOL], n[OUTPUT], n[THOUGHTS], record.counts))
        return usage_bad(reader, "more is said to come from the cache than went in");
    record.session = !session && *reader->kept.session ? reader->kept.session : usage_session(reader, SESSION);
    record.key = record.session && id ? usage_put(reader->key, "gemini:%s:%s", record.session, id)
                                      : usage_place_key(reader, &record);
    record.alike = usage_alike(reader->alike, record.session, record.counts, true);
    return usage_give(reader, &record);
}

static enum usage_verdict gemini_item(struct usage_reader *reader, size_t path)
{
    return take_message(reader, path == SET_ITEM ? SET_MESSAGE : LISTED_MESSAGE);
}

static bool is_there(const struct usage_reader *reader, size_t path)
{
    return json_pick_kind(reader->pick, path) != JSON_PICK_NONE;
}

static enum usage_verdict gemini_line(struct usage_reader *reader)
{
    const char *session = usage_text(reader, SESSION);
    if (is_there(reader, MESSAGE_TYPE))
        return take_message(reader, 0);
    if (session) {
        bool agent = usage_text_is(reader, KIND, "subagent");
        USAGE_KEEP(reader->kept.session, session);
        USAGE_KEEP(reader->kept.agent, agent ? session : "");
        return USAGE_OTHER;
    }
    bool known = is_there(reader, SET) || is_there(reader, REWIND) || is_there(reader, MESSAGES);
    return known ? USAGE_OTHER : USAGE_UNKNOWN;
}

const struct usage_format usage_gemini = {"gemini", paths, ARRAY_SIZE(paths), true, gemini_line, gemini_item};
