/* Usage reader: cuts a file into lines, has each looked through by the JSON picker, and gives what was found to the platform's reader. */
#include "usage_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "platform.h"
#include "usage_parts.h"
#include "util.h"

enum { READER_MEMORY = 64 * KIB, STATE_VERSION = 1 };

/* Whether a file is lines, or one object: its name says so, or else its first line, which is complete or not. */
enum form { FORM_OPEN, FORM_LINES, FORM_DOCUMENT };

static const struct usage_format *const formats[] = {&usage_claude, &usage_codex, &usage_gemini, &usage_qwen,
                                                     &usage_droid};

static const char senseless[] = "a number of tokens makes no sense";

/* ---- the state ---- */

static const struct kept_row {
    const char *name;
    size_t offset, size; /* size = 0: a number */
} kept_rows[] = {
#define TEXT(member)                                                                                                   \
    {                                                                                                                  \
#member, offsetof(struct usage_kept, member), sizeof((struct usage_kept *)NULL)->member                        \
    }
#define NUMBER(member)                                                                                                 \
    {                                                                                                                  \
#member, offsetof(struct usage_kept, member), 0                                                                \
    }
#define TOTAL(index)                                                                                                   \
    {                                                                                                                  \
        "total" #index, offsetof(struct usage_kept, total[index]), 0                                                   \
    }
    TEXT(session),
    TEXT(thread),
    TEXT(model),
    TEXT(tier),
    TEXT(provider),
    TEXT(project),
    TEXT(branch),
    TEXT(agent),
    NUMBER(line),
    NUMBER(position),
    NUMBER(form),
    TOTAL(0),
    TOTAL(1),
    TOTAL(2),
    TOTAL(3),
    TOTAL(4),
    NUMBER(counted),
    NUMBER(epoch),
    NUMBER(replied),
    NUMBER(copying),
    NUMBER(own_time_us),
    NUMBER(own_ordinal),
#undef TEXT
#undef NUMBER
#undef TOTAL
};
enum { KEPT_ROWS = ARRAY_SIZE(kept_rows), STATE_READER = KEPT_ROWS, STATE_PLATFORM, STATE_ROWS };

static char *kept_text(struct usage_kept *kept, const struct kept_row *row)
{
    return (char *)kept + row->offset;
}

static int64_t *kept_number(struct usage_kept *kept, const struct kept_row *row)
{
    return (int64_t *)(void *)((char *)kept + row->offset);
}

static void write_state(struct usage_reader *reader)
{
    struct json_writer w;
    buffer_reset(&reader->state);
    json_begin(&w, &reader->state);
    json_open_object(&w);
    json_int_member(&w, "reader", STATE_VERSION);
    json_string_member(&w, "platform", reader->format->platform);
    for (size_t i = 0; i < KEPT_ROWS; i++) {
        const struct kept_row *row = &kept_rows[i];
        bool set = row->size ? *kept_text(&reader->kept, row) != '\0' : *kept_number(&reader->kept, row) != 0;
        if (!set)
            continue;
        json_key(&w, row->name);
        if (row->size)
            json_put_string(&w, kept_text(&reader->kept, row));
        else
            json_put_int(&w, *kept_number(&reader->kept, row));
    }
    json_close_object(&w);
}

static bool read_kept(struct usage_kept *kept, const struct json_pick *pick)
{
    for (size_t i = 0; i < KEPT_ROWS; i++) {
        const struct kept_row *row = &kept_rows[i];
        enum json_pick_kind kind = json_pick_kind(pick, i);
        if (kind == JSON_PICK_NONE)
            continue;
        if (kind != (row->size ? JSON_PICK_TEXT : JSON_PICK_NUMBER))
            return false;
        const char *text = json_pick_text(pick, i);
        if (row->size)
            usage_keep(kept_text(kept, row), row->size, text);
        else if (!json_whole_number(text, kept_number(kept, row)) || *kept_number(kept, row) < 0)
            return false;
    }
    return kept->form <= FORM_DOCUMENT;
}

static bool read_state(struct usage_reader *reader, const char *state)
{
    struct json_pick_path paths[STATE_ROWS] = {
        [STATE_READER] = {"reader"}, [STATE_PLATFORM] = {"platform", USAGE_NAME_MAX}};
    for (size_t i = 0; i < KEPT_ROWS; i++)
        paths[i] = (struct json_pick_path){kept_rows[i].name, (unsigned short)kept_rows[i].size};

    struct arena_mark mark = arena_mark(reader->arena);
    struct json_pick *pick = json_pick_new(reader->arena, paths, STATE_ROWS, NULL, NULL);
    bool sound = strlen(state) < USAGE_STATE_MAX && json_pick_feed(pick, state, strlen(state)) && json_pick_end(pick) &&
                 text_equal(json_pick_text(pick, STATE_READER), "1") &&
                 text_equal(json_pick_text(pick, STATE_PLATFORM), reader->format->platform) &&
                 read_kept(&reader->kept, pick);
    arena_release(reader->arena, mark);
    return sound;
}

