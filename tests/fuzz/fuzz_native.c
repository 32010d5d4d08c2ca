/* Fuzzer for native files: what opens and is not changed comes out byte for byte; what is left and what was taken add up without a
 * crash; whatever is changed, added and removed makes a text that opens again, or an error.
 *
 * The first byte picks the file, the second how many changes there are; each takes two bytes: what, and which. The rest is the text. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "json.h"
#include "native.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGES_MAX = 12, ITEMS_TRIED = 64 };

static const struct file {
    unsigned platform;
    const char *path;
} files[] = {
    {ON_CLAUDE, ".mcp.json"},
    {ON_CLAUDE, ".claude/settings.json"},
    {ON_CLAUDE, ".claude/agents/a/b.md"},
    {ON_CLAUDE, ".claude/commands/b.md"},
    {ON_CLAUDE, "CLAUDE.md"},
    {ON_CODEX, ".codex/config.toml"},
    {ON_CODEX, ".codex/agents/a.toml"},
    {ON_GEMINI, ".gemini/settings.json"},
    {ON_GEMINI, ".gemini/commands/a/b.toml"},
    {ON_QWEN, ".qwen/settings.json"},
    {ON_IFLOW, ".iflow/settings.json"},
    {ON_DROID, ".factory/settings.json"},
    {ON_DROID, ".factory/mcp.json"},
    {ON_DROID, ".factory/hooks.json"},
    {ON_DROID, ".factory/droids/a.md"},
    {ON_CODEX, ".codex/auth.json"},
    {ON_CLAUDE, ".claude/skills/a/SKILL.md"},
};

static jmp_buf exhausted;

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(exhausted, 1);
}

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static struct native_document *opened(struct arena *arena, const struct file *file, const char *text, size_t length)
{
    struct edit_error error;
    struct native_document *document = native_open(arena, file->platform, file->path, text, length, &error);
    expect(document || error.message[0]);
    return document;
}

/* The values of some resource of the kind, and some that no resource here has. */
static json_t *other_values(const struct native_document *document, const struct native_item *item, unsigned which)
{
    const struct native_member *members = item->place->members;
    size_t count = 0;
    json_t *values = json_copy(document->items[which % document->count].values);
    if (strcmp(document->items[which % document->count].place->kind, item->place->kind) != 0)
        values = json_copy(item->values);
    while (members[count].key)
        count++;
    const char *column = members[which % count].column;
    if (!column || which % 3 == 0)
        return values;
    json_t *old = json_object_get(values, column);
    json_object_set_new(values, column,
                        json_is_object(old)    ? json_pack("{s:s, s:s}", "A", "${A}", "Authorization", "Bearer ${B}")
                        : json_is_array(old)   ? json_pack("[s, s]", "x, y", "z")
                        : json_is_integer(old) ? json_integer(which * 250)
                        : json_is_string(old)  ? json_string(which % 2 ? "a \"b\"\n\n# c: 'd'" : "http")
                                               : json_null());
    return values;
}

static void change(struct native_document *document, bool *gone, unsigned what, unsigned which)
{
    size_t at = which % document->count;
    struct native_item *item = &document->items[at];
    json_t *values = other_values(document, item, what / 4);
    if (gone[at])
        return;
    if (what % 4 == 0 ||
        !native_change(document, item, what % 4 == 1 ? "new \"name\"" : item->name, values, what % 4 != 2)) {
        if (!native_is_file(item->place))
            native_remove(document, item);
    }
    gone[at] = true; /* once each: a document is changed from what it said when it was read */
    const struct native_place *place = native_place_for(document, item->place->platforms, item->place->kind, values);
    if (place)
        native_add(document, place, what % 5 ? "added" : "x.\"y z\"", values, what % 3 != 0);
}

static void try_file(struct arena *arena, const struct file *file, const uint8_t *changes, size_t count,
                     const char *text, size_t length)
{
    size_t same;
    struct edit_error error;
    struct native_document *document = opened(arena, file, text, length);
    if (!document)
        return;
    const char *written = native_text(document, &same, &error);
    expect(written && same == length && memcmp(written, text, length) == 0);

    struct native_document *taken = opened(arena, file, text, length);
    native_left(taken, NULL);
    for (size_t i = 0; i < taken->count && i < ITEMS_TRIED; i++)
        native_take(taken, &taken->items[i]);
    native_left(taken, NULL);

    bool *gone = arena_array(arena, document->count + 1, sizeof *gone);
    for (size_t i = 0; i < count && document->count; i++)
        change(document, gone, changes[2 * i], changes[2 * i + 1]);
    written = native_text(document, &same, &error);
    expect(written ? opened(arena, file, written, same) != NULL : error.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t count = data[1] % CHANGES_MAX;
    if (size < 2 + 2 * count)
        return 0;
    struct arena *arena = arena_new(64 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    json_use_arena(arena);
    if (setjmp(exhausted) == 0) {
        size_t length = size - 2 - 2 * count;
        char *text = arena_strndup(arena, (const char *)data + 2 + 2 * count, length);
        try_file(arena, &files[data[0] % ARRAY_SIZE(files)], data + 2, count, text, length);
    }
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}
