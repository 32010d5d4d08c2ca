/* Real logs of coding CLIs: their totals, which tests/samples/usage/README.md has, and that it makes no difference how a file is cut. */
#include "usage_fixture.h"

enum { FILES_MAX = 3 };

static const struct sample {
    const char *platform;
    const char *files[FILES_MAX];
    size_t calls;
    int64_t totals[USAGE_COUNTS]; /* input, output, cache read, cache write, for an hour, reasoning */
    struct usage_lines lines;     /* lines, records, other, unknown, bad */
} samples[] = {
#define CLAUDE(name) "claude-log-" name ".jsonl"
#define CODEX(name)  "codex-rollout-" name ".jsonl"
    {"claude", {CLAUDE("real-main")}, 12, {32, 3447, 485948, 160248, 0, 0}, {59, 45, 14, 0, 0}},
    {"claude", {CLAUDE("real-subagent-a2898e3")}, 3, {17, 7, 38607, 25939, 0, 0}, {28, 26, 2, 0, 0}},
    {"claude", {CLAUDE("real-subagent-acompact")}, 1, {3, 8, 164830, 8681, 0, 0}, {5, 1, 4, 0, 0}},
    {"claude",
     {CLAUDE("real-main"), CLAUDE("real-subagent-a2898e3"), CLAUDE("real-subagent-acompact")},
     13,
     {35, 3455, 650778, 168929, 0, 0},
     {92, 72, 20, 0, 0}},
    {"claude", {CLAUDE("fork-parent"), CLAUDE("fork-child")}, 1, {10, 40, 30, 20, 0, 0}, {4, 2, 2, 0, 0}},
    {"claude", {CLAUDE("sidechain-duplicate")}, 2, {15, 27, 0, 0, 0, 0}, {3, 3, 0, 0, 0}},
    {"claude", {CLAUDE("duplicate-ids")}, 1, {15, 10, 30, 150, 0, 0}, {2, 2, 0, 0, 0}},
    {"claude", {CLAUDE("edge-cases")}, 4, {488, 435, 0, 0, 0, 0}, {19, 4, 11, 1, 3}},
    {"claude", {CLAUDE("cache-iteration-match")}, 1, {2, 10, 30, 100, 500, 0}, {2, 1, 1, 0, 0}},
    {"claude", {CLAUDE("cache-unknown-remainder")}, 1, {3, 11, 40, 600, 0, 0}, {1, 1, 0, 0, 0}},
    {"claude", {CLAUDE("ccusage-alpha"), CLAUDE("ccusage-beta")}, 5, {730, 310, 110, 90, 0, 0}, {5, 5, 0, 0, 0}},
    {"claude", {CLAUDE("flat-camelcase")}, 2, {350, 180, 50, 100, 0, 0}, {3, 2, 1, 0, 0}},
    {"claude", {CLAUDE("missing-usage")}, 0, {0}, {8, 0, 8, 0, 0}},
    {"claude", {CLAUDE("no-ids")}, 2, {3000, 150, 1300, 300, 0, 0}, {4, 2, 2, 0, 0}},
    {"claude", {CLAUDE("period-session")}, 3, {1110, 4430, 3320, 2200, 0, 0}, {4, 3, 1, 0, 0}},
    {"claude", {CLAUDE("progress-nested")}, 1, {0, 10, 20, 0, 0, 0}, {1, 1, 0, 0, 0}},
    {"claude", {CLAUDE("representative")}, 5, {218, 445, 0, 0, 0, 0}, {12, 5, 7, 0, 0}},
    {"claude", {CLAUDE("subagent-root"), CLAUDE("subagent-worker")}, 2, {110, 45, 320, 50, 150, 0}, {4, 2, 2, 0, 0}},
    {"claude", {CLAUDE("synthetic")}, 0, {0}, {1, 0, 1, 0, 0}},
    {"claude", {CLAUDE("workflow-journal")}, 0, {0}, {2, 0, 2, 0, 0}},
    {"codex", {CODEX("real-short")}, 1, {31013, 431, 3456, 0, 0, 264}, {19, 1, 18, 0, 0}},
    {"codex", {CODEX("real-repeats")}, 6, {298373 - 238848, 1123, 238848, 0, 0, 483}, {63, 6, 57, 0, 0}},
    {"codex", {CODEX("real-usage-only")}, 28, {1751428 - 1651968, 14600, 1651968, 0, 0, 4293}, {58, 28, 30, 0, 0}},
    /* cut out of the middle: its first totals are as if they were another session's */
    {"codex", {CODEX("real-compaction")}, 9, {52639, 6706, 1194368, 0, 0, 1544}, {31, 9, 22, 0, 0}},
    {"codex", {CODEX("leaf-thread")}, 1, {3000, 200, 2000, 0, 0, 50}, {11, 1, 10, 0, 0}},
    {"codex", {CODEX("parent-thread")}, 1, {50, 10, 50, 0, 0, 1}, {3, 1, 2, 0, 0}},
    {"codex", {CODEX("replay-multisecond")}, 1, {2000, 500, 3000, 0, 0, 50}, {10, 1, 9, 0, 0}},
    {"codex", {CODEX("counter-reset-epochs")}, 2, {400, 160, 1500, 0, 0, 60}, {4, 2, 2, 0, 0}},
    {"codex", {CODEX("fresh-same-second")}, 3, {600, 120, 2400, 0, 0, 30}, {6, 3, 3, 0, 0}},
    {"codex", {CODEX("ccusage-alpha")}, 2, {2750, 425, 750, 0, 0, 275}, {3, 2, 1, 0, 0}},
    {"gemini", {"gemini-log-chat.jsonl"}, 1, {20, 34, 0, 0, 0, 4}, {6, 2, 4, 0, 0}},
    {"gemini", {"gemini-log-chat-set-snapshot.jsonl"}, 1, {17256, 159, 0, 0, 0, 133}, {3, 1, 2, 0, 0}},
    {"gemini", {"gemini-log-chat-context.jsonl"}, 1, {10, 4, 0, 0, 0, 1}, {2, 1, 1, 0, 0}},
    {"gemini", {"gemini-log-legacy-chat.json"}, 1, {5, 143, 5, 0, 0, 123}, {1, 1, 0, 0, 0}},
    {"gemini", {"gemini-log-legacy-warning.json"}, 1, {10, 25, 0, 0, 0, 5}, {1, 1, 0, 0, 0}},
    {"qwen", {"qwen-log-session.jsonl"}, 2, {1050, 25, 50, 0, 0, 0}, {8, 2, 6, 0, 0}},
    {"droid", {"droid-log-session.settings.json"}, 1, {101, 51, 11, 7, 0, 5}, {1, 1, 0, 0, 0}},
    {"droid", {"droid-log-session-anthropic.settings.json"}, 1, {100, 50, 10, 20, 0, 5}, {1, 1, 0, 0, 0}},
    {"droid", {"droid-log-session.jsonl"}, 1, {0}, {4, 1, 3, 0, 0}},
};

