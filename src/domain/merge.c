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

static void keep_known(const char **text, const char *before)
{
    if (!*text)
        *text = before;
}

static const char *remembered_order(struct actor *actor, const char *old, const char *new, struct merged_orders *orders)
{
    if (!orders->merged || !text_equal(orders->old, old) || !text_equal(orders->new, new))
        *orders = (struct merged_orders){old, new, merged_order(actor, old, new)};
    return orders->merged;
}

void merge_profile(struct actor *actor, struct file_profile *file, const struct profile *before,
                   struct merged_orders *orders)
{
    struct profile *p = &file->profile;
    keep_known(&p->description, before->description);
    keep_known(&p->base_url, before->base_url);
    keep_known(&p->model, before->model);
    keep_known(&p->small_fast_model, before->small_fast_model);
    keep_known(&p->provider, before->provider);
    if (!toml_get(file->table, "provider_type")) /* one of a kind not known here is an unknown key */
        keep_known(&p->provider_type, before->provider_type);
    keep_known(&p->account, before->account);
    keep_known(&p->tags, before->tags);
    if (!toml_get(file->table, "usage_count"))
        p->usage_count = before->usage_count;
    if (!toml_get(file->table, "enabled"))
        p->enabled = before->enabled;
    p->key_order = remembered_order(actor, before->key_order, p->key_order, orders);
}
