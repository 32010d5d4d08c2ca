/* Codex's rollouts: ~/.codex/sessions/<year>/<month>/<day>/rollout-<time>-<thread>.jsonl, and archived ones.
 *
 * An event "token_count" has the totals of the session until then. Half of them repeat the one before; so a call is what the totals have
 * grown by, and its key is the thread with the totals after it, which are the same in every copy of the file.
 *
 * A file of a fork or a sub-agent begins with the other session's history, written anew with its totals. That is passed over. Where it
 * ends is told by a line's number (0.154 and later), by when a turn was started, or by a turn's id, which has its time in it. */
#include <string.h>

#include "usage_parts.h"
#include "util.h"

enum {
    TYPE,
    TIME,
    ORDINAL,
    EVENT,
    ROLE,
    ID, /* of the thread */
    SESSION,
    BORN,
    PROJECT,
    BRANCH,
    PROVIDER,
    FORKED_FROM,
    AGENT_KIND,
    AGENT_NAME,
    AGENT_ROLE,
    AGENT_OTHER,
    AGENT_STARTS,
    BASE_ENDS,
    MODEL,
    TIER,
    TURN,
    TURN_STARTED,
    INFO_MODEL,
    LAST, /* the totals in the order of enum usage_total, then what they are in */
    LAST_OBJECT = LAST + TOTALS,
    SUM,
    SUM_OBJECT = SUM + TOTALS,
};

#define TOTAL_ROWS(at)                                                                                                 \
    {at ".input_tokens"}, {at ".cached_input_tokens"}, {at ".cache_write_input_tokens"}, {at ".output_tokens"},        \
        {at ".reasoning_output_tokens"},                                                                               \
    {                                                                                                                  \
        at                                                                                                             \
    }

static const struct json_pick_path paths[] = {
    [TYPE] = {"type", USAGE_NAME_MAX},
    [TIME] = {"timestamp", USAGE_NAME_MAX},
    [ORDINAL] = {"ordinal"},
    [EVENT] = {"payload.type", USAGE_NAME_MAX},
    [ROLE] = {"payload.role", USAGE_NAME_MAX},
    [ID] = {"payload.id", USAGE_KEPT_MAX},
    [SESSION] = {"payload.session_id", USAGE_KEPT_MAX},
    [BORN] = {"payload.timestamp", USAGE_NAME_MAX},
    [PROJECT] = {"payload.cwd", USAGE_TEXT_MAX},
    [BRANCH] = {"payload.git.branch", USAGE_KEPT_MAX},
    [PROVIDER] = {"payload.model_provider", USAGE_NAME_MAX},
    [FORKED_FROM] = {"payload.forked_from_id", USAGE_KEPT_MAX},
    [AGENT_KIND] = {"payload.source.subagent", USAGE_KEPT_MAX},
    [AGENT_NAME] = {"payload.source.subagent.thread_spawn.agent_nickname", USAGE_KEPT_MAX},
    [AGENT_ROLE] = {"payload.source.subagent.thread_spawn.agent_role", USAGE_KEPT_MAX},
    [AGENT_OTHER] = {"payload.source.subagent.other", USAGE_KEPT_MAX},
    [AGENT_STARTS] = {"payload.subagent_history_start_ordinal"},
    [BASE_ENDS] = {"payload.history_base.end_ordinal_exclusive"},
    [MODEL] = {"payload.model", USAGE_KEPT_MAX},
    [TIER] = {"payload.service_tier", USAGE_NAME_MAX},
    [TURN] = {"payload.turn_id", USAGE_NAME_MAX},
    [TURN_STARTED] = {"payload.started_at"},
    [INFO_MODEL] = {"payload.info.model", USAGE_KEPT_MAX},
    [LAST] = TOTAL_ROWS("payload.info.last_token_usage"),
    [SUM] = TOTAL_ROWS("payload.info.total_token_usage"),
};

/* "token_usage_record" has the numbers of the token_count beside it. */
static const char *const quiet_types[] = {"session_meta",
                                          "turn_context",
                                          "response_item",
                                          "event_msg",
                                          "compacted",
                                          "world_state",
                                          "token_usage_record",
                                          "inter_agent_communication",
                                          "inter_agent_communication_metadata",
                                          NULL};

static bool whole_number(const struct usage_reader *reader, size_t path, int64_t *out)
{
    return json_pick_kind(reader->pick, path) == JSON_PICK_NUMBER &&
           json_whole_number(json_pick_text(reader->pick, path), out);
}

/* ---- whose history it is ---- */

