/* Fields: checks the members of a JSON object against a table. Every wrong one is reported, not only the first; what is not in the
 * table is left alone. */
#include <string.h>

#include "crypto.h"
#include "field.h"
#include "file_path.h"
#include "json.h"
#include "price_list.h"
#include "url.h"
#include "util.h"

enum {
    TEXT_MAX = 1000,
    STRINGS_MAX = 100,
    MAP_TEXT_MAX = 16 * KIB,
    FILE_BYTES = 512 * KIB,
    FILES_BYTES = MIB, /* all of one field */
    JSON_BYTES = 64 * KIB,
    AMOUNT_MAX = 1000000, /* PRICE_MAX */
};

/* Checks a value of the right JSON type; *value may become what it counts as. */
typedef enum error check(struct actor *actor, const struct field *f, json_t **value);
static check check_string, check_integer, check_number, check_strings, check_map, check_objects, check_files,
    check_json, check_amount, check_integers;

enum {
    IS_STRING = 1 << JSON_STRING,
    IS_INTEGER = 1 << JSON_INTEGER,
    IS_NUMBER = IS_INTEGER | 1 << JSON_REAL,
    IS_BOOL = 1 << JSON_TRUE | 1 << JSON_FALSE,
    IS_ARRAY = 1 << JSON_ARRAY,
    IS_OBJECT = 1 << JSON_OBJECT,
    IS_ANY = ~0,
};

static const struct {
    int json;                /* types that it may be */
    const char *en, *zh;     /* what it must be, in words */
    check *check;            /* NULL = nothing more */
    long long max, item_max; /* where a field says nothing: the most of it, and of each thing in it */
    bool counted;            /* `max` is of entries */
} types[] = {
    [FIELD_TEXT] = {IS_STRING, "a string", "字符串", check_string, TEXT_MAX},
    [FIELD_NAME] = {IS_STRING, "a string", "字符串", check_string, TEXT_MAX},
    [FIELD_LABEL] = {IS_STRING, "a string", "字符串", check_string, TEXT_MAX},
    [FIELD_URL] = {IS_STRING, "a string", "字符串", check_string, TEXT_MAX},
    [FIELD_KEY] = {IS_STRING, "a string", "字符串", check_string, TEXT_MAX},
    [FIELD_BOOL] = {IS_BOOL, "true or false", "布尔值"},
    [FIELD_INT] = {IS_INTEGER | IS_STRING, "a whole number", "整数", check_integer},
    [FIELD_STRINGS] = {IS_ARRAY, "an array of strings", "字符串数组", check_strings, STRINGS_MAX, TEXT_MAX, true},
    [FIELD_OBJECT] = {IS_OBJECT, "an object", "对象"},
    [FIELD_MAP] = {IS_OBJECT, "an object of strings", "字符串对象", check_map, STRINGS_MAX, MAP_TEXT_MAX, true},
    [FIELD_OBJECTS] = {IS_ARRAY, "an array of objects", "对象数组", check_objects, STRINGS_MAX, 0, true},
    [FIELD_NUMBER] = {IS_NUMBER, "a number", "数字", check_number},
    [FIELD_FILES] = {IS_OBJECT, "an object of files", "文件对象", check_files, STRINGS_MAX, FILE_BYTES, true},
    [FIELD_JSON] = {IS_ANY, "JSON", "JSON", check_json, JSON_BYTES},
    [FIELD_AMOUNT] = {IS_NUMBER | IS_STRING, "a number", "数字", check_amount},
    [FIELD_INTS] = {IS_ARRAY, "an array of whole numbers", "整数数组", check_integers, STRINGS_MAX, 0, true},
};

long long field_max(const struct field *f)
{
    return f->max ? f->max : types[f->type].max;
}

long long field_item_max(const struct field *f)
{
    return types[f->type].item_max;
}

int field_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (int i = 0; *choices; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && memcmp(choices, text, n) == 0)
            return i;
        choices += n + (choices[n] == '|');
    }
    return -1;
}

/* "a|b|c" as "a, b, c". */
static const char *readable_choices(struct actor *actor, const char *choices)
{
    char *out = arena_alloc(actor->arena, strlen(choices) * 2 + 1), *end = out;
    for (; *choices; choices++) {
        *end++ = (char)(*choices == '|' ? ',' : *choices);
        if (*choices == '|')
            *end++ = ' ';
    }
    return out;
}

/* Control characters other than newline, carriage return and tab have no place in anything a user types. */
static bool has_stray_control(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && !strchr("\n\r\t", *text)) || *text == 0x7f)
            return true;
    return false;
}

