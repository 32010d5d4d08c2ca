/* Presets: resources that come with the program, in both languages, to be installed in a workspace. Each is a file of presets/, which
 * the build puts into the program. */
#include "presets.h"

enum { VALUE_MAX = 4000, TEXT_BYTES = 256 * KIB };

static const struct field list_query[] = {{"kind", FIELD_TEXT, .max = 40}, {"platform", FIELD_TEXT, .max = 20}, {0}};
static const struct field install_fields[] = {
    {"platforms", FIELD_STRINGS, FIELD_REQUIRED},
    {"values", FIELD_OBJECT},
    {"name", FIELD_TEXT, FIELD_TRIM, .max = 300},
    {0},
};

/* ---- what there is ---------------------------------------------------------------------------------------------- */

/* What is said in both languages, {"en": …, "zh": …}, becomes what is said in the actor's, at any depth; a long text stands there as
 * its lines. */
static json_t *in_language(struct actor *actor, json_t *value)
{
    size_t i;
    const char *name;
    struct buffer text;
    json_t *each, *said = json_object_get(value, actor->language == LANGUAGE_ZH ? "zh" : "en");
    buffer_init_in(&text, actor->arena, TEXT_BYTES);
    json_array_foreach(said, i, each) buffer_printf(&text, "%s\n", json_string_value(each));
    if (said)
        return json_is_array(said) ? json_string(buffer_string(&text)) : said;
    json_object_foreach(value, name, each) json_object_set(value, name, in_language(actor, each));
    json_array_foreach(value, i, each) json_array_set(value, i, in_language(actor, each));
    return value;
}

/* As it is shown: with the platforms that have its kind. */
static json_t *shown(struct actor *actor, json_t *preset)
{
    json_t *on = json_array();
    for (const struct platform *p = platforms; p->name; p++)
        if (kind_is_on(kind_find(json_text_at(preset, "kind")), p->name))
            json_array_append_new(on, json_string(p->name));
    json_object_set_new(preset, "platforms", on);
    return in_language(actor, preset);
}

json_t *presets_found(struct actor *actor, const char *kind, const char *platform)
{
    size_t i;
    json_t *preset, *found = json_array(), *all = json_stored(presets_json);
    json_array_foreach(all, i, preset)
    {
        const char *its = json_text_at(preset, "kind");
        if ((!kind || text_equal(its, kind)) && (!platform || kind_is_on(kind_find(its), platform)))
            json_array_append(found, shown(actor, preset));
    }
    return found;
}

static enum error list(struct request *rq, struct response *rs)
{
    size_t i;
    json_t *preset, *found;
    const char *kind = request_query_or(rq, "kind", NULL), *platform = request_query_or(rq, "platform", NULL);
    if (kind && !kind_find(kind))
        return fail_field(&rq->actor, "kind", MSG_KIND_UNKNOWN, kind, NULL);
    if (platform && !platform_find(platform))
        return fail_field(&rq->actor, "platform", MSG_PLATFORM_UNKNOWN, platform, NULL);
    found = presets_found(&rq->actor, kind, platform);
    json_array_foreach(found, i, preset) json_object_del(preset, "resource"); /* long */
    struct json_writer *w = respond_object(rs, 200);
    json_raw_member(w, "presets", json_text(rq->actor.arena, found));
    return respond_end(rs);
}

json_t *preset_asked_for(struct request *rq, const char *kind)
{
    size_t i;
    json_t *preset, *found = presets_found(&rq->actor, kind, NULL);
    json_array_foreach(found, i, preset)
    {
        if (text_equal(json_text_at(preset, "id"), path_arg(rq, "id")))
            return preset;
    }
    fail(&rq->actor, MSG_RESOURCE_UNKNOWN, path_arg(rq, "id"), NULL);
    return NULL;
}

static enum error get(struct request *rq, struct response *rs)
{
    json_t *preset = preset_asked_for(rq, NULL);
    if (!preset)
        return ERR_NOT_FOUND;
    json_put_raw(respond_begin(rs, 200), json_text(rq->actor.arena, preset));
    return respond_end(rs);
}