/* Calls `look` for every file of every platform. */
static void each_file(void (*look)(const char *platform, const char *file, const struct buffer *text))
{
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        if (samples[i].files[1])
            continue; /* each has a row of its own, or is like one that has */
        struct buffer text = read_sample(samples[i].files[0]);
        look(samples[i].platform, samples[i].files[0], &text);
        buffer_free(&text);
    }
}

static void add_lines(struct usage_lines *sum, const struct usage_lines *more)
{
    sum->lines += more->lines;
    sum->records += more->records;
    sum->other += more->other;
    sum->unknown += more->unknown;
    sum->bad += more->bad;
}

static void check_totals(const struct sample *sample)
{
    struct taken taken;
    struct usage_lines lines = {0}, of_file;
    int64_t sum[USAGE_COUNTS];
    taken_begin(&taken);
    for (size_t i = 0; i < FILES_MAX && sample->files[i]; i++) {
        struct buffer text = read_sample(sample->files[i]);
        read_log(&taken, sample->platform, sample->files[i], text.data, text.length, text.length, &of_file);
        add_lines(&lines, &of_file);
        buffer_free(&text);
    }
    totals(&taken, sum);
    if (taken.count != sample->calls || memcmp(sum, sample->totals, sizeof sum) != 0 ||
        memcmp(&lines, &sample->lines, sizeof lines) != 0) {
        print_message("%s", buffer_string(&taken.brief));
        fail_msg("%s: %zu calls, %lld lines, %lld records, %lld other, %lld unknown, %lld bad", sample->files[0],
                 taken.count, lines.lines, lines.records, lines.other, lines.unknown, lines.bad);
    }
    taken_end(&taken);
}

