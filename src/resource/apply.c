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

/* Of an item, and of an entry of `prune`. */
static const struct field item_fields[] = {
    {"platform", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"kind", FIELD_TEXT, FIELD_REQUIRED, .max = 40},
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300},
    {"enabled", FIELD_BOOL},
};
enum { GROUP_FIELDS = 2 };

static bool take_place(struct actor *actor, json_t *entry, size_t fields, struct place *place)
{
    for (size_t i = 0; i < fields; i++)
        if (field_check(actor, entry, &item_fields[i]))
            return false;
    place->name = json_string_value(json_object_get(entry, "name"));
    return plan_place(actor, json_string_value(json_object_get(entry, "platform")),
                      json_string_value(json_object_get(entry, "kind")), place);
}

static void take_item(struct plan *plan, json_t *entry, size_t number)
{
    struct place place;
    struct actor *actor = plan->actor;
    actor->failure.within = arena_printf(actor->arena, "resources[%zu]", number);
    if (!take_place(actor, entry, ARRAY_SIZE(item_fields), &place))
        return;
    json_t *enabled = json_object_get(entry, "enabled");
    plan_add(plan, &place, json_copy(entry), !enabled || json_is_null(enabled) || json_is_true(enabled),
             actor->failure.within);
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
        if (take_place(&rq->actor, entry, GROUP_FIELDS, &place))
            plan_prune(plan, &place);
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
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_bool_member(w, "dry_run", dry_run);
    plan_write(&plan, w);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

const struct route apply_routes[] = {
    {METHOD_POST, "/api/resources/apply", apply, ACCESS_EDITOR, .body = apply_fields, .body_max = BODY_MAX_FILE,
     .flags = ROUTE_HEAVY},
    {0},
};
