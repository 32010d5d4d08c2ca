/* Fuzzer for the JSON picker: it takes what Jansson takes and finds there what Jansson finds, however the text is cut, in the memory it began
 * with. The first byte says how the text is cut, the rest is the text. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "json_pick.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { A, B_C, ITEM_X, ITEM_TEXT, ITEM, DEEP, PATHS, MEMORY = 16 * KIB };
static const struct json_pick_path paths[PATHS] = {
    {"a", 60}, {"b.c", 60}, {"i[].x"}, {"i[].t", 60}, {"i[]", .ends = true}, {"b.d[][].e.f[]", 60},
};

struct found {
    bool sound;
    size_t items;
    uint64_t hash; /* of all that was found, and of each item when it ended */
    struct json_pick *pick;
};

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void add(struct found *found, const char *text)
{
    found->hash = (found->hash ^ name_hash(text ? text : "none")) * 0x100000001B3u;
}

static void add_value(struct found *found, size_t path)
{
    const char *text = json_pick_text(found->pick, path);
    if (text)
        expect(utf8_valid(text, strlen(text)) && !has_control(text) && strlen(text) <= 60);
    add(found, text);
    found->hash += json_pick_kind(found->pick, path);
}

static bool take(void *context, size_t path)
{
    struct found *found = context;
    expect(path == ITEM);
    found->items++;
    add_value(found, ITEM_X);
    add_value(found, ITEM_TEXT);
    return true;
}

static void read_in(struct arena *arena, const char *text, size_t length, size_t step, struct found *found)
{
    *found = (struct found){.sound = true};
    struct json_pick *pick = found->pick = json_pick_new(arena, paths, PATHS, take, found);
    json_pick_begin(pick);
    for (size_t at = 0; at < length && found->sound; at += step)
        found->sound = json_pick_feed(pick, text + at, length - at < step ? length - at : step);
    found->sound = found->sound && json_pick_end(pick);
    expect(found->sound == !json_pick_problem(pick));
    for (size_t i = 0; found->sound && i < PATHS; i++)
        add_value(found, i);
}

static size_t depth_of(const json_t *value)
{
    size_t deepest = 0, depth, i;
    const char *name;
    json_t *child;
    if (!json_is_object(value) && !json_is_array(value))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)value, name, child)
    {
        depth = depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach(value, i, child)
    {
        depth = depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* A text is what Jansson has, or as much of it as there is room for. */
static void compare_text(const struct found *found, size_t path, const json_t *value)
{
    enum json_pick_kind kind = json_pick_kind(found->pick, path);
    if (!json_is_string(value)) {
        expect(kind != JSON_PICK_TEXT);
        expect((kind == JSON_PICK_NONE) == !value);
        expect((kind == JSON_PICK_OBJECT) == json_is_object(value) && (kind == JSON_PICK_LIST) == json_is_array(value));
        return;
    }
    const char *text = json_pick_text(found->pick, path), *whole = json_string_value(value);
    size_t length = json_string_length(value);
    expect(kind == JSON_PICK_TEXT || kind == JSON_PICK_SPOILT);
    if (!text)
        expect(strlen(whole) != length || has_control(whole));
    else if (length <= 60)
        expect(strcmp(text, whole) == 0);
    else
        expect(strlen(text) > 56 && strncmp(text, whole, strlen(text)) == 0);
}

static void compare(const struct found *found, const char *text, size_t length)
{
    json_error_t error;
    if (memchr(text, 0, length)) /* which Jansson may take for the end */
        return;
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value && depth_of(value) <= JSON_PICK_NESTING) {
        expect(found->sound);
        compare_text(found, A, json_object_get(value, "a"));
        compare_text(found, B_C, json_object_get(json_object_get(value, "b"), "c"));
    }
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t length = size - 1;
    struct arena *arena = arena_new(2 * (size_t)MEMORY);
    struct found whole, parts;
    read_in(arena, text, length, length ? length : 1, &whole);
    compare(&whole, text, length);
    read_in(arena, text, length, data[0] % 16 + 1, &parts);
    expect(arena_used(arena) <= 2 * (size_t)MEMORY);
    expect(whole.sound == parts.sound && whole.items == parts.items && whole.hash == parts.hash);
    arena_free(arena);
    return 0;
}