static void totals_are_those_of_the_readme(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check_totals(&samples[i]);
}

/* The calls of sub-agents in progress lines add to what the session's own lines say, and nothing of what it says. */
static void progress_lines_add_only_copies(void **state)
{
    static const int64_t expected[USAGE_COUNTS] = {15, 3440, 447341, 134309, 0, 0};
    (void)state;
    struct buffer text = read_sample(CLAUDE("real-main")), own;
    buffer_init(&own, MIB);
    for (const char *line = text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const char *found = strstr(line, "\"type\":\"progress\"");
        if (!found || found > end)
            buffer_append(&own, line, (size_t)(end - line) + 1);
    }
    struct taken taken;
    int64_t sum[USAGE_COUNTS];
    taken_begin(&taken);
    read_log(&taken, "claude", NULL, own.data, own.length, own.length, NULL);
    totals(&taken, sum);
    assert_int_equal(taken.records, 22);
    assert_int_equal(taken.count, 9);
    assert_memory_equal(sum, expected, sizeof sum);
    taken_end(&taken);
    buffer_free(&own);
    buffer_free(&text);
}

/* What the lines of a call say of it beside its numbers. */
static void the_rest_of_a_record(void **state)
{
    static const struct {
        const char *platform, *file, *line;
    } cases[] = {
        {"claude", CLAUDE("real-subagent-acompact"),
         "log claude message:msg_01Sample0014 3/8/164830/8681/0/0 @1770928228082000 request=req_011Sample0013"
         " session=00000000-0000-4000-8000-000000000002 model=claude-opus-4-6 project=/home/dev/projects/demo"
         " branch=feature-x agent=acompact-e1f845 sidechain\n"},
        {"claude", CLAUDE("ccusage-alpha"),
         "log claude message:msg-alpha-2 200/75/20/50/0/0 @1767961800000000 request=req-alpha-2 session=session-alpha"
         " model=claude-opus-4-20250514 tier=fast\n"},
        {"claude", CLAUDE("progress-nested"),
         "log claude message:msg-sidechain 0/10/20/0/0/0 @1774767600000000 request=req-sidechain"
         " session=claude-log-progress-nested model=claude-sonnet-4-20250514 sidechain\n"},
        {"codex", CODEX("leaf-thread"),
         "log codex codex:leaf-thread:0:25000.18000.0.1100.250 3000/200/2000/0/0/50 @1780920120000000"
         " alike=3000.2000.0.200:leaf-thread session=leaf-thread project=/tmp/project agent=fixture\n"},
        {"codex", CODEX("real-short"),
         "log codex codex:019c0000-0000-7000-8000-000000000001:0:34469.3456.0.431.264 31013/431/3456/0/0/264"
         " @1771849192689000 alike=31013.3456.0.431:019c0000-0000-7000-8000-000000000001"
         " session=019c0000-0000-7000-8000-000000000001 model=gpt-5.3-codex provider=openai"
         " project=/home/dev/projects/demo branch=main\n"},
        {"gemini", "gemini-log-legacy-chat.json",
         "log gemini gemini:sess-123:msg-2 5/143/5/0/0/123 @1763632805000000 alike=5.5.0.143:sess-123 session=sess-123"
         " model=gemini-1.5-pro\n"},
        {"qwen", "qwen-log-session.jsonl",
         "log qwen uuid:f134fbd1-97bd-4cbe-90f3-3ecdfbbc681c 550/5/50/0/0/0 @1781534422976000"
         " alike=550.50.0.5:69f0814a-8bfc-4c8e-93d3-05757f17b96f session=69f0814a-8bfc-4c8e-93d3-05757f17b96f"
         " model=coder-model project=/tmp/qwentest\n"},
        {"droid", "droid-log-session-anthropic.settings.json",
         "log droid droid:droid-log-session-anthropic 100/50/10/20/0/5 @0 session=droid-log-session-anthropic"
         " model=Claude-Sonnet-4-[Anthropic] provider=anthropic so_far\n"},
        {"droid", "droid-log-session.jsonl",
         "log droid droid:session-1 0/0/0/0/0/0 @0 session=session-1 project=/tmp/my-project so_far\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct taken taken;
        struct buffer text = read_sample(cases[i].file);
        taken_begin(&taken);
        read_log(&taken, cases[i].platform, cases[i].file, text.data, text.length, text.length, NULL);
        if (!strstr(buffer_string(&taken.full), cases[i].line))
            fail_msg("%s: %sis not in\n%s", cases[i].file, cases[i].line, buffer_string(&taken.full));
        taken_end(&taken);
        buffer_free(&text);
    }
}

/* ---- however it is cut ---- */

static void expect_same(const char *file, const struct taken *expected, const struct taken *found, const char *how)
{
    if (strcmp(buffer_string(&expected->full), buffer_string(&found->full)) != 0 ||
        strcmp(buffer_string(&expected->bad), buffer_string(&found->bad)) != 0)
        fail_msg("%s: not the same %s:\n%s\n%s", file, how, buffer_string(&expected->full),
                 buffer_string(&found->full));
}

static void look_in_pieces(const char *platform, const char *file, const struct buffer *text)
{
    static const size_t steps[] = {1, 2, 3, 7, 64, 1000};
    struct taken whole, parts;
    struct usage_lines lines, of_parts;
    taken_begin(&whole);
    read_log(&whole, platform, file, text->data, text->length, text->length, &lines);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        taken_begin(&parts);
        read_log(&parts, platform, file, text->data, text->length, steps[i], &of_parts);
        expect_same(file, &whole, &parts, "in pieces");
        assert_memory_equal(&lines, &of_parts, sizeof lines);
        taken_end(&parts);
    }
    taken_end(&whole);
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    each_file(look_in_pieces);
}