/* What is wrong with a text of a type, however long it is. */
static enum message type_problem(struct actor *actor, const struct field *f, const char *text)
{
    switch (f->type) {
    case FIELD_NAME:
        return name_valid(text) ? MSG_NONE : MSG_NAME;
    case FIELD_LABEL:
        return label_valid(text) ? MSG_NONE : MSG_LABEL;
    case FIELD_URL:
        if (*text && !url_valid(actor->arena, text))
            return url_is_http(text) ? MSG_URL_PARTS : MSG_URL;
        return url_has_userinfo(text) ? MSG_URL_USERINFO : MSG_NONE;
    case FIELD_KEY:
        return has_white_space(text) || has_control(text) ? MSG_KEY : MSG_NONE;
    default:
        return has_stray_control(text) ? MSG_CONTROL : MSG_NONE;
    }
}

enum message field_problem(struct actor *actor, const struct field *f, const char *text, const char **argument)
{
    long long max = field_max(f);
    long long length = (long long)utf8_length(text);
    *argument = NULL;
    if (length > max && f->type != FIELD_NAME && f->type != FIELD_LABEL)
        return *argument = number_text(actor, max), MSG_TOO_LONG;
    if (length < f->min)
        return *argument = number_text(actor, f->min), MSG_TOO_SHORT;
    if (f->choices && field_choice(f->choices, text) < 0)
        return *argument = readable_choices(actor, f->choices), MSG_CHOICE;
    return type_problem(actor, f, text);
}

enum error field_check_text(struct actor *actor, const struct field *f, const char *text)
{
    const char *argument;
    enum message problem = field_problem(actor, f, text, &argument);
    return problem ? fail_field(actor, f->name, problem, argument, NULL) : ERR_NONE;
}

static const char *trimmed(struct actor *actor, const char *text)
{
    size_t length = trim_white_space(&text);
    return arena_strndup(actor->arena, text, length);
}

static enum error wrong_type(struct actor *actor, const struct field *f)
{
    const char *words = actor->language == LANGUAGE_ZH ? types[f->type].zh : types[f->type].en;
    return fail_field(actor, f->name, MSG_TYPE, words, NULL);
}

static enum error check_string(struct actor *actor, const struct field *f, json_t **value)
{
    const char *text = json_string_value(*value);
    if (f->flags & FIELD_TRIM)
        text = trimmed(actor, text);
    if ((f->flags & FIELD_REQUIRED) && is_blank(text))
        return fail_field(actor, f->name, MSG_NOT_BLANK, NULL);
    bool none = (f->flags & FIELD_TRIM) && !*text;
    enum error error = none ? ERR_NONE : field_check_text(actor, f, text);
    if (!error && (f->flags & FIELD_TRIM))
        *value = none ? json_null() : json_string(text);
    return error;
}

static enum error check_number(struct actor *actor, const struct field *f, json_t **value)
{
    double number = json_number_value(*value);
    if ((f->min || f->max) && (number < (double)f->min || number > (double)f->max))
        return fail_field(actor, f->name, MSG_RANGE, number_text(actor, f->min), number_text(actor, f->max), NULL);
    return ERR_NONE;
}

static enum error check_integer(struct actor *actor, const struct field *f, json_t **value)
{
    if (json_is_integer(*value))
        return check_number(actor, f, value);
    if (*json_string_value(*value))
        return wrong_type(actor, f);
    if (f->flags & FIELD_REQUIRED)
        return fail_field(actor, f->name, MSG_NOT_BLANK, NULL);
    *value = json_null(); /* a number input that the user cleared arrives as "" */
    return ERR_NONE;
}

/* In decimal from here on: a double would not hold all of its digits. */
static enum error check_amount(struct actor *actor, const struct field *f, json_t **value)
{
    char text[PRICE_TEXT];
    int64_t amount;
    if (json_is_string(*value) && !*json_string_value(*value)) {
        if (f->flags & FIELD_REQUIRED)
            return fail_field(actor, f->name, MSG_NOT_BLANK, NULL);
        *value = json_null(); /* as with integers */
        return ERR_NONE;
    }
    double number = json_number_value(*value);
    if (number < 0 || number > AMOUNT_MAX)
        return fail_field(actor, f->name, MSG_RANGE, "0", number_text(actor, AMOUNT_MAX), NULL);
    if (!price_amount(*value, &amount))
        return fail_field(actor, f->name, MSG_PRICE_AMOUNT, NULL);
    if ((f->flags & FIELD_POSITIVE) && !amount)
        return fail_field(actor, f->name, MSG_POSITIVE, NULL);
    *value = json_string(price_text(text, amount));
    return ERR_NONE;
}

static enum error check_strings(struct actor *actor, const struct field *f, json_t **value)
{
    const struct field one = {.name = f->name, .type = FIELD_TEXT, .max = field_item_max(f), .choices = f->choices};
    size_t i;
    json_t *item;
    enum error error = ERR_NONE;
    json_array_foreach(*value, i, item)
    {
        error = json_is_string(item) ? field_check_text(actor, &one, json_string_value(item)) : wrong_type(actor, f);
        if (error)
            break;
    }
    return error;
}

