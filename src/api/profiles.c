/* Profiles ("configs") at the addresses and in the shapes that CCR UI knows; what is done is what is done with any kind. */
#include <string.h>

#include "audit.h"
#include "budgets.h"
#include "handlers.h"
#include "page.h"
#include "profile.h"
#include "util.h"

enum { LIST_MAX = 1000, OFFSET_MAX = 1000000, ALL = 1000000 };

static const struct field list_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {"limit", FIELD_INT, .min = 1, .max = LIST_MAX},
    {"offset", FIELD_INT, .min = 0, .max = OFFSET_MAX},
    {0},
};

static const struct field revisions_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {"limit", FIELD_INT, .min = 1, .max = 500},
    {"offset", FIELD_INT, .min = 0, .max = 1000000000},
    {0},
};

static const struct field switch_fields[] = {
    {"config_name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = LIST_MAX},
    {0},
};

static const struct field no_fields[] = {{0}};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static enum error list_profiles(struct request *rq, struct response *rs)
{
    struct place place;
    struct profile profile;
    struct profile_page page;
    long long limit = ALL, offset = 0; /* left alone when there is no number */
    parse_int(request_query_or(rq, "limit", ""), 1, LIST_MAX, &limit);
    parse_int(request_query_or(rq, "offset", ""), 0, OFFSET_MAX, &offset);
    enum error error = resource_place(rq, &place);
    if (!error)
        error = profile_list_page(&rq->actor, place.platform, limit, offset, &page);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_string_member(w, "current_config", page.pointers.current);
    json_string_member(w, "default_config", page.pointers.standard);
    json_key(w, "configs");
    json_open_array(w);
    for (int i = 0; i < page.count; i++) {
        profile_at(&page, i, &profile);
        profile_write(w, &profile);
    }
    json_close_array(w);
    json_int_member(w, "total", page.total);
    json_string_member(w, "platform", place.platform);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

static enum error respond_profile(struct response *rs, const struct profile *p)
{
    rs->revision = p->r.revision;
    profile_write(respond_begin_bare(rs, 200), p);
    return respond_end(rs);
}

static enum error get_profile(struct request *rq, struct response *rs)
{
    struct place place;
    struct profile profile;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = profile_find(&rq->actor, place.platform, place.name, false, &profile);
    return error ? error : respond_profile(rs, &profile);
}

static enum error get_current(struct request *rq, struct response *rs)
{
    struct place place;
    struct profile profile;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = profile_current(&rq->actor, place.platform, &profile);
    return error ? error : respond_profile(rs, &profile);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* What a write leaves behind: good for the next If-Match. Entity tags of reads say more (src/http/cached.c). */
static enum error respond_written(struct request *rq, struct response *rs, int status, const struct resource *r,
                                  const char *text)
{
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%lld\"", r->revision));
    return respond_text(rs, status, text);
}

static enum error create_profile(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_create(rq, &r);
    return error ? error : respond_written(rq, rs, 201, &r, "Configuration added successfully");
}

static enum error replace_profile(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_replace(rq, &r);
    return error ? error : respond_written(rq, rs, 200, &r, "Configuration updated successfully");
}

static enum error delete_profile(struct request *rq, struct response *rs)
{
    enum error error = resource_destroy(rq);
    return error ? error : respond_text(rs, 200, "Configuration deleted successfully");
}

static enum error switch_on(struct request *rq, struct response *rs, bool enabled)
{
    struct resource r = {.name = ""};
    enum error error = resource_switch_on(rq, enabled, &r);
    if (!error)
        respond_text(rs, 200,
                     arena_printf(rq->actor.arena, "Configuration '%s' %s", r.name, enabled ? "enabled" : "disabled"));
    return error;
}

static enum error enable_profile(struct request *rq, struct response *rs)
{
    return switch_on(rq, rs, true);
}

static enum error disable_profile(struct request *rq, struct response *rs)
{
    return switch_on(rq, rs, false);
}

static enum error respond_named(struct request *rq, struct response *rs, int status, const struct resource *r)
{
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%lld\"", r->revision));
    struct json_writer *w = respond_object(rs, status);
    json_string_member(w, "name", r->name);
    json_string_member(w, "platform", r->platform);
    json_int_member(w, "revision", r->revision);
    return respond_end(rs);
}

