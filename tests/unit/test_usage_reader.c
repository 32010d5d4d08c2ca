/* Readers of usage: the rules of counting, one line each, and the machinery around them. */
#include "usage_fixture.h"

struct rule {
    const char *what, *platform, *file, *text;
    const char *expected; /* of taken.brief, or of taken.full when it begins with "log" */
    struct usage_lines lines;
    const char *bad; /* NULL = "" */
};

static void check_rules(const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        struct taken taken;
        struct usage_lines lines;
        taken_begin(&taken);
        read_log(&taken, rule->platform, rule->file, rule->text, strlen(rule->text), 5, &lines);
        bool full = strncmp(rule->expected, "log", 3) == 0;
        const char *found = buffer_string(full ? &taken.full : &taken.brief);
        if (strcmp(found, rule->expected) != 0)
            fail_msg("%s:\n%sinstead of\n%s%s", rule->what, found, rule->expected, buffer_string(&taken.bad));
        if (memcmp(&lines, &rule->lines, sizeof lines) != 0)
            fail_msg("%s: %lld lines, %lld records, %lld other, %lld unknown, %lld bad", rule->what, lines.lines,
                     lines.records, lines.other, lines.unknown, lines.bad);
        if (strcmp(buffer_string(&taken.bad), rule->bad ? rule->bad : "") != 0)
            fail_msg("%s: %s", rule->what, buffer_string(&taken.bad));
        taken_end(&taken);
    }
}

/* ---- Claude Code ---- */

#define USAGE(more)          "\"usage\":{\"input_tokens\":1,\"output_tokens\":2" more "}"
#define REPLY(message, more) "{\"type\":\"assistant\",\"message\":{" message USAGE("") "}" more "}\n"