/* Stops after `cut` bytes, and goes on from where that reader says with a new one. */
static void look_in_two(const char *platform, const char *file, const struct buffer *text, size_t cut,
                        struct taken *taken, struct usage_lines *lines)
{
    char kept[USAGE_STATE_MAX];
    struct usage_reader *reader = usage_reader_new(platform, file, NULL, take_down, take_down_bad, taken);
    assert_true(usage_reader_feed(reader, text->data, cut));
    assert_true(usage_reader_end(reader, false));
    long long position = usage_reader_position(reader);
    assert_true(position >= 0 && (size_t)position <= cut);
    assert_true(position == 0 || text->data[position - 1] == '\n' || (size_t)position == text->length);
    assert_true(strlen(usage_reader_state(reader)) < sizeof kept);
    snprintf(kept, sizeof kept, "%s", usage_reader_state(reader));
    *lines = *usage_reader_lines(reader);
    usage_reader_free(reader);

    reader = usage_reader_new(platform, file, kept, take_down, take_down_bad, taken);
    assert_non_null(reader);
    assert_int_equal(usage_reader_position(reader), position);
    assert_string_equal(usage_reader_state(reader), kept);
    assert_true(usage_reader_feed(reader, text->data + position, text->length - (size_t)position));
    assert_true(usage_reader_end(reader, true));
    assert_int_equal(usage_reader_position(reader), text->length);
    add_lines(lines, usage_reader_lines(reader));
    usage_reader_free(reader);
}

static void look_at_each_line(const char *platform, const char *file, const struct buffer *text)
{
    struct taken whole, parts;
    struct usage_lines lines, of_parts;
    taken_begin(&whole);
    read_log(&whole, platform, file, text->data, text->length, text->length, &lines);
    for (size_t at = 0; at < text->length; at++) {
        if (text->data[at] != '\n')
            continue;
        taken_begin(&parts);
        look_in_two(platform, file, text, at + 1, &parts, &of_parts);
        if (strstr(file, ".jsonl")) {
            expect_same(file, &whole, &parts, "when it goes on at a line");
            assert_memory_equal(&lines, &of_parts, sizeof lines);
        }
        assert_int_equal(whole.count, parts.count);
        assert_memory_equal(whole.calls, parts.calls, sizeof whole.calls);
        taken_end(&parts);
    }
    taken_end(&whole);
}