/* The time in a UUID of version 7, RFC 9562 section 5.7: its first 48 bits are milliseconds since 1970. */
static bool time_of_uuid(const char *uuid, int64_t *us)
{
    enum { VERSION_AT = 14, DIGITS = 13, DASH_AT = 8 };
    int64_t ms = 0;
    if (!uuid_valid(uuid) || uuid[VERSION_AT] != '7')
        return false;
    for (size_t i = 0; i < DIGITS; i++)
        if (i != DASH_AT)
            ms = ms << 4 | hex_digit(uuid[i]);
    *us = ms * 1000;
    return true;
}

/* started_at has whole seconds. */
static bool own_turn(const struct usage_reader *reader)
{
    enum { US = 1000000 };
    int64_t started, born = reader->kept.own_time_us;
    if (text_equal(usage_text(reader, EVENT), "task_started") && whole_number(reader, TURN_STARTED, &started))
        return started >= born / US;
    return time_of_uuid(usage_text(reader, TURN), &started) && started >= born;
}

static void look_for_own_history(struct usage_reader *reader)
{
    struct usage_kept *kept = &reader->kept;
    int64_t ordinal;
    if (!kept->copying)
        return;
    bool numbered = kept->own_ordinal && whole_number(reader, ORDINAL, &ordinal);
    if (numbered ? ordinal >= kept->own_ordinal : own_turn(reader))
        kept->copying = 0;
}

static const char *agent_of(const struct usage_reader *reader)
{
    static const size_t places[] = {AGENT_NAME, AGENT_ROLE, AGENT_KIND, AGENT_OTHER};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (usage_text(reader, places[i]))
            return usage_text(reader, places[i]);
    return NULL;
}

/* The first one is the file's own. Another thread's after it heads that one's history, unless the file has calls of its own by then. */
static enum usage_verdict take_session(struct usage_reader *reader)
{
    struct usage_kept *kept = &reader->kept;
    const char *id = usage_text(reader, ID);
    int64_t born, written;
    if (!usage_time(reader, BORN, &born) || !usage_time(reader, TIME, &written))
        return USAGE_BAD;
    if (*kept->thread) {
        if (id && strcmp(id, kept->thread) != 0 && !kept->counted)
            kept->copying = 1;
        return USAGE_OTHER;
    }
    USAGE_KEEP(kept->thread, id ? id : reader->file_session);
    USAGE_KEEP(kept->session, usage_text(reader, SESSION) ? usage_text(reader, SESSION) : kept->thread);
    USAGE_KEEP(kept->project, usage_text(reader, PROJECT));
    USAGE_KEEP(kept->branch, usage_text(reader, BRANCH));
    USAGE_KEEP(kept->provider, usage_text(reader, PROVIDER));
    USAGE_KEEP(kept->agent, agent_of(reader));
    kept->own_time_us = born ? born : written;
    if (!whole_number(reader, AGENT_STARTS, &kept->own_ordinal) && !whole_number(reader, BASE_ENDS, &kept->own_ordinal))
        kept->own_ordinal = 0;
    kept->own_ordinal = kept->own_ordinal > 0 ? kept->own_ordinal : 0;
    kept->copying = kept->own_ordinal || usage_text(reader, FORKED_FROM);
    return USAGE_OTHER;
}

static enum usage_verdict take_context(struct usage_reader *reader)
{
    struct usage_kept *kept = &reader->kept;
    USAGE_KEEP(kept->model, usage_text(reader, MODEL));
    USAGE_KEEP(kept->project, usage_text(reader, PROJECT));
    USAGE_KEEP(kept->tier, usage_text(reader, TIER));
    return USAGE_OTHER;
}

/* ---- calls ---- */

/* What kept.total is: no line's yet, of a line of the copied history, or of the file's own. */
enum { COUNTED_NONE, COUNTED_COPY, COUNTED_OWN };

static int64_t sum_of(const int64_t total[TOTALS])
{
    return total[TOTAL_INPUT] + total[TOTAL_OUTPUT];
}

/* The totals never go back while they are counted on. */
static bool began_anew(const int64_t before[TOTALS], const int64_t now[TOTALS])
{
    for (size_t i = 0; i < TOTALS; i++)
        if (now[i] < before[i])
            return true;
    return false;
}

static bool last_told(const int64_t now[TOTALS], const int64_t last[TOTALS])
{
    return sum_of(last) > 0 && !began_anew(last, now);
}

/* Whether the line tells of something that the model said: then it was asked. */
static bool is_reply(const struct usage_reader *reader, const char *type)
{
    static const char *const replies[] = {"reasoning",       "function_call",   "custom_tool_call", "local_shell_call",
                                          "web_search_call", "agent_reasoning", "agent_message",    NULL};
    if (text_equal(type, "token_usage_record"))
        return true;
    if (!text_equal(type, "response_item") && !text_equal(type, "event_msg"))
        return false;
    return usage_text_is(reader, ROLE, "assistant") || usage_one_of(usage_text(reader, EVENT), replies);
}