static const struct rule claude_rules[] = {
    {"the message's id is the key, whatever the request",
     "claude",
     NULL,
     REPLY("\"id\":\"m\",", ",\"requestId\":\"r\",\"uuid\":\"u\"") REPLY("\"id\":\"m\",", ",\"requestId\":\"s\""),
     "log claude message:m 1/2/0/0/0/0 @0 request=r\nlog claude message:m 1/2/0/0/0/0 @0 request=s\n",
     {2, 2, 0, 0, 0}},
    {"without one it is the request's, then the line's own",
     "claude",
     NULL,
     REPLY("", ",\"requestId\":\"r\",\"uuid\":\"u\"") REPLY("\"id\":\"\",", ",\"uuid\":\"u\"")
         REPLY("\"id\":null,", ",\"uuid\":5,\"requestId\":[]"),
     "request:r 1/2/0/0/0/0\nuuid:u 1/2/0/0/0/0\nline:cbf29ce484222325:3:0:1.2.0.0.0 1/2/0/0/0/0\n",
     {3, 3, 0, 0, 0}},
    {"without any id it is the line's place in its file",
     "claude",
     "/a.jsonl",
     REPLY("", "") REPLY("", ""),
     "line:b49d38ec692d4111:1:0:1.2.0.0.0 1/2/0/0/0/0\nline:b49d38ec692d4111:2:0:1.2.0.0.0 1/2/0/0/0/0\n",
     {2, 2, 0, 0, 0}},
    {"everything that a line says",
     "claude",
     NULL,
     "{\"type\":\"assistant\",\"sessionId\":\"s\",\"timestamp\":\"2026-01-31T13:00:00+01:00\",\"cwd\":\"/w\",\"gitBranch\":\"b\","
     "\"isSidechain\":true,\"agentId\":\"a\",\"requestId\":\"r\",\"message\":{\"id\":\"m\",\"model\":\"x\",\"usage\":{"
     "\"input_tokens\":1,\"output_tokens\":20,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":10,"
     "\"cache_creation\":{\"ephemeral_5m_input_tokens\":4,\"ephemeral_1h_input_tokens\":6},\"speed\":\"standard\","
     "\"service_tier\":\"priority\",\"output_tokens_details\":{\"thinking_tokens\":7}}}}\n",
     "log claude message:m 1/20/3/4/6/7 @1769860800000000 request=r session=s model=x tier=priority project=/w branch=b"
     " agent=a sidechain\n",
     {1, 1, 0, 0, 0}},
    {"tiers",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"1\"," USAGE(
         ",\"speed\":\"fast\",\"service_tier\":\"priority\"") "}}\n"
                                                              "{\"message\":{\"id\":\"2\"," USAGE(
                                                                  ",\"service_tier\":\"standard\"") "}}\n"
                                                                                                    "{\"message\":{\"id\":\"3\"," USAGE(
                                                                                                        ",\"service_tier\":\"batch\"") "}}\n"
                                                                                                                                       "{\"message\":{\"id\":\"4\"," USAGE(
                                                                                                                                           ",\"speed\":\"ludicrous\",\"service_tier\":\"flex\"") "}}\n",
     "log claude message:1 1/2/0/0/0/0 @0 tier=fast\nlog claude message:2 1/2/0/0/0/0 @0\n"
     "log claude message:3 1/2/0/0/0/0 @0 tier=batch\nlog claude message:4 1/2/0/0/0/0 @0 tier=flex\n",
     {4, 4, 0, 0, 0}},
    {"what was made up locally is no call",
     "claude",
     NULL,
     REPLY("\"id\":\"m\",\"model\":\"<synthetic>\",", "") REPLY("\"id\":\"n\",", ",\"isApiErrorMessage\":true")
         REPLY("\"id\":\"o\",", ",\"isApiErrorMessage\":false"),
     "message:o 1/2/0/0/0/0\n",
     {3, 1, 2, 0, 0}},
    {"a call without tokens is none",
     "claude",
     NULL,
     "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":0,\"output_tokens\":null}}}\n"
     "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"usage\":null}}\n{\"type\":\"assistant\",\"message\":\"text\"}\n",
     "",
     {3, 0, 3, 0, 0}},
    {"the parts of what was written into the cache",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"no parts\"," USAGE(
         ",\"cache_creation_input_tokens\":10") "}}\n"
                                                "{\"message\":{\"id\":\"only parts\"," USAGE(
                                                    ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4}") "}}\n"
                                                                                                                                             "{\"message\":{\"id\":\"zero in all\"," USAGE(
                                                                                                                                                 ",\"cache_creation_input_tokens\":0,\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}") "}}\n"
                                                                                                                                                                                                                                            "{\"message\":{\"id\":\"too few\"," USAGE(",\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4}") "}}\n"
                                                                                                                                                                                                                                                                                                                                                                                                                  "{\"message\":{\"id\":\"too many\"," USAGE(",\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":6,\"ephemeral_1h_input_tokens\":5}") "}}\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         "{\"message\":{\"id\":\"last one\"," USAGE(",\"iterations\":[{\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_1h_input_tokens\":10}},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "{\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":8,\"ephemeral_1h_input_tokens\":1}}],"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_1h_input_tokens\":10}") "}}\n",
     "message:no parts 1/2/0/10/0/0\nmessage:only parts 1/2/0/3/4/0\nmessage:zero in all 1/2/0/0/4/0\n"
     "message:too few 1/2/0/6/4/0\nmessage:too many 1/2/0/10/0/0\nmessage:last one 1/2/0/8/1/0\n",
     {6, 6, 0, 0, 0}},
    {"parts that add up go before those of an iteration",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"m\"," USAGE(
         ",\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":4,\"ephemeral_1h_input_tokens\":6},"
         "\"iterations\":[{\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10}}]") "}}\n",
     "message:m 1/2/0/4/6/0\n",
     {1, 1, 0, 0, 0}},
    {"thinking is never more than the output that it is a part of",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"m\"," USAGE(",\"output_tokens_details\":{\"thinking_tokens\":9}") "}}\n",
     "message:m 1/2/0/0/0/2\n",
     {1, 1, 0, 0, 0}},
    {"a sub-agent's call in a progress line",
     "claude",
     NULL,
     "{\"type\":\"progress\",\"sessionId\":\"s\",\"data\":{\"agentId\":\"a\",\"message\":{\"type\":\"assistant\","
     "\"requestId\":\"r\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"message\":{\"id\":\"m\"," USAGE(
         "") "}}}}\n"
             "{\"type\":\"progress\",\"data\":{\"message\":{\"uuid\":\"u\",\"message\":{" USAGE(
                 "") "}}}}\n"
                     "{\"type\":\"progress\",\"data\":{\"type\":\"hook_progress\"}}\n"
                     "{\"type\":\"user\",\"data\":{\"message\":{\"message\":{\"id\":\"m\"," USAGE("") "}}}}\n",
     "log claude message:m 1/2/0/0/0/0 @1769860800000000 request=r session=s agent=a sidechain\n",
     {4, 1, 3, 0, 0}},
    {"only replies count",
     "claude",
     NULL,
     "{\"type\":\"user\",\"message\":{\"id\":\"m\"," USAGE(
         "") "}}\n{\"type\":\"cost-state\",\"modelUsage\":{\"x\":{\"inputTokens\":5}},"
             "\"inputTokens\":3,\"outputTokens\":4}\n{\"type\":\"brand-new\"}\n{\"no\":\"type\"}\n{\"type\":7}\n",
     "",
     {5, 0, 2, 3, 0}},
    {"the session's name is the file's where no line says it",
     "claude",
     "C:\\Users\\x\\.claude\\projects\\p\\00000000-0000-4000-8000-000000000001.jsonl",
     REPLY("\"id\":\"m\",", ""),
     "log claude message:m 1/2/0/0/0/0 @0 alike=1.0.0.:00000000-0000-4000-8000-000000000001"
     " session=00000000-0000-4000-8000-000000000001\n",
     {1, 1, 0, 0, 0}},
    {"numbers that make no sense",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":-1,\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1.5,\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":\"1\",\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1000000001,\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1e300,\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":99999999999999999999999999999999999999999999999,\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":{},\"output_tokens\":2}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1,\"cache_creation_input_tokens\":true}}}\n"
     "{\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1e9,\"output_tokens\":2.0}}}\n",
     "message:m 1000000000/2/0/0/0/0\n",
     {9, 1, 0, 0, 8},
     "1: a number of tokens makes no sense\n2: a number of tokens makes no sense\n3: a number of tokens makes no sense\n"
     "4: a number of tokens makes no sense\n5: a number of tokens makes no sense\n6: a number of tokens makes no sense\n"
     "7: a number of tokens makes no sense\n8: a number of tokens makes no sense\n"},
    {"times that are none",
     "claude",
     NULL,
     REPLY("\"id\":\"m\",", ",\"timestamp\":\"yesterday\"") REPLY(
         "\"id\":\"m\",", ",\"timestamp\":\"1969-01-01T00:00:00Z\"") REPLY("\"id\":\"m\",", ",\"timestamp\":\"\""),
     "message:m 1/2/0/0/0/0\n",
     {3, 1, 0, 0, 2},
     "1: its time is none\n2: its time is none\n"},
    {"texts that are none",
     "claude",
     NULL,
     REPLY("\"id\":\"m\\u0000\",",
           ",\"requestId\":\"r\",\"cwd\":\"/\xFF\",\"gitBranch\":\"a\\nb\",\"sessionId\":\"\\ud800\""),
     "log claude request:r 1/2/0/0/0/0 @0 request=r\n",
     {1, 1, 0, 0, 0}},
    {"lines that are no objects, or no JSON",
     "claude",
     NULL,
     "[1]\n42\n\"x\"\nnull\n{\n{\"a\":\nnot json\n{} {}\n\n   \n\r\n" REPLY("\"id\":\"m\",", ""),
     "message:m 1/2/0/0/0/0\n",
     {12, 1, 3, 0, 8},
     "1: it is no JSON object\n2: it is no JSON object\n3: it is no JSON object\n4: it is no JSON object\n"
     "5: it is cut off\n6: it is cut off\n7: a word is none of true, false and null\n8: something follows after its end\n"},
    {"the last of two members of a name",
     "claude",
     NULL,
     "{\"message\":{\"id\":\"no\"," USAGE(",\"cache_read_input_tokens\":9") "},\"message\":{\"id\":\"m\"," USAGE(
         "") "}}\n",
     "message:m 1/2/0/0/0/0\n",
     {1, 1, 0, 0, 0}},
    {"a file that ends in the middle of a line",
     "claude",
     NULL,
     REPLY("\"id\":\"m\",", "") "{\"type\":\"assis",
     "message:m 1/2/0/0/0/0\n",
     {2, 1, 0, 0, 1},
     "2: it is cut off\n"},
};

