/* Apply: a document of many resources, as a repository in Git holds them, made true in one transaction. The answer is the plan: what is
 * made, changed field by field, deleted, left alone; with dry_run nothing else happens. */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "json.h"
#include "name_index.h"
#include "platform.h"
#include "util.h"

enum { DOCUMENT_MAX = 5000, GROUPS_MAX = 128 };

static const struct field apply_fields[] = {
    {"resources", FIELD_OBJECTS, FIELD_REQUIRED, .max = DOCUMENT_MAX},
    {"prune", FIELD_OBJECTS, .max = GROUPS_MAX},
    {"dry_run", FIELD_BOOL},
    {0},
};

/* Of an item, and of an entry of `prune`. */
static const struct field item_fields[] = {
    {"platform", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"kind", FIELD_TEXT, FIELD_REQUIRED, .max = 40},
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300},
    {"enabled", FIELD_BOOL},
};
enum { GROUP_FIELDS = 2 };

/* One of the document, or one that goes. */
struct item {
    struct place place;
    struct resource before, after;
    bool exists, goes, same;
    json_t *values;
    size_t number; /* in the document */
};

struct document {
    struct actor *actor;
    struct item *items;
    size_t count;
    struct place
        groups[GROUPS_MAX]; /* each kind on a platform once, in one order for everybody, so that two wait in turn */
    size_t group_count;
    struct name_index seen;
};

/* ---- what was sent ---------------------------------------------------------------------------------------------- */

