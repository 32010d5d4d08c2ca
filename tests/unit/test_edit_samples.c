/* What holds for every edit of every value, over the files in tests/samples/native, or those named on the command line, each also
 * with CRLF, with a byte-order mark, and without a newline at the end. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../edit_at.h"
#include "../test.h"
#include "buffer.h"
#include "json.h"
#include "util.h"

#define FOLDER "tests/samples/native"

enum { FILES_MAX = 200, STEPS_MAX = EDIT_MAX_NESTING + 2 };

static char *files[FILES_MAX];
static size_t file_count;

struct sample {
    const char *name;
    enum edit_format format;
    const char *text;
    size_t length;
    struct arena *arena;
    struct edit_document *document; /* without edits */
};

/* ---- files ---- */

static bool format_of(const char *name, enum edit_format *format)
{
    static const struct {
        const char *ending;
        enum edit_format format;
    } endings[] = {{".json", EDIT_JSON}, {".jsonc", EDIT_JSONC}, {".toml", EDIT_TOML}, {".md", EDIT_FRONT_MATTER}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_SIZE(endings); i++)
        if (strcmp(dot, endings[i].ending) == 0) {
            *format = endings[i].format;
            return true;
        }
    return false;
}

static void find_files(void)
{
    DIR *folder = opendir(FOLDER);
    if (!folder) {
        perror(FOLDER);
        exit(1);
    }
    for (const struct dirent *entry; (entry = readdir(folder)) && file_count < FILES_MAX;) {
        enum edit_format format;
        char path[512];
        if (!format_of(entry->d_name, &format) || strcmp(entry->d_name, "README.md") == 0)
            continue;
        snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
        files[file_count++] = strdup(path);
    }
    closedir(folder);
}

static void read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    char bytes[4096];
    size_t count;

    if (!file)
        fail_msg("cannot read %s", path);
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0)
        buffer_append(out, bytes, count);
    fclose(file);
}

/* ---- helpers ---- */

static struct edit_document *opened(const struct sample *sample, const char *text, size_t length)
{
    struct edit_error error;
    struct edit_document *document = edit_open(sample->arena, sample->format, text, length, &error);
    if (!document)
        fail_msg("%s: line %u, column %u: %s\n%.*s", sample->name, error.line, error.column, error.message, (int)length,
                 text);
    return document;
}

static const char *text_of(const struct sample *sample, const struct edit_document *document, size_t *length)
{
    struct edit_error error;
    const char *text = edit_text(document, length, &error);
    if (!text)
        fail_msg("%s: line %u, column %u: %s", sample->name, error.line, error.column, error.message);
    return text;
}

static void expect_original(const struct sample *sample, const char *text, size_t length, const char *what)
{
    if (length != sample->length || memcmp(text, sample->text, length) != 0)
        fail_msg("%s: %s\n---- was\n%s\n---- is\n%.*s", sample->name, what, sample->text, (int)length, text);
}

static const char *shown(const struct sample *sample, const char *const *path)
{
    const char *text = "";
    for (; *path; path++)
        text = arena_printf(sample->arena, "%s/%s", text, *path);
    return text;
}

typedef void (*visit)(const struct sample *sample, const char *const *path, const json_t *value);

/* Whether it is this value's turn: every one's, but of a share only (test.h). */
static bool has_turn(void)
{
    enum { OF = 1000 };
    static size_t seen;
    return seen++ % (OF / repeated(OF)) == 0;
}

/* Calls `what` for every value but the whole. */
static void each_value(const struct sample *sample, const char **path, size_t steps, const json_t *value, visit what)
{
    const char *name;
    json_t *child;
    size_t i;

    struct arena_mark mark = arena_mark(sample->arena);
    path[steps] = NULL;
    if (steps && has_turn())
        what(sample, path, value);
    arena_release(sample->arena, mark);
    path[steps + 1] = NULL;
    if (json_is_object(value) && !json_object_get(value, "$toml")) {
        json_object_foreach((json_t *)(uintptr_t)value, name, child)
        {
            path[steps] = name;
            each_value(sample, path, steps + 1, child, what);
        }
    }
    json_array_foreach(value, i, child)
    {
        path[steps] = arena_printf(sample->arena, "%zu", i);
        each_value(sample, path, steps + 1, child, what);
    }
    path[steps] = NULL;
}

