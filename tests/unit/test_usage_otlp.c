/* Usage from OpenTelemetry: each event is sent as JSON and as protobuf, and both must give the same. */
#include "usage_fixture.h"
#include "usage_otlp.h"

enum { ATTRIBUTES_MAX = 16, RECORDS_MAX = 4 };

/* An attribute; its value is written as `form` says: s = text, i = integer, q = integer as a text (JSON's usual way), d = double,
 * b = boolean, l = list, o = object. */
struct attribute {
    const char *key;
    char form;
    const char *value;
};

struct event {
    const char *body, *name; /* NULL = none */
    const char *time, *seen; /* in ns */
    struct attribute attributes[ATTRIBUTES_MAX];
};

struct message {
    struct attribute resource[ATTRIBUTES_MAX];
    struct event events[RECORDS_MAX];
};

/* ---- as JSON ---- */

static void json_attributes(struct buffer *out, const struct attribute *attributes)
{
    buffer_text(out, "[");
    for (size_t i = 0; attributes[i].key; i++) {
        const char *value = attributes[i].value;
        buffer_printf(out, "%s{\"key\":\"%s\",\"value\":{", i ? "," : "", attributes[i].key);
        switch (attributes[i].form) {
        case 's':
            buffer_printf(out, "\"stringValue\":\"%s\"", value);
            break;
        case 'i':
            buffer_printf(out, "\"intValue\":%s", value);
            break;
        case 'q':
            buffer_printf(out, "\"intValue\":\"%s\"", value);
            break;
        case 'd':
            buffer_printf(out, "\"doubleValue\":%s", value);
            break;
        case 'b':
            buffer_printf(out, "\"boolValue\":%s", value);
            break;
        case 'l':
            buffer_printf(out, "\"arrayValue\":{\"values\":[{\"stringValue\":\"%s\"}]}", value);
            break;
        default:
            buffer_printf(out, "\"kvlistValue\":{\"values\":[{\"key\":\"model\",\"value\":{\"stringValue\":\"%s\"}}]}",
                          value);
        }
        buffer_text(out, "}}");
    }
    buffer_text(out, "]");
}

static void json_event(struct buffer *out, const struct event *event)
{
    buffer_text(out, "{\"severityNumber\":9,");
    if (event->time)
        buffer_printf(out, "\"timeUnixNano\":\"%s\",", event->time);
    if (event->seen)
        buffer_printf(out, "\"observedTimeUnixNano\":\"%s\",", event->seen);
    if (event->name)
        buffer_printf(out, "\"eventName\":\"%s\",", event->name);
    if (event->body)
        buffer_printf(out, "\"body\":{\"stringValue\":\"%s\"},", event->body);
    buffer_text(out, "\"attributes\":");
    json_attributes(out, event->attributes);
    buffer_text(out, "}");
}

static bool is_event(const struct event *event)
{
    return event->attributes[0].key || event->body || event->name;
}

static void json_message(struct buffer *out, const struct message *message, size_t count)
{
    buffer_text(out, "{\"resourceLogs\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_text(out, i ? ",{\"resource\":{\"attributes\":" : "{\"resource\":{\"attributes\":");
        json_attributes(out, message[i].resource);
        buffer_text(out, "},\"scopeLogs\":[{\"scope\":{\"name\":\"x\",\"attributes\":[]},\"logRecords\":[");
        for (size_t n = 0; n < RECORDS_MAX && is_event(&message[i].events[n]); n++) {
            buffer_text(out, n ? "," : "");
            json_event(out, &message[i].events[n]);
        }
        buffer_text(out, "]}],\"schemaUrl\":\"\"}");
    }
    buffer_text(out, "]}");
}

/* ---- as protobuf ---- */

enum { VARINT, FIXED64, BYTES, GROUP, END_OF_GROUP, FIXED32 };

static void put_varint(struct buffer *out, uint64_t value)
{
    for (; value > 0x7F; value >>= 7)
        buffer_char(out, (char)(0x80 | (value & 0x7F)));
    buffer_char(out, (char)value);
}

static void put_tag(struct buffer *out, unsigned number, unsigned wire)
{
    put_varint(out, (uint64_t)number << 3 | wire);
}

static void put_fixed(struct buffer *out, unsigned number, uint64_t bits)
{
    put_tag(out, number, FIXED64);
    for (size_t i = 0; i < 8; i++)
        buffer_char(out, (char)(bits >> (8 * i)));
}

