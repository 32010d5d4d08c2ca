/* Usage from OpenTelemetry. JSON and protobuf are walked by one table each; both fill the same cells and tell when a part is over, and what is
 * made of that is written once. */
#include "usage_otlp.h"

#include <stdio.h>
#include <string.h>

#include "json_pick.h"
#include "usage_parts.h"
#include "util.h"

enum { WALK_MEMORY = 64 * KIB, KEY_MAX = 60 };

/* ---- what is picked out of a request ---- */

/* Of an attribute, in the order of VALUE_ROWS: its name, and its value in whichever form it came. */
enum { KEY, TEXT, INT, DOUBLE, BOOL, VALUE_CELLS };

enum cell {
    RESOURCES,
    RESOURCE_ENDS,
    RESOURCE_ATTRIBUTE_ENDS,
    RESOURCE_ATTRIBUTE,
    RECORD_ENDS = RESOURCE_ATTRIBUTE + VALUE_CELLS,
    RECORD_TIME,
    RECORD_SEEN,
    RECORD_EVENT,
    RECORD_BODY,
    RECORD_ATTRIBUTE_ENDS,
    RECORD_ATTRIBUTE,
    CELLS = RECORD_ATTRIBUTE + VALUE_CELLS,
};

#define VALUE_ROWS(at)                                                                                                 \
    {at ".key", KEY_MAX}, {at ".value.stringValue", USAGE_TEXT_MAX}, {at ".value.intValue"},                           \
        {at ".value.doubleValue"},                                                                                     \
    {                                                                                                                  \
        at ".value.boolValue"                                                                                          \
    }
#define RESOURCE "resourceLogs[]"
#define RECORD   RESOURCE ".scopeLogs[].logRecords[]"

static const struct json_pick_path log_paths[] = {
    [RESOURCES] = {"resourceLogs"},
    [RESOURCE_ENDS] = {RESOURCE, .ends = true},
    [RESOURCE_ATTRIBUTE_ENDS] = {RESOURCE ".resource.attributes[]", .ends = true},
    [RESOURCE_ATTRIBUTE] = VALUE_ROWS(RESOURCE ".resource.attributes[]"),
    [RECORD_ENDS] = {RECORD, .ends = true},
    [RECORD_TIME] = {RECORD ".timeUnixNano"},
    [RECORD_SEEN] = {RECORD ".observedTimeUnixNano"},
    [RECORD_EVENT] = {RECORD ".eventName", KEY_MAX},
    [RECORD_BODY] = {RECORD ".body.stringValue", KEY_MAX},
    [RECORD_ATTRIBUTE_ENDS] = {RECORD ".attributes[]", .ends = true},
    [RECORD_ATTRIBUTE] = VALUE_ROWS(RECORD ".attributes[]"),
};

#define METRIC "resourceMetrics[].scopeMetrics[].metrics[]"
static const struct json_pick_path metric_paths[] = {
    [RESOURCES] = {"resourceMetrics"},
    {METRIC ".gauge.dataPoints[]", .ends = true},
    {METRIC ".sum.dataPoints[]", .ends = true},
    {METRIC ".histogram.dataPoints[]", .ends = true},
    {METRIC ".exponentialHistogram.dataPoints[]", .ends = true},
    {METRIC ".summary.dataPoints[]", .ends = true},
};

/* ---- attributes ---- */

enum attribute {
    EVENT_NAME,
    EVENT_KIND,
    EVENT_TIME,
    SEQUENCE,
    SERVICE,
    SESSION,
    CONVERSATION,
    PROMPT,
    MODEL,
    REQUEST,
    SPEED,
    AGENT,
    INPUT, /* Claude Code's */
    OUTPUT,
    CACHE_READ,
    CACHE_CREATION,
    INPUT_COUNT, /* the others' */
    OUTPUT_COUNT,
    CACHED_COUNT,
    CACHE_WRITE_COUNT,
    REASONING_COUNT,
    CACHED_CONTENT_COUNT,
    THOUGHTS_COUNT,
    TOOL_COUNT,
    TOTAL_COUNT,
    ATTRIBUTES,
};

