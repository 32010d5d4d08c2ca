/* Fuzzer for edits of configuration files: a document that opens comes out byte for byte when it is not edited, and no row of edits makes a text that does not say what it should (edit_text sees to that
 * itself: here it must not have to).
 *
 * The first byte picks the format and how much memory there is, the second how many edits there are; each takes two bytes: what,
 * and where. The rest is the document. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../edit_at.h"
#include "arena.h"
#include "json.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EDITS_MAX = 12, STEPS_MAX = EDIT_MAX_NESTING + 4 };

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

static void expect_sound_error(const struct edit_error *error)
{
    expect(error->message[0] && utf8_valid(error->message, strlen(error->message)));
}

/* ---- a place in the document ---- */

struct place {
    struct arena *arena;
    size_t left; /* values to pass */
    const char *path[STEPS_MAX];
    json_t *value;
};

/* Finds the value that comes after `left` others; true when it is in this one. */
static bool find(struct place *place, size_t steps, json_t *value)
{
    const char *name;
    json_t *child;
    size_t i;

    place->path[steps] = NULL;
    place->value = value;
    if (place->left-- == 0)
        return true;
    json_object_foreach(value, name, child)
    {
        place->path[steps] = name;
        if (find(place, steps + 1, child))
            return true;
    }
    json_array_foreach(value, i, child)
    {
        place->path[steps] = arena_printf(place->arena, "%zu", i);
        if (find(place, steps + 1, child))
            return true;
    }
    return false;
}

static size_t count_values(json_t *value)
{
    size_t count = 1, i;
    const char *name;
    json_t *child;

    json_object_foreach(value, name, child) count += count_values(child);
    json_array_foreach(value, i, child) count += count_values(child);
    return count;
}

static struct place place_at(struct arena *arena, const struct edit_document *document, size_t number)
{
    struct place place = {.arena = arena};
    json_t *whole = json_deep_copy(edit_value(document));

    place.left = number % count_values(whole);
    expect(find(&place, 0, whole));
    return place;
}

static void append(struct place *place, const char *name)
{
    size_t steps = 0;
    while (place->path[steps])
        steps++;
    place->path[steps] = name;
    place->path[steps + 1] = NULL;
}

/* ---- edits ---- */

static void edit_once(struct arena *arena, struct edit_document *document, unsigned what, size_t where)
{
    struct place place = place_at(arena, document, where);
    struct edit_error error = {0};
    bool done = true;

    switch (what % 8) {
    case 0:
        done = set_at(document, place.path, json_string("a \"b\" 'c'\n\\d: #"), &error);
        break;
    case 1:
        done = set_at(document, place.path, json_pack("{s:[i, b], s:{s:f}}", "x", 1, 0, "y y", "z", 1.5), &error);
        break;
    case 2:
        remove_at(document, place.path);
        return;
    case 3:
        done = edit_rename(document, place.path, what & 8 ? "a" : "n n", &error);
        break;
    case 4:
        append(&place, what & 8 ? "-" : "n.m");
        done = set_at(document, place.path, json_pack("{s:{s:i}}", "b", "c", 1), &error);
        break;
    case 5:
    case 6:
        done = set_at(document, place.path, place_at(arena, document, what >> 3).value, &error);
        break;
    default:
        append(&place, "k");
        done = set_at(document, place.path, json_integer(7), &error);
        break;
    }
    if (!done)
        expect_sound_error(&error);
}

static void expect_text(const struct edit_document *document)
{
    struct edit_error error;
    size_t length;
    expect(edit_text(document, &length, &error) || strstr(error.message, "deeper") || strstr(error.message, "longer"));
}

/* ---- one document ---- */

static void try_document(struct arena *arena, enum edit_format format, const uint8_t *edits, size_t count,
                         const char *text, size_t length)
{
    struct edit_error error;
    size_t same;
    struct edit_document *document = edit_open(arena, format, text, length, &error);

    if (!document) {
        expect_sound_error(&error);
        return;
    }
    const char *written = edit_text(document, &same, &error);
    expect(written && same == length && memcmp(written, text, length) == 0);
    expect(edit_set(document, edit_value(document), &error));
    for (size_t i = 0; i < count; i++)
        edit_once(arena, document, edits[2 * i], edits[2 * i + 1]);
    expect_text(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum edit_format formats[] = {EDIT_JSON, EDIT_JSONC, EDIT_TOML, EDIT_FRONT_MATTER};
    size_t count = size >= 2 ? data[1] % EDITS_MAX : 0;

    if (size < 2 + 2 * count)
        return 0;
    struct arena *arena = arena_new(data[0] & 0x80 ? 16 * KIB : 512 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    json_use_arena(arena);
    if (setjmp(exhausted) == 0)
        try_document(arena, formats[(data[0] & 0x7F) % ARRAY_SIZE(formats)], data + 2, count,
                     (const char *)data + 2 + 2 * count, size - 2 - 2 * count);
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}