static void claude(void **state)
{
    (void)state;
    check_rules(claude_rules, ARRAY_SIZE(claude_rules));
}

/* ---- Codex ---- */

#define LINE(time, type, payload)                                                                                      \
    "{\"timestamp\":\"2026-01-31T12:" time "Z\",\"type\":\"" type "\",\"payload\":{" payload "}}\n"
#define META(id, more)                                                                                                 \
    LINE("00:00", "session_meta", "\"id\":\"" id "\",\"timestamp\":\"2026-01-31T12:00:00.500Z\"" more)
#define N(in, cached, out) "{\"input_tokens\":" #in ",\"cached_input_tokens\":" #cached ",\"output_tokens\":" #out "}"
#define COUNT(total)       LINE("01:00", "event_msg", "\"type\":\"token_count\",\"info\":{\"total_token_usage\":" total "}")
#define COUNT_LAST(total, last)                                                                                        \
    LINE("01:00", "event_msg",                                                                                         \
         "\"type\":\"token_count\",\"info\":{\"last_token_usage\":" last ",\"total_token_usage\":" total "}")
#define SPOKEN        LINE("00:50", "response_item", "\"type\":\"message\",\"role\":\"assistant\"")
#define STARTED(more) LINE("00:30", "event_msg", "\"type\":\"task_started\"," more)
#define NUMBERED(n, type, payload)                                                                                     \
    "{\"timestamp\":\"2026-01-31T12:01:00Z\",\"ordinal\":" #n ",\"type\":\"" type "\",\"payload\":{" payload "}}\n"
#define NUMBERED_COUNT(n, total, last)                                                                                 \
    NUMBERED(n, "event_msg",                                                                                           \
             "\"type\":\"token_count\",\"info\":{\"last_token_usage\":" last ",\"total_token_usage\":" total "}")