static const char *const attribute_names[ATTRIBUTES] = {
    [EVENT_NAME] = "event.name",
    [EVENT_KIND] = "event.kind",
    [EVENT_TIME] = "event.timestamp",
    [SEQUENCE] = "event.sequence",
    [SERVICE] = "service.name",
    [SESSION] = "session.id",
    [CONVERSATION] = "conversation.id",
    [PROMPT] = "prompt_id",
    [MODEL] = "model",
    [REQUEST] = "request_id",
    [SPEED] = "speed",
    [AGENT] = "agent.name",
    [INPUT] = "input_tokens",
    [OUTPUT] = "output_tokens",
    [CACHE_READ] = "cache_read_tokens",
    [CACHE_CREATION] = "cache_creation_tokens",
    [INPUT_COUNT] = "input_token_count",
    [OUTPUT_COUNT] = "output_token_count",
    [CACHED_COUNT] = "cached_token_count",
    [CACHE_WRITE_COUNT] = "cache_write_token_count",
    [REASONING_COUNT] = "reasoning_token_count",
    [CACHED_CONTENT_COUNT] = "cached_content_token_count",
    [THOUGHTS_COUNT] = "thoughts_token_count",
    [TOOL_COUNT] = "tool_token_count",
    [TOTAL_COUNT] = "total_token_count",
};

/* Of a resource, or of a log record: NULL-terminated texts, numbers as JSON writes them; "" = not there. */
struct values {
    char text[ATTRIBUTES][USAGE_TEXT_MAX + 1];
};

struct walk {
    struct arena *arena;
    usage_taker *take;
    void *context;
    struct usage_lines *lines;
    struct values *resource, *record;
    char key[USAGE_TEXT_MAX + 1], alike[USAGE_TEXT_MAX + 1];
    bool stopped;
    /* What a cell holds; NULL = nothing. */
    const char *(*cell)(const struct walk *walk, size_t cell);
    /* A part is over; false = stop. NULL for metrics: what is over there is counted. */
    bool (*over)(struct walk *walk, size_t cell);
    struct json_pick *pick;   /* JSON */
    struct proto_cell *cells; /* protobuf */
};

static void forget(struct values *values)
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        values->text[i][0] = '\0';
}

static void take_attribute(const struct walk *walk, size_t cell, struct values *values)
{
    const char *name = walk->cell(walk, cell + KEY);
    for (size_t i = 0; name && i < ATTRIBUTES; i++) {
        if (strcmp(name, attribute_names[i]) != 0)
            continue;
        values->text[i][0] = '\0';
        for (size_t form = TEXT; form < VALUE_CELLS && !values->text[i][0]; form++)
            USAGE_KEEP(values->text[i], walk->cell(walk, cell + form));
        return;
    }
}

/* A log record's own goes before its resource's. */
static const char *value(const struct walk *walk, enum attribute attribute)
{
    const char *own = text_or_null(walk->record->text[attribute]);
    return own ? own : text_or_null(walk->resource->text[attribute]);
}

/* Numbers come as such, as fractions of nothing, and as texts. */
static bool number(const struct walk *walk, enum attribute attribute, int64_t *out)
{
    const char *text = text_or_null(walk->record->text[attribute]);
    *out = 0;
    return !text || (json_whole_number(text, out) && *out >= 0 && *out <= USAGE_TOKENS_MAX);
}

/* ---- events that are calls ---- */

static bool claude_counts(const struct walk *walk, int64_t counts[USAGE_COUNTS])
{
    return number(walk, INPUT, &counts[USAGE_INPUT]) && number(walk, OUTPUT, &counts[USAGE_OUTPUT]) &&
           number(walk, CACHE_READ, &counts[USAGE_CACHE_READ]) &&
           number(walk, CACHE_CREATION, &counts[USAGE_CACHE_WRITE]);
}

static bool codex_counts(const struct walk *walk, int64_t counts[USAGE_COUNTS])
{
    int64_t total[TOTALS];
    return number(walk, INPUT_COUNT, &total[TOTAL_INPUT]) && number(walk, CACHED_COUNT, &total[TOTAL_CACHED]) &&
           number(walk, CACHE_WRITE_COUNT, &total[TOTAL_WRITTEN]) && number(walk, OUTPUT_COUNT, &total[TOTAL_OUTPUT]) &&
           number(walk, REASONING_COUNT, &total[TOTAL_REASONING]) && usage_counts_codex(total, counts);
}