static bool is_scalar(const json_t *value)
{
    return (!json_is_object(value) && !json_is_array(value)) || json_object_get(value, "$toml");
}

/* Of front matter a list or mapping is written anew as a whole, and of TOML a table on one line that has dotted keys. */
static bool inside_piece(const struct sample *sample, const char *const *path)
{
    return path[1] && sample->format >= EDIT_TOML;
}

/* ---- what holds ---- */

/* Another value: what was there before and behind it still is. */
static void replaced(const struct sample *sample, const char *const *path, const json_t *value)
{
    struct edit_document *document = opened(sample, sample->text, sample->length);
    struct edit_error error;
    size_t length, head = 0, tail = 0;

    if (!is_scalar(value))
        return;
    assert_true(set_at(document, path, json_string("other \"value\"\n"), &error));
    const char *text = text_of(sample, document, &length);
    while (head < length && head < sample->length && text[head] == sample->text[head])
        head++;
    while (tail + head < length && tail + head < sample->length &&
           text[length - 1 - tail] == sample->text[sample->length - 1 - tail])
        tail++;
    size_t most = 2 * strlen(json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII)) + 40;
    if (!inside_piece(sample, path) && (sample->length - head - tail > most || length - head - tail > 40))
        fail_msg("%s: %s touches more than its value\n%s", sample->name, shown(sample, path), text);
    assert_true(json_equal(value_at(opened(sample, text, length), path), json_string("other \"value\"\n")));
}

/* Taken away and put there again, it is all as it was but for places. */
static void removed(const struct sample *sample, const char *const *path, const json_t *value)
{
    struct edit_document *document = opened(sample, sample->text, sample->length);
    struct edit_error error;
    size_t length, steps = 0;

    while (path[steps + 1])
        steps++;
    assert_true(remove_at(document, path));
    const char *text = text_of(sample, document, &length);
    document = opened(sample, text, length);
    const char **parent = arena_array(sample->arena, steps + 1, sizeof *parent);
    memcpy(parent, path, steps * sizeof *parent);
    if (json_is_array(value_at(document, parent)))
        return; /* it would come last */
    if (!set_at(document, path, value, &error))
        fail_msg("%s: %s: %s", sample->name, shown(sample, path), error.message);
    text = text_of(sample, document, &length);
    if (!json_equal(edit_value(opened(sample, text, length)), edit_value(sample->document)))
        fail_msg("%s: %s is not what it was\n%s", sample->name, shown(sample, path), text);
}

/* Something new in it, taken away again, leaves no trace, unless nothing was in it but white space. */
static void extended(const struct sample *sample, const char *const *path, const json_t *value)
{
    struct edit_document *document = opened(sample, sample->text, sample->length);
    const char **inner;
    struct edit_error error;
    size_t length, steps = 0;

    if (is_scalar(value))
        return;
    while (path[steps])
        steps++;
    inner = arena_array(sample->arena, steps + 2, sizeof *inner);
    memcpy(inner, path, steps * sizeof *inner);
    inner[steps] = json_is_object(value) ? "new \"one\"" : "-";
    if (!set_at(document, inner, json_pack("{s:[i, i], s:{s:s}}", "a", 1, 2, "b", "c", "d"), &error))
        fail_msg("%s: %s: %s", sample->name, shown(sample, path), error.message);
    const char *text = text_of(sample, document, &length);
    document = opened(sample, text, length);
    if (json_is_array(value))
        inner[steps] = arena_printf(sample->arena, "%zu", json_array_size(value));
    assert_true(remove_at(document, inner));
    text = text_of(sample, document, &length);
    if (json_object_size(value) + json_array_size(value) > 0 && sample->format != EDIT_FRONT_MATTER)
        expect_original(sample, text, length,
                        arena_printf(sample->arena, "%s extended and shortened", shown(sample, path)));
    assert_true(json_equal(edit_value(opened(sample, text, length)), edit_value(sample->document)));
}