static void put_bytes(struct buffer *out, unsigned number, const char *bytes, size_t length)
{
    put_tag(out, number, BYTES);
    put_varint(out, length);
    buffer_append(out, bytes, length);
}

static void put_string(struct buffer *out, unsigned number, const char *text)
{
    put_bytes(out, number, text, strlen(text));
}

/* Puts what `part` holds as a message, and frees that. */
static void put_part(struct buffer *out, unsigned number, struct buffer *part)
{
    put_bytes(out, number, buffer_string(part), part->length);
    buffer_free(part);
}

static struct buffer new_part(void)
{
    struct buffer part;
    buffer_init(&part, MIB);
    return part;
}

static void proto_value(struct buffer *out, const struct attribute *attribute)
{
    const char *text = attribute->value;
    struct buffer inner = new_part(), list = new_part();
    double real = strtod(text, NULL);
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    switch (attribute->form) {
    case 's':
        put_string(out, 1, text);
        break;
    case 'b':
        put_tag(out, 2, VARINT);
        put_varint(out, strcmp(text, "true") == 0);
        break;
    case 'i':
    case 'q':
        put_tag(out, 3, VARINT);
        put_varint(out, (uint64_t)strtoll(text, NULL, 10));
        break;
    case 'd':
        put_fixed(out, 4, bits);
        break;
    default: /* a list has a value in it, an object a key and a value */
        put_string(&inner, 1, text);
        put_part(&list, 1, &inner);
        put_part(out, attribute->form == 'l' ? 5 : 6, &list);
    }
    buffer_free(&inner);
    buffer_free(&list);
}

static void proto_attributes(struct buffer *out, unsigned number, const struct attribute *attributes)
{
    for (size_t i = 0; attributes[i].key; i++) {
        struct buffer pair = new_part(), value = new_part();
        put_string(&pair, 1, attributes[i].key);
        proto_value(&value, &attributes[i]);
        put_part(&pair, 2, &value);
        put_part(out, number, &pair);
    }
}

static void proto_event(struct buffer *out, const struct event *event)
{
    if (event->time)
        put_fixed(out, 1, strtoull(event->time, NULL, 10));
    put_tag(out, 2, VARINT); /* severity_number */
    put_varint(out, 9);
    put_string(out, 3, "INFO");
    if (event->body) {
        struct buffer body = new_part();
        put_string(&body, 1, event->body);
        put_part(out, 5, &body);
    }
    proto_attributes(out, 6, event->attributes);
    put_tag(out, 8, FIXED32); /* flags */
    buffer_append(out, "\1\0\0\0", 4);
    if (event->seen)
        put_fixed(out, 11, strtoull(event->seen, NULL, 10));
    if (event->name)
        put_string(out, 12, event->name);
}

static void proto_message(struct buffer *out, const struct message *message, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer group = new_part(), resource = new_part(), scope = new_part(), scope_logs = new_part();
        proto_attributes(&resource, 1, message[i].resource);
        put_part(&group, 1, &resource);
        put_string(&scope, 1, "x");
        put_part(&scope_logs, 1, &scope);
        for (size_t n = 0; n < RECORDS_MAX && is_event(&message[i].events[n]); n++) {
            struct buffer event = new_part();
            proto_event(&event, &message[i].events[n]);
            put_part(&scope_logs, 2, &event);
        }
        put_part(&group, 2, &scope_logs);
        put_string(&group, 3, "https://example.com/schema");
        put_part(out, 1, &group);
    }
}

/* ---- what is made of it ---- */

static bool read_request(struct taken *taken, enum usage_otlp encoding, const struct buffer *body,
                         struct usage_lines *lines)
{
    char why[100] = "";
    *lines = (struct usage_lines){0};
    bool sound = usage_otlp_logs(encoding, buffer_string(body), body->length, take_down, taken, lines, why, sizeof why);
    assert_true(sound == (*why == '\0'));
    return sound;
}

static void expect(const char *what, const struct message *messages, size_t count, const char *expected,
                   struct usage_lines lines)
{
    for (int encoding = USAGE_OTLP_JSON; encoding <= USAGE_OTLP_PROTOBUF; encoding++) {
        struct buffer body = new_part();
        struct usage_lines found;
        struct taken taken;
        taken_begin(&taken);
        if (encoding == USAGE_OTLP_JSON)
            json_message(&body, messages, count);
        else
            proto_message(&body, messages, count);
        assert_true(read_request(&taken, (enum usage_otlp)encoding, &body, &found));
        if (strcmp(buffer_string(&taken.full), expected) != 0)
            fail_msg("%s, %s:\n%sinstead of\n%s", what, encoding ? "protobuf" : "JSON", buffer_string(&taken.full),
                     expected);
        assert_memory_equal(&found, &lines, sizeof lines);
        taken_end(&taken);
        buffer_free(&body);
    }
}

