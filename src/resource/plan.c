/* Plans: what there is is locked and compared with what is wanted; what differs is written. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* ---- what is wanted --------------------------------------------------------------------------------------------- */

void plan_begin(struct plan *plan, struct actor *actor)
{
    *plan = (struct plan){.actor = actor, .seen = name_index_new()};
}

bool plan_place(struct actor *actor, const char *platform, const char *kind, struct place *place)
{
    place->platform = platform;
    place->kind = kind_find(kind);
    if (!place->kind)
        fail_field(actor, "kind", MSG_KIND_UNKNOWN, kind, NULL);
    else if (!kind_is_on(place->kind, place->platform))
        fail_field(actor, "platform", MSG_KIND_NOT_THERE, place->platform, kind, NULL);
    else if (actor->who.role < kind_role(place->kind))
        fail_field(actor, "kind", MSG_ROLE, role_names[kind_role(place->kind)], NULL);
    else
        return true;
    return false;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    int order = strcmp(one->kind->name, other->kind->name);
    return order ? order : strcmp(one->platform, other->platform);
}

/* The group's number; PLAN_GROUPS_MAX when there is no room for one more. */
static size_t group_of(struct plan *plan, const struct place *place)
{
    size_t at = 0;
    while (at < plan->group_count && compare_places(&plan->groups[at].place, place) < 0)
        at++;
    if (at < plan->group_count && compare_places(&plan->groups[at].place, place) == 0)
        return at;
    if (plan->group_count == PLAN_GROUPS_MAX)
        return PLAN_GROUPS_MAX;
    memmove(&plan->groups[at + 1], &plan->groups[at], (plan->group_count - at) * sizeof plan->groups[0]);
    plan->groups[at] = (struct plan_group){*place, NULL};
    plan->group_count++;
    return at;
}

static bool too_many(struct plan *plan, const char *field, long long most)
{
    return fail_field(plan->actor, field, MSG_TOO_MANY, number_text(plan->actor, most), NULL) != ERR_NONE;
}

static struct plan_item *one_more(struct plan *plan)
{
    plan->items = arena_more(plan->actor->arena, plan->items, plan->count, &plan->capacity, sizeof *plan->items);
    return &plan->items[plan->count++];
}

static const char *identity_of(const struct plan *plan, const struct kind *kind, const char *platform, const char *name)
{
    return arena_printf(plan->actor->arena, "%s/%s/%s", kind->name, platform, name);
}

struct plan_item *plan_add(struct plan *plan, const struct place *place, json_t *values, bool enabled,
                           const char *within)
{
    struct actor *actor = plan->actor;
    if (resource_check_name(actor, place->kind, place->platform, "name", place->name))
        return NULL;
    if (!name_index_note(&plan->seen, identity_of(plan, place->kind, place->platform, place->name))) {
        fail_field(actor, "name", MSG_TWICE, place->name, NULL);
        return NULL;
    }
    if ((plan->count >= PLAN_MAX && too_many(plan, "name", PLAN_MAX)) ||
        (group_of(plan, place) == PLAN_GROUPS_MAX && too_many(plan, "kind", PLAN_GROUPS_MAX)))
        return NULL;
    struct plan_item *item = one_more(plan);
    *item = (struct plan_item){.place = *place, .values = values, .within = within};
    item->after.enabled = enabled;
    return item;
}

void plan_add_shared(struct plan *plan, const char *kind, const char *name, json_t *values, json_t *wanted,
                     const char *within)
{
    const char *platform;
    json_t *enabled;
    struct place place = {.name = name};
    struct plan_item *item;
    json_object_foreach(wanted, platform, enabled)
    {
        if (!plan_place(plan->actor, platform, kind, &place))
            return;
        item = plan_add(plan, &place, json_deep_copy(values), json_is_true(enabled), within);
        if (item)
            item->platforms = wanted;
    }
    if (json_object_size(wanted) > 1 && place.kind && !(place.kind->flags & KIND_SHARED))
        fail_field(plan->actor, "platforms", MSG_KIND_NOT_SHARED, kind, NULL);
}

