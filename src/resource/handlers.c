/* What can be done with a resource of any kind, by HTTP. A row an operation; routes.c makes each of them for each kind. */
#include "handlers.h"

#include <string.h>

#include "audit.h"
#include "budgets.h"
#include "platform.h"
#include "resource.h"
#include "util.h"
#include "workspaces.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500, NAMES_MAX = 1000 };

static const struct field list_query[] = {
    {"limit", FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {"offset", FIELD_INT, .min = 0, .max = RESOURCES_MAX},
    {"cursor", FIELD_TEXT, .max = 400},
    {"search", FIELD_TEXT, .max = 200},
    {"folder", FIELD_TEXT, .max = 300},
    {"enabled", FIELD_TEXT, .choices = "true|false"},
    {"updated_since", FIELD_TEXT, .max = 40},
    {0},
};
/* What a body holds besides the kind's columns; checked together with them, so that all that is wrong is told at once. */
static const struct field name_field = {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300};
static const struct field enabled_field = {"enabled", FIELD_BOOL};
static const struct field no_fields[] = {{0}};
const struct field resource_platform_query[] = {{"platform", FIELD_TEXT, .max = 20}, {0}};
static const struct field names_fields[] = {{"names", FIELD_STRINGS, FIELD_REQUIRED, .max = NAMES_MAX}, {0}};
const struct field resource_rename_fields[] = {{"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300}, {0}};
const struct field resource_copy_fields[] = {
    {"name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 300},
    {"platform", FIELD_TEXT, .max = 20},
    {"workspace", FIELD_TEXT, .max = 100},
    {0},
};

/* ---- which one -------------------------------------------------------------------------------------------------- */

enum error resource_place(struct request *rq, struct place *place)
{
    const char *platform = text_or_null(path_arg(rq, "platform"));
    place->kind = rq->route->data;
    place->platform = platform ? platform : request_query_or(rq, "platform", rq->actor.who.platform);
    place->name = path_arg(rq, "name");
    if (kind_is_on(place->kind, place->platform))
        return ERR_NONE;
    if (platform && !platform_find(platform))
        return ERR_NOT_FOUND;
    return platform ? fail(&rq->actor, MSG_KIND_NOT_THERE, platform, place->kind->name, NULL)
                    : fail_field(&rq->actor, "platform", MSG_PLATFORM_UNKNOWN, place->platform, NULL);
}

enum error resource_asked_for(struct request *rq, bool lock, struct resource *r)
{
    struct place place;
    enum error error = resource_place(rq, &place);
    return error ? error : resource_find(&rq->actor, place.kind, place.platform, place.name, lock, r);
}

enum error resource_to_change(struct request *rq, struct resource *r)
{
    const struct kind *kind = rq->route->data;
    /* Whose change goes on to other platforms first has their turn. */
    enum error error = kind->flags & KIND_SHARED ? resources_lock(&rq->actor, kind, "", BRIEFLY) : ERR_NONE;
    if (!error)
        error = resource_asked_for(rq, true, r);
    return error ? error : check_if_match(rq, r->revision);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static enum error list(struct request *rq, struct response *rs)
{
    struct place place;
    struct resource_page page;
    struct resource r = {.name = ""};
    struct resource_query q = {.limit = LIMIT_DEFAULT,
                               .cursor = request_query_or(rq, "cursor", NULL),
                               .search = request_query_or(rq, "search", NULL),
                               .folder = request_query_or(rq, "folder", NULL),
                               .enabled = request_query_or(rq, "enabled", NULL)};
    parse_int(request_query_or(rq, "limit", ""), 1, LIMIT_MAX, &q.limit); /* left alone when there is no number */
    parse_int(request_query_or(rq, "offset", ""), 0, RESOURCES_MAX, &q.offset);
    enum error error = resource_place(rq, &place);
    if (!error)
        error = query_time(rq, "updated_since", &q.updated_since);
    if (!error)
        error = resource_page(&rq->actor, place.kind, place.platform, &q, &page);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "items");
    json_open_array(w);
    for (int i = 0; i < page.count; i++) {
        resource_at(&page, i, &r);
        resource_write(w, &r, false);
    }
    json_close_array(w);
    json_int_member(w, "total", page.total);
    json_bool_member(w, "total_at_least", page.total_at_least);
    json_string_member(w, "next_cursor", page.more ? resource_cursor(&rq->actor, &r) : NULL);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

static enum error get(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_asked_for(rq, false, &r);
    if (error)
        return error;
    rs->revision = r.revision;
    resource_write(respond_begin(rs, 200), &r, true);
    return respond_end(rs);
}

/* What a write made, and what the platform cannot say of it. Who else shares a resource, and what its kind made of another
 * name, was said in the store alone. */
static enum error respond_resource(struct request *rq, struct response *rs, int status, const struct resource *r)
{
    struct resource now = *r;
    enum error error = r->kind->flags & KIND_SHARED || r->kind->renamed
                           ? resource_find(&rq->actor, r->kind, r->platform, r->name, false, &now)
                           : ERR_NONE;
    if (error)
        return error;
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%lld\"", now.revision));
    struct json_writer *w = respond_object(rs, status);
    json_literal_key(w, "resource");
    resource_write(w, &now, true);
    json_raw_member(w, "warnings", json_text(rq->actor.arena, resource_warnings(&rq->actor, &now)));
    return respond_end(rs);
}

enum error resource_run_change(struct request *rq, struct response *rs)
{
    const struct operation *o = rq->route->operation;
    struct resource after = {.name = ""};
    enum error error = o->change(rq, &after);
    return error ? error : respond_resource(rq, rs, o->status ? o->status : 200, &after);
}

/* ---- one more --------------------------------------------------------------------------------------------------- */

enum error resource_check_room(struct actor *actor, const struct kind *kind, const char *platform)
{
    long long total, most = kind->most ? kind->most : RESOURCES_MAX;
    enum error error = resources_total(actor, kind, platform, &total);
    if (!error && total >= most)
        return fail(actor, MSG_RESOURCES_MAX, number_text(actor, most), NULL);
    return error;
}

/* Reads it before what is no column is dropped from the body. */
static bool take_enabled(struct request *rq, bool otherwise)
{
    return field_check(&rq->actor, rq->body, &enabled_field) ? otherwise : body_bool(rq, "enabled", otherwise);
}

enum error resource_create(struct request *rq, struct resource *r)
{
    struct place place;
    const char *name = NULL;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_lock(&rq->actor, place.kind, place.platform, BRIEFLY);
    if (error)
        return error;
    if (field_check(&rq->actor, rq->body, &name_field) == ERR_NONE) {
        name = arena_strdup(rq->actor.arena, body_text(rq, "name"));
        resource_check_name(&rq->actor, place.kind, place.platform, "name", name);
    }
    *r = (struct resource){.kind = place.kind,
                           .platform = place.platform,
                           .name = name,
                           .position = -1,
                           .enabled = take_enabled(rq, true)};
    json_t *values = json_copy(rq->body); /* which a transaction that is tried again needs as it was sent */
    error = resource_check(&rq->actor, place.kind, place.platform, NULL, values);
    if (!error)
        error = resource_check_room(&rq->actor, place.kind, place.platform);
    if (error)
        return error;
    random_uuid(r->id);
    resource_seal(&rq->actor, r, values);
    return resource_save(&rq->actor, "create", NULL, r);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

enum error resource_save_values(struct request *rq, const struct resource *before, json_t *values,
                                struct resource *after)
{
    *after = *before;
    after->enabled = take_enabled(rq, before->enabled);
    enum error error = resource_check(&rq->actor, before->kind, before->platform, before, values);
    if (error)
        return error;
    resource_seal(&rq->actor, after, values);
    return resource_save(&rq->actor, "update", before, after);
}

enum error resource_replace(struct request *rq, struct resource *after)
{
    struct resource before = {.name = ""};
    enum error error = resource_to_change(rq, &before);
    return error ? error : resource_save_values(rq, &before, json_copy(rq->body), after);
}

/* RFC 7396: null removes, an object is merged member by member, anything else replaces. */
static json_t *merge_patch(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;
    if (!json_is_object(patch))
        return patch;
    if (!json_is_object(target))
        target = json_object();
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value))
            json_object_del(target, name);
        else
            json_object_set(target, name, merge_patch(json_object_get(target, name), value));
    }
    return target;
}

static enum error change(struct request *rq, struct resource *after)
{
    struct resource before = {.name = ""};
    enum error error = resource_to_change(rq, &before);
    return error ? error : resource_save_values(rq, &before, merge_patch(resource_shown(&before), rq->body), after);
}

enum error resource_switch_on(struct request *rq, bool enabled, struct resource *after)
{
    struct resource before = {.name = ""};
    enum error error = resource_to_change(rq, &before);
    *after = before;
    return error ? error : resource_set_enabled(&rq->actor, after, enabled);
}

static enum error enable(struct request *rq, struct resource *after)
{
    return resource_switch_on(rq, true, after);
}

static enum error disable(struct request *rq, struct resource *after)
{
    return resource_switch_on(rq, false, after);
}

enum error resource_take_name(struct request *rq, struct resource *r)
{
    struct place place;
    const char *name = body_text(rq, "name");
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_lock(&rq->actor, place.kind, place.platform, BRIEFLY);
    if (!error)
        error = resource_check_name(&rq->actor, place.kind, place.platform, "name", name);
    if (!error)
        error = resource_to_change(rq, r);
    return error ? error : resource_rename(&rq->actor, r, name);
}

/* From here on the actor is in the other workspace; the one that it leaves has it in its audit trail, too. */
static enum error take_along(struct actor *actor, const struct resource *from, const struct resource *to,
                             const char *workspace, const char **origin)
{
    struct row row;
    const struct audit entry = {.action = arena_printf(actor->arena, "%s.copy", from->kind->name),
                                .platform = to->platform,
                                .target = from->name,
                                .to_config = arena_printf(actor->arena, "%s/%s", workspace, to->name)};
    *origin = arena_printf(actor->arena, "%s/%s", actor->who.workspace_slug, from->name);
    enum error error = audit_write(actor, &entry);
    return error ? error : workspace_enter(actor, workspace, kind_role(from->kind), &row);
}

/* What is copied must not change, nor go, until the copy is there: both places, in one order for everybody. */
static enum error lock_both(struct actor *actor, const struct kind *kind, const char *from, const char *to)
{
    bool in_order = strcmp(from, to) <= 0;
    enum error error = resources_lock(actor, kind, in_order ? from : to, BRIEFLY);
    if (!error && strcmp(from, to) != 0)
        error = resources_lock(actor, kind, in_order ? to : from, BRIEFLY);
    return error;
}

static enum error copy_to(struct request *rq, const struct resource *from, json_t *values, struct resource *to)
{
    struct actor *actor = &rq->actor;
    const char *workspace = body_text(rq, "workspace"), *origin = from->name;
    enum error error = ERR_NONE;
    if (workspace && strcmp(workspace, actor->who.workspace_slug) != 0)
        error = take_along(actor, from, to, workspace, &origin);
    if (!error)
        error = resources_lock(actor, to->kind, to->platform, BRIEFLY);
    if (!error)
        error = resource_check_name(actor, to->kind, to->platform, "name", to->name);
    if (!error)
        error = resource_check_room(actor, to->kind, to->platform);
    if (!error)
        error = resource_check(actor, to->kind, to->platform, NULL, values);
    if (error)
        return error;
    to->enabled = from->enabled;
    random_uuid(to->id);
    resource_seal(actor, to, values);
    return resources_save(actor, "copy", &(struct resource_change){.after = to, .from = origin}, 1);
}

enum error resource_copy(struct request *rq, struct resource *to)
{
    struct place place;
    struct resource from = {.name = ""};
    json_t *values;
    const char *platform = body_text(rq, "platform");
    enum error error = resource_place(rq, &place);
    if (error)
        return error;
    *to = (struct resource){.kind = place.kind,
                            .platform = platform ? platform : place.platform,
                            .position = -1,
                            .name = body_text(rq, "name")};
    if (!kind_is_on(place.kind, to->platform))
        return fail_field(&rq->actor, "platform", MSG_KIND_NOT_THERE, to->platform, place.kind->name, NULL);
    error = lock_both(&rq->actor, place.kind, place.platform, to->platform);
    if (!error)
        error = resource_asked_for(rq, true, &from);
    if (!error)
        error = resource_values(&rq->actor, &from, &values);
    return error ? error : copy_to(rq, &from, values, to);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static enum error respond_deleted(struct response *rs, size_t count)
{
    struct json_writer *w = respond_object(rs, 200);
    json_int_member(w, "deleted", (long long)count);
    return respond_end(rs);
}

enum error resource_destroy(struct request *rq)
{
    struct place place;
    struct resource r = {.name = ""};
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_lock(&rq->actor, place.kind, place.platform, BRIEFLY);
    if (!error)
        error = resource_to_change(rq, &r);
    if (!error)
        error = resource_leaves(&rq->actor, &r);
    return error ? error : resource_save(&rq->actor, "delete", &r, NULL);
}

static enum error destroy(struct request *rq, struct response *rs)
{
    enum error error = resource_destroy(rq);
    return error ? error : respond_deleted(rs, 1);
}

/* All of the names or none. */
static enum error destroy_many(struct request *rq, struct response *rs)
{
    struct place place;
    size_t i, count = 0;
    json_t *name, *names = body_value(rq, "names"), *seen = json_object();
    struct resource *each = arena_array(rq->actor.arena, json_array_size(names) + 1, sizeof *each);
    struct resource_change *changes = arena_array(rq->actor.arena, json_array_size(names) + 1, sizeof *changes);
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_lock(&rq->actor, place.kind, place.platform, BRIEFLY);
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        if (error || json_object_get(seen, text))
            continue;
        json_object_set(seen, text, name);
        error = resource_find(&rq->actor, place.kind, place.platform, text, true, &each[count]);
        if (!error)
            error = resource_leaves(&rq->actor, &each[count]);
        changes[count].before = &each[count];
        count += !error;
    }
    if (!error)
        error = resources_save(&rq->actor, "delete", changes, count);
    return error ? error : respond_deleted(rs, count);
}

/* ---- secrets ---------------------------------------------------------------------------------------------------- */

static enum error reveal(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    json_t *values, *each, *sealed;
    const char *name;
    enum error error = resource_asked_for(rq, false, &r);
    if (!error && strcmp(r.kind->name, "profile") == 0)
        error = budgets_allow_secrets(&rq->actor, r.platform, r.name);
    if (!error)
        error = resource_values(&rq->actor, &r, &values);
    if (error)
        return error;
    const struct audit entry = {
        .action = arena_printf(rq->actor.arena, "%s.reveal", r.kind->name), .platform = r.platform, .target = r.name};
    error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    sealed = json_stored_or(r.sealed, json_object());
    json_object_foreach(sealed, name, each) json_object_set(sealed, name, json_object_get(values, name));
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "name", r.name);
    json_raw_member(w, "secrets", json_text(rq->actor.arena, sealed));
    return respond_end(rs);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

const struct operation resource_operations[] = {
    {METHOD_GET, "", list, .query = list_query, .flags = ROUTE_CACHED, .reads = true},
    {METHOD_POST, "", .change = resource_create, .status = 201, .body = no_fields},
    {METHOD_DELETE, "", destroy_many, .body = names_fields},
    {METHOD_GET, "/{name}", get, .flags = ROUTE_CACHED, .reads = true},
    {METHOD_PUT, "/{name}", .change = resource_replace, .body = no_fields},
    {METHOD_PATCH, "/{name}", .change = change, .body = no_fields},
    {METHOD_DELETE, "/{name}", destroy},
    {METHOD_POST, "/{name}/copy", .change = resource_copy, .status = 201, .body = resource_copy_fields},
    {METHOD_POST, "/{name}/rename", .change = resource_take_name, .body = resource_rename_fields},
    {METHOD_POST, "/{name}/enable", .change = enable, .body = no_fields},
    {METHOD_POST, "/{name}/disable", .change = disable, .body = no_fields},
    {METHOD_POST, "/{name}/reveal", reveal, .body = no_fields, .flags = ROUTE_SECRETS | ROUTE_READ_ONLY},
    {.method = METHOD_OTHER},
};
