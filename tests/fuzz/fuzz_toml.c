/* Fuzzer for TOML: whatever parses must come out of writing and parsing again as the same tree, order included, and falls into parts
 * that say the same. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "buffer.h"
#include "native_file.h"
#include "toml.h"
#include "toml_parts.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf exhausted;
static json_t *held; /* not a local: it must survive the longjmp */

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(exhausted, 1);
}

/* NULL cannot happen for a parsed tree: its strings are valid UTF-8. */
static char *json_of(const struct toml *root)
{
    json_t *json = toml_to_json(root);
    if (!json)
        abort();
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (!text)
        abort();
    return text;
}

static void expect_same(const struct toml *a, const struct toml *b)
{
    char *first = json_of(a);
    char *second = json_of(b);
    if (strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
}

/* Together they are the text, and each by itself says what it says among the others. */
static void expect_parts(struct arena *arena, const char *text, size_t size, const struct toml *root)
{
    struct toml_part *parts;
    struct toml_error error;
    const char *end = text;
    size_t count = toml_parts(arena, text, size, root, &parts);
    for (size_t i = 0; i < count; i++) {
        const struct toml *node = parts[i].first, *alone = toml_parse(arena, parts[i].text, parts[i].length, &error);
        if (parts[i].text != end || !alone)
            abort();
        end += parts[i].length;
        const struct toml *said = alone->first;
        for (size_t n = 0; n < parts[i].count; n++, node = node->next, said = said->next) {
            if (!said || strcmp(said->key, node->key) != 0)
                abort();
            expect_same(said, node);
        }
        if (said)
            abort();
    }
    if (end != text + size)
        abort();
}

static void round_trip(struct arena *arena, const char *text, size_t size, struct buffer *out)
{
    struct toml_error error;
    struct toml *root = toml_parse(arena, text, size, &error);

    if (!root) {
        if (!error.message[0] || !utf8_valid(error.message, strlen(error.message)))
            abort();
        return;
    }
    native_toml(root);
    expect_parts(arena, text, size, root);
    toml_write(out, root);
    struct toml *again = toml_parse(arena, buffer_string(out), out->length, &error);
    if (!again)
        abort();
    expect_same(root, again);

    held = toml_to_json(root);
    expect_same(root, toml_from_json(arena, NULL, NULL, held));
}

/* The first byte picks how much memory there is, so that running out halfway is tried too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(data[0] == '!' ? 8 * KIB : 256 * MIB);
    struct buffer out;

    buffer_init(&out, 64 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    if (setjmp(exhausted) == 0)
        round_trip(arena, (const char *)data + 1, size - 1, &out);
    json_decref(held);
    held = NULL;
    buffer_free(&out);
    arena_free(arena);
    return 0;
}
