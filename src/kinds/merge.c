/* Merging: tables key by key, everything else as the file has it. */
#include "merge.h"

#include <string.h>

#include "name_index.h"

/* The members of a table, whether it is wrapped (toml.h) or not; NULL for what is none. */
static json_t *members(json_t *value)
{
    const char *kind = json_string_value(json_object_get(value, "$toml"));
    if (!kind)
        return json_is_object(value) ? value : NULL;
    return strcmp(kind, "table") == 0 ? json_object_get(value, "value") : NULL;
}

/* A table that has a key called like the mark is wrapped. */
static json_t *as_value(json_t *table)
{
    return json_object_get(table, "$toml") ? json_pack("{s:s, s:O}", "$toml", "table", "value", table)
                                           : json_incref(table);
}

void merge_tables(json_t *old, json_t *new)
{
    const char *key;
    json_t *value;
    json_object_foreach(new, key, value)
    {
        json_t *ours = members(json_object_get(old, key)), *theirs = members(value);
        if (!ours || !theirs) {
            json_object_set(old, key, value);
            continue;
        }
        merge_tables(ours, theirs);
        json_object_set_new(old, key, as_value(ours));
    }
}

const char *merged_extra(struct actor *actor, const char *old, const char *new)
{
    json_t *extra = json_stored_or(old, json_object());
    merge_tables(extra, json_stored_or(new, json_object()));
    return json_text(actor->arena, extra);
}

const char *merged_order(struct actor *actor, const char *old, const char *new)
{
    if (old && new &&strcmp(old, new) == 0)
        return old;
    struct arena_mark mark = arena_mark(actor->arena);
    json_t *order = json_stored_or(old, json_array()), *more = json_stored_or(new, json_array()), *item;
    struct name_index known = name_index_new();
    size_t before = json_array_size(order), i;
    json_array_foreach(order, i, item) name_index_note(&known, json_string_value(item));
    json_array_foreach(more, i, item)
    {
        if (name_index_note(&known, json_string_value(item)))
            json_array_append(order, item);
    }
    const char *text = old && json_array_size(order) == before ? old : json_text(actor->arena, order);
    arena_release_but(actor->arena, mark, (const char **const[]){&text}, 1);
    return text;
}

/* Where a profile's keys stood, and behind them those that are new. */
static json_t *merged_keys(json_t *old, const json_t *new)
{
    size_t i, n;
    json_t *keys = json_copy(old), *key, *other;
    json_array_foreach(new, i, key)
    {
        bool known = false;
        json_array_foreach(old, n, other) known = known || json_equal(key, other);
        if (!known)
            json_array_append(keys, key);
    }
    return keys;
}

void merge_profile(json_t *values, const json_t *stored)
{
    json_t *extra = json_object_get(values, "extra"), *old = json_object_get(stored, "extra");
    bool typed = json_object_get(extra, "provider_type"); /* one of a kind not known here is an unknown key */
    for (const struct column *column = kind_profile.columns; column->field.type; column++) {
        const char *name = column->field.name;
        json_t *value = json_object_get(stored, name);
        if (!json_object_get(values, name) && value && !(typed && strcmp(name, "provider_type") == 0))
            json_object_set(values, name, value);
    }
    if (extra && json_is_object(old)) {
        json_t *merged = json_deep_copy(old);
        merge_tables(merged, extra);
        json_object_set(values, "extra", merged);
    }
    if (json_is_array(json_object_get(stored, "key_order")))
        json_object_set(values, "key_order",
                        merged_keys(json_object_get(stored, "key_order"), json_object_get(values, "key_order")));
}