static bool gemini_counts(const struct walk *walk, int64_t counts[USAGE_COUNTS])
{
    int64_t input, cached, tool, output, thoughts;
    return number(walk, INPUT_COUNT, &input) && number(walk, CACHED_CONTENT_COUNT, &cached) &&
           number(walk, TOOL_COUNT, &tool) && number(walk, OUTPUT_COUNT, &output) &&
           number(walk, THOUGHTS_COUNT, &thoughts) &&
           usage_counts_gemini(input, cached, tool, output, thoughts, counts);
}

static bool qwen_counts(const struct walk *walk, int64_t counts[USAGE_COUNTS])
{
    int64_t prompt, cached, candidates, thoughts, total;
    return number(walk, INPUT_COUNT, &prompt) && number(walk, CACHED_CONTENT_COUNT, &cached) &&
           number(walk, OUTPUT_COUNT, &candidates) && number(walk, THOUGHTS_COUNT, &thoughts) &&
           number(walk, TOTAL_COUNT, &total) && usage_counts_qwen(prompt, cached, candidates, thoughts, total, counts);
}

static const struct event {
    const char *platform;
    const char *name;    /* in the attribute event.name, the record's own name, or its body */
    const char *service; /* with such a service.name, the part of the name behind its dot is enough; NULL = never */
    const char *kind;    /* event.kind; NULL = any */
    enum attribute session;
    bool requests; /* its log knows them, but too little of the output */
    bool (*counts)(const struct walk *walk, int64_t counts[USAGE_COUNTS]);
} events[] = {
    {"claude", "claude_code.api_request", "claude-code", NULL, SESSION, true, claude_counts},
    {"codex", "codex.sse_event", NULL, "response.completed", CONVERSATION, false, codex_counts},
    {"gemini", "gemini_cli.api_response", NULL, NULL, SESSION, false, gemini_counts},
    {"qwen", "qwen-code.api_response", NULL, NULL, SESSION, false, qwen_counts},
};

static bool is_event(const struct walk *walk, const struct event *event)
{
    const char *name = value(walk, EVENT_NAME), *service = value(walk, SERVICE), *kind = value(walk, EVENT_KIND);
    bool named = text_equal(name, event->name) || text_equal(walk->cell(walk, RECORD_EVENT), event->name) ||
                 text_equal(walk->cell(walk, RECORD_BODY), event->name);
    if (!named && event->service && service && strncmp(service, event->service, strlen(event->service)) == 0)
        named = text_equal(name, strchr(event->name, '.') + 1);
    return named && (!event->kind || text_equal(kind, event->kind));
}

/* When the CLI says that it was; else when the record says so, and else when it was seen. */
static bool time_of(const struct walk *walk, int64_t *us)
{
    enum { NS_IN_US = 1000 };
    const char *text = value(walk, EVENT_TIME);
    if (text && time_parse(text, us))
        return true;
    static const size_t cells[] = {RECORD_TIME, RECORD_SEEN};
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        int64_t ns;
        text = walk->cell(walk, cells[i]);
        if (text && json_whole_number(text, &ns) && ns > 0) {
            *us = ns / NS_IN_US;
            return true;
        }
    }
    return false;
}

static const char *key_of(struct walk *walk, const struct usage_record *record)
{
    const char *number_of = value(walk, SEQUENCE) ? value(walk, SEQUENCE) : value(walk, PROMPT);
    if (record->request)
        return usage_put(walk->key, "request:%s", record->request);
    char numbers[USAGE_TEXT_MAX + 1];
    usage_alike(numbers, record->platform, record->counts, true);
    return usage_put(walk->key, "event:%s:%lld:%s:%s", numbers, (long long)record->time_us,
                     record->session ? record->session : "", number_of ? number_of : "");
}

static void give(struct walk *walk, const struct event *event)
{
    struct usage_record record = {
        .source = USAGE_EVENT,
        .platform = event->platform,
        .request = event->requests ? value(walk, REQUEST) : NULL,
        .session = value(walk, event->session),
        .model = value(walk, MODEL),
        .tier = usage_tier(value(walk, SPEED)),
        .agent = value(walk, AGENT),
    };
    enum usage_verdict weight = event->counts(walk, record.counts) ? usage_weigh(record.counts) : USAGE_BAD;
    if (weight == USAGE_OTHER) {
        walk->lines->other++;
        return;
    }
    if (weight == USAGE_BAD || !time_of(walk, &record.time_us)) {
        walk->lines->bad++;
        return;
    }
    record.alike = usage_alike(walk->alike, record.session, record.counts, !event->requests);
    record.key = key_of(walk, &record);
    walk->lines->records++;
    walk->stopped = !walk->take(walk->context, &record);
}