static const struct rule codex_rules[] = {
    {"what the totals grow by",
     "codex",
     NULL,
     META("t", "") COUNT(N(100, 40, 10)) COUNT(N(100, 40, 10)) COUNT(N(250, 140, 30)) COUNT(N(250, 140, 30)),
     "codex:t:0:100.40.0.10.0 60/10/40/0/0/0\ncodex:t:0:250.140.0.30.0 50/20/100/0/0/0\n",
     {5, 2, 3, 0, 0}},
    {"everything that lines say",
     "codex",
     NULL,
     META("t", ",\"session_id\":\"s\",\"cwd\":\"/w\",\"model_provider\":\"p\",\"git\":{\"branch\":\"b\"},"
               "\"source\":{\"subagent\":{\"thread_spawn\":{\"agent_nickname\":\"n\",\"agent_role\":\"r\"}}}")
         LINE("00:10", "turn_context", "\"model\":\"m\",\"cwd\":\"/w2\",\"service_tier\":\"flex\"") LINE(
             "01:00.25", "event_msg",
             "\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":100,\"cached_input_tokens\":40,"
             "\"cache_write_input_tokens\":20,\"output_tokens\":10,\"reasoning_output_tokens\":4,\"total_tokens\":110}}"),
     "log codex codex:t:0:100.40.20.10.4 40/10/40/20/0/4 @1769860860250000 alike=40.40.20.10:t session=s model=m"
     " tier=flex provider=p project=/w2 branch=b agent=n\n",
     {3, 1, 2, 0, 0}},
    {"a model in the event goes before the turn's; none is guessed",
     "codex",
     NULL,
     META("t", "") COUNT(N(1, 0, 1)) LINE("00:10", "turn_context", "\"model\":\"m\"") LINE(
         "01:00", "event_msg",
         "\"type\":\"token_count\",\"info\":{\"model\":\"i\",\"total_token_usage\":" N(2, 0, 2) "}") COUNT(N(3, 0, 3)),
     "log codex codex:t:0:1.0.0.1.0 1/1/0/0/0/0 @1769860860000000 alike=1.0.0.1:t session=t\n"
     "log codex codex:t:0:2.0.0.2.0 1/1/0/0/0/0 @1769860860000000 alike=1.0.0.1:t session=t model=i\n"
     "log codex codex:t:0:3.0.0.3.0 1/1/0/0/0/0 @1769860860000000 alike=1.0.0.1:t session=t model=m\n",
     {5, 3, 2, 0, 0}},
    {"without a header it is the session of the file's name",
     "codex",
     "/h/.codex/archived_sessions/rollout-2026-01-31T12-00-00-00000000-0000-4000-8000-000000000001.jsonl",
     COUNT(N(1, 0, 1)),
     "codex:00000000-0000-4000-8000-000000000001:0:1.0.0.1.0 1/1/0/0/0/0\n",
     {1, 1, 0, 0, 0}},
    {"no information yet, and only the last call",
     "codex",
     NULL,
     META("t", "") LINE("00:10", "event_msg", "\"type\":\"token_count\",\"info\":null")
         LINE("00:10", "event_msg", "\"type\":\"token_count\",\"info\":{\"last_token_usage\":" N(1, 0, 1) "}"),
     "",
     {3, 0, 2, 1, 0}},
    {"a compaction has totals of nothing",
     "codex",
     NULL,
     META("t", "") COUNT(N(100, 40, 10))
         COUNT_LAST(N(100, 40, 10), "{\"input_tokens\":0,\"output_tokens\":0,\"total_tokens\":940499}"),
     "codex:t:0:100.40.0.10.0 60/10/40/0/0/0\n",
     {3, 1, 2, 0, 0}},
    {"totals that begin anew: the last call, or what they are now",
     "codex",
     NULL,
     META("t", "") COUNT(N(100, 40, 10)) COUNT_LAST(N(90, 40, 20), N(50, 10, 5)) COUNT(N(0, 0, 0))
         COUNT(N(100, 40, 10)),
     "codex:t:0:100.40.0.10.0 60/10/40/0/0/0\ncodex:t:1:90.40.0.20.0 40/5/10/0/0/0\n"
     "codex:t:2:100.40.0.10.0 60/10/40/0/0/0\n",
     {5, 3, 2, 0, 0}},
    {"totals that begin with another session's: its last call is told again, then those of its own",
     "codex",
     NULL,
     META("t", "") COUNT_LAST(N(900, 300, 80), N(70, 20, 6)) COUNT_LAST(N(900, 300, 80), N(70, 20, 6))
         SPOKEN COUNT_LAST(N(1000, 400, 100), N(50, 10, 5)) COUNT_LAST(N(1060, 420, 107), N(60, 20, 7)),
     "codex:t:0:1000.400.0.100.0 40/5/10/0/0/0\ncodex:t:0:1060.420.0.107.0 40/7/20/0/0/0\n",
     {6, 2, 4, 0, 0}},
    {"totals that begin with another session's, and nothing before the first reply",
     "codex",
     NULL,
     META("t", "") SPOKEN COUNT_LAST(N(1000, 400, 100), N(50, 10, 5)),
     "codex:t:0:1000.400.0.100.0 40/5/10/0/0/0\n",
     {3, 1, 2, 0, 0}},
    {"totals that begin with another session's, and a record of the usage before them",
     "codex",
     NULL,
     META("t", "") LINE("00:50", "token_usage_record", "") COUNT_LAST(N(1000, 400, 100), N(50, 10, 5)),
     "codex:t:0:1000.400.0.100.0 40/5/10/0/0/0\n",
     {3, 1, 2, 0, 0}},
    {"a copied history without totals, which come with the first turn",
     "codex",
     NULL,
     META("t", ",\"forked_from_id\":\"p\"") SPOKEN STARTED("\"started_at\":1769860800")
         COUNT_LAST(N(900, 0, 90), N(70, 0, 6)) SPOKEN COUNT_LAST(N(1000, 0, 100), N(100, 0, 10)),
     "codex:t:0:1000.0.0.100.0 100/10/0/0/0/0\n",
     {6, 1, 5, 0, 0}},
    {"a copied history whose last totals are told again",
     "codex",
     NULL,
     META("t", ",\"forked_from_id\":\"p\"") SPOKEN COUNT_LAST(N(900, 0, 90), N(70, 0, 6)) STARTED(
         "\"started_at\":1769860800") COUNT_LAST(N(900, 0, 90), N(70, 0, 6)) COUNT_LAST(N(1000, 0, 100), N(100, 0, 10)),
     "codex:t:0:1000.0.0.100.0 100/10/0/0/0/0\n",
     {6, 1, 5, 0, 0}},
    {"the totals are believed, and not what the last call is said to be, when they can be compared",
     "codex",
     NULL,
     META("t", "") COUNT_LAST(N(10, 0, 1), N(10, 0, 1)) COUNT_LAST(N(100, 40, 10), N(50, 10, 5)),
     "codex:t:0:10.0.0.1.0 10/1/0/0/0/0\ncodex:t:0:100.40.0.10.0 50/9/40/0/0/0\n",
     {3, 2, 1, 0, 0}},
    {"a last call of more than there is in all is none",
     "codex",
     NULL,
     META("t", "") COUNT_LAST(N(10, 0, 1), N(11, 0, 1)),
     "codex:t:0:10.0.0.1.0 10/1/0/0/0/0\n",
     {2, 1, 1, 0, 0}},
    {"a sub-agent whose header tells only where its own lines begin",
     "codex",
     NULL,
     NUMBERED(0, "session_meta", "\"id\":\"t\",\"subagent_history_start_ordinal\":2")
         NUMBERED_COUNT(1, N(5000, 0, 100), N(70, 0, 1)) NUMBERED_COUNT(2, N(30, 20, 3), N(30, 20, 3)),
     "codex:t:1:30.20.0.3.0 10/3/20/0/0/0\n",
     {3, 1, 2, 0, 0}},
    {"a fork: own from the turn that was started after it",
     "codex",
     NULL,
     META("t", ",\"forked_from_id\":\"p\"") COUNT(N(500, 0, 50)) STARTED("\"started_at\":1769860799")
         COUNT(N(900, 0, 90)) STARTED("\"started_at\":1769860800") COUNT(N(1000, 0, 100)),
     "codex:t:0:1000.0.0.100.0 100/10/0/0/0/0\n",
     {6, 1, 5, 0, 0}},
    {"a fork: own from the turn whose id is of a time after it",
     "codex",
     NULL,
     META("t", ",\"forked_from_id\":\"p\"") LINE(
         "00:01", "turn_context", "\"turn_id\":\"019c13ec-9ff3-7000-8000-000000000001\"") COUNT(N(900, 0, 90))
         LINE("00:01", "turn_context", "\"turn_id\":\"019c13ec-9ff4-7000-8000-000000000001\"") COUNT(N(1000, 0, 100)),
     "codex:t:0:1000.0.0.100.0 100/10/0/0/0/0\n",
     {5, 1, 4, 0, 0}},
    {"a fork that nothing tells the end of its copy of",
     "codex",
     NULL,
     META("t", ",\"forked_from_id\":\"p\"") STARTED("\"turn_id\":\"00000000-0000-4000-8000-000000000001\"")
         COUNT(N(900, 0, 90)),
     "",
     {3, 0, 3, 0, 0}},
    {"another session's header heads its history",
     "codex",
     NULL,
     META("t", "") META("p", ",\"cwd\":\"/p\"") COUNT(N(900, 0, 90)) STARTED("\"started_at\":1769860801")
         COUNT(N(1000, 0, 100)),
     "log codex codex:t:0:1000.0.0.100.0 100/10/0/0/0/0 @1769860860000000 alike=100.0.0.10:t session=t\n",
     {5, 1, 4, 0, 0}},
    {"the same session's header once more is nothing",
     "codex",
     NULL,
     META("t", "") META("t", "") COUNT(N(9, 0, 9)) META("p", "") COUNT(N(10, 0, 10)),
     "codex:t:0:9.0.0.9.0 9/9/0/0/0/0\ncodex:t:0:10.0.0.10.0 1/1/0/0/0/0\n",
     {5, 2, 3, 0, 0}},
    {"a sub-agent: own from the line that its header names",
     "codex",
     NULL,
     NUMBERED(0, "session_meta",
              "\"id\":\"t\",\"session_id\":\"s\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"forked_from_id\":\"s\","
              "\"subagent_history_start_ordinal\":4,\"source\":{\"subagent\":\"review\"}")
         NUMBERED(1, "session_meta", "\"id\":\"s\"") NUMBERED_COUNT(2, N(5000, 4000, 100), N(70, 60, 1))
             NUMBERED(3, "turn_context", "\"turn_id\":\"019c13ec-9ff4-7000-8000-000000000001\"") NUMBERED_COUNT(
                 4, N(30, 20, 3), N(30, 20, 3)) NUMBERED(5, "token_usage_record", "\"usage\":" N(30, 20, 3))
                 NUMBERED_COUNT(6, N(75, 60, 5), N(45, 40, 2)),
     "log codex codex:t:1:30.20.0.3.0 10/3/20/0/0/0 @1769860860000000 alike=10.20.0.3:t session=s agent=review\n"
     "log codex codex:t:1:75.60.0.5.0 5/2/40/0/0/0 @1769860860000000 alike=5.40.0.2:t session=s agent=review\n",
     {7, 2, 5, 0, 0}},
    {"a sub-agent that counts from nothing, and soon has more than the other had",
     "codex",
     NULL,
     NUMBERED(0, "session_meta", "\"id\":\"t\",\"subagent_history_start_ordinal\":2")
         NUMBERED_COUNT(1, N(20, 0, 1), N(20, 0, 1)) NUMBERED_COUNT(2, N(30, 20, 3), N(30, 20, 3))
             NUMBERED_COUNT(3, N(90, 30, 4), N(60, 10, 1)),
     "codex:t:0:30.20.0.3.0 10/3/20/0/0/0\ncodex:t:0:90.30.0.4.0 50/1/10/0/0/0\n",
     {4, 2, 2, 0, 0}},
    {"a fork that holds none of the other's lines, but its totals",
     "codex",
     NULL,
     NUMBERED(
         4, "session_meta",
         "\"id\":\"t\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"forked_from_id\":\"p\",\"history_base\":{\"end_ordinal_exclusive\":4}")
         NUMBERED_COUNT(5, N(40, 0, 10), N(40, 0, 9)) NUMBERED(6, "token_usage_record", "\"usage\":" N(120, 0, 30))
             NUMBERED_COUNT(7, N(160, 0, 40), N(120, 0, 30)) NUMBERED_COUNT(8, N(170, 0, 41), N(10, 0, 1)),
     "codex:t:0:160.0.0.40.0 120/30/0/0/0/0\ncodex:t:0:170.0.0.41.0 10/1/0/0/0/0\n",
     {5, 2, 3, 0, 0}},
    {"what was written into the cache, inside of the input or not",
     "codex",
     NULL,
     META("t", "")
         COUNT("{\"input_tokens\":100,\"cached_input_tokens\":90,\"cache_write_input_tokens\":20,\"output_tokens\":1}"),
     "codex:t:0:100.90.20.1.0 10/1/90/20/0/0\n",
     {2, 1, 1, 0, 0}},
    {"totals beyond a thousand million",
     "codex",
     NULL,
     META("t", "") SPOKEN COUNT_LAST(N(5000000000, 0, 10), N(7, 0, 1)) COUNT(N(5000000100, 0, 20))
         COUNT(N(9000000000, 0, 30)) COUNT(N(9000000001, 0, 30)),
     "codex:t:0:5000000000.0.0.10.0 7/1/0/0/0/0\ncodex:t:0:5000000100.0.0.20.0 100/10/0/0/0/0\n"
     "codex:t:0:9000000001.0.0.30.0 1/0/0/0/0/0\n",
     {6, 3, 2, 0, 1},
     "5: a number of tokens makes no sense\n"},
    {"more from the cache than went in",
     "codex",
     NULL,
     META("t", "") COUNT(N(10, 11, 1)),
     "",
     {2, 0, 1, 0, 1},
     "2: more is said to come from the cache than went in\n"},
    {"types",
     "codex",
     NULL,
     LINE("00:00", "response_item", "\"type\":\"message\"") LINE("00:00", "compacted", "")
         LINE("00:00", "brand_new",
              "") "{\"type\":\"turn.completed\",\"usage\":" N(1, 0, 1) "}\n{\"record_type\":\"state\"}\n",
     "",
     {5, 0, 2, 3, 0}},
};