void plan_prune(struct plan *plan, const struct place *place, const json_t *ids)
{
    size_t group = group_of(plan, place);
    if (group == PLAN_GROUPS_MAX)
        too_many(plan, "kind", PLAN_GROUPS_MAX);
    else
        plan->groups[group].pruned = ids ? ids : json_true();
}

const char *plan_take_failure(struct actor *actor)
{
    const char *text = NULL;
    for (const struct field_failure *each = actor->failure.fields; each; each = each->next)
        text = arena_printf(actor->arena, "%s%s%s: %s", text ? text : "", text ? "; " : "", each->field, each->message);
    actor->failure = (struct failure){0};
    return text;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static const char *names_of(const struct plan *plan, const struct place *group, struct name_index *places)
{
    json_t *names = json_array();
    for (size_t i = 0; i < plan->count; i++) {
        if (compare_places(&plan->items[i].place, group) != 0)
            continue;
        json_array_append_new(names, json_string(plan->items[i].place.name));
        name_index_add(places, plan->items[i].place.name, i);
    }
    return json_text(plan->actor->arena, names);
}

static void add_leaving(struct plan *plan, const struct resource *r)
{
    *one_more(plan) =
        (struct plan_item){.place = {r->kind, r->platform, r->name}, .before = *r, .exists = true, .goes = true};
}

static enum error load_group(struct plan *plan, const struct place *group, const json_t *pruned)
{
    struct name_index places = name_index_new();
    struct resource *found = NULL, *others = NULL;
    size_t count = 0, more = 0, at;
    const char *names = names_of(plan, group, &places);
    enum error error = resources_lock(plan->actor, group->kind, group->platform, BRIEFLY);
    if (!error)
        error = resource_check_room(plan->actor, group->kind, group->platform);
    if (!error)
        error = resources_named(plan->actor, group->kind, group->platform, names, true, &found, &count);
    if (!error && pruned)
        error = resources_named(plan->actor, group->kind, group->platform, names, false, &others, &more);
    for (size_t i = 0; !error && i < count; i++) {
        if (!name_index_find(&places, found[i].name, &at))
            continue;
        plan->items[at].before = found[i];
        plan->items[at].exists = true;
    }
    for (size_t i = 0; !error && i < more; i++)
        if (!json_is_object(pruned) || json_object_get(pruned, others[i].id))
            add_leaving(plan, &others[i]);
    return error;
}

/* ---- what is to be shared --------------------------------------------------------------------------------------- */

/* Where there is one already it is given to the others; two that are there are not made one. Returns the ids of those that are there. */
static json_t *find_firsts(struct plan *plan)
{
    size_t first;
    json_t *ids = json_object();
    struct name_index firsts = name_index_new();
    for (int existing = 1; existing >= 0; existing--)
        for (size_t i = 0; i < plan->count; i++) {
            struct plan_item *item = &plan->items[i];
            const char *key = item->platforms
                                  ? arena_printf(plan->actor->arena, "%s/%s", item->place.kind->name, item->place.name)
                                  : NULL;
            if (!key || item->exists != existing)
                continue;
            if (!name_index_find(&firsts, key, &first))
                name_index_add(&firsts, key, first = i);
            item->first = first;
            plan->actor->failure.within = item->within;
            if (existing && strcmp(item->before.id, plan->items[first].before.id) != 0)
                fail_field(plan->actor, "platforms", MSG_RESOURCE_EXISTS, item->place.platform, NULL);
            else if (existing)
                json_object_set_new(ids, item->before.id, json_integer((json_int_t)i));
        }
    plan->actor->failure.within = NULL;
    return ids;
}

/* From platforms that are not to share one any more it goes. */
static enum error plan_withdrawn(struct plan *plan)
{
    struct resource *rows = NULL;
    size_t count = 0;
    const char *id;
    json_t *place, *ids = find_firsts(plan), *list = json_array();
    json_object_foreach(ids, id, place) json_array_append_new(list, json_string(id));
    enum error error = json_array_size(list)
                           ? resources_sharing(plan->actor, json_text(plan->actor->arena, list), &rows, &count)
                           : ERR_NONE;
    for (size_t i = 0; !error && i < count; i++) {
        const struct resource *r = &rows[i];
        const struct plan_item *item = &plan->items[json_integer_value(json_object_get(ids, r->id))];
        if (!json_object_get(item->platforms, r->platform) &&
            name_index_note(&plan->seen, identity_of(plan, r->kind, r->platform, r->name)))
            add_leaving(plan, r);
    }
    return error ? error : plan->actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* ---- what follows ----------------------------------------------------------------------------------------------- */

static bool same_values(const struct kind *kind, const json_t *one, const json_t *other)
{
    for (const struct column *column = kind->columns; column->field.type; column++)
        if (!same_value(json_object_get(one, column->field.name), json_object_get(other, column->field.name)))
            return false;
    return true;
}

/* Columns that the values could not name stay as they are. */
static void keep_unnamed(const struct plan_item *item, json_t *stored)
{
    for (const struct column *column = item->place.kind->columns; column->field.type; column++) {
        json_t *value = json_object_get(stored, column->field.name);
        if (value && !item->names(item->source, column->field.name))
            json_object_set(item->values, column->field.name, value);
    }
}

/* What is stored of it, perhaps on another platform. */
static const struct resource *stored_of(const struct plan *plan, const struct plan_item *item)
{
    const struct plan_item *first = item->platforms ? &plan->items[item->first] : item;
    return item->exists ? &item->before : first->exists ? &first->before : NULL;
}

static enum error check_values(struct plan *plan, struct plan_item *item)
{
    const struct place *place = &item->place;
    const struct resource *before = stored_of(plan, item);
    json_t *stored = before ? resource_values_kept(plan->actor, before) : NULL;
    if (stored && item->names)
        keep_unnamed(item, stored);
    return resource_check_values(plan->actor, place->kind, place->platform, before, stored, item->values);
}

/* Those that platforms share have one id. */
static void make_new(const struct plan *plan, struct plan_item *item)
{
    const struct plan_item *first = item->platforms ? &plan->items[item->first] : item;
    item->after.position = -1;
    if (first == item)
        random_uuid(item->after.id);
    else
        memcpy(item->after.id, first->exists ? first->before.id : first->after.id, sizeof item->after.id);
    if (json_object_size(item->platforms) > 1)
        item->after.shared = json_text(plan->actor->arena, item->platforms);
}

static enum error plan_item(struct plan *plan, struct plan_item *item)
{
    struct actor *actor = plan->actor;
    const struct place *place = &item->place;
    bool enabled = item->after.enabled;
    if (item->goes)
        return ERR_NONE;
    actor->failure.within = item->optional ? NULL : item->within;
    enum error error = check_values(plan, item);
    if (error == ERR_VALIDATION && item->optional) {
        item->refused = plan_take_failure(actor);
        return ERR_NONE;
    }
    if (error)
        return error;
    bool same = false;
    json_t *before;
    item->after = item->before; /* id and position, when there is one */
    item->after.kind = place->kind;
    item->after.platform = place->platform;
    item->after.name = place->name;
    item->after.enabled = enabled;
    if (item->exists) {
        error = resource_values(actor, &item->before, &before);
        same = !error && same_values(place->kind, before, item->values);
        item->same = same && enabled == item->before.enabled;
    } else {
        make_new(plan, item);
    }
    if (!error && !same)
        resource_seal(actor, &item->after, item->values);
    return error;
}

/* What platforms share is one thing: a plan that names it on several says the same of it everywhere. */
static enum error plan_shared(struct plan *plan)
{
    size_t first;
    struct name_index seen = name_index_new();
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        if (!item->exists || item->goes || !item->before.shared)
            continue;
        plan->actor->failure.within = item->within;
        if (!name_index_find(&seen, item->before.id, &first))
            name_index_add(&seen, item->before.id, i);
        else if (!same_values(item->place.kind, plan->items[first].values, item->values))
            fail_field(plan->actor, "name", MSG_SHARED_DIFFERS, plan->items[first].place.platform, NULL);
    }
    plan->actor->failure.within = NULL;
    return plan->actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* All that is wrong is told, not only with the first. */
enum error plan_work_out(struct plan *plan)
{
    enum error error = ERR_NONE;
    for (size_t i = 0; !error && i < plan->group_count; i++)
        error = load_group(plan, &plan->groups[i].place, plan->groups[i].pruned);
    if (!error)
        error = plan_withdrawn(plan);
    for (size_t i = 0; i < plan->count && (!error || error == ERR_VALIDATION); i++) {
        enum error one = plan_item(plan, &plan->items[i]);
        error = one ? one : error;
    }
    plan->actor->failure.within = NULL;
    return error ? error : plan_shared(plan);
}

enum error plan_carry_out(struct plan *plan, const char *operation)
{
    size_t count = 0;
    struct resource_change *changes = arena_array(plan->actor->arena, plan->count + 1, sizeof *changes);
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        enum error error = item->goes ? resource_leaves(plan->actor, &item->before) : ERR_NONE;
        if (error)
            return error;
        if (!item->same && !item->refused)
            changes[count++] = (struct resource_change){.before = item->exists ? &item->before : NULL,
                                                        .after = item->goes ? NULL : &item->after,
                                                        .from = plan->from};
    }
    return count ? resources_save(plan->actor, operation, changes, count) : ERR_NONE;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

enum deed { DEED_CREATE, DEED_UPDATE, DEED_DELETE, DEED_UNCHANGED, DEED_COUNT };

static const char *const deed_names[] = {"create", "update", "delete", "unchanged"};

static enum deed deed_of(const struct plan_item *item)
{
    if (item->goes)
        return DEED_DELETE;
    if (!item->exists)
        return DEED_CREATE;
    return item->same ? DEED_UNCHANGED : DEED_UPDATE;
}

void plan_write_item(struct plan *plan, struct json_writer *w, const struct plan_item *item)
{
    json_open_object(w);
    json_string_member(w, "action", deed_names[deed_of(item)]);
    json_string_member(w, "platform", item->place.platform);
    json_string_member(w, "kind", item->place.kind->name);
    json_string_member(w, "name", item->place.name);
    if (json_object_size(item->platforms) > 1)
        json_raw_member(w, "platforms", json_text(plan->actor->arena, item->platforms));
    else if (item->before.shared) /* a change goes to all of them */
        json_raw_member(w, "platforms", item->before.shared);
    json_literal_key(w, "changes");
    if (deed_of(item) == DEED_UPDATE) {
        resource_write_changes(plan->actor, w, &item->before, &item->after);
    } else {
        json_open_array(w);
        json_close_array(w);
    }
    json_close_object(w);
}

void plan_write_counts(struct plan *plan, struct json_writer *w)
{
    long long counts[DEED_COUNT] = {0};
    for (size_t i = 0; i < plan->count; i++)
        counts[deed_of(&plan->items[i])] += !plan->items[i].refused;
    json_literal_key(w, "counts");
    json_open_object(w);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        json_key(w, deed_names[i]);
        json_put_int(w, counts[i]);
    }
    json_close_object(w);
}

void plan_write(struct plan *plan, struct json_writer *w)
{
    json_literal_key(w, "plan");
    json_open_array(w);
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->items[i].refused)
            plan_write_item(plan, w, &plan->items[i]);
    json_close_array(w);
    plan_write_counts(plan, w);
}
