/* Apply: a document of many resources, as a repository in Git holds them, made true in one transaction. The answer is the plan: what is
 * made, changed field by field, deleted, left alone; with dry_run nothing else happens. */
#include "plan.h"

#include "util.h"

static const struct field apply_fields[] = {
    {"resources", FIELD_OBJECTS, FIELD_REQUIRED, .max = PLAN_MAX},
    {"prune", FIELD_OBJECTS, .max = PLAN_GROUPS_MAX},
    {"dry_run", FIELD_BOOL},
    {0},
};

static bool is_of_one(const json_t *entry, const char *platform)
{
    const json_t *several = json_object_get(entry, "platforms");
    (void)platform;
    return !several || json_is_null(several);
}

/* Of an item, and of an entry of `prune`. */
static const struct field item_fields[] = {
    {"platform", FIELD_TEXT, .max = 20, .required = is_of_one},
    {"kind", FIELD_TEXT, FIELD_REQUIRED, .max = 40},
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300},
    {"enabled", FIELD_BOOL},
};
enum { GROUP_FIELDS = 2 };

static bool is_well_formed(struct actor *actor, json_t *entry, size_t fields)
{
    for (size_t i = 0; i < fields; i++)
        if (field_check(actor, entry, &item_fields[i]))
            return false;
    return true;
}

/* Who is to share an item: a list or, as a resource shows it itself, an object, platform -> enabled. NULL, with what is wrong said, when
 * it is neither. */
static json_t *take_platforms(struct actor *actor, json_t *wanted, bool enabled)
{
    size_t i;
    const char *name;
    json_t *each, *out = json_is_object(wanted) ? wanted : json_object();
    json_array_foreach(wanted, i, each)
        json_object_set_new(out, json_is_string(each) ? json_string_value(each) : "", json_boolean(enabled));
    json_object_foreach(out, name, each) if (!json_is_boolean(each))
        fail_field(actor, arena_printf(actor->arena, "platforms.%s", name), MSG_TYPE, "true, false", NULL);
    if (!json_object_size(out))
        fail_field(actor, "platforms", MSG_NOT_BLANK, NULL);
    return actor->failure.fields ? NULL : out;
}

static void take_item(struct plan *plan, json_t *entry, size_t number)
{
    struct place place;
    struct actor *actor = plan->actor;
    const char *within = actor->failure.within = arena_printf(actor->arena, "resources[%zu]", number);
    if (!is_well_formed(actor, entry, ARRAY_SIZE(item_fields)))
        return;
    bool enabled = !json_is_false(json_object_get(entry, "enabled"));
    const char *kind = json_text_at(entry, "kind"), *name = place.name = json_text_at(entry, "name");
    if (!is_of_one(entry, NULL))
        plan_add_shared(plan, kind, name, entry, take_platforms(actor, json_object_get(entry, "platforms"), enabled),
                        within);
    else if (plan_place(actor, json_text_at(entry, "platform"), kind, &place))
        plan_add(plan, &place, json_copy(entry), enabled, within);
}

static enum error take_document(struct request *rq, struct plan *plan)
{
    size_t i;
    json_t *entry, *resources = body_value(rq, "resources"), *prune = body_value(rq, "prune");
    struct place place;
    plan_begin(plan, &rq->actor);
    json_array_foreach(resources, i, entry) take_item(plan, entry, i);
    json_array_foreach(prune, i, entry)
    {
        rq->actor.failure.within = arena_printf(rq->actor.arena, "prune[%zu]", i);
        if (is_well_formed(&rq->actor, entry, GROUP_FIELDS) &&
            plan_place(&rq->actor, json_text_at(entry, "platform"), json_text_at(entry, "kind"), &place))
            plan_prune(plan, &place, NULL);
    }
    rq->actor.failure.within = NULL;
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

static enum error apply(struct request *rq, struct response *rs)
{
    struct plan plan;
    bool dry_run = body_bool(rq, "dry_run", false);
    enum error error = take_document(rq, &plan);
    if (!error)
        error = plan_work_out(&plan);
    if (!error && !dry_run)
        error = plan_carry_out(&plan, "apply");
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "dry_run", dry_run);
    plan_write(&plan, w);
    return respond_end(rs);
}

const struct route apply_routes[] = {
    {METHOD_POST, "/api/resources/apply", apply, ACCESS_EDITOR, .body = apply_fields, .body_max = BODY_MAX_FILE,
     .flags = ROUTE_HEAVY},
    {0},
};