/* ---- installing ------------------------------------------------------------------------------------------------- */

/* The resource with what whoever installs it has to give: as a member of a column, or behind its other texts. What it does not say of
 * itself (description, tags) it has from the preset, where its kind has such a column. */
static json_t *filled(struct request *rq, json_t *preset)
{
    size_t i;
    json_t *each, *resource = json_object_get(preset, "resource"), *given = body_value(rq, "values");
    given = given ? given : json_object();
    rq->actor.failure.within = "values";
    json_array_foreach(json_object_get(preset, "requires"), i, each)
    {
        const char *name = json_text_at(each, "name"), *key = json_text_at(each, "as");
        const struct field field = {name, FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM | FIELD_SECRET, .max = VALUE_MAX};
        json_t *column = json_object_get(resource, json_text_at(each, "into"));
        if (field_check(&rq->actor, given, &field))
            continue;
        json_t *text = json_sprintf("%s%s", json_text_at(each, "before"), json_text_at(given, name));
        if (json_is_array(column))
            json_array_append_new(column, text);
        else
            json_object_set_new(column, key, text);
    }
    rq->actor.failure.within = NULL;
    json_object_update_missing(resource, preset);
    return resource;
}

static enum error plan_install(struct request *rq, json_t *preset, struct plan *plan)
{
    size_t i;
    struct actor *actor = &rq->actor;
    const char *id = json_text_at(preset, "id"), *name = body_text(rq, "name");
    struct place place = {.name = name ? name : id};
    json_t *platform, *wanted = body_value(rq, "platforms"), *sharing = json_object(), *resource = filled(rq, preset);
    plan_begin(plan, actor);
    plan->from =
        arena_printf(actor->arena, "presets/%s@%lld", id, json_integer_value(json_object_get(preset, "version")));
    json_array_foreach(wanted, i, platform)
    {
        actor->failure.within = arena_printf(actor->arena, "platforms[%zu]", i);
        json_object_set_new(sharing, json_string_value(platform), json_true());
        if (!plan_place(actor, json_string_value(platform), json_text_at(preset, "kind"), &place))
            continue;
        struct plan_item *item = plan_add(plan, &place, json_deep_copy(resource), true, NULL);
        if (item && place.kind->flags & KIND_SHARED)
            item->platforms = sharing;
    }
    actor->failure.within = NULL;
    if (!json_array_size(wanted))
        fail_field(actor, "platforms", MSG_NOT_BLANK, NULL);
    return actor->failure.fields ? ERR_VALIDATION : plan_work_out(plan);
}

enum error preset_install(struct request *rq, json_t *preset, struct plan *plan)
{
    enum error error = plan_install(rq, preset, plan);
    for (size_t i = 0; (!error || error == ERR_VALIDATION) && i < plan->count; i++) {
        if (!plan->items[i].exists)
            continue;
        plan_take_failure(&rq->actor); /* of several that are there a plan says that they cannot become one */
        error = fail(&rq->actor, MSG_RESOURCE_EXISTS, plan->items[i].place.name, NULL);
    }
    return error ? error : plan_carry_out(plan, "create");
}

static enum error install(struct request *rq, struct response *rs)
{
    struct plan plan;
    json_t *preset = preset_asked_for(rq, NULL);
    enum error error = preset ? preset_install(rq, preset, &plan) : ERR_NOT_FOUND;
    if (error)
        return error;
    plan_write(&plan, respond_object(rs, 201));
    return respond_end(rs);
}

const struct route presets_routes[] = {
    {METHOD_GET, "/api/presets", list, ACCESS_USER, .query = list_query},
    {METHOD_GET, "/api/presets/{id}", get, ACCESS_USER},
    {METHOD_POST, "/api/presets/{id}/install", install, ACCESS_EDITOR, .body = install_fields},
    {0},
};