static enum error rename_profile(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_take_name(rq, &r);
    return error ? error : respond_named(rq, rs, 200, &r);
}

static enum error copy_profile(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_copy(rq, &r);
    return error ? error : respond_named(rq, rs, 201, &r);
}

static enum error roll_back_profile(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    enum error error = resource_roll_back(rq, &r);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "name", r.name);
    json_int_member(w, "revision", r.revision);
    json_int_member(w, "restored", body_int(rq, "revision", 0));
    return respond_end(rs);
}

/* ---- revisions, whole ------------------------------------------------------------------------------------------- */

#define OF_NAME                                                                                                        \
    " FROM resource_revisions WHERE workspace_id = ccr_workspace() AND kind = 'profile' AND platform = $1 AND name = $2"

static void write_revision(struct request *rq, struct json_writer *w, const struct row *row)
{
    enum { REVISION, OPERATION, ACTOR, TIME, ENABLED, LISTED, UNLISTED };
    const struct resource r = {.listed = row_text(row, LISTED), .unlisted = row_text(row, UNLISTED)};
    json_t *shown = resource_shown(&r);
    json_open_object(w);
    json_int_member(w, "revision", row_int(row, REVISION));
    json_string_member(w, "operation", row_text(row, OPERATION));
    json_string_member(w, "actor", row_text(row, ACTOR));
    json_string_member(w, "timestamp", row_text(row, TIME));
    json_string_member(w, "auth_token", json_string_value(json_object_get(shown, "auth_token")));
    json_raw_member(w, "extra", json_text(rq->actor.arena, json_object_get(shown, "extra")));
    json_object_del(shown, "auth_token");
    json_object_del(shown, "extra");
    json_object_set_new(shown, "enabled", json_boolean(row_bool(row, ENABLED)));
    json_raw_member(w, "content", json_text(rq->actor.arena, shown));
    json_close_object(w);
}

static const struct listing revisions = {
    .name = "revisions",
    .count = {"profile_revisions_count", "SELECT count(*)" OF_NAME},
    .page = {"profile_revisions_page",
             "SELECT revision, operation, actor, " SQL_TIME(
                 "created_at") ", enabled, listed, unlisted" OF_NAME
                               " ORDER BY revision DESC LIMIT $3::integer OFFSET $4::integer"},
    .write = write_revision,
};

static enum error list_revisions(struct request *rq, struct response *rs)
{
    static const struct statement exists_any = {"profile_revisions_any", "SELECT 1" OF_NAME " LIMIT 1"};
    struct row any;
    struct place place;
    enum error error = resource_place(rq, &place);
    if (error)
        return error;
    error = db_one(rq->actor.db, &exists_any, &any, DB_ARGS(place.platform, place.name));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, place.name);
    return respond_page(rq, rs, &revisions, DB_ARGS(place.platform, place.name));
}

/* ---- what only profiles have ------------------------------------------------------------------------------------- */

static enum error change_current(struct request *rq, struct response *rs)
{
    struct place place;
    const char *name = body_text(rq, "config_name");
    enum error error = resource_place(rq, &place);
    if (!error)
        error = profile_switch(&rq->actor, place.platform, name);
    /* The contract has 400 for a name that is not there: the name is a field of the body, not the address. */
    if (error == ERR_NOT_FOUND)
        error = fail_field(&rq->actor, "config_name", MSG_CONFIG_UNKNOWN, name, NULL);
    return error ? error : respond_bare_text(rs, 200, "Configuration switched successfully");
}

