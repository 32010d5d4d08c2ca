/* Profiles ("configs"): base URL, token and model for one platform's command-line tool; a row per workspace, platform
 * and name. */
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "profile_check.h"
#include "profile_file.h"
#include "profile_pointers.h"
#include "profile_request.h"
#include "profile_write.h"
#include "util.h"

enum { LIST_MAX = 1000, OFFSET_MAX = 1000000, ALL = 1000000 };

static const struct field list_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {"limit", FIELD_INT, .min = 1, .max = LIST_MAX},
    {"offset", FIELD_INT, .min = 0, .max = OFFSET_MAX},
    {0},
};

static const struct field switch_fields[] = {
    {"config_name", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = LIST_MAX},
    {0},
};

static const struct field no_fields[] = {{0}};

/* What a write leaves behind: good for the next If-Match. Entity tags of reads say more (src/http/cached.c). */
static void tag_written(struct request *rq, struct response *rs, const struct profile *p)
{
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%lld\"", p->revision));
}

static enum error list_profiles(struct request *rq, struct response *rs)
{
    const char *platform;
    struct profile profile;
    struct profile_page page;
    long long limit = ALL, offset = 0; /* left alone when there is no number */
    parse_int(request_query_or(rq, "limit", ""), 1, LIST_MAX, &limit);
    parse_int(request_query_or(rq, "offset", ""), 0, OFFSET_MAX, &offset);
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = profile_list_page(&rq->actor, platform, limit, offset, &page);
    if (error)
        return error;
    struct json_writer *w = respond_begin_bare(rs, 200);
    json_open_object(w);
    json_string_member(w, "current_config", page.pointers.current);
    json_string_member(w, "default_config", page.pointers.standard);
    json_key(w, "configs");
    json_open_array(w);
    for (int i = 0; i < page.rows.count; i++) {
        profile_at(&page, i, &profile);
        profile_write(&rq->actor, w, &profile);
    }
    json_close_array(w);
    json_int_member(w, "total", page.total);
    json_string_member(w, "platform", platform);
    json_close_object(w);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

static enum error respond_profile(struct request *rq, struct response *rs, const struct profile *p)
{
    rs->revision = p->revision;
    profile_write(&rq->actor, respond_begin_bare(rs, 200), p);
    respond_end(rs);
    return ERR_NONE;
}

static enum error get_profile(struct request *rq, struct response *rs)
{
    struct profile profile;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profile_find(&rq->actor, platform, name, false, &profile);
    return error ? error : respond_profile(rq, rs, &profile);
}

static enum error get_current(struct request *rq, struct response *rs)
{
    struct profile profile;
    const char *platform;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = profile_current(&rq->actor, platform, &profile);
    return error ? error : respond_profile(rq, rs, &profile);
}

static const char *known_provider_type(const char *type)
{
    bool known = type && (strcmp(type, "official_relay") == 0 || strcmp(type, "third_party_model") == 0);
    return known ? type : NULL;
}

/* The editable fields, all of them: what the body leaves out is cleared. */
static enum error take_fields(struct request *rq, struct profile *p)
{
    json_t *tags = body_value(rq, "tags");
    p->base_url = body_text(rq, "base_url");
    p->description = text_or_null(body_text(rq, "description"));
    p->model = body_text(rq, "model");
    p->small_fast_model = body_text(rq, "small_fast_model");
    p->provider = body_text(rq, "provider");
    p->provider_type = known_provider_type(body_text(rq, "provider_type"));
    p->account = body_text(rq, "account");
    p->tags = tags && json_array_size(tags) ? json_text(rq->actor.arena, tags) : NULL;
    return profile_set_token(&rq->actor, p, body_text(rq, "auth_token"));
}

static enum error create_profile(struct request *rq, struct response *rs)
{
    struct profile profile = {.position = -1, .enabled = true};
    enum error error = request_platform(rq, &profile.platform);
    profile.name = body_text(rq, "name");
    if (!error)
        error = profiles_lock(&rq->actor, profile.platform, BRIEFLY);
    if (!error)
        error = check_new_profile_name(&rq->actor, profile.platform, "name", profile.name);
    if (!error)
        error = check_room(&rq->actor, profile.platform);
    if (error)
        return error;
    random_uuid(profile.id);
    error = take_fields(rq, &profile);
    profile.key_order = profile_file_keys(&rq->actor, &profile);
    if (!error)
        error = profile_save(&rq->actor, "create", "profile.create", NULL, &profile);
    if (error)
        return error;
    tag_written(rq, rs, &profile);
    respond_text(rs, 201, "Configuration added successfully");
    return ERR_NONE;
}

static enum error replace_profile(struct request *rq, struct response *rs)
{
    struct profile before, after;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profile_find(&rq->actor, platform, name, true, &before);
    if (!error)
        error = check_if_match(rq, before.revision);
    if (error)
        return error;
    after = before;
    error = take_fields(rq, &after);
    if (!error)
        error = profile_save(&rq->actor, "update", "profile.update", &before, &after);
    if (error)
        return error;
    tag_written(rq, rs, &after);
    respond_text(rs, 200, "Configuration updated successfully");
    return ERR_NONE;
}

static enum error delete_profile(struct request *rq, struct response *rs)
{
    struct profile profile;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profiles_lock(&rq->actor, platform, BRIEFLY);
    if (!error)
        error = profile_find(&rq->actor, platform, name, true, &profile);
    if (!error)
        error = check_if_match(rq, profile.revision);
    if (!error)
        error = pointers_refuse_held(&rq->actor, &profile);
    if (!error)
        error = pointers_leave(&rq->actor, &profile);
    if (!error)
        error = profile_save(&rq->actor, "delete", "profile.delete", &profile, NULL);
    if (!error)
        respond_text(rs, 200, "Configuration deleted successfully");
    return error;
}

static enum error set_profile_enabled(struct request *rq, struct response *rs, bool enabled)
{
    struct profile profile;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profile_find(&rq->actor, platform, name, true, &profile);
    if (!error)
        error = check_if_match(rq, profile.revision);
    if (!error)
        error = profile_set_enabled(&rq->actor, &profile, enabled);
    if (!error)
        respond_text(rs, 200,
                     arena_printf(rq->actor.arena, "Configuration '%s' %s", name, enabled ? "enabled" : "disabled"));
    return error;
}

static enum error enable_profile(struct request *rq, struct response *rs)
{
    return set_profile_enabled(rq, rs, true);
}

static enum error disable_profile(struct request *rq, struct response *rs)
{
    return set_profile_enabled(rq, rs, false);
}

static enum error change_current(struct request *rq, struct response *rs)
{
    const char *platform, *name = body_text(rq, "config_name");
    enum error error = request_platform(rq, &platform);
    if (!error && !label_valid(name))
        error = fail(&rq->actor, MSG_CONFIG_UNKNOWN, name, NULL);
    if (!error)
        error = profile_switch(&rq->actor, platform, name);
    /* The contract has 400 for a name that is not there: the name is a field of the body, not the address. */
    if (error == ERR_NOT_FOUND)
        error = fail_field(&rq->actor, "config_name", MSG_CONFIG_UNKNOWN, name, NULL);
    if (!error)
        respond_bare_text(rs, 200, "Configuration switched successfully");
    return error;
}

static enum error reveal_token(struct request *rq, struct response *rs)
{
    struct profile profile;
    const char *platform = NULL, *name = NULL, *token = NULL;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profile_find(&rq->actor, platform, name, false, &profile);
    if (!error)
        error = profile_token(&rq->actor, &profile, &token);
    if (error)
        return error;
    const struct audit entry = {.action = "profile.reveal", .platform = platform, .target = name};
    error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_string_member(w, "name", profile.name);
    json_string_member(w, "auth_token", token ? token : "");
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

/* Every profile of the platform, with what keeps it from being used. */
static enum error validate_profiles(struct request *rq, struct response *rs)
{
    const char *platform;
    struct profile *profiles;
    size_t count;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = profile_list(&rq->actor, platform, false, &profiles, &count);
    for (size_t i = 0; !error && i < count; i++) {
        const char *problem = profile_problem(&rq->actor, &profiles[i]);
        if (problem)
            fail_field(&rq->actor, profiles[i].name, MSG_SWITCH_INVALID, problem, NULL);
    }
    if (error || rq->actor.failure.fields)
        return error ? error : ERR_VALIDATION;
    respond_bare_text(rs, 200, "All configurations are valid");
    return ERR_NONE;
}

const struct route profiles_routes[] = {
    {METHOD_GET, "/api/configs", list_profiles, ACCESS_VIEWER, .query = list_query, .flags = ROUTE_CACHED},
    {METHOD_POST, "/api/configs", create_profile, ACCESS_EDITOR, .body = profile_fields, .query = platform_query},
    {METHOD_GET, "/api/configs/current", get_current, ACCESS_VIEWER, .query = platform_query, .flags = ROUTE_CACHED},
    {METHOD_GET, "/api/configs/{name}", get_profile, ACCESS_VIEWER, .query = platform_query, .flags = ROUTE_CACHED},
    {METHOD_PUT, "/api/configs/{name}", replace_profile, ACCESS_EDITOR, .body = PROFILE_FIELDS_UNNAMED,
     .query = platform_query},
    {METHOD_DELETE, "/api/configs/{name}", delete_profile, ACCESS_EDITOR, .query = platform_query},
    {METHOD_PATCH, "/api/configs/{name}/enable", enable_profile, ACCESS_EDITOR, .query = platform_query},
    {METHOD_PATCH, "/api/configs/{name}/disable", disable_profile, ACCESS_EDITOR, .query = platform_query},
    {METHOD_POST, "/api/configs/{name}/reveal", reveal_token, ACCESS_EDITOR, .body = no_fields, .query = platform_query,
     .flags = ROUTE_SECRETS | ROUTE_READ_ONLY},
    {METHOD_POST, "/api/switch", change_current, ACCESS_VIEWER, .body = switch_fields, .query = platform_query},
    {METHOD_POST, "/api/configs/switch", change_current, ACCESS_VIEWER, .body = switch_fields, .query = platform_query},
    {METHOD_GET, "/api/validate", validate_profiles, ACCESS_VIEWER, .query = platform_query, .flags = ROUTE_HEAVY},
    {0},
};