static void take_record(struct walk *walk)
{
    const struct event *event = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(events) && !event; i++)
        if (is_event(walk, &events[i]))
            event = &events[i];
    walk->lines->lines++;
    if (event)
        give(walk, event);
    else
        walk->lines->other++;
}

/* Senders put a resource before its records, as the numbers of protobuf's fields have it; where one comes after them it is not known to
 * them. */
static bool log_over(struct walk *walk, size_t cell)
{
    switch (cell) {
    case RESOURCE_ATTRIBUTE_ENDS:
        take_attribute(walk, RESOURCE_ATTRIBUTE, walk->resource);
        break;
    case RECORD_ATTRIBUTE_ENDS:
        take_attribute(walk, RECORD_ATTRIBUTE, walk->record);
        break;
    case RECORD_ENDS:
        take_record(walk);
        forget(walk->record);
        break;
    default:
        forget(walk->resource);
    }
    return !walk->stopped;
}

static bool point_over(struct walk *walk, size_t cell)
{
    (void)cell;
    walk->lines->lines++;
    walk->lines->other++;
    return true;
}

/* ---- JSON ---- */

static const char *json_cell(const struct walk *walk, size_t cell)
{
    switch (json_pick_kind(walk->pick, cell)) {
    case JSON_PICK_TRUE:
        return "true";
    case JSON_PICK_FALSE:
        return "false";
    default:
        return json_pick_text(walk->pick, cell);
    }
}

static bool json_over(void *context, size_t path)
{
    struct walk *walk = context;
    return walk->over(walk, path);
}

static const char *walk_json(struct walk *walk, const struct json_pick_path *paths, size_t count, const char *bytes,
                             size_t length)
{
    walk->cell = json_cell;
    walk->pick = json_pick_new(walk->arena, paths, count, json_over, walk);
    if (!json_pick_feed(walk->pick, bytes, length) || !json_pick_end(walk->pick)) {
        const char *problem = json_pick_problem(walk->pick);
        return problem ? problem : "stopped";
    }
    enum json_pick_kind list = json_pick_kind(walk->pick, RESOURCES);
    if (json_pick_top(walk->pick) != JSON_PICK_OBJECT)
        return "it is no JSON object";
    return list == JSON_PICK_NONE || list == JSON_PICK_NULL || list == JSON_PICK_LIST ? NULL
                                                                                      : "it has no list of resources";
}

/* ---- protobuf ---- */

/* https://protobuf.dev/programming-guides/encoding/: a message is fields, each a number and a wire type, then its bytes. */
enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
/* Cells hold texts; how a number becomes one. */
enum form { FORM_MESSAGE, FORM_TEXT, FORM_INT, FORM_BOOL, FORM_DOUBLE, FORM_FIXED };

struct proto_field {
    unsigned number;
    enum form form;
    const struct proto_message *message;
    size_t cell;
};
struct proto_message {
    size_t ends; /* the cell that tells that one is over; CELLS = none */
    const struct proto_field *fields;
    size_t count;
    size_t first, cells; /* what is forgotten when one begins */
};
struct proto_cell {
    bool set;
    char text[USAGE_TEXT_MAX + 1];
};

