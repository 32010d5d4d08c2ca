/* Sharing: one resource that several platforms have. It has a row on each, all with the same id, so that its secrets are sealed once. What
 * is changed on one platform is changed on all, in the same transaction and under the same number of revision; each platform has its own
 * switch, its own place among the others, and the file that it came from. Every row says who shares it, so that reading asks nobody. */
#include <string.h>

#include "handlers.h"
#include "json.h"
#include "name_index.h"
#include "platform.h"
#include "util.h"

static const struct field share_fields[] = {{"platforms", FIELD_OBJECT, FIELD_REQUIRED}, {0}};

unsigned resource_platforms(const struct resource *r)
{
    const char *name;
    json_t *enabled, *shared = r->shared ? json_stored(r->shared) : NULL;
    unsigned bits = platform_bit(r->platform);
    json_object_foreach(shared, name, enabled) bits |= platform_bit(name);
    return bits;
}

/* ---- what follows from a change --------------------------------------------------------------------------------- */

/* What is being saved, and what is to be saved with it. */
struct follow {
    struct actor *actor;
    const struct resource_change *changes;
    struct resource_change *all;
    size_t count, all_count;
    json_t *states;            /* id -> platform -> enabled, as it will be */
    struct name_index named;   /* rows that somebody changes himself */
    struct name_index leaders; /* id -> the change whose values all are to have */
    struct name_index highest; /* id -> revision: all of one go on from the same number */
};

static const char *row_name(struct actor *actor, const struct resource *r)
{
    return arena_printf(actor->arena, "%s/%s", r->id, r->platform);
}

static const struct resource *subject(const struct resource_change *c)
{
    return c->after ? c->after : c->before;
}

static bool is_shared(const struct resource_change *c)
{
    return (c->before && c->before->shared) || (c->after && c->after->shared);
}

static bool differs(const struct resource_change *c)
{
    const struct resource *a = c->before, *b = c->after;
    return !text_equal(a->listed, b->listed) || !text_equal(a->unlisted, b->unlisted) ||
           !text_equal(a->sealed, b->sealed);
}

static void note_change(struct follow *f, size_t number)
{
    const struct resource_change *c = &f->changes[number];
    const struct resource *r = subject(c);
    json_t *state = json_object_get(f->states, r->id);
    if (!state)
        return;
    name_index_add(&f->named, row_name(f->actor, r), number);
    if (c->before && c->after && differs(c))
        name_index_add(&f->leaders, r->id, number);
    if (c->after)
        json_object_set_new(state, r->platform, json_boolean(r->enabled));
    else
        json_object_del(state, r->platform);
}

/* The row on another platform: everything but what is that platform's own. */
static void add_follower(struct follow *f, const struct resource *row)
{
    size_t leader;
    struct resource *after = arena_array(f->actor->arena, 1, sizeof *after);
    *after = *row;
    struct resource_change change = {.before = row, .after = after, .silent = true};
    if (name_index_find(&f->leaders, row->id, &leader)) {
        const struct resource *values = f->changes[leader].after;
        after->listed = values->listed;
        after->unlisted = values->unlisted;
        after->sealed = values->sealed;
        change.silent = !differs(&change);
    }
    f->all[f->all_count++] = change;
}

/* Who shares it, in the order of the platforms; NULL when nobody does. */
static const char *shared_text(struct actor *actor, const json_t *state)
{
    json_t *ordered = json_object();
    for (const struct platform *p = platforms; p->name; p++)
        if (json_object_get(state, p->name))
            json_object_set(ordered, p->name, json_object_get(state, p->name));
    return json_object_size(ordered) > 1 ? json_text(actor->arena, ordered) : NULL;
}

/* As a JSON array; NULL when nothing is shared. */
static const char *shared_ids(struct follow *f)
{
    const char *id;
    json_t *ids = json_array(), *state;
    for (size_t i = 0; i < f->count; i++)
        if (is_shared(&f->changes[i]))
            json_object_set_new(f->states, subject(&f->changes[i])->id, json_object());
    json_object_foreach(f->states, id, state) json_array_append_new(ids, json_string(id));
    return json_array_size(ids) ? json_text(f->actor->arena, ids) : NULL;
}

static void note_row(struct follow *f, const struct resource *row)
{
    size_t highest = 0;
    json_object_set_new(json_object_get(f->states, row->id), row->platform, json_boolean(row->enabled));
    name_index_find(&f->highest, row->id, &highest);
    if ((size_t)row->revision > highest)
        name_index_add(&f->highest, row->id, (size_t)row->revision);
}

static void set_state(struct follow *f, struct resource *after)
{
    size_t highest;
    json_t *state = json_object_get(f->states, after->id);
    if (!state)
        return;
    after->shared = shared_text(f->actor, state);
    if (name_index_find(&f->highest, after->id, &highest))
        after->revision = (long long)highest;
}