static void renamed(const struct sample *sample, const char *const *path, const json_t *value)
{
    struct edit_document *document = opened(sample, sample->text, sample->length);
    struct edit_error error;
    size_t length, steps = 0;

    while (path[steps + 1])
        steps++;
    if (!edit_rename(document, path, "a \"new\" name", &error))
        return; /* an element of a list */
    const char *text = text_of(sample, document, &length);
    document = opened(sample, text, length);
    const char **other = arena_array(sample->arena, steps + 2, sizeof *other);
    memcpy(other, path, steps * sizeof *other);
    other[steps] = "a \"new\" name";
    assert_true(json_equal(value_at(document, other), value));
    assert_true(edit_rename(document, other, path[steps], &error));
    text = text_of(sample, document, &length);
    assert_true(json_equal(edit_value(opened(sample, text, length)), edit_value(sample->document)));
}

/* All edits in one document, each member taken away before the next one comes, then all put back at once. */
static void emptied(const struct sample *sample)
{
    struct edit_document *document = opened(sample, sample->text, sample->length);
    json_t *whole = json_deep_copy(edit_value(sample->document));
    const char *name;
    json_t *value;
    struct edit_error error;
    size_t length;

    json_object_foreach(whole, name, value)
    {
        assert_true(remove_at(document, EDIT_PATH(name)));
        text_of(sample, document, &length);
    }
    const char *text = text_of(sample, document, &length);
    document = opened(sample, text, length);
    assert_int_equal(json_object_size(edit_value(document)), 0);
    assert_true(edit_set(document, whole, &error));
    text = text_of(sample, document, &length);
    assert_true(json_equal(edit_value(opened(sample, text, length)), whole));
}

static void check_text(const char *name, enum edit_format format, const char *text, size_t length)
{
    static const visit visits[] = {replaced, removed, extended, renamed};
    struct sample sample = {name, format, text, length, arena_new(1024 * MIB), NULL};
    const char *path[STEPS_MAX];
    struct edit_error error;
    size_t same;

    json_use_arena(sample.arena);
    sample.document = opened(&sample, text, length);
    const char *written = text_of(&sample, sample.document, &same);
    expect_original(&sample, written, same, "not edited");
    struct edit_document *document = opened(&sample, text, length);
    assert_true(edit_set(document, edit_value(sample.document), &error));
    written = text_of(&sample, document, &same);
    expect_original(&sample, written, same, "set to what it was");

    for (size_t i = 0; i < ARRAY_SIZE(visits); i++)
        each_value(&sample, path, 0, edit_value(sample.document), visits[i]);
    emptied(&sample);
    json_use_arena(NULL);
    arena_free(sample.arena);
}

static void test_every_edit_of_every_sample(void **state)
{
    (void)state;
    for (size_t i = 0; i < file_count; i++) {
        struct buffer plain, other;
        enum edit_format format = EDIT_JSON;

        format_of(files[i], &format);
        buffer_init(&plain, MIB);
        buffer_init(&other, 2 * MIB);
        read_file(files[i], &plain);
        check_text(files[i], format, buffer_string(&plain), plain.length);

        buffer_text(&other, "\xef\xbb\xbf");
        for (size_t at = 0; at < plain.length; at++)
            buffer_append(&other, plain.data[at] == '\n' ? "\r\n" : plain.data + at, plain.data[at] == '\n' ? 2 : 1);
        check_text(files[i], format, buffer_string(&other), other.length);

        while (plain.length && plain.data[plain.length - 1] == '\n')
            buffer_cut(&plain, plain.length - 1);
        check_text(files[i], format, buffer_string(&plain), plain.length);
        buffer_free(&plain);
        buffer_free(&other);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_edit_of_every_sample),
    };
    for (int i = 1; i < count && file_count < FILES_MAX; i++)
        files[file_count++] = strdup(arguments[i]);
    if (count == 1)
        find_files();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