static void codex(void **state)
{
    (void)state;
    check_rules(codex_rules, ARRAY_SIZE(codex_rules));
}

/* ---- Gemini, Qwen, Droid ---- */

#define HEAD "{\"sessionId\":\"s\",\"projectHash\":\"h\",\"startTime\":\"2026-01-31T12:00:00Z\",\"kind\":\"main\"}\n"
#define TOKENS(in, out, cached, thoughts, tool)                                                                        \
    "\"tokens\":{\"input\":" #in ",\"output\":" #out ",\"cached\":" #cached ",\"thoughts\":" #thoughts                 \
    ",\"tool\":" #tool "}"
#define SAID(id, more)                                                                                                 \
    "{\"id\":\"" id "\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"type\":\"gemini\",\"model\":\"m\"" more "}"

static const struct rule gemini_rules[] = {
    {"cached is a part of the input, thoughts are output, tools are input",
     "gemini",
     NULL,
     HEAD SAID("a", "," TOKENS(100, 20, 30, 4, 7)) "\n",
     "log gemini gemini:s:a 77/24/30/0/0/4 @1769860800000000 alike=77.30.0.24:s session=s model=m\n",
     {2, 1, 1, 0, 0}},
    {"the same message again, as a whole list, and rewound",
     "gemini",
     NULL,
     HEAD SAID("a", ",\"tokens\":null") "\n" SAID("a", "," TOKENS(10, 1, 0, 0, 0)) "\n{\"$set\":{\"messages\":[" SAID(
         "a",
         "," TOKENS(
             10, 2, 0, 0,
             0)) ",{\"type\":\"user\",\"id\":\"u\"}," SAID("b",
                                                           "," TOKENS(
                                                               20, 3, 0, 0,
                                                               0)) "]}}\n"
                                                                   "{\"$rewindTo\":\"a\"}\n{\"$set\":{\"lastUpdated\":\"x\"}}\n",
     "gemini:s:a 10/1/0/0/0/0\ngemini:s:a 10/2/0/0/0/0\ngemini:s:b 20/3/0/0/0/0\n",
     {6, 3, 4, 0, 0}},
    {"a sub-agent",
     "gemini",
     NULL,
     "{\"sessionId\":\"s\",\"kind\":\"subagent\"}\n" SAID("a", "," TOKENS(1, 1, 0, 0, 0)) "\n",
     "log gemini gemini:s:a 1/1/0/0/0/0 @1769860800000000 alike=1.0.0.1:s session=s model=m agent=s\n",
     {2, 1, 1, 0, 0}},
    {"a whole file over many lines",
     "gemini",
     NULL,
     "{\n \"sessionId\": \"s\",\n \"messages\": [\n" SAID("a", "," TOKENS(1, 1, 0, 0, 0)) ",\n" SAID(
         "b", "," TOKENS(2, 1, 0, 0, 0)) "\n ]\n}\n",
     "gemini:s:a 1/1/0/0/0/0\ngemini:s:b 2/1/0/0/0/0\n",
     {1, 2, 0, 0, 0}},
    {"messages before their session",
     "gemini",
     "/x/session-1.json",
     "{\"messages\":[" SAID("a", "," TOKENS(1, 1, 0, 0, 0)) "],\"sessionId\":\"s\"}",
     "gemini:session-1:a 1/1/0/0/0/0\n",
     {1, 1, 0, 0, 0}},
    {"a name that says that there are lines goes before a line that is cut",
     "gemini",
     "/x/session-1.jsonl",
     "{\"sessionId\":\"s\n" SAID("a", "," TOKENS(1, 1, 0, 0, 0)) "\n",
     "gemini:session-1:a 1/1/0/0/0/0\n",
     {2, 1, 0, 0, 1},
     "1: it is cut off\n"},
    {"a message without an id",
     "gemini",
     NULL,
     HEAD "{\"type\":\"gemini\"," TOKENS(1, 1, 0, 0, 0) "}\n",
     "line:cbf29ce484222325:2:0:1.1.0.0.0 1/1/0/0/0/0\n",
     {2, 1, 1, 0, 0}},
    {"numbers that make no sense",
     "gemini",
     NULL,
     HEAD SAID("a", "," TOKENS(10, 1, 11, 0, 0)) "\n" SAID(
         "b", "," TOKENS(-1, 1, 0, 0, 0)) "\n"
                                          "{\"$set\":{\"messages\":[" SAID("c", "," TOKENS(1, 1, 5, 0, 0)) "," SAID(
                                              "d", "," TOKENS(1, 1, 0, 0, 0)) "]}}\n",
     "gemini:s:d 1/1/0/0/0/0\n",
     {4, 1, 1, 0, 3},
     "2: more is said to come from the cache than went in\n3: a number of tokens makes no sense\n"
     "4: more is said to come from the cache than went in\n"},
    {"types",
     "gemini",
     NULL,
     "{\"type\":\"warning\"}\n{\"type\":\"brand-new\"}\n{\"x\":1}\n{\"type\":\"user\"," TOKENS(1, 1, 0, 0, 0) "}\n",
     "",
     {4, 0, 2, 2, 0}},
};

