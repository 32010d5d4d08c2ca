/* Values of a resource: from what somebody sends to what is stored, and back. */
#include <string.h>

#include "json.h"
#include "log.h"
#include "mask.h"
#include "platform.h"
#include "profile_extra.h"
#include "resource.h"
#include "util.h"

enum { WORDS_MAX = 100, WORD_MAX = 40, NAME_MAX_LENGTH = 300, FOLDERS_MAX = 8 };

#define UNREADABLE "********"

/* Stands for a secret that no key opens, among values in clear: it goes back as it is. No text that is sent begins like that. */
#define STILL_SEALED "\x01"

bool value_is_sealed(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && *text == *STILL_SEALED;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* Scripts that put no blanks between words: there each character begins one. */
static bool is_unspaced(uint32_t code)
{
    return (code >= 0x2e80 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af) ||
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

static bool in_word(uint32_t code)
{
    if (code < 0x80)
        return (code >= '0' && code <= '9') || ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
    return !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x303f) && code != 0xfffd;
}

static void add_words(struct actor *actor, json_t *words, const char *text)
{
    bool inside = false;
    while (*text && json_array_size(words) < WORDS_MAX) {
        const char *start = text, *end = text;
        uint32_t code = utf8_next(&text);
        bool begins = in_word(code) && (!inside || is_unspaced(code));
        inside = in_word(code);
        if (!begins)
            continue;
        for (int i = 0; i < WORD_MAX; i++) {
            const char *after = end;
            if (!in_word(utf8_next(&after)))
                break;
            end = after;
        }
        json_array_append_new(words, json_string(arena_strndup(actor->arena, start, (size_t)(end - start))));
    }
}

static const char *words_text(struct actor *actor, const struct resource *r, const json_t *shown)
{
    json_t *words = json_array(), *each;
    size_t i;
    add_words(actor, words, r->name);
    for (const struct column *column = r->kind->columns; column->field.type; column++) {
        json_t *value = column->flags & COLUMN_SEARCHED ? json_object_get(shown, column->field.name) : NULL;
        if (json_is_string(value))
            add_words(actor, words, json_string_value(value));
        json_array_foreach(value, i, each) if (json_is_string(each)) add_words(actor, words, json_string_value(each));
    }
    return json_text(actor->arena, words);
}

const char *resource_words(struct actor *actor, const struct resource *r)
{
    return r->words ? r->words : words_text(actor, r, json_stored_or(r->listed, json_object()));
}

/* ---- what is stored --------------------------------------------------------------------------------------------- */

static bool is_secret(const struct column *column)
{
    return (column->flags & (COLUMN_SECRET | COLUMN_PARTS | COLUMN_UNKNOWN)) != 0;
}

static bool is_text(const struct column *column)
{
    return column->field.type <= FIELD_KEY;
}

/* Whether every text in it is a secret. */
static bool is_whole(const struct resource *r, const struct column *column)
{
    bool harmless = r->kind->harmless && r->kind->harmless(r->platform, r->name);
    return (column->flags & COLUMN_SECRET) && !harmless;
}

static json_t *masked(struct actor *actor, const struct resource *r, const struct column *column, json_t *value)
{
    if (value_is_sealed(value))
        return is_text(column) ? json_string(UNREADABLE) : json_null();
    if (column->flags & COLUMN_UNKNOWN) {
        value = json_deep_copy(value);
        extra_mask(actor, EXTRA_PROFILE, value);
        return value;
    }
    return is_secret(column) ? mask_value(actor->arena, value, is_whole(r, column)) : value;
}

/* Of a column that holds one, a text is sealed as it is, anything else as JSON. */
static json_t *sealed_value(struct actor *actor, const struct column *column, const char *context, json_t *value)
{
    const char *text =
        is_text(column) || value_is_sealed(value) ? json_string_value(value) : json_text(actor->arena, value);
    if (value_is_sealed(value))
        return json_string(text + strlen(STILL_SEALED));
    return json_string(secret_seal(actor->keyring, actor->arena, context, text));
}

void resource_seal(struct actor *actor, struct resource *r, json_t *values)
{
    json_t *listed = json_object(), *unlisted = json_object(), *sealed = json_object();
    const char *context = secret_context(actor->arena, actor->who.workspace_id, r->id);
    for (const struct column *column = r->kind->columns; column->field.type; column++) {
        json_t *value = json_object_get(values, column->field.name);
        json_t *shown = value ? masked(actor, r, column, value) : json_null();
        json_object_set(column->flags & COLUMN_UNLISTED ? unlisted : listed, column->field.name, shown);
        if (value && !json_equal(shown, value))
            json_object_set_new(sealed, column->field.name, sealed_value(actor, column, context, value));
    }
    r->listed = json_text(actor->arena, listed);
    r->unlisted = json_object_size(unlisted) ? json_text(actor->arena, unlisted) : NULL;
    r->sealed = json_object_size(sealed) ? json_text(actor->arena, sealed) : NULL;
    r->words = words_text(actor, r, listed);
}

json_t *resource_shown(const struct resource *r)
{
    json_t *shown = json_stored_or(r->listed, json_object());
    if (r->unlisted)
        json_object_update(shown, json_stored_or(r->unlisted, json_object()));
    return shown;
}

json_t *resource_open(struct actor *actor, const struct resource *r, const char *name, const char *sealed)
{
    const struct column *column = kind_column(r->kind, name);
    const char *context = secret_context(actor->arena, actor->who.workspace_id, r->id);
    const char *text = secret_open(actor->keyring, actor->arena, context, sealed);
    json_t *value = !text || !column ? NULL : is_text(column) ? json_string(text) : json_stored(text);
    if (value)
        return value;
    log_error("a stored secret cannot be opened with SECRETS_KEY", LOG_STR("resource_id", r->id),
              LOG_STR("column", name), LOG_STR("request_id", actor->request_id));
    return json_string(arena_printf(actor->arena, STILL_SEALED "%s", sealed));
}

/* False when a secret does not open; it is then the one thing that is sealed still. */
static bool open_values(struct actor *actor, const struct resource *r, json_t **values)
{
    const char *name;
    bool all = true;
    json_t *sealed = r->sealed ? json_stored(r->sealed) : NULL, *each;
    *values = resource_shown(r);
    json_object_foreach(sealed, name, each)
    {
        json_t *value = resource_open(actor, r, name, json_string_value(each));
        all = all && !value_is_sealed(value);
        json_object_set(*values, name, value);
    }
    return all;
}

enum error resource_values(struct actor *actor, const struct resource *r, json_t **values)
{
    return open_values(actor, r, values) ? ERR_NONE : fail(actor, MSG_SECRET_UNREADABLE, r->name, NULL);
}

json_t *resource_values_kept(struct actor *actor, const struct resource *r)
{
    json_t *values;
    open_values(actor, r, &values);
    return values;
}

bool same_value(const json_t *a, const json_t *b)
{
    bool nothing = !a || json_is_null(a), neither = !b || json_is_null(b);
    return nothing || neither ? nothing && neither : json_equal(a, b);
}

/* ---- what is sent ----------------------------------------------------------------------------------------------- */

static void drop_unknown(const struct kind *kind, json_t *values)
{
    void *next;
    const char *name;
    json_t *value;
    json_object_foreach_safe(values, next, name, value) if (!kind_column(kind, name)) json_object_del(values, name);
}

static void unmask(struct actor *actor, const struct kind *kind, const struct column *column, json_t *shown,
                   json_t *stored, json_t *values)
{
    const char *name = column->field.name;
    json_t *value = json_object_get(values, name);
    if (!value || !is_secret(column))
        return;
    if (column->flags & COLUMN_UNKNOWN) {
        struct masked_key masked;
        if (!extra_unmask(actor, EXTRA_PROFILE, NULL, value, json_object_get(stored, name), &masked))
            fail_field(actor, arena_printf(actor->arena, "%s.%s", name, masked.path), MSG_MASK, NULL);
        return;
    }
    bool whole = (column->flags & COLUMN_SECRET) && !kind->harmless; /* in what is harmless parts may be masked */
    struct unmask u = {.arena = actor->arena, .whole = whole};
    json_object_set(values, name,
                    mask_undo(&u, value, json_object_get(shown, name), json_object_get(stored, name), name));
    if (u.found)
        fail_field(actor, u.found, MSG_MASK, NULL);
}

static void check_column(struct actor *actor, const struct column *column, const char *platform, json_t *values,
                         const json_t *stored)
{
    struct field field = column->field;
    json_t *value = json_object_get(values, field.name), *old = json_object_get(stored, field.name);
    if (value && value == old && value_is_sealed(value))
        return;
    if (field.required && field.required(values, platform))
        field.flags |= FIELD_REQUIRED;
    field_check(actor, values, &field);
}

enum error resource_check_on(struct actor *actor, const struct kind *kind, unsigned on, json_t *values)
{
    for (const struct platform *p = platforms; kind->check && p->name && !actor->failure.fields; p++)
        if (on & platform_bit(p->name))
            kind->check(actor, p->name, values);
    return actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

enum error resource_check_values(struct actor *actor, const struct kind *kind, const char *platform,
                                 const struct resource *before, json_t *stored, json_t *values)
{
    json_t *shown = before ? resource_shown(before) : NULL;
    drop_unknown(kind, values);
    for (const struct column *column = kind->columns; column->field.type; column++) {
        const char *name = column->field.name;
        if (column->flags & COLUMN_KEPT && !json_object_get(values, name) && json_object_get(stored, name))
            json_object_set(values, name, json_object_get(stored, name));
        else
            unmask(actor, kind, column, shown, stored, values);
    }
    for (const struct column *column = kind->columns; column->field.type; column++)
        check_column(actor, column, platform, values, stored);
    return resource_check_on(actor, kind, platform_bit(platform) | (before ? resource_platforms(before) : 0), values);
}

enum error resource_check(struct actor *actor, const struct kind *kind, const char *platform,
                          const struct resource *before, json_t *values)
{
    json_t *stored = before ? resource_values_kept(actor, before) : NULL;
    return resource_check_values(actor, kind, platform, before, stored, values);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

enum error resource_check_name(struct actor *actor, const struct kind *kind, const char *platform, const char *field,
                               const char *name)
{
    if (kind->reserved && kind->reserved(platform, name))
        return fail_field(actor, field, MSG_RESERVED, name, NULL);
    if (kind->flags & KIND_ANY_NAME && !label_valid(name))
        return fail_field(actor, field, MSG_LABEL, NULL);
    const char *part = kind->flags & KIND_ANY_NAME ? "any" : name;
    for (int depth = 0;; depth++) {
        size_t length = strcspn(part, "/");
        const char *each = arena_strndup(actor->arena, part, length);
        if (!label_valid(each))
            return fail_field(actor, field, MSG_LABEL, NULL);
        if (!part[length])
            break;
        if (!(kind->flags & KIND_FOLDERS) || depth == FOLDERS_MAX)
            return fail_field(actor, field, MSG_NO_FOLDERS, NULL);
        part += length + 1;
    }
    size_t most = kind->name_max ? (size_t)kind->name_max : NAME_MAX_LENGTH;
    if (utf8_length(name) > most)
        return fail_field(actor, field, MSG_TOO_LONG, number_text(actor, (long long)most), NULL);
    return kind->check_name ? kind->check_name(actor, platform, field, name) : ERR_NONE;
}

/* ---- warnings --------------------------------------------------------------------------------------------------- */

static bool is_set(const json_t *value)
{
    return value && !json_is_null(value) && !json_is_false(value) &&
           (!json_is_object(value) || json_object_size(value)) && (!json_is_array(value) || json_array_size(value));
}

static void add_warning(struct actor *actor, json_t *warnings, const char *field, const char *platform)
{
    json_t *warning = json_object();
    json_object_set_new(warning, "field", json_string(field));
    json_object_set_new(warning, "platform", json_string(platform));
    json_object_set_new(warning, "message", json_string(translate(actor, MSG_NOT_EXPRESSIBLE, platform, NULL)));
    json_array_append_new(warnings, warning);
}

json_t *resource_warnings(struct actor *actor, const struct resource *r)
{
    json_t *warnings = json_array(), *shown = resource_shown(r);
    for (const struct column *column = r->kind->columns; column->field.type; column++) {
        const char *name = column->field.name;
        unsigned lacking = column->platforms ? resource_platforms(r) & ~column->platforms : 0;
        for (const struct platform *p = platforms; lacking && p->name; p++)
            if (lacking & platform_bit(p->name) && is_set(json_object_get(shown, name)))
                add_warning(actor, warnings, name, p->name);
    }
    return warnings;
}