static enum error check_integers(struct actor *actor, const struct field *f, json_t **value)
{
    size_t i;
    json_t *item;
    json_array_foreach(*value, i, item)
    {
        if (!json_is_integer(item))
            return wrong_type(actor, f);
    }
    return ERR_NONE;
}

static enum error check_objects(struct actor *actor, const struct field *f, json_t **value)
{
    size_t i;
    json_t *item;
    json_array_foreach(*value, i, item)
    {
        if (!json_is_object(item))
            return wrong_type(actor, f);
    }
    return ERR_NONE;
}

/* Its names are whatever they are: variables, headers. */
static enum error check_map(struct actor *actor, const struct field *f, json_t **value)
{
    const char *key;
    json_t *item;
    json_object_foreach(*value, key, item)
    {
        if (!*key)
            return fail_field(actor, f->name, MSG_NOT_BLANK, NULL);
        struct field one = {
            .name = arena_printf(actor->arena, "%s.%s", f->name, key), .type = FIELD_TEXT, .max = field_item_max(f)};
        enum error error =
            json_is_string(item) ? field_check_text(actor, &one, json_string_value(item)) : wrong_type(actor, &one);
        if (error)
            return error;
    }
    return ERR_NONE;
}

static const char *lower_case(struct actor *actor, const char *text, size_t length)
{
    char *lower = arena_strndup(actor->arena, text, length);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
    return lower;
}

/* Notes a file, and the folders that it is in; false when one of them is there already as something else. */
static bool note_file(struct actor *actor, json_t *seen, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *folder = lower_case(actor, path, (size_t)(slash - path));
        if (json_is_true(json_object_get(seen, folder)))
            return false;
        json_object_set_new(seen, folder, json_false());
    }
    const char *file = lower_case(actor, path, strlen(path));
    bool is_new = !json_object_get(seen, file);
    json_object_set_new(seen, file, json_true());
    return is_new;
}

/* False when it is neither a text nor {"base64": …}. */
static bool file_size(struct actor *actor, const json_t *file, size_t *size)
{
    const char *text = json_string_value(file), *base64 = json_string_value(json_object_get(file, "base64"));
    if (text)
        *size = json_string_length(file);
    return text || (base64 && json_object_size(file) == 1 && base64_bytes(actor->arena, base64, size));
}

static enum error check_file(struct actor *actor, const char *name, const char *path, const json_t *file, json_t *seen,
                             size_t *size)
{
    *size = 0;
    if (!file_path_valid(path))
        return fail_field(actor, name, MSG_FILE_PATH, NULL);
    if (!note_file(actor, seen, path))
        return fail_field(actor, name, MSG_FILE_TWICE, NULL);
    if (!file_size(actor, file, size))
        return fail_field(actor, name, MSG_TYPE, "\"…\", {\"base64\": \"…\"}", NULL);
    return *size > FILE_BYTES ? fail_field(actor, name, MSG_BYTES, number_text(actor, FILE_BYTES), NULL) : ERR_NONE;
}

static enum error check_files(struct actor *actor, const struct field *f, json_t **value)
{
    const char *path;
    json_t *file, *seen = json_object();
    size_t size, sum = 0;
    json_object_foreach(*value, path, file)
    {
        enum error error =
            check_file(actor, arena_printf(actor->arena, "%s.%s", f->name, path), path, file, seen, &size);
        if (error)
            return error;
        sum += size;
    }
    return sum > FILES_BYTES ? fail_field(actor, f->name, MSG_BYTES, number_text(actor, FILES_BYTES), NULL) : ERR_NONE;
}

static enum error check_json(struct actor *actor, const struct field *f, json_t **value)
{
    bool fits = (long long)strlen(json_text(actor->arena, *value)) <= field_max(f);
    return fits ? ERR_NONE : fail_field(actor, f->name, MSG_BYTES, number_text(actor, field_max(f)), NULL);
}

enum error field_check(struct actor *actor, json_t *object, const struct field *f)
{
    json_t *value = json_object_get(object, f->name), *counts_as = value;
    if (!value || json_is_null(value))
        return f->flags & FIELD_REQUIRED ? fail_field(actor, f->name, MSG_REQUIRED, NULL) : ERR_NONE;
    if (!(types[f->type].json & 1 << json_typeof(value)))
        return wrong_type(actor, f);
    size_t entries = json_array_size(value) + json_object_size(value);
    if (types[f->type].counted && (long long)entries > field_max(f))
        return fail_field(actor, f->name, MSG_TOO_MANY, number_text(actor, field_max(f)), NULL);
    enum error error = types[f->type].check ? types[f->type].check(actor, f, &counts_as) : ERR_NONE;
    if (!error && counts_as != value)
        json_object_set_new(object, f->name, counts_as);
    return error;
}