#define AT "event.timestamp", 's', "2026-01-31T12:00:00.25Z"

static const struct message claude_call = {
    .resource = {{"service.name", 's', "claude-code"}, {"os.type", 's', "linux"}},
    .events = {{.body = "claude_code.api_request",
                .time = "1769860800999000000",
                .attributes = {{"event.name", 's', "api_request"},
                               {AT},
                               {"session.id", 's', "s"},
                               {"user.email", 's', "x@example.com"},
                               {"model", 's', "m"},
                               {"request_id", 's', "req_1"},
                               {"speed", 's', "fast"},
                               {"agent.name", 's', "a"},
                               {"input_tokens", 's', "12"},
                               {"output_tokens", 'i', "56"},
                               {"cache_read_tokens", 'q', "28842"},
                               {"cache_creation_tokens", 'd', "310.0"},
                               {"cost_usd", 'd', "0.018"},
                               {"success", 'b', "true"}}}},
};
static const char claude_record[] =
    "event claude request:req_1 12/56/28842/310/0/0 @1769860800250000 request=req_1 alike=12.28842.310.:s session=s model=m tier=fast agent=a\n";

static const struct message codex_call = {
    .events = {{.seen = "1769860800999000000",
                .attributes = {{"event.name", 's', "codex.sse_event"},
                               {"event.kind", 's', "response.completed"},
                               {AT},
                               {"conversation.id", 's', "c"},
                               {"model", 's', "m"},
                               {"input_token_count", 's', "100"},
                               {"output_token_count", 's', "20"},
                               {"cached_token_count", 's', "30"},
                               {"cache_write_token_count", 's', "10"},
                               {"reasoning_token_count", 's', "5"},
                               {"tool_token_count", 's', "120"}}}},
};

static void calls_of_each_cli(void **state)
{
    static const struct message gemini = {
        .resource = {{"session.id", 's', "s"}},
        .events = {{.time = "1769860800000001000",
                    .attributes = {{"event.name", 's', "gemini_cli.api_response"},
                                   {"model", 's', "m"},
                                   {"prompt_id", 's', "p"},
                                   {"input_token_count", 'i', "100"},
                                   {"output_token_count", 'i', "20"},
                                   {"cached_content_token_count", 'i', "30"},
                                   {"thoughts_token_count", 'i', "4"},
                                   {"tool_token_count", 'i', "7"},
                                   {"total_token_count", 'i', "131"}}}},
    };
    static const struct message qwen = {
        .resource = {{"session.id", 's', "not this"}},
        .events = {{.attributes = {{"event.name", 's', "qwen-code.api_response"},
                                   {AT},
                                   {"session.id", 's', "s"},
                                   {"model", 's', "m"},
                                   {"prompt_id", 's', "s########0"},
                                   {"input_token_count", 'i', "100"},
                                   {"output_token_count", 'i', "20"},
                                   {"cached_content_token_count", 'i', "30"},
                                   {"thoughts_token_count", 'i', "4"},
                                   {"total_token_count", 'i', "120"}}}},
    };
    (void)state;
    expect("Claude Code", &claude_call, 1, claude_record, (struct usage_lines){1, 1, 0, 0, 0});
    expect(
        "Codex", &codex_call, 1,
        "event codex event:60.30.10.20:codex:1769860800250000:c: 60/20/30/10/0/5 @1769860800250000 alike=60.30.10.20:c"
        " session=c model=m\n",
        (struct usage_lines){1, 1, 0, 0, 0});
    expect(
        "Gemini CLI", &gemini, 1,
        "event gemini event:77.30.0.24:gemini:1769860800000001:s:p 77/24/30/0/0/4 @1769860800000001 alike=77.30.0.24:s"
        " session=s model=m\n",
        (struct usage_lines){1, 1, 0, 0, 0});
    expect("Qwen Code", &qwen, 1,
           "event qwen event:70.30.0.20:qwen:1769860800250000:s:s########0 70/20/30/0/0/4 @1769860800250000"
           " alike=70.30.0.20:s session=s model=m\n",
           (struct usage_lines){1, 1, 0, 0, 0});
}