static void it_goes_on_at_any_line(void **state)
{
    (void)state;
    each_file(look_at_each_line);
}

/* In the middle of a line it is left for next time. What it gave already, of a list, it gives again. */
static void look_at_some_bytes(const char *platform, const char *file, const struct buffer *text)
{
    struct taken whole, parts;
    struct usage_lines lines;
    size_t step = text->length / repeated(40) + 1;
    taken_begin(&whole);
    read_log(&whole, platform, file, text->data, text->length, text->length, NULL);
    for (size_t cut = step / 2; cut < text->length; cut += step) {
        taken_begin(&parts);
        look_in_two(platform, file, text, cut, &parts, &lines);
        assert_int_equal(whole.count, parts.count);
        assert_memory_equal(whole.calls, parts.calls, sizeof whole.calls);
        assert_string_equal(buffer_string(&whole.bad), buffer_string(&parts.bad));
        taken_end(&parts);
    }
    taken_end(&whole);
}

static void a_line_that_is_being_written_is_left(void **state)
{
    (void)state;
    each_file(look_at_some_bytes);
}

/* The same file as other programs write it. */
static void look_dressed_up(const char *platform, const char *file, const struct buffer *text)
{
    struct taken whole, dressed;
    struct usage_lines lines, of_dressed;
    struct buffer crlf, bare = *text;
    buffer_init(&crlf, 2 * MIB);
    buffer_text(&crlf, "\xEF\xBB\xBF");
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] == '\n')
            buffer_char(&crlf, '\r');
        buffer_char(&crlf, text->data[i]);
    }
    while (bare.length > 0 && bare.data[bare.length - 1] == '\n')
        bare.length--;
    const struct buffer *const others[] = {&crlf, &bare};
    taken_begin(&whole);
    read_log(&whole, platform, file, text->data, text->length, text->length, &lines);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        taken_begin(&dressed);
        read_log(&dressed, platform, file, others[i]->data, others[i]->length, 11, &of_dressed);
        expect_same(file, &whole, &dressed, i ? "without an end of its last line" : "with CRLF and a byte-order mark");
        assert_memory_equal(&lines, &of_dressed, sizeof lines);
        taken_end(&dressed);
    }
    taken_end(&whole);
    buffer_free(&crlf);
}

static void other_ends_of_lines(void **state)
{
    (void)state;
    each_file(look_dressed_up);
}

/* Where the file's name is not known, its first line tells of which form it is. */
static void look_nameless(const char *platform, const char *file, const struct buffer *text)
{
    struct taken named, nameless;
    struct usage_lines lines, of_nameless;
    if (strcmp(platform, "droid") == 0 && strstr(file, ".settings.json"))
        return; /* its name is the session's */
    taken_begin(&named);
    taken_begin(&nameless);
    read_log(&named, platform, file, text->data, text->length, text->length, &lines);
    read_log(&nameless, platform, NULL, text->data, text->length, 13, &of_nameless);
    assert_memory_equal(&lines, &of_nameless, sizeof lines);
    assert_int_equal(named.count, nameless.count);
    for (size_t i = 0; i < named.count; i++)
        assert_memory_equal(named.calls[i].counts, nameless.calls[i].counts, sizeof named.calls[i].counts);
    taken_end(&named);
    taken_end(&nameless);
}

static void names_are_not_needed(void **state)
{
    (void)state;
    each_file(look_nameless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_those_of_the_readme),
        cmocka_unit_test(progress_lines_add_only_copies),
        cmocka_unit_test(the_rest_of_a_record),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(it_goes_on_at_any_line),
        cmocka_unit_test(a_line_that_is_being_written_is_left),
        cmocka_unit_test(other_ends_of_lines),
        cmocka_unit_test(names_are_not_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
