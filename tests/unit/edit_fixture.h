/* One document that a test edits, and what is expected of it. */
#pragma once

#include <string.h>

#include "../edit_at.h"
#include "../test.h"
#include "json.h"
#include "util.h"

static struct arena *arena;
static struct edit_document *document;
static enum edit_format format;

__attribute__((unused)) static int edit_setup(enum edit_format of)
{
    arena = arena_new(256 * MIB);
    json_use_arena(arena);
    format = of;
    return 0;
}

__attribute__((unused)) static int teardown(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

__attribute__((unused)) static void open_text(const char *text)
{
    struct edit_error error;
    document = edit_open(arena, format, text, strlen(text), &error);
    if (!document)
        fail_msg("line %u, column %u: %s\n%s", error.line, error.column, error.message, text);
}

__attribute__((unused)) static void set(const char *const *path, const char *json)
{
    struct edit_error error;
    struct json_failure failure;
    json_t *value = json_parse(json, strlen(json), &failure);
    assert_non_null(value);
    if (!set_at(document, path, value, &error))
        fail_msg("line %u, column %u: %s", error.line, error.column, error.message);
}

__attribute__((unused)) static void expect(const char *text)
{
    struct edit_error error;
    size_t length;
    const char *written = edit_text(document, &length, &error);
    if (!written)
        fail_msg("line %u, column %u: %s", error.line, error.column, error.message);
    assert_int_equal(length, strlen(written));
    assert_string_equal(written, text);
}

__attribute__((unused)) static void expect_error(const char *text, unsigned line, unsigned column, const char *part)
{
    struct edit_error error;
    assert_null(edit_open(arena, format, text, strlen(text), &error));
    if (!strstr(error.message, part) || error.line != line || error.column != column)
        fail_msg("%u:%u: %s: of %s", error.line, error.column, error.message, text);
}