/* What a log and an event of the same call have alike is what they are put together by. */
static void logs_and_events_meet(void **state)
{
    static const char claude[] =
        "{\"type\":\"assistant\",\"requestId\":\"req_1\",\"message\":{\"id\":\"m\",\"usage\":{\"output_tokens\":1}}}\n";
    static const char codex[] =
        "{\"type\":\"session_meta\",\"payload\":{\"id\":\"c\"}}\n{\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":"
        "{\"total_token_usage\":{\"input_tokens\":100,\"cached_input_tokens\":30,\"cache_write_input_tokens\":10,\"output_tokens\":20}}}}\n";
    (void)state;
    struct taken taken;
    struct buffer body = new_part();
    taken_begin(&taken);
    read_log(&taken, "claude", NULL, claude, strlen(claude), strlen(claude), NULL);
    read_log(&taken, "codex", NULL, codex, strlen(codex), strlen(codex), NULL);
    assert_non_null(strstr(buffer_string(&taken.full), " request=req_1"));
    assert_non_null(strstr(buffer_string(&taken.full), " alike=60.30.10.20:c "));
    taken_end(&taken);
    buffer_free(&body);
}

static void ways_to_name_an_event(void **state)
{
#define NUMBERS                                                                                                        \
    {"input_tokens", 'i', "1"}, {AT},                                                                                  \
    {                                                                                                                  \
        "request_id", 's', "r"                                                                                         \
    }
    static const struct message named[] = {
        {.events = {{.name = "claude_code.api_request", .attributes = {NUMBERS}}}},
        {.events = {{.body = "claude_code.api_request", .attributes = {NUMBERS}}}},
        {.events = {{.attributes = {NUMBERS, {"event.name", 's', "claude_code.api_request"}}}}},
        {.resource = {{"service.name", 's', "claude-code-desktop"}},
         .events = {{.attributes = {NUMBERS, {"event.name", 's', "api_request"}}}}},
    };
    static const struct message others[] = {
        {.events = {{.attributes = {NUMBERS, {"event.name", 's', "api_request"}}}}},
        {.resource = {{"service.name", 's', "my-service"}},
         .events = {{.attributes = {NUMBERS, {"event.name", 's', "api_request"}}}}},
        {.resource = {{"service.name", 's', "claude-code"}},
         .events = {{.attributes = {NUMBERS, {"event.name", 's', "api_error"}}}}},
        {.events = {{.name = "claude_code.user_prompt", .attributes = {NUMBERS}}}},
        {.events = {{.attributes = {{AT},
                                    {"input_token_count", 'i', "5"},
                                    {"event.name", 's', "codex.sse_event"},
                                    {"event.kind", 's', "response.created"}}}}},
        {.events = {{.attributes = {NUMBERS, {"event.name", 's', "codex.api_request"}}}}},
        {.events = {{.body = "anything"}}},
        {.events = {{.attributes = {{"event.name", 'i', "5"}}}}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(named); i++)
        expect("named", &named[i], 1, "event claude request:r 1/0/0/0/0/0 @1769860800250000 request=r\n",
               (struct usage_lines){1, 1, 0, 0, 0});
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        expect("other", &others[i], 1, "", (struct usage_lines){1, 0, 1, 0, 0});
}

#define CLAUDE(...)                                                                                                    \
    {                                                                                                                  \
        .body = "claude_code.api_request", .attributes = { __VA_ARGS__ }                                               \
    }

static void calls_without_a_request(void **state)
{
    static const struct message messages[] = {
        {.events = {CLAUDE({AT}, {"session.id", 's', "s"}, {"event.sequence", 'i', "7"}, {"input_tokens", 'i', "1"}),
                    CLAUDE({AT}, {"session.id", 's', "s"}, {"event.sequence", 'i', "8"}, {"input_tokens", 'i', "1"}),
                    CLAUDE({AT}, {"input_tokens", 'i', "1"})}},
    };
    (void)state;
    expect(
        "no request", messages, 1,
        "event claude event:1.0.0.0:claude:1769860800250000:s:7 1/0/0/0/0/0 @1769860800250000 alike=1.0.0.:s session=s\n"
        "event claude event:1.0.0.0:claude:1769860800250000:s:8 1/0/0/0/0/0 @1769860800250000 alike=1.0.0.:s session=s\n"
        "event claude event:1.0.0.0:claude:1769860800250000:: 1/0/0/0/0/0 @1769860800250000\n",
        (struct usage_lines){3, 3, 0, 0, 0});
}

static void nothing_passes_to_the_next(void **state)
{
    static const struct message messages[] = {
        {.resource = {{"session.id", 's', "of the first"}},
         .events = {CLAUDE({AT}, {"request_id", 's', "1"}, {"model", 's', "m"}, {"speed", 's', "fast"},
                           {"input_tokens", 'i', "1"}, {"output_tokens", 'i', "9"}),
                    CLAUDE({AT}, {"request_id", 's', "2"}, {"input_tokens", 'i', "1"}),
                    {.attributes = {{AT}, {"request_id", 's', "3"}, {"input_tokens", 'i', "1"}}}}},
        {.events = {CLAUDE({AT}, {"request_id", 's', "4"}, {"input_tokens", 'i', "1"})}},
    };
    (void)state;
    expect(
        "next", messages, 2,
        "event claude request:1 1/9/0/0/0/0 @1769860800250000 request=1 alike=1.0.0.:of the first session=of the first model=m tier=fast\n"
        "event claude request:2 1/0/0/0/0/0 @1769860800250000 request=2 alike=1.0.0.:of the first session=of the first\n"
        "event claude request:4 1/0/0/0/0/0 @1769860800250000 request=4\n",
        (struct usage_lines){4, 3, 1, 0, 0});
}

static void numbers_and_times(void **state)
{
    static const struct message bad = {
        .events = {CLAUDE({AT}, {"input_tokens", 'i', "-1"}), CLAUDE({AT}, {"input_tokens", 'd', "1.5"}),
                   CLAUDE({AT}, {"input_tokens", 's', "many"}), CLAUDE({AT}, {"input_tokens", 'i', "1000000001"})}};
    static const struct message more_bad = {
        .events = {CLAUDE({AT}, {"input_tokens", 'b', "true"}), CLAUDE({AT}, {"input_tokens", 'd', "1e300"}),
                   CLAUDE({"input_tokens", 'i', "1"}),
                   CLAUDE({"event.timestamp", 's', "today"}, {"input_tokens", 'i', "1"})}};
    static const struct message none = {.events = {CLAUDE({AT}, {"input_tokens", 'i', "0"}), CLAUDE({AT}),
                                                   CLAUDE({AT}, {"input_tokens", 'l', "1"}),
                                                   CLAUDE({AT}, {"input_tokens", 'o', "1"})}};
    static const struct message good = {
        .events = {
            {.body = "claude_code.api_request",
             .time = "1769860800999000000",
             .seen = "1769860801000000000",
             .attributes = {{"request_id", 's', "1"}, {"input_tokens", 'i', "1"}}},
            {.body = "claude_code.api_request",
             .time = "0",
             .seen = "1769860801000000000",
             .attributes = {{"request_id", 's', "2"}, {"input_tokens", 'i', "1"}, {"event.timestamp", 's', "today"}}},
            CLAUDE({AT}, {"request_id", 's', "3"}, {"input_tokens", 'i', "5"}, {"input_tokens", 'i', "1"})}};
    (void)state;
    static const struct message too_many = {.events = {{.attributes = {{AT},
                                                                       {"event.name", 's', "gemini_cli.api_response"},
                                                                       {"output_token_count", 'i', "1000000000"},
                                                                       {"thoughts_token_count", 'i', "1"}}}}};
    expect("too many", &too_many, 1, "", (struct usage_lines){1, 0, 0, 0, 1});
    expect("bad", &bad, 1, "", (struct usage_lines){4, 0, 0, 0, 4});
    expect("bad", &more_bad, 1, "", (struct usage_lines){4, 0, 0, 0, 4});
    expect("none", &none, 1, "", (struct usage_lines){4, 0, 4, 0, 0});
    expect("good", &good, 1,
           "event claude request:1 1/0/0/0/0/0 @1769860800999000 request=1\n"
           "event claude request:2 1/0/0/0/0/0 @1769860801000000 request=2\n"
           "event claude request:3 1/0/0/0/0/0 @1769860800250000 request=3\n",
           (struct usage_lines){3, 3, 0, 0, 0});
}

static void the_sample(void **state)
{
    (void)state;
    struct taken taken;
    struct usage_lines lines;
    struct buffer body = read_sample("claude-otlp-logs-constructed.json");
    taken_begin(&taken);
    assert_true(read_request(&taken, USAGE_OTLP_JSON, &body, &lines));
    assert_string_equal(
        buffer_string(&taken.full),
        "event claude request:req_011Sample0001 12/56/28842/310/0/0 @1787832196812000"
        " request=req_011Sample0001 alike=12.28842.310.:00000000-0000-4000-8000-000000000001 session=00000000-0000-4000-8000-000000000001 model=claude-opus-5\n");
    taken_end(&taken);
    buffer_free(&body);
}

/* ---- what is no request ---- */

static void requests_that_are_none(void **state)
{
    static const struct {
        enum usage_otlp encoding;
        const char *bytes;
        size_t length;
        bool sound;
    } cases[] = {
#define TEXT(sound, text) {USAGE_OTLP_JSON, text, sizeof text - 1, sound}
#define PROTO(sound, text)                                                                                             \
    {                                                                                                                  \
        USAGE_OTLP_PROTOBUF, text, sizeof text - 1, sound                                                              \
    }
        TEXT(true, "{}"),
        TEXT(true, "{\"resourceLogs\":[]}"),
        TEXT(true, "{\"resourceLogs\":null}"),
        TEXT(true, "{\"resourceLogs\":[{\"scopeLogs\":5},7,null,{\"scopeLogs\":[{\"logRecords\":{}}]}]}"),
        TEXT(false, ""),
        TEXT(false, "[]"),
        TEXT(false, "5"),
        TEXT(false, "{"),
        TEXT(false, "{\"resourceLogs\":{}}"),
        TEXT(false, "{\"resourceLogs\":5}"),
        TEXT(false, "{\"resourceLogs\":[]} {}"),
        PROTO(true, ""),
        PROTO(true, "\x0A\x00"), /* an empty resource_logs */
        PROTO(true, "\x12\x03"
                    "abc"),                  /* an unknown field of bytes */
        PROTO(true, "\x08\x01"),             /* a known number with another wire type */
        PROTO(true, "\x15\x01\x02\x03\x04"), /* an unknown field of 32 bits */
        PROTO(true, "\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        PROTO(false, "\x0A"), /* no length */
        PROTO(false, "\x0A\x05"
                     "abc"), /* longer than what comes */
        PROTO(false, "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        PROTO(false, "\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), /* 11 bytes of a varint */
        PROTO(false, "\x02\x00"),                                         /* field 0 */
        PROTO(false, "\x0B\x0C"),                                         /* a group */
        PROTO(false, "\x11\x01\x02"),                                     /* 64 bits that are not there */
        PROTO(false, "\x0A\x02\x0A\x05"),                                 /* the same within a message */
        PROTO(false, "{\"resourceLogs\":[]}"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct taken taken;
        struct usage_lines lines = {0};
        char why[100] = "";
        taken_begin(&taken);
        bool sound = usage_otlp_logs(cases[i].encoding, cases[i].bytes, cases[i].length, take_down, &taken, &lines, why,
                                     sizeof why);
        if (sound != cases[i].sound || sound != !*why)
            fail_msg("case %zu: %s", i, why);
        taken_end(&taken);
    }
}

/* Cut anywhere, it gives the call only when all of that was there. */
static void requests_that_are_cut(void **state)
{
    (void)state;
    for (int encoding = USAGE_OTLP_JSON; encoding <= USAGE_OTLP_PROTOBUF; encoding++) {
        struct buffer body = new_part(), part;
        if (encoding == USAGE_OTLP_JSON)
            json_message(&body, &claude_call, 1);
        else
            proto_message(&body, &claude_call, 1);
        for (size_t length = 1; length < body.length; length++) {
            struct taken taken;
            struct usage_lines lines;
            taken_begin(&taken);
            part = body;
            part.length = length;
            assert_false(read_request(&taken, (enum usage_otlp)encoding, &part, &lines));
            assert_true(taken.records == 0 || strcmp(buffer_string(&taken.full), claude_record) == 0);
            taken_end(&taken);
        }
        buffer_free(&body);
    }
}

static void texts_that_are_none(void **state)
{
    static const struct message message = {.events = {CLAUDE({AT}, {"session.id", 's', "\xFF"}, {"model", 's', "m\xC3"},
                                                             {"request_id", 's', "r"}, {"input_tokens", 'i', "1"})}};
    (void)state;
    expect("no UTF-8", &message, 1, "event claude request:r 1/0/0/0/0/0 @1769860800250000 request=r\n",
           (struct usage_lines){1, 1, 0, 0, 0});
    char long_text[2 * USAGE_TEXT_MAX + 1];
    for (size_t i = 0; i < sizeof long_text - 1; i++)
        long_text[i] = "\xC3\xA4"[i % 2];
    long_text[sizeof long_text - 1] = '\0';
    struct message cut = {
        .events = {CLAUDE({AT}, {"model", 's', long_text}, {"request_id", 's', "r"}, {"input_tokens", 'i', "1"})}};
    char expected[2 * USAGE_TEXT_MAX];
    snprintf(expected, sizeof expected, "event claude request:r 1/0/0/0/0/0 @1769860800250000 request=r model=%.*s\n",
             USAGE_TEXT_MAX, long_text);
    expect("long", &cut, 1, expected, (struct usage_lines){1, 1, 0, 0, 0});
}

static void the_taker_may_stop_it(void **state)
{
    static const struct message message = {
        .events = {CLAUDE({AT}, {"request_id", 's', "1"}, {"input_tokens", 'i', "1"}),
                   CLAUDE({AT}, {"request_id", 's', "2"}, {"input_tokens", 'i', "1"})}};
    (void)state;
    for (int encoding = USAGE_OTLP_JSON; encoding <= USAGE_OTLP_PROTOBUF; encoding++) {
        struct buffer body = new_part();
        struct taken taken;
        struct usage_lines lines;
        taken_begin(&taken);
        taken.stop_at = 1;
        if (encoding == USAGE_OTLP_JSON)
            json_message(&body, &message, 1);
        else
            proto_message(&body, &message, 1);
        assert_false(read_request(&taken, (enum usage_otlp)encoding, &body, &lines));
        assert_int_equal(taken.records, 1);
        taken_end(&taken);
        buffer_free(&body);
    }
}

/* ---- metrics ---- */

static void metrics_are_looked_through(void **state)
{
    (void)state;
    struct usage_lines lines = {0};
    char why[100] = "";
    struct buffer body = read_sample("claude-otlp-metrics-constructed.json");
    assert_true(usage_otlp_metrics(USAGE_OTLP_JSON, body.data, body.length, &lines, why, sizeof why));
    assert_memory_equal(&lines, &((struct usage_lines){3, 0, 3, 0, 0}), sizeof lines);
    assert_false(usage_otlp_metrics(USAGE_OTLP_JSON, body.data, body.length - 2, &lines, why, sizeof why));
    assert_string_equal(why, "it is cut off");
    buffer_free(&body);

    /* Of each of the five kinds of metrics, two points. */
    static const unsigned kinds[] = {5, 7, 9, 10, 11};
    struct buffer metrics = new_part(), group = new_part(), request = new_part();
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct buffer points = new_part(), metric = new_part();
        put_string(&points, 1, "");
        put_fixed(&points, 3, 1);
        put_bytes(&points, 1, "\x19\1\2\3\4\5\6\7\x8", 9);
        put_string(&metric, 1, "claude_code.token.usage");
        put_part(&metric, kinds[i], &points);
        put_part(&metrics, 2, &metric);
    }
    put_part(&group, 2, &metrics);
    put_part(&request, 1, &group);
    lines = (struct usage_lines){0};
    assert_true(usage_otlp_metrics(USAGE_OTLP_PROTOBUF, request.data, request.length, &lines, why, sizeof why));
    assert_memory_equal(&lines, &((struct usage_lines){10, 0, 10, 0, 0}), sizeof lines);
    assert_false(usage_otlp_metrics(USAGE_OTLP_PROTOBUF, request.data, request.length - 1, &lines, why, sizeof why));
    assert_string_equal(why, "it is no protobuf, or is cut off");
    buffer_free(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_each_cli),
        cmocka_unit_test(logs_and_events_meet),
        cmocka_unit_test(ways_to_name_an_event),
        cmocka_unit_test(calls_without_a_request),
        cmocka_unit_test(nothing_passes_to_the_next),
        cmocka_unit_test(numbers_and_times),
        cmocka_unit_test(the_sample),
        cmocka_unit_test(requests_that_are_none),
        cmocka_unit_test(requests_that_are_cut),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(the_taker_may_stop_it),
        cmocka_unit_test(metrics_are_looked_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