static enum error reveal_token(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    json_t *values = NULL;
    enum error error = resource_asked_for(rq, false, &r);
    if (!error)
        error = budgets_allow_secrets(&rq->actor, r.platform, r.name);
    if (!error)
        error = resource_values(&rq->actor, &r, &values);
    if (error)
        return error;
    const struct audit entry = {.action = "profile.reveal", .platform = r.platform, .target = r.name};
    error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    const char *token = json_string_value(json_object_get(values, "auth_token"));
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "name", r.name);
    json_string_member(w, "auth_token", token ? token : "");
    return respond_end(rs);
}

/* Every profile of the platform, with what keeps it from being used. */
static enum error validate_profiles(struct request *rq, struct response *rs)
{
    struct place place;
    struct resource *profiles;
    size_t count;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_all(&rq->actor, place.kind, place.platform, false, &profiles, &count);
    for (size_t i = 0; !error && i < count; i++) {
        const char *problem = profile_problem(&rq->actor, &profiles[i]);
        if (problem)
            fail_field(&rq->actor, profiles[i].name, MSG_SWITCH_INVALID, problem, NULL);
    }
    if (error || rq->actor.failure.fields)
        return error ? error : ERR_VALIDATION;
    return respond_bare_text(rs, 200, "All configurations are valid");
}

#define OF_PROFILES .query = resource_platform_query, .data = &kind_profile

const struct route profiles_routes[] = {
    {METHOD_GET, "/api/configs", list_profiles, ACCESS_VIEWER, .query = list_query, .flags = ROUTE_CACHED,
     .data = &kind_profile},
    {METHOD_POST, "/api/configs", create_profile, ACCESS_EDITOR, .body = no_fields, OF_PROFILES},
    {METHOD_GET, "/api/configs/current", get_current, ACCESS_VIEWER, .flags = ROUTE_CACHED, OF_PROFILES},
    {METHOD_GET, "/api/configs/{name}", get_profile, ACCESS_VIEWER, .flags = ROUTE_CACHED, OF_PROFILES},
    {METHOD_PUT, "/api/configs/{name}", replace_profile, ACCESS_EDITOR, .body = no_fields, OF_PROFILES},
    {METHOD_DELETE, "/api/configs/{name}", delete_profile, ACCESS_EDITOR, OF_PROFILES},
    {METHOD_PATCH, "/api/configs/{name}/enable", enable_profile, ACCESS_EDITOR, OF_PROFILES},
    {METHOD_PATCH, "/api/configs/{name}/disable", disable_profile, ACCESS_EDITOR, OF_PROFILES},
    {METHOD_POST, "/api/configs/{name}/copy", copy_profile, ACCESS_EDITOR, .body = resource_copy_fields, OF_PROFILES},
    {METHOD_POST, "/api/configs/{name}/rename", rename_profile, ACCESS_EDITOR, .body = resource_rename_fields,
     OF_PROFILES},
    {METHOD_GET, "/api/configs/{name}/revisions", list_revisions, ACCESS_VIEWER, .query = revisions_query,
     .flags = ROUTE_CACHED, .data = &kind_profile},
    {METHOD_POST, "/api/configs/{name}/rollback", roll_back_profile, ACCESS_EDITOR, .body = resource_rollback_fields,
     OF_PROFILES},
    {METHOD_POST, "/api/configs/{name}/reveal", reveal_token, ACCESS_EDITOR, .body = no_fields,
     .flags = ROUTE_SECRETS | ROUTE_READ_ONLY, OF_PROFILES},
    {METHOD_POST, "/api/switch", change_current, ACCESS_VIEWER, .body = switch_fields, OF_PROFILES},
    {METHOD_POST, "/api/configs/switch", change_current, ACCESS_VIEWER, .body = switch_fields, OF_PROFILES},
    {METHOD_GET, "/api/validate", validate_profiles, ACCESS_VIEWER, .flags = ROUTE_HEAVY, OF_PROFILES},
    {0},
};