#define MESSAGE(name, ends, first, cells, ...)                                                                         \
    static const struct proto_field name##_fields[] = {__VA_ARGS__};                                                   \
    static const struct proto_message name = {ends, name##_fields, ARRAY_SIZE(name##_fields), first, cells}
#define ATTRIBUTE(name, ends, at)                                                                                      \
    MESSAGE(name##_value, CELLS, 0, 0, {1, FORM_TEXT, NULL, (at) + TEXT}, {2, FORM_BOOL, NULL, (at) + BOOL},           \
            {3, FORM_INT, NULL, (at) + INT}, {4, FORM_DOUBLE, NULL, (at) + DOUBLE});                                   \
    MESSAGE(name, ends, at, VALUE_CELLS, {1, FORM_TEXT, NULL, (at) + KEY}, {2, FORM_MESSAGE, &name##_value})

/* opentelemetry-proto: common.proto, resource.proto, logs.proto, metrics.proto. */
ATTRIBUTE(resource_attribute, RESOURCE_ATTRIBUTE_ENDS, RESOURCE_ATTRIBUTE);
ATTRIBUTE(record_attribute, RECORD_ATTRIBUTE_ENDS, RECORD_ATTRIBUTE);
MESSAGE(body, CELLS, 0, 0, {1, FORM_TEXT, NULL, RECORD_BODY});
MESSAGE(log_record, RECORD_ENDS, RECORD_TIME, RECORD_ATTRIBUTE_ENDS - RECORD_TIME, {1, FORM_FIXED, NULL, RECORD_TIME},
        {5, FORM_MESSAGE, &body}, {6, FORM_MESSAGE, &record_attribute}, {11, FORM_FIXED, NULL, RECORD_SEEN},
        {12, FORM_TEXT, NULL, RECORD_EVENT});
MESSAGE(scope_logs, CELLS, 0, 0, {2, FORM_MESSAGE, &log_record});
MESSAGE(resource, CELLS, 0, 0, {1, FORM_MESSAGE, &resource_attribute});
MESSAGE(resource_logs, RESOURCE_ENDS, 0, 0, {1, FORM_MESSAGE, &resource}, {2, FORM_MESSAGE, &scope_logs});
MESSAGE(logs_request, CELLS, 0, 0, {1, FORM_MESSAGE, &resource_logs});

MESSAGE(point, RECORD_ENDS, 0, 0, {1, FORM_MESSAGE, NULL});
MESSAGE(points, CELLS, 0, 0, {1, FORM_MESSAGE, &point});
MESSAGE(metric, CELLS, 0, 0, {5, FORM_MESSAGE, &points}, {7, FORM_MESSAGE, &points}, {9, FORM_MESSAGE, &points},
        {10, FORM_MESSAGE, &points}, {11, FORM_MESSAGE, &points});
MESSAGE(scope_metrics, CELLS, 0, 0, {2, FORM_MESSAGE, &metric});
MESSAGE(resource_metrics, CELLS, 0, 0, {2, FORM_MESSAGE, &scope_metrics});
MESSAGE(metrics_request, CELLS, 0, 0, {1, FORM_MESSAGE, &resource_metrics});

struct span {
    const unsigned char *at, *end;
};

static const char *proto_cell(const struct walk *walk, size_t cell)
{
    const struct proto_cell *found = &walk->cells[cell];
    return found->set ? found->text : NULL;
}

static bool take_varint(struct span *span, uint64_t *out)
{
    enum { BITS = 7, BYTES_MAX = 10 };
    *out = 0;
    for (unsigned i = 0; i < BYTES_MAX && span->at < span->end; i++) {
        unsigned char byte = *span->at++;
        *out |= (uint64_t)(byte & 0x7F) << (BITS * i);
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool take_fixed(struct span *span, size_t size, uint64_t *out)
{
    *out = 0;
    if ((size_t)(span->end - span->at) < size)
        return false;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)*span->at++ << (8 * i);
    return true;
}

static bool take_bytes(struct span *span, struct span *out)
{
    uint64_t length;
    if (!take_varint(span, &length) || length > (uint64_t)(span->end - span->at))
        return false;
    *out = (struct span){span->at, span->at + length};
    span->at += length;
    return true;
}

static void put_text(struct proto_cell *cell, const struct span *bytes)
{
    size_t length = (size_t)(bytes->end - bytes->at);
    size_t kept = length < USAGE_TEXT_MAX ? length : USAGE_TEXT_MAX;
    const unsigned char *text = bytes->at;
    cell->set = false;
    /* cut at a character */
    while (kept < length && kept > 0 && (text[kept] & 0xC0) == 0x80)
        kept--;
    if (!utf8_valid((const char *)text, kept))
        return;
    memcpy(cell->text, text, kept);
    cell->text[kept] = '\0';
    cell->set = !has_control(cell->text);
}

static void put_number(struct proto_cell *cell, enum form form, uint64_t bits)
{
    const double exact = 9007199254740992.0; /* 2^53: a double holds each whole number up to there */
    int64_t number = (int64_t)bits;
    bool whole = form != FORM_FIXED || number >= 0;
    if (form == FORM_DOUBLE) {
        double real;
        memcpy(&real, &bits, sizeof real);
        whole = real > -exact && real < exact && real == (double)(int64_t)real;
        number = whole ? (int64_t)real : 0;
    }
    char digits[DECIMAL_TEXT];
    const char *text = decimal(digits, number);
    if (form == FORM_BOOL)
        text = bits ? "true" : "false";
    else if (!whole)
        text = "no whole number";
    cell->set = true;
    USAGE_KEEP(cell->text, text);
}

static const struct proto_field *field_of(const struct proto_message *message, uint64_t number, unsigned wire)
{
    static const unsigned wires[] = {[FORM_MESSAGE] = BYTES, [FORM_TEXT] = BYTES,     [FORM_INT] = VARINT,
                                     [FORM_BOOL] = VARINT,   [FORM_DOUBLE] = FIXED64, [FORM_FIXED] = FIXED64};
    for (size_t i = 0; i < message->count; i++)
        if (message->fields[i].number == number && wires[message->fields[i].form] == wire)
            return &message->fields[i];
    return NULL;
}

static const char *const cut_off = "it is no protobuf, or is cut off";

static bool take_value(struct span *span, unsigned wire, uint64_t *bits, struct span *bytes)
{
    switch (wire) {
    case VARINT:
        return take_varint(span, bits);
    case FIXED64:
        return take_fixed(span, 8, bits);
    case BYTES:
        return take_bytes(span, bytes);
    case FIXED32:
        return take_fixed(span, 4, bits);
    default: /* groups, which proto3 has none of */
        return false;
    }
}

/* As deep as the tables are: messages that they do not know are passed over. */
static const char *walk_message(struct walk *walk, const struct proto_message *message, struct span span)
{
    enum { WIRE_BITS = 3 };
    for (size_t i = 0; i < message->cells; i++)
        walk->cells[message->first + i].set = false;
    while (span.at < span.end) {
        uint64_t tag, bits = 0;
        struct span bytes = {span.at, span.at};
        unsigned wire;
        if (!take_varint(&span, &tag) || tag >> WIRE_BITS == 0 || tag > UINT32_MAX)
            return cut_off;
        wire = tag & ((1 << WIRE_BITS) - 1);
        if (!take_value(&span, wire, &bits, &bytes))
            return cut_off;
        const struct proto_field *field = field_of(message, tag >> WIRE_BITS, wire);
        if (!field)
            continue;
        if (field->form == FORM_TEXT)
            put_text(&walk->cells[field->cell], &bytes);
        else if (field->form != FORM_MESSAGE)
            put_number(&walk->cells[field->cell], field->form, bits);
        const char *problem = field->message ? walk_message(walk, field->message, bytes) : NULL;
        if (problem)
            return problem;
    }
    return message->ends == CELLS || walk->over(walk, message->ends) ? NULL : "stopped";
}

/* ---- requests ---- */

static const struct request_kind {
    const struct json_pick_path *paths;
    size_t count;
    const struct proto_message *message;
    bool (*over)(struct walk *walk, size_t cell);
} logs_kind = {log_paths, ARRAY_SIZE(log_paths), &logs_request, log_over},
  metrics_kind = {metric_paths, ARRAY_SIZE(metric_paths), &metrics_request, point_over};

static bool walk_request(struct walk *walk, const struct request_kind *kind, enum usage_otlp encoding,
                         const char *bytes, size_t length, char *why, size_t size)
{
    const char *problem;
    walk->arena = arena_new(WALK_MEMORY);
    walk->resource = arena_alloc(walk->arena, sizeof *walk->resource);
    walk->record = arena_alloc(walk->arena, sizeof *walk->record);
    walk->over = kind->over;
    if (encoding == USAGE_OTLP_JSON) {
        problem = walk_json(walk, kind->paths, kind->count, bytes, length);
    } else {
        const unsigned char *at = (const unsigned char *)bytes;
        walk->cell = proto_cell;
        walk->cells = arena_array(walk->arena, CELLS, sizeof *walk->cells);
        problem = walk_message(walk, kind->message, (struct span){at, at + length});
    }
    if (problem)
        snprintf(why, size, "%s", problem);
    arena_free(walk->arena);
    return !problem;
}

bool usage_otlp_logs(enum usage_otlp encoding, const char *bytes, size_t length, usage_taker *take, void *context,
                     struct usage_lines *lines, char *why, size_t size)
{
    struct walk walk = {.take = take, .context = context, .lines = lines};
    return walk_request(&walk, &logs_kind, encoding, bytes, length, why, size);
}

bool usage_otlp_metrics(enum usage_otlp encoding, const char *bytes, size_t length, struct usage_lines *lines,
                        char *why, size_t size)
{
    struct walk walk = {.lines = lines};
    return walk_request(&walk, &metrics_kind, encoding, bytes, length, why, size);
}