/* An event says what the totals are, not that there was a call: before the first reply of a fork it repeats those of the session that it
 * comes from, with that one's last call. */
static bool is_repeated(const struct usage_kept *kept, const int64_t now[TOTALS], const int64_t last[TOTALS])
{
    if (kept->counted && memcmp(now, kept->total, sizeof kept->total) == 0)
        return true;
    return !kept->counted && !kept->replied && last_told(now, last) && memcmp(now, last, sizeof kept->total) != 0;
}

/* What the totals have grown by. Where nothing of their own is there to compare them with, as at the beginning, after a copied history and
 * after they began anew, it is what the event says of the last call: totals of a fork go on from those of the session that it comes from,
 * those of a sub-agent may not. */
static void find_growth(const struct usage_kept *kept, const int64_t now[TOTALS], const int64_t last[TOTALS], bool anew,
                        int64_t growth[TOTALS])
{
    if ((anew || kept->counted != COUNTED_OWN) && last_told(now, last)) {
        memcpy(growth, last, TOTALS * sizeof *growth);
        return;
    }
    for (size_t i = 0; i < TOTALS; i++)
        growth[i] = kept->counted && !anew ? now[i] - kept->total[i] : now[i];
}

static enum usage_verdict give(struct usage_reader *reader, const int64_t now[TOTALS], const int64_t growth[TOTALS],
                               int64_t epoch)
{
    const struct usage_kept *kept = &reader->kept;
    const char *thread = *kept->thread ? kept->thread : reader->file_session;
    const char *model = usage_text(reader, INFO_MODEL);
    struct usage_record record = {
        .model = model ? model : text_or_null(kept->model),
        .session = text_or_null(*kept->session ? kept->session : reader->file_session),
        .tier = usage_tier(kept->tier),
        .provider = text_or_null(kept->provider),
        .project = text_or_null(kept->project),
        .branch = text_or_null(kept->branch),
        .agent = text_or_null(kept->agent),
    };
    if (!usage_time(reader, TIME, &record.time_us))
        return USAGE_BAD;
    if (!usage_counts_codex(growth, record.counts))
        return usage_bad(reader, "more is said to come from the cache than went in");
    record.key = usage_put(reader->key, "codex:%s:%lld:%lld.%lld.%lld.%lld.%lld", thread, (long long)epoch,
                           (long long)now[TOTAL_INPUT], (long long)now[TOTAL_CACHED], (long long)now[TOTAL_WRITTEN],
                           (long long)now[TOTAL_OUTPUT], (long long)now[TOTAL_REASONING]);
    record.alike = usage_alike(reader->alike, text_or_null(thread), record.counts, true);
    return usage_give(reader, &record);
}

static enum usage_verdict take_count(struct usage_reader *reader)
{
    struct usage_kept *kept = &reader->kept;
    int64_t now[TOTALS], last[TOTALS], growth[TOTALS];
    if (json_pick_kind(reader->pick, SUM_OBJECT) != JSON_PICK_OBJECT)
        return json_pick_kind(reader->pick, LAST_OBJECT) == JSON_PICK_OBJECT ? USAGE_UNKNOWN : USAGE_OTHER;
    if (!usage_numbers(reader, SUM, now, TOTALS) || !usage_numbers(reader, LAST, last, TOTALS))
        return USAGE_BAD;
    enum usage_verdict verdict = USAGE_OTHER;
    bool inherited = kept->copying || is_repeated(kept, now, last);
    bool anew = !inherited && kept->counted && began_anew(kept->total, now);
    if (!inherited) {
        find_growth(kept, now, last, anew, growth);
        verdict = give(reader, now, growth, kept->epoch + anew);
    }
    if (!reader->stopped) {
        kept->epoch += anew;
        memcpy(kept->total, now, sizeof now);
        kept->counted = inherited && kept->counted != COUNTED_OWN ? COUNTED_COPY : COUNTED_OWN;
    }
    return verdict;
}

static enum usage_verdict codex_line(struct usage_reader *reader)
{
    const char *type = usage_text(reader, TYPE);
    if (text_equal(type, "session_meta")) {
        enum usage_verdict verdict = take_session(reader);
        look_for_own_history(reader);
        return verdict;
    }
    look_for_own_history(reader);
    if (!reader->kept.copying && is_reply(reader, type))
        reader->kept.replied = 1;
    if (text_equal(type, "turn_context"))
        return take_context(reader);
    if (text_equal(type, "event_msg") && text_equal(usage_text(reader, EVENT), "token_count"))
        return take_count(reader);
    return usage_one_of(type, quiet_types) ? USAGE_OTHER : USAGE_UNKNOWN;
}

const struct usage_format usage_codex = {"codex", paths, ARRAY_SIZE(paths), .line = codex_line};