static void gemini(void **state)
{
    (void)state;
    check_rules(gemini_rules, ARRAY_SIZE(gemini_rules));
}

#define METADATA(prompt, cached, candidates, thoughts, total)                                                          \
    "\"usageMetadata\":{\"promptTokenCount\":" #prompt ",\"cachedContentTokenCount\":" #cached                         \
    ",\"candidatesTokenCount\":" #candidates ",\"thoughtsTokenCount\":" #thoughts ",\"totalTokenCount\":" #total "}"
#define ANSWER(id, numbers) "{\"uuid\":\"" id "\",\"type\":\"assistant\"," numbers "}\n"

static const struct rule qwen_rules[] = {
    {"everything that a line says",
     "qwen",
     NULL,
     "{\"uuid\":\"u\",\"sessionId\":\"s\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"type\":\"assistant\",\"cwd\":\"/w\",\"gitBranch\":\"b\","
     "\"model\":\"m\"," METADATA(100, 30, 20, 0, 120) "}\n",
     "log qwen uuid:u 70/20/30/0/0/0 @1769860800000000 alike=70.30.0.20:s session=s model=m project=/w branch=b\n",
     {1, 1, 0, 0, 0}},
    {"the total tells whether thoughts are apart",
     "qwen",
     NULL,
     ANSWER("apart", METADATA(100, 0, 20, 5, 125)) ANSWER("inside", METADATA(100, 0, 20, 5, 120))
         ANSWER("not told", METADATA(100, 0, 20, 5, 0)) ANSWER("cannot be inside", METADATA(100, 0, 2, 5, 0)),
     "uuid:apart 100/25/0/0/0/5\nuuid:inside 100/20/0/0/0/5\nuuid:not told 100/20/0/0/0/5\n"
     "uuid:cannot be inside 100/7/0/0/0/5\n",
     {4, 4, 0, 0, 0}},
    {"more from the cache than the prompt has: it is apart",
     "qwen",
     NULL,
     ANSWER("u", METADATA(10, 30, 2, 0, 42)),
     "uuid:u 10/2/30/0/0/0\n",
     {1, 1, 0, 0, 0}},
    {"telemetry repeats what the reply said",
     "qwen",
     NULL,
     "{\"type\":\"system\",\"subtype\":\"ui_telemetry\",\"systemPayload\":{\"uiEvent\":{\"input_token_count\":5}}," METADATA(
         5, 0, 1, 0, 6) "}\n"
                        "{\"type\":\"brand-new\"}\n{\"type\":\"assistant\"}\n",
     "",
     {3, 0, 2, 1, 0}},
    {"numbers that make no sense",
     "qwen",
     NULL,
     ANSWER("u", METADATA(1.5, 0, 2, 0, 0)),
     "",
     {1, 0, 0, 0, 1},
     "1: a number of tokens makes no sense\n"},
};

static void qwen(void **state)
{
    (void)state;
    check_rules(qwen_rules, ARRAY_SIZE(qwen_rules));
}