static bool take_place(struct actor *actor, json_t *entry, size_t fields, struct place *place)
{
    for (size_t i = 0; i < fields; i++)
        if (field_check(actor, entry, &item_fields[i]))
            return false;
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    place->platform = json_string_value(json_object_get(entry, "platform"));
    place->name = json_string_value(json_object_get(entry, "name"));
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

static bool add_group(struct document *d, const struct place *place)
{
    for (size_t i = 0; i < d->group_count; i++)
        if (compare_places(&d->groups[i], place) == 0)
            return true;
    if (d->group_count == GROUPS_MAX)
        return false;
    d->groups[d->group_count++] = *place;
    return true;
}

static const char *identity_of(struct actor *actor, const struct place *place)
{
    return arena_printf(actor->arena, "%s/%s/%s", place->kind->name, place->platform, place->name);
}

static void take_item(struct document *d, json_t *entry, size_t number)
{
    struct actor *actor = d->actor;
    struct item *item = &d->items[d->count];
    actor->failure.within = arena_printf(actor->arena, "resources[%zu]", number);
    if (!take_place(actor, entry, ARRAY_SIZE(item_fields), &item->place))
        return;
    if (resource_check_name(actor, item->place.kind, item->place.platform, "name", item->place.name))
        return;
    if (!name_index_note(&d->seen, identity_of(actor, &item->place))) {
        fail_field(actor, "name", MSG_TWICE, item->place.name, NULL);
        return;
    }
    item->number = number;
    item->values = entry;
    json_t *enabled = json_object_get(entry, "enabled");
    item->after.enabled = !enabled || json_is_null(enabled) || json_is_true(enabled);
    if (add_group(d, &item->place))
        d->count++;
}

static enum error take_document(struct request *rq, struct document *d)
{
    size_t i;
    json_t *entry;
    struct place place;
    json_t *resources = body_value(rq, "resources"), *prune = body_value(rq, "prune");
    *d = (struct document){.actor = &rq->actor, .seen = name_index_new()};
    d->items = arena_array(rq->actor.arena, json_array_size(resources) + 1, sizeof *d->items);
    json_array_foreach(resources, i, entry) take_item(d, entry, i);
    json_array_foreach(prune, i, entry)
    {
        rq->actor.failure.within = arena_printf(rq->actor.arena, "prune[%zu]", i);
        if (take_place(&rq->actor, entry, GROUP_FIELDS, &place) && !add_group(d, &place))
            fail_field(&rq->actor, "kind", MSG_TOO_MANY, number_text(&rq->actor, GROUPS_MAX), NULL);
    }
    rq->actor.failure.within = NULL;
    qsort(d->groups, d->group_count, sizeof *d->groups, compare_places);
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static bool is_of(const struct item *item, const struct place *group)
{
    return compare_places(&item->place, group) == 0;
}

static bool is_pruned(const json_t *prune, const struct place *group)
{
    size_t i;
    json_t *entry;
    json_array_foreach(
        prune, i,
        entry) if (text_equal(json_string_value(json_object_get(entry, "kind")), group->kind->name) &&
                   text_equal(json_string_value(json_object_get(entry, "platform")), group->platform)) return true;
    return false;
}

static const char *names_of(const struct document *d, const struct place *group, struct name_index *places)
{
    json_t *names = json_array();
    for (size_t i = 0; i < d->count; i++) {
        if (!is_of(&d->items[i], group))
            continue;
        json_array_append_new(names, json_string(d->items[i].place.name));
        name_index_add(places, d->items[i].place.name, i);
    }
    return json_text(d->actor->arena, names);
}

static void add_goer(struct document *d, const struct resource *r)
{
    struct item *more = arena_array(d->actor->arena, d->count + 1, sizeof *more);
    memcpy(more, d->items, d->count * sizeof *more);
    more[d->count++] =
        (struct item){.place = {r->kind, r->platform, r->name}, .before = *r, .exists = true, .goes = true};
    d->items = more;
}

static enum error load_group(struct document *d, const struct place *group, bool pruned)
{
    struct name_index places = name_index_new();
    struct resource *found = NULL, *others = NULL;
    size_t count = 0, more = 0, at;
    const char *names = names_of(d, group, &places);
    enum error error = resources_lock(d->actor, group->kind, group->platform, BRIEFLY);
    if (!error)
        error = resource_check_room(d->actor, group->kind, group->platform);
    if (!error)
        error = resources_named(d->actor, group->kind, group->platform, names, true, &found, &count);
    if (!error && pruned)
        error = resources_named(d->actor, group->kind, group->platform, names, false, &others, &more);
    for (size_t i = 0; !error && i < count; i++) {
        if (!name_index_find(&places, found[i].name, &at))
            continue;
        d->items[at].before = found[i];
        d->items[at].exists = true;
    }
    for (size_t i = 0; !error && i < more; i++)
        add_goer(d, &others[i]);
    return error;
}

/* ---- the plan --------------------------------------------------------------------------------------------------- */

static bool same_values(const struct kind *kind, const json_t *one, const json_t *other)
{
    for (const struct column *column = kind->columns; column->field.type; column++)
        if (!same_value(json_object_get(one, column->field.name), json_object_get(other, column->field.name)))
            return false;
    return true;
}

static enum error plan_item(struct actor *actor, struct item *item)
{
    const struct place *place = &item->place;
    bool enabled = item->after.enabled;
    if (item->goes)
        return ERR_NONE;
    actor->failure.within = arena_printf(actor->arena, "resources[%zu]", item->number);
    enum error error =
        resource_check(actor, place->kind, place->platform, item->exists ? &item->before : NULL, item->values);
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
        item->after.position = -1;
        random_uuid(item->after.id);
    }
    if (!error && !same)
        resource_seal(actor, &item->after, item->values);
    return error;
}

/* What platforms share is one thing: a document that names it on several says the same of it everywhere. */
static enum error plan_shared(struct document *d)
{
    size_t first;
    struct name_index seen = name_index_new();
    for (size_t i = 0; i < d->count; i++) {
        struct item *item = &d->items[i];
        if (!item->exists || item->goes || !item->before.shared)
            continue;
        d->actor->failure.within = arena_printf(d->actor->arena, "resources[%zu]", item->number);
        if (!name_index_find(&seen, item->before.id, &first))
            name_index_add(&seen, item->before.id, i);
        else if (!same_values(item->place.kind, d->items[first].values, item->values))
            fail_field(d->actor, "name", MSG_SHARED_DIFFERS, d->items[first].place.platform, NULL);
    }
    d->actor->failure.within = NULL;
    return d->actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* All that is wrong is told, not only with the first. */
static enum error plan(struct document *d)
{
    enum error error = ERR_NONE;
    for (size_t i = 0; i < d->count && (!error || error == ERR_VALIDATION); i++) {
        enum error one = plan_item(d->actor, &d->items[i]);
        error = one ? one : error;
    }
    d->actor->failure.within = NULL;
    return error ? error : plan_shared(d);
}

static enum error carry_out(struct document *d)
{
    size_t count = 0;
    struct resource_change *changes = arena_array(d->actor->arena, d->count + 1, sizeof *changes);
    for (size_t i = 0; i < d->count; i++) {
        struct item *item = &d->items[i];
        enum error error = item->goes ? resource_leaves(d->actor, &item->before) : ERR_NONE;
        if (error)
            return error;
        if (!item->same)
            changes[count++] = (struct resource_change){.before = item->exists ? &item->before : NULL,
                                                        .after = item->goes ? NULL : &item->after};
    }
    return count ? resources_save(d->actor, "apply", changes, count) : ERR_NONE;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

enum deed { DEED_CREATE, DEED_UPDATE, DEED_DELETE, DEED_UNCHANGED, DEED_COUNT };

static const char *const deed_names[] = {"create", "update", "delete", "unchanged"};

static enum deed deed_of(const struct item *item)
{
    if (item->goes)
        return DEED_DELETE;
    if (!item->exists)
        return DEED_CREATE;
    return item->same ? DEED_UNCHANGED : DEED_UPDATE;
}

static void write_item(struct actor *actor, struct json_writer *w, const struct item *item)
{
    json_open_object(w);
    json_string_member(w, "action", deed_names[deed_of(item)]);
    json_string_member(w, "platform", item->place.platform);
    json_string_member(w, "kind", item->place.kind->name);
    json_string_member(w, "name", item->place.name);
    if (item->before.shared) /* a change goes to all of them */
        json_raw_member(w, "platforms", item->before.shared);
    json_literal_key(w, "changes");
    if (deed_of(item) == DEED_UPDATE) {
        resource_write_changes(actor, w, &item->before, &item->after);
    } else {
        json_open_array(w);
        json_close_array(w);
    }
    json_close_object(w);
}

static void respond_plan(struct request *rq, struct response *rs, const struct document *d, bool dry_run)
{
    long long counts[DEED_COUNT] = {0};
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_bool_member(w, "dry_run", dry_run);
    json_literal_key(w, "plan");
    json_open_array(w);
    for (size_t i = 0; i < d->count; i++) {
        counts[deed_of(&d->items[i])]++;
        write_item(&rq->actor, w, &d->items[i]);
    }
    json_close_array(w);
    json_literal_key(w, "counts");
    json_open_object(w);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        json_key(w, deed_names[i]);
        json_put_int(w, counts[i]);
    }
    json_close_object(w);
    json_close_object(w);
    respond_end(rs);
}

static enum error apply(struct request *rq, struct response *rs)
{
    struct document d;
    bool dry_run = body_bool(rq, "dry_run", false);
    enum error error = take_document(rq, &d);
    for (size_t i = 0; !error && i < d.group_count; i++)
        error = load_group(&d, &d.groups[i], is_pruned(body_value(rq, "prune"), &d.groups[i]));
    if (!error)
        error = plan(&d);
    if (!error && !dry_run)
        error = carry_out(&d);
    if (!error)
        respond_plan(rq, rs, &d, dry_run);
    return error;
}

const struct route apply_routes[] = {
    {METHOD_POST, "/api/resources/apply", apply, ACCESS_EDITOR, .body = apply_fields, .body_max = BODY_MAX_FILE,
     .flags = ROUTE_HEAVY},
    {0},
};
