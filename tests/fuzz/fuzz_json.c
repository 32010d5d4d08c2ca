/* Fuzzer for bodies: JSON that parses must come out of writing and parsing again as the same value, and what a table lets
 * in must be what its fields promise to a handler. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "file_path.h"
#include "json.h"
#include "price_list.h"
#include "router.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { URL_MAX = 60, ENTRIES_MAX = 3 };

static const struct field profile[] = {
    {"name", FIELD_NAME, FIELD_REQUIRED | FIELD_TRIM},
    {"base_url", FIELD_URL, FIELD_REQUIRED | FIELD_TRIM, .max = URL_MAX},
    {"tags", FIELD_STRINGS, .max = ENTRIES_MAX},
    {"note", FIELD_TEXT, .min = 2, .max = 9},
    {0},
};
static const struct field numbers[] = {
    {"name", FIELD_TEXT, FIELD_TRIM},
    {"limit", FIELD_INT, .min = 1, .max = 100},
    {"any", FIELD_INT, FIELD_REQUIRED},
    {"all", FIELD_BOOL, FIELD_REQUIRED},
    {0},
};
static const struct field choices[] = {
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SECRET, .choices = "a|bc|d"},
    {"tags", FIELD_STRINGS, FIELD_REQUIRED, .choices = "x|y"},
    {"env", FIELD_MAP, .max = 3},
    {"extra", FIELD_OBJECT},
    {"rest", FIELD_OBJECTS, .max = 3},
    {"temperature", FIELD_NUMBER, .min = -1, .max = 2},
    {"files", FIELD_FILES, .max = 3},
    {"value", FIELD_JSON, .max = 100},
    {"price", FIELD_AMOUNT},
    {0},
};
static const struct field labels[] = {
    {"name", FIELD_LABEL, FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {"auth_token", FIELD_KEY, FIELD_TRIM, .max = 200},
    {"base_url", FIELD_URL, FIELD_TRIM, .max = 200},
    {0},
};
static const struct field *const tables[] = {profile, numbers, choices, labels};

static jmp_buf exhausted;

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(exhausted, 1);
}

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void round_trip(struct arena *arena, const json_t *value)
{
    struct json_failure failure;
    const char *text = json_text(arena, value);
    json_t *again = json_parse(text, strlen(text), &failure);
    expect(again && json_equal(value, again));
    expect(strcmp(json_text(arena, again), text) == 0);
}

static void check_length(const struct field *f, const char *text)
{
    long long length = (long long)utf8_length(text);
    expect(utf8_valid(text, strlen(text)));
    expect(length >= f->min && length <= (f->max ? f->max : 1000));
}

static void check_text(const struct field *f, json_t *value)
{
    const char *text = json_string_value(value);
    expect(text != NULL);
    if (f->type == FIELD_NAME)
        expect(name_valid(text));
    if (f->type == FIELD_LABEL)
        expect(label_valid(text));
    if (f->type == FIELD_KEY)
        expect(!has_white_space(text) && !has_control(text));
    if (f->type == FIELD_URL && *text)
        expect(strncasecmp(text, "http", 4) == 0 && !strpbrk(text, " \n\""));
    if (f->flags & FIELD_REQUIRED)
        expect(!is_blank(text));
    if (f->choices)
        expect(*text && strstr(f->choices, text) && !strchr(text, '|'));
    check_length(f, text);
}

static void check_field(const struct field *f, json_t *value)
{
    size_t i;
    const char *key;
    json_t *item;
    int64_t amount;
    if (!value || json_is_null(value)) {
        expect(!(f->flags & FIELD_REQUIRED) || f->type == FIELD_INT || f->flags & FIELD_TRIM);
        return;
    }
    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_LABEL:
    case FIELD_URL:
    case FIELD_KEY:
        check_text(f, value);
        break;
    case FIELD_INT:
        expect(json_is_integer(value));
        if (f->max)
            expect(json_integer_value(value) >= f->min && json_integer_value(value) <= f->max);
        break;
    case FIELD_BOOL:
        expect(json_is_boolean(value));
        break;
    case FIELD_OBJECT:
        expect(json_is_object(value));
        break;
    case FIELD_STRINGS:
        expect(json_is_array(value) && json_array_size(value) <= (size_t)(f->max ? f->max : 100));
        json_array_foreach(value, i, item)
        {
            expect(json_is_string(item));
        }
        break;
    case FIELD_INTS:
        expect(json_is_array(value) && json_array_size(value) <= (size_t)field_max(f));
        json_array_foreach(value, i, item)
        {
            expect(json_is_integer(item));
        }
        break;
    case FIELD_OBJECTS:
        expect(json_is_array(value) && json_array_size(value) <= (size_t)(f->max ? f->max : 100));
        json_array_foreach(value, i, item)
        {
            expect(json_is_object(item));
        }
        break;
    case FIELD_NUMBER:
        expect(json_is_number(value));
        break;
    case FIELD_MAP:
        expect(json_is_object(value) && json_object_size(value) <= (size_t)(f->max ? f->max : 100));
        json_object_foreach(value, key, item)
        {
            expect(*key && json_is_string(item));
        }
        break;
    case FIELD_AMOUNT:
        expect(price_amount(value, &amount) && json_is_string(value));
        break;
    case FIELD_FILES:
        expect(json_is_object(value) && json_object_size(value) <= (size_t)field_max(f));
        json_object_foreach(value, key, item)
        {
            expect(file_path_valid(key) && (json_is_string(item) || json_is_string(json_object_get(item, "base64"))));
        }
        break;
    case FIELD_JSON:
        break;
    case FIELD_END:
        abort();
    }
}

static void run(struct arena *arena, const struct field *table, const char *text, size_t size)
{
    struct json_failure failure = {0};
    struct request rq = {.actor.arena = arena};
    json_t *value = json_parse(text, size, &failure);
    if (!value) {
        expect(failure.too_deep || (failure.message[0] && utf8_valid(failure.message, strlen(failure.message))));
        return;
    }
    round_trip(arena, value);
    if (!json_is_object(value))
        return;
    rq.body = value;
    enum error error = check_body(&rq, table);
    expect(error == (rq.actor.failure.fields ? ERR_VALIDATION : ERR_NONE));
    for (const struct field *f = table; !error && f->type; f++)
        check_field(f, json_object_get(rq.body, f->name));
    round_trip(arena, rq.body); /* trimming left it sound */
}

/* The first byte picks the table, and how much memory there is, so that running out halfway is tried too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(data[0] & 0x80 ? 8 * KIB : 64 * MIB);
    arena_on_exhausted(arena, on_exhausted, NULL);
    json_use_arena(arena);
    if (setjmp(exhausted) == 0)
        run(arena, tables[(data[0] & 0x7f) % ARRAY_SIZE(tables)], (const char *)data + 1, size - 1);
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}