static void follow(struct follow *f, const struct resource *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        note_row(f, &rows[i]);
    for (size_t i = 0; i < f->count; i++)
        note_change(f, i);
    for (size_t i = 0; i < count; i++)
        if (!name_index_find(&f->named, row_name(f->actor, &rows[i]), NULL))
            add_follower(f, &rows[i]);
    for (size_t i = 0; i < f->all_count; i++)
        if (f->all[i].after)
            set_state(f, f->all[i].after);
}

enum error resources_follow(struct actor *actor, const struct resource_change **changes, size_t *count)
{
    struct resource *rows;
    size_t row_count;
    struct follow f = {.actor = actor,
                       .changes = *changes,
                       .count = *count,
                       .all_count = *count,
                       .states = json_object(),
                       .named = name_index_new(),
                       .leaders = name_index_new(),
                       .highest = name_index_new()};
    const char *ids = shared_ids(&f);
    enum error error = ids ? resources_sharing(actor, ids, &rows, &row_count) : ERR_NONE;
    if (error || !ids)
        return error;
    f.all = arena_array(actor->arena, f.count + row_count, sizeof *f.all);
    memcpy(f.all, f.changes, f.count * sizeof *f.all);
    follow(&f, rows, row_count);
    *changes = f.all;
    *count = f.all_count;
    return ERR_NONE;
}

/* ---- who is to have it ------------------------------------------------------------------------------------------ */

/* The body, checked: platforms that have the kind, each with its switch. */
static enum error take_platforms(struct actor *actor, const struct kind *kind, json_t *wanted)
{
    const char *name;
    json_t *enabled;
    actor->failure.within = "platforms";
    json_object_foreach(wanted, name, enabled)
    {
        const struct field field = {name, FIELD_BOOL, FIELD_REQUIRED};
        if (kind_is_on(kind, name))
            field_check(actor, wanted, &field);
        else
            fail_field(actor, name, MSG_KIND_NOT_THERE, name, kind->name, NULL);
    }
    actor->failure.within = NULL;
    if (!json_object_size(wanted))
        fail_field(actor, "platforms", MSG_NOT_BLANK, NULL);
    return actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* What another platform is given: it has the same id, so the seals open there, too. */
static enum error give(struct request *rq, const struct resource *r, json_t *values, struct resource *after)
{
    struct actor *actor = &rq->actor;
    enum error error = resource_check_name(actor, r->kind, after->platform, "platforms", r->name);
    if (!error)
        error = resource_check_room(actor, r->kind, after->platform);
    after->position = -1;
    after->source = NULL;
    return error ? error : resource_check_on(actor, r->kind, platform_bit(after->platform), values);
}

static const struct resource *row_on(const struct resource *rows, size_t count, const char *platform)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].platform, platform) == 0)
            return &rows[i];
    return NULL;
}

/* Changes from the rows that there are to those that are wanted. */
static enum error share_among(struct request *rq, const struct resource *r, json_t *wanted)
{
    enum { PLATFORMS = 8 };
    struct resource *rows, after[PLATFORMS];
    struct resource_change changes[PLATFORMS];
    size_t row_count, count = 0;
    json_t *values, *ids = json_array();
    json_array_append_new(ids, json_string(r->id));
    enum error error = resources_sharing(&rq->actor, json_text(rq->actor.arena, ids), &rows, &row_count);
    if (!error)
        error = resource_values(&rq->actor, r, &values);
    for (const struct platform *p = platforms; !error && p->name && count < PLATFORMS; p++) {
        const struct resource *row = row_on(rows, row_count, p->name);
        const json_t *enabled = json_object_get(wanted, p->name);
        if (enabled ? row && row->enabled == json_is_true(enabled) : !row)
            continue;
        struct resource *now = &after[count];
        *now = row ? *row : *r;
        now->platform = p->name;
        now->enabled = json_is_true(enabled);
        now->shared = "{}"; /* what resources_follow is to say */
        changes[count++] = (struct resource_change){.before = row, .after = enabled ? now : NULL};
        if (!row)
            error = give(rq, r, values, now);
        else if (!enabled)
            error = resource_leaves(&rq->actor, row);
    }
    return error || !count ? error : resources_save(&rq->actor, "share", changes, count);
}

enum error resource_share(struct request *rq, struct resource *r)
{
    json_t *wanted = body_value(rq, "platforms");
    enum error error = take_platforms(&rq->actor, rq->route->data, wanted);
    if (!error)
        error = resource_to_change(rq, r);
    if (!error)
        error = share_among(rq, r, wanted);
    for (const struct platform *p = platforms; !error && p->name && !json_object_get(wanted, r->platform); p++)
        if (json_object_get(wanted, p->name))
            r->platform = p->name; /* where it still is */
    return error;
}

const struct operation share_operations[] = {
    {METHOD_PUT, "/{name}/platforms", .change = resource_share, .body = share_fields, .kinds = KIND_SHARED},
    {.method = METHOD_OTHER},
};