static const struct rule droid_rules[] = {
    {"a session's sums, under the name of its file",
     "droid",
     "/h/.factory/sessions/-w/00000000-0000-4000-8000-000000000001.settings.json",
     "{\n\"model\": \"custom:x-[y]-0\",\n\"providerLock\": \"p\",\n\"tokenUsage\": {\"inputTokens\":1,\"outputTokens\":20,\"cacheCreationTokens\":3,"
     "\"cacheReadTokens\":4,\"thinkingTokens\":5}}",
     "log droid droid:00000000-0000-4000-8000-000000000001 1/20/4/3/0/5 @0 session=00000000-0000-4000-8000-000000000001"
     " model=custom:x-[y]-0 provider=p so_far\n",
     {1, 1, 0, 0, 0}},
    {"where it ran",
     "droid",
     "/h/.factory/sessions/-w/s.jsonl",
     "{\"type\":\"session_start\",\"id\":\"s\",\"cwd\":\"/w\"}\n{\"type\":\"message\",\"id\":\"a\"}\n{\"type\":\"brand-new\"}\n",
     "log droid droid:s 0/0/0/0/0/0 @0 session=s project=/w so_far\n",
     {3, 1, 1, 1, 0}},
    {"no sums yet", "droid", "/h/.factory/sessions/-w/s.settings.json", "{\"model\":\"m\"}", "", {1, 0, 1, 0, 0}},
    {"no name",
     "droid",
     NULL,
     "{\"tokenUsage\":{\"inputTokens\":1}}",
     "",
     {1, 0, 0, 0, 1},
     "1: only the file's name would tell the session, and it is not known\n"},
};

static void droid(void **state)
{
    (void)state;
    check_rules(droid_rules, ARRAY_SIZE(droid_rules));
}

/* ---- the machinery ---- */

static void platforms_that_are_read(void **state)
{
    static const char *const names[] = {"claude", "codex", "gemini", "qwen", "droid"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct usage_reader *reader = usage_reader_new(names[i], NULL, NULL, take_down, NULL, NULL);
        assert_non_null(reader);
        assert_true(usage_reader_end(reader, true));
        assert_int_equal(usage_reader_position(reader), 0);
        usage_reader_free(reader);
    }
    assert_null(usage_reader_new("iflow", NULL, NULL, take_down, NULL, NULL));
    assert_null(usage_reader_new("", NULL, NULL, take_down, NULL, NULL));
    usage_reader_free(NULL);
}

static void states_that_are_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "x",
        "{}",
        "[]",
        "{\"reader\":1}",
        "{\"reader\":2,\"platform\":\"codex\"}",
        "{\"reader\":1,\"platform\":\"claude\"}",
        "{\"reader\":1,\"platform\":\"codex\",\"position\":-1}",
        "{\"reader\":1,\"platform\":\"codex\",\"position\":\"1\"}",
        "{\"reader\":1,\"platform\":\"codex\",\"position\":1.5}",
        "{\"reader\":1,\"platform\":\"codex\",\"position\":1e30}",
        "{\"reader\":1,\"platform\":\"codex\",\"session\":5}",
        "{\"reader\":1,\"platform\":\"codex\",\"form\":3}",
        "{\"reader\":1,\"platform\":\"codex\"} x",
        "{\"reader\":1,\"platform\":\"codex\"",
    };
    char long_one[2 * USAGE_STATE_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        if (usage_reader_new("codex", NULL, wrong[i], take_down, NULL, NULL))
            fail_msg("took %s", wrong[i]);
    snprintf(long_one, sizeof long_one, "{\"reader\":1,\"platform\":\"codex\"%*s}", USAGE_STATE_MAX, "");
    assert_null(usage_reader_new("codex", NULL, long_one, take_down, NULL, NULL));
    struct usage_reader *reader =
        usage_reader_new("codex", NULL, "{\"reader\":1,\"platform\":\"codex\"}", take_down, NULL, NULL);
    assert_non_null(reader);
    usage_reader_free(reader);
}

/* The state has room for the longest texts, though each of their characters is written as two, and gives them back. */
static void the_longest_state(void **state)
{
    enum { LONG = 1000 };
    char text[10 * LONG], quotes[2 * LONG + 1];
    (void)state;
    for (size_t i = 0; i < LONG; i++)
        memcpy(quotes + 2 * i, "\\\"", 2);
    quotes[2 * LONG] = '\0';
    snprintf(
        text, sizeof text,
        "{\"type\":\"session_meta\",\"payload\":{\"id\":\"%1$s\",\"session_id\":\"%1$s\",\"cwd\":\"%1$s\",\"git\":{\"branch\":"
        "\"%1$s\"}}}\n",
        quotes);
    struct taken taken;
    taken_begin(&taken);
    struct usage_reader *reader = usage_reader_new("codex", NULL, NULL, take_down, take_down_bad, &taken);
    assert_true(usage_reader_feed(reader, text, strlen(text)));
    char kept[USAGE_STATE_MAX];
    assert_in_range(strlen(usage_reader_state(reader)), 1500, USAGE_STATE_MAX - 1);
    snprintf(kept, sizeof kept, "%s", usage_reader_state(reader));
    usage_reader_free(reader);
    reader = usage_reader_new("codex", NULL, kept, take_down, take_down_bad, &taken);
    assert_non_null(reader);
    assert_string_equal(usage_reader_state(reader), kept);
    usage_reader_free(reader);
    taken_end(&taken);
}

static void the_taker_may_stop_it(void **state)
{
    static const char text[] = REPLY("\"id\":\"a\",", "") REPLY("\"id\":\"b\",", "") REPLY("\"id\":\"c\",", "");
    (void)state;
    struct taken taken;
    taken_begin(&taken);
    taken.stop_at = 2;
    struct usage_reader *reader = usage_reader_new("claude", NULL, NULL, take_down, take_down_bad, &taken);
    assert_false(usage_reader_feed(reader, text, strlen(text)));
    assert_false(usage_reader_feed(reader, text, strlen(text)));
    assert_false(usage_reader_end(reader, true));
    assert_string_equal(usage_reader_problem(reader), "");
    assert_int_equal(taken.records, 2);
    assert_int_equal(usage_reader_position(reader), strlen(text) / 3); /* the second line is to be given once more */
    usage_reader_free(reader);
    taken_end(&taken);
}