/* ---- the file's name ---- */

static bool ends_with(const char *text, size_t length, const char *ending)
{
    size_t tail = strlen(ending);
    return length >= tail && memcmp(text + length - tail, ending, tail) == 0;
}

/* "rollout-2026-01-31T12-00-00-<uuid>.jsonl" and "<uuid>.settings.json" are of the session <uuid>; others are called as the file is. */
static void name_session(struct usage_reader *reader, const char *file)
{
    static const char *const endings[] = {".settings.json", ".jsonl", ".json"};
    enum { UUID = 36 };
    const char *name = file;
    for (const char *at = file; *at; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    size_t length = strlen(name);
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
        if (ends_with(name, length, endings[i])) {
            length -= strlen(endings[i]);
            break;
        }
    char stem[USAGE_KEPT_MAX + 1];
    snprintf(stem, sizeof stem, "%.*s", length < sizeof stem ? (int)length : (int)sizeof stem - 1, name);
    bool uuid = length > UUID && length < sizeof stem && uuid_valid(stem + length - UUID);
    USAGE_KEEP(reader->file_session, uuid ? stem + length - UUID : stem);
}

static enum form form_of(const struct usage_format *format, const char *file)
{
    size_t length = strlen(file);
    if (!format->documents || ends_with(file, length, ".jsonl"))
        return FORM_LINES;
    return ends_with(file, length, ".json") ? FORM_DOCUMENT : FORM_OPEN;
}

/* ---- lines ---- */

static bool take_item(void *context, size_t path)
{
    struct usage_reader *reader = context;
    reader->format->item(reader, path);
    return !reader->stopped;
}

static enum usage_verdict judge(struct usage_reader *reader)
{
    struct json_pick *pick = reader->pick;
    if (json_pick_blank(pick))
        return USAGE_OTHER;
    if (!json_pick_end(pick))
        return usage_bad(reader, json_pick_problem(pick));
    if (json_pick_top(pick) != JSON_PICK_OBJECT)
        return usage_bad(reader, "it is no JSON object");
    enum usage_verdict verdict = reader->format->line(reader);
    if (reader->why)
        return USAGE_BAD;
    return reader->line_records ? USAGE_GAVE : verdict;
}

static void end_line(struct usage_reader *reader)
{
    enum usage_verdict verdict = judge(reader);
    if (reader->stopped)
        return;
    reader->lines.lines++;
    reader->kept.line++;
    reader->kept.position += reader->line_bytes;
    reader->lines.other += verdict == USAGE_OTHER;
    reader->lines.unknown += verdict == USAGE_UNKNOWN;
    reader->lines.bad += verdict == USAGE_BAD;
    if (verdict == USAGE_BAD && reader->complain)
        reader->complain(reader->context, reader->kept.line, reader->why);
    reader->line_bytes = reader->line_records = 0;
    reader->why = NULL;
    json_pick_begin(reader->pick);
}

static void end_of_line(struct usage_reader *reader)
{
    const struct json_pick *pick = reader->pick;
    bool blank = json_pick_blank(pick), going_on = !json_pick_whole(pick) && !json_pick_problem(pick);
    if (reader->kept.form == FORM_OPEN && !blank)
        reader->kept.form = going_on ? FORM_DOCUMENT : FORM_LINES;
    if (reader->kept.form == FORM_DOCUMENT)
        json_pick_feed(reader->pick, "\n", 1);
    else
        end_line(reader);
}

bool usage_reader_feed(struct usage_reader *reader, const char *bytes, size_t length)
{
    while (length > 0 && !reader->stopped && !reader->problem) {
        const char *newline = memchr(bytes, '\n', length);
        size_t piece = newline ? (size_t)(newline - bytes) : length;
        if ((long long)piece > USAGE_LINE_MAX - reader->line_bytes) {
            reader->problem = "a line is longer than 256 MiB";
            break;
        }
        json_pick_feed(reader->pick, bytes, piece);
        reader->line_bytes += (long long)piece + (newline != NULL);
        bytes += piece + (newline != NULL);
        length -= piece + (newline != NULL);
        if (newline && !reader->stopped)
            end_of_line(reader);
    }
    return !reader->stopped && !reader->problem;
}

bool usage_reader_end(struct usage_reader *reader, bool whole)
{
    bool complete = json_pick_whole(reader->pick) && reader->kept.form != FORM_LINES;
    if (reader->line_bytes > 0 && !reader->stopped && !reader->problem && (whole || complete))
        end_line(reader);
    return !reader->stopped && !reader->problem;
}

/* ---- what the platforms' readers use ---- */

const char *usage_text(const struct usage_reader *reader, size_t path)
{
    bool is_text = json_pick_kind(reader->pick, path) == JSON_PICK_TEXT;
    return is_text ? text_or_null(json_pick_text(reader->pick, path)) : NULL;
}

const char *usage_session(const struct usage_reader *reader, size_t path)
{
    const char *told = usage_text(reader, path);
    return told ? told : text_or_null(reader->file_session);
}

bool usage_text_is(const struct usage_reader *reader, size_t path, const char *text)
{
    return text_equal(usage_text(reader, path), text);
}

bool usage_one_of(const char *text, const char *const *list)
{
    while (*list && !text_equal(text, *list))
        list++;
    return *list != NULL;
}

bool usage_numbers(struct usage_reader *reader, size_t path, int64_t *out, size_t count)
{
    const int64_t most = INT64_C(1000000000000000);
    for (size_t i = 0; i < count; i++) {
        enum json_pick_kind kind = json_pick_kind(reader->pick, path + i);
        out[i] = 0;
        if (kind == JSON_PICK_NONE || kind == JSON_PICK_NULL)
            continue;
        if (kind != JSON_PICK_NUMBER || !json_whole_number(json_pick_text(reader->pick, path + i), &out[i]) ||
            out[i] < 0 || out[i] > most) {
            usage_bad(reader, senseless);
            return false;
        }
    }
    return true;
}

bool usage_time(struct usage_reader *reader, size_t path, int64_t *us)
{
    const char *text = usage_text(reader, path);
    *us = 0;
    if (!text || time_parse(text, us))
        return true;
    *us = 0;
    usage_bad(reader, "its time is none");
    return false;
}

/* How much of a text of valid UTF-8 fits into so many bytes. */
static size_t fitting(const char *text, size_t max)
{
    size_t length = strlen(text);
    if (length <= max)
        return length;
    for (length = max; length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80;)
        length--;
    return length;
}

void usage_keep(char *kept, size_t size, const char *text)
{
    if (!text)
        return;
    size_t length = fitting(text, size - 1);
    memmove(kept, text, length);
    kept[length] = '\0';
}

enum usage_verdict usage_bad(struct usage_reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why ? why : "it is no JSON";
    return USAGE_BAD;
}

enum usage_verdict usage_weigh(int64_t counts[USAGE_COUNTS])
{
    int64_t sum = 0;
    for (size_t i = 0; i < USAGE_COUNTS; i++) {
        if (counts[i] < 0 || counts[i] > USAGE_TOKENS_MAX)
            return USAGE_BAD;
        sum += counts[i];
    }
    if (counts[USAGE_REASONING] > counts[USAGE_OUTPUT])
        counts[USAGE_REASONING] = counts[USAGE_OUTPUT];
    return sum ? USAGE_GAVE : USAGE_OTHER;
}

enum usage_verdict usage_give(struct usage_reader *reader, struct usage_record *record)
{
    enum usage_verdict weight = usage_weigh(record->counts);
    if (weight == USAGE_BAD)
        return usage_bad(reader, senseless);
    if (weight == USAGE_OTHER && !record->so_far)
        return USAGE_OTHER;
    record->source = USAGE_LOG;
    record->platform = reader->format->platform;
    reader->lines.records++;
    reader->line_records++;
    if (!reader->take(reader->context, record))
        reader->stopped = true;
    return USAGE_GAVE;
}

const char *usage_put(char out[USAGE_TEXT_MAX + 1], const char *format, ...)
{
    char text[2 * USAGE_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    usage_keep(out, USAGE_TEXT_MAX + 1, text);
    return out;
}

const char *usage_place_key(struct usage_reader *reader, const struct usage_record *record)
{
    const int64_t *n = record->counts;
    return usage_put(reader->key, "line:%016llx:%lld:%lld:%lld.%lld.%lld.%lld.%lld",
                     (unsigned long long)reader->file_hash, (long long)reader->kept.line + 1,
                     (long long)record->time_us, (long long)n[USAGE_INPUT], (long long)n[USAGE_OUTPUT],
                     (long long)n[USAGE_CACHE_READ], (long long)n[USAGE_CACHE_WRITE],
                     (long long)n[USAGE_CACHE_WRITE_1H]);
}

const char *usage_alike(char out[USAGE_TEXT_MAX + 1], const char *conversation, const int64_t counts[USAGE_COUNTS],
                        bool output)
{
    if (!conversation)
        return NULL;
    char digits[DECIMAL_TEXT];
    int64_t written = counts[USAGE_CACHE_WRITE] + counts[USAGE_CACHE_WRITE_1H];
    return usage_put(out, "%lld.%lld.%lld.%s:%s", (long long)counts[USAGE_INPUT], (long long)counts[USAGE_CACHE_READ],
                     (long long)written, output ? decimal(digits, counts[USAGE_OUTPUT]) : "", conversation);
}

/* ---- what the numbers mean ---- */

const char *usage_tier(const char *name)
{
    static const char *const tiers[] = {"fast", "priority", "flex", "batch", NULL};
    for (size_t i = 0; tiers[i]; i++)
        if (text_equal(name, tiers[i]))
            return tiers[i];
    return NULL;
}

/* Input includes what was read from the cache, and what was written into it when it is large enough to: that it does is not documented. */
bool usage_counts_codex(const int64_t total[TOTALS], int64_t counts[USAGE_COUNTS])
{
    int64_t fresh = total[TOTAL_INPUT] - total[TOTAL_CACHED];
    counts[USAGE_INPUT] = fresh >= total[TOTAL_WRITTEN] ? fresh - total[TOTAL_WRITTEN] : fresh;
    counts[USAGE_CACHE_READ] = total[TOTAL_CACHED];
    counts[USAGE_CACHE_WRITE] = total[TOTAL_WRITTEN];
    counts[USAGE_OUTPUT] = total[TOTAL_OUTPUT];
    counts[USAGE_REASONING] = total[TOTAL_REASONING];
    return fresh >= 0;
}

/* The total of a reply is input + output + thoughts + tool: the prompts that tools make are apart from the input, and what is cached is a
 * part of both. Thoughts are paid for as output. */
bool usage_counts_gemini(int64_t input, int64_t cached, int64_t tool, int64_t output, int64_t thoughts,
                         int64_t counts[USAGE_COUNTS])
{
    counts[USAGE_INPUT] = input + tool - cached;
    counts[USAGE_CACHE_READ] = cached;
    counts[USAGE_OUTPUT] = output + thoughts;
    counts[USAGE_REASONING] = thoughts;
    return counts[USAGE_INPUT] >= 0;
}

/* Whether thoughts are a part of the candidates depends on the provider. The total tells when it is told; else they are not when they are
 * more than those; else they are, which never counts a token twice. What is cached is a part of the prompt, unless it is more. */
bool usage_counts_qwen(int64_t prompt, int64_t cached, int64_t candidates, int64_t thoughts, int64_t total,
                       int64_t counts[USAGE_COUNTS])
{
    bool apart = thoughts > candidates || total == prompt + candidates + thoughts;
    counts[USAGE_INPUT] = cached <= prompt ? prompt - cached : prompt;
    counts[USAGE_CACHE_READ] = cached;
    counts[USAGE_OUTPUT] = apart ? candidates + thoughts : candidates;
    counts[USAGE_REASONING] = thoughts;
    return true;
}

/* ---- the reader ---- */

struct usage_reader *usage_reader_new(const char *platform, const char *file, const char *state, usage_taker *take,
                                      usage_complainer *complain, void *context)
{
    const struct usage_format *format = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (text_equal(formats[i]->platform, platform))
            format = formats[i];
    if (!format)
        return NULL;

    struct arena *arena = arena_new(READER_MEMORY);
    struct usage_reader *reader = arena_alloc(arena, sizeof *reader);
    *reader =
        (struct usage_reader){.format = format, .arena = arena, .take = take, .complain = complain, .context = context};
    buffer_init_in(&reader->state, arena, USAGE_STATE_MAX - 1);
    file = file ? file : "";
    name_session(reader, file);
    reader->file_hash = name_hash(file);
    reader->kept.form = form_of(format, file);
    if (state && !read_state(reader, state)) {
        usage_reader_free(reader);
        return NULL;
    }
    reader->pick = json_pick_new(arena, format->paths, format->path_count, format->item ? take_item : NULL, reader);
    return reader;
}

void usage_reader_free(struct usage_reader *reader)
{
    if (reader)
        arena_free(reader->arena);
}

long long usage_reader_position(const struct usage_reader *reader)
{
    return reader->kept.position;
}

const char *usage_reader_state(struct usage_reader *reader)
{
    write_state(reader);
    return buffer_string(&reader->state);
}

const struct usage_lines *usage_reader_lines(const struct usage_reader *reader)
{
    return &reader->lines;
}

const char *usage_reader_problem(const struct usage_reader *reader)
{
    return reader->problem ? reader->problem : "";
}
