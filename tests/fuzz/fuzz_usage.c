/* Fuzzer for the readers of usage: whatever a file holds, what is made of it does not depend on how it is cut, and going on from where a
 * reader stopped gives what reading it at once does. The first byte picks the platform and the file's name, the second how it is cut, the
 * third where; the rest is the file. */
#include <stdio.h>

#include "usage_fuzzer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 3 };

struct file {
    const char *platform, *name, *bytes;
    size_t length;
};

static void count_bad(void *context, long long line, const char *why)
{
    (void)context;
    expect(line > 0 && *why);
}

static void check_reader(struct usage_reader *reader, const struct file *file, const struct seen *seen)
{
    const struct usage_lines *lines = usage_reader_lines(reader);
    long long position = usage_reader_position(reader);
    expect(position >= 0 && (size_t)position <= file->length);
    expect(strlen(usage_reader_state(reader)) < USAGE_STATE_MAX);
    expect(lines->records <= seen->records && lines->other + lines->unknown + lines->bad <= lines->lines);
}

/* Reads all from `from` on in pieces; the state at the end goes to `state`. */
static struct usage_lines read_rest(const struct file *file, size_t from, size_t step, const char *before,
                                    struct seen *seen, char state[USAGE_STATE_MAX])
{
    struct usage_reader *reader = usage_reader_new(file->platform, file->name, before, see_record, count_bad, seen);
    expect(reader != NULL);
    for (size_t at = from; at < file->length; at += step)
        expect(usage_reader_feed(reader, file->bytes + at, file->length - at < step ? file->length - at : step));
    expect(usage_reader_end(reader, true));
    check_reader(reader, file, seen);
    expect(usage_reader_position(reader) == (long long)file->length);
    snprintf(state, USAGE_STATE_MAX, "%s", usage_reader_state(reader));
    struct usage_lines lines = *usage_reader_lines(reader);
    usage_reader_free(reader);
    return lines;
}

/* Stops at `cut`, and goes on. */
static void read_in_two(const struct file *file, size_t cut, const struct seen *whole, const char *end, bool lists)
{
    struct seen seen = {0};
    char state[USAGE_STATE_MAX], end_state[USAGE_STATE_MAX];
    struct usage_reader *reader = usage_reader_new(file->platform, file->name, NULL, see_record, count_bad, &seen);
    expect(reader && usage_reader_feed(reader, file->bytes, cut) && usage_reader_end(reader, false));
    check_reader(reader, file, &seen);
    long long position = usage_reader_position(reader);
    expect((size_t)position <= cut);
    snprintf(state, sizeof state, "%s", usage_reader_state(reader));
    usage_reader_free(reader);
    read_rest(file, (size_t)position, file->length + 1, state, &seen, end_state);
    if (lists) /* what a list gave before the cut is given again */
        return;
    expect(seen.hash == whole->hash && seen.records == whole->records && strcmp(end, end_state) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const platforms[] = {"claude", "codex", "gemini", "qwen", "droid"};
    static const char *const names[] = {NULL, "/x/00000000-0000-4000-8000-000000000001.jsonl", "/x/s.settings.json"};
    if (size < HEAD)
        return 0;
    const struct file file = {platforms[data[0] % ARRAY_SIZE(platforms)],
                              names[data[0] / ARRAY_SIZE(platforms) % ARRAY_SIZE(names)], (const char *)data + HEAD,
                              size - HEAD};
    struct seen whole = {0}, parts = {0};
    char state[USAGE_STATE_MAX], other[USAGE_STATE_MAX];
    struct usage_lines lines = read_rest(&file, 0, file.length + 1, NULL, &whole, state);
    struct usage_lines again = read_rest(&file, 0, (size_t)data[1] % 32 + 1, NULL, &parts, other);
    expect(whole.hash == parts.hash && memcmp(&lines, &again, sizeof lines) == 0 && strcmp(state, other) == 0);
    bool lists = strcmp(file.platform, "gemini") == 0 || strcmp(file.platform, "droid") == 0;
    read_in_two(&file, file.length * data[2] / 255, &whole, state, lists);
    return 0;
}