/* What is known where the taker stopped it is what was known before the line that it stopped at. */
static void after_a_stop_it_gives_the_same(void **state)
{
    static const char text[] = META("t", "") COUNT(N(100, 40, 10)) COUNT(N(90, 30, 20)) COUNT(N(80, 20, 20));
    (void)state;
    struct taken whole, parts;
    taken_begin(&whole);
    read_log(&whole, "codex", NULL, text, strlen(text), strlen(text), NULL);
    for (size_t stop = 1; stop <= 3; stop++) {
        char kept[USAGE_STATE_MAX];
        taken_begin(&parts);
        parts.stop_at = stop;
        struct usage_reader *reader = usage_reader_new("codex", NULL, NULL, take_down, take_down_bad, &parts);
        assert_false(usage_reader_feed(reader, text, strlen(text)));
        long long position = usage_reader_position(reader);
        snprintf(kept, sizeof kept, "%s", usage_reader_state(reader));
        usage_reader_free(reader);
        reader = usage_reader_new("codex", NULL, kept, take_down, take_down_bad, &parts);
        assert_true(usage_reader_feed(reader, text + position, strlen(text) - (size_t)position));
        usage_reader_free(reader);
        assert_int_equal(parts.records, 4); /* one of three comes twice */
        assert_int_equal(parts.count, 3);
        assert_memory_equal(parts.calls, whole.calls, sizeof parts.calls);
        taken_end(&parts);
    }
    taken_end(&whole);
}

/* Lines of the most bytes that there may be are read; one of more is refused as soon as it is, and nothing of it is kept. */
static void endless_lines(void **state)
{
    static char piece[MIB];
    static const char head[] = "{\"x\":\"", tail[] = "\",\"message\":{\"id\":\"m\"," USAGE("") "}}\n";
    (void)state;
    if (getenv("CCR_TEST_SHARE"))
        skip(); /* half an hour of valgrind */
    memset(piece, 'x', sizeof piece);
    struct taken taken;
    taken_begin(&taken);
    struct usage_reader *reader = usage_reader_new("claude", NULL, NULL, take_down, take_down_bad, &taken);
    assert_true(usage_reader_feed(reader, head, strlen(head)));
    assert_int_equal(USAGE_LINE_MAX % sizeof piece, 0);
    size_t left = USAGE_LINE_MAX - strlen(head) - (strlen(tail) - 1);
    for (size_t length; left > 0; left -= length) {
        length = left < sizeof piece ? left : sizeof piece;
        assert_true(usage_reader_feed(reader, piece, length));
    }
    assert_true(usage_reader_feed(reader, tail, strlen(tail)));
    assert_string_equal(buffer_string(&taken.brief), "message:m 1/2/0/0/0/0\n");

    for (left = USAGE_LINE_MAX; left > 0; left -= sizeof piece)
        assert_true(usage_reader_feed(reader, piece, sizeof piece));
    assert_false(usage_reader_feed(reader, piece, 1));
    assert_string_equal(usage_reader_problem(reader), "a line is longer than 256 MiB");
    assert_false(usage_reader_feed(reader, "\n", 1));
    assert_false(usage_reader_end(reader, true));
    assert_int_equal(usage_reader_position(reader), USAGE_LINE_MAX + 1LL);
    usage_reader_free(reader);
    taken_end(&taken);
}

static void deep_lines(void **state)
{
    struct buffer text;
    (void)state;
    buffer_init(&text, MIB);
    buffer_text(&text, "{\"type\":\"user\",\"message\":");
    for (size_t i = 0; i < 100000; i++)
        buffer_text(&text, "[");
    buffer_text(&text, "\n" REPLY("\"id\":\"m\",", ""));
    struct taken taken;
    taken_begin(&taken);
    read_log(&taken, "claude", NULL, text.data, text.length, 999, NULL);
    assert_string_equal(buffer_string(&taken.brief), "message:m 1/2/0/0/0/0\n");
    assert_string_equal(buffer_string(&taken.bad), "1: it is nested too deeply\n");
    taken_end(&taken);
    buffer_free(&text);
}

/* A live file: what is there is read again and again while it grows byte by byte. */
static void a_file_that_grows(void **state)
{
    static const char text[] = META("t", ",\"cwd\":\"/w\"") SPOKEN COUNT_LAST(N(900, 40, 10), N(100, 40, 10))
        COUNT(N(900, 40, 10)) COUNT(N(1050, 140, 30));
    char kept[USAGE_STATE_MAX];
    long long position = 0;
    (void)state;
    struct taken taken;
    taken_begin(&taken);
    for (size_t length = 1; length <= strlen(text); length++) {
        struct usage_reader *reader =
            usage_reader_new("codex", NULL, position ? kept : NULL, take_down, take_down_bad, &taken);
        assert_true(usage_reader_feed(reader, text + position, length - (size_t)position));
        assert_true(usage_reader_end(reader, false));
        position = usage_reader_position(reader);
        snprintf(kept, sizeof kept, "%s", usage_reader_state(reader));
        usage_reader_free(reader);
    }
    assert_string_equal(buffer_string(&taken.brief),
                        "codex:t:0:900.40.0.10.0 60/10/40/0/0/0\ncodex:t:0:1050.140.0.30.0 50/20/100/0/0/0\n");
    assert_int_equal(position, strlen(text));
    taken_end(&taken);
}

/* The number of a bad line is that in the file, also where reading went on. */
static void lines_are_numbered_through(void **state)
{
    static const char text[] = "{\"type\":\"user\"}\n";
    char kept[USAGE_STATE_MAX];
    (void)state;
    struct taken taken;
    taken_begin(&taken);
    struct usage_reader *reader = usage_reader_new("claude", NULL, NULL, take_down, take_down_bad, &taken);
    assert_true(usage_reader_feed(reader, text, strlen(text)));
    snprintf(kept, sizeof kept, "%s", usage_reader_state(reader));
    usage_reader_free(reader);
    reader = usage_reader_new("claude", NULL, kept, take_down, take_down_bad, &taken);
    assert_true(usage_reader_feed(reader, "x\n", 2));
    usage_reader_free(reader);
    assert_string_equal(buffer_string(&taken.bad), "2: something stands where a value should\n");
    taken_end(&taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claude),
        cmocka_unit_test(codex),
        cmocka_unit_test(gemini),
        cmocka_unit_test(qwen),
        cmocka_unit_test(droid),
        cmocka_unit_test(platforms_that_are_read),
        cmocka_unit_test(states_that_are_none),
        cmocka_unit_test(the_longest_state),
        cmocka_unit_test(the_taker_may_stop_it),
        cmocka_unit_test(after_a_stop_it_gives_the_same),
        cmocka_unit_test(endless_lines),
        cmocka_unit_test(deep_lines),
        cmocka_unit_test(a_file_that_grows),
        cmocka_unit_test(lines_are_numbered_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
