/* Copies and new names of profiles. A new name takes everything along: revisions, pointers, the place in the file; secrets stay
 * sealed as they are, because they are sealed for the profile's id. A copy is a profile of its own, sealed anew. */
#include <string.h>

#include "audit.h"
#include "profile_check.h"
#include "profile_extra.h"
#include "profile_file.h"
#include "profile_pointers.h"
#include "profile_request.h"
#include "profile_write.h"
#include "util.h"

enum { NAME_MAX_LENGTH = 100 };

static const struct field rename_fields[] = {
    {"name", FIELD_LABEL, FIELD_REQUIRED | FIELD_TRIM, .max = NAME_MAX_LENGTH},
    {0},
};

static const struct field copy_fields[] = {
    {"name", FIELD_LABEL, FIELD_REQUIRED | FIELD_TRIM, .max = NAME_MAX_LENGTH},
    {"platform", FIELD_TEXT, .max = 20},
    {0},
};

/* Which profile, and the name in the body. */
static enum error asked_for(struct request *rq, const char **platform, const char **name, const char **new_name)
{
    *new_name = body_text(rq, "name");
    enum error error = request_platform(rq, platform);
    return error ? error : request_profile_name(rq, name);
}

static enum error respond_named(struct request *rq, struct response *rs, int status, const struct profile *p)
{
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%lld\"", p->revision));
    struct json_writer *w = respond_begin(rs, status);
    json_open_object(w);
    json_string_member(w, "name", p->name);
    json_string_member(w, "platform", p->platform);
    json_int_member(w, "revision", p->revision);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

static enum error rename_profile(struct request *rq, struct response *rs)
{
    struct profile p;
    const char *platform, *name, *new_name;
    enum error error = asked_for(rq, &platform, &name, &new_name);
    if (!error)
        error = profiles_lock(&rq->actor, platform, BRIEFLY);
    if (!error)
        error = check_new_profile_name(&rq->actor, platform, "name", new_name);
    if (!error)
        error = profile_find(&rq->actor, platform, name, true, &p);
    if (!error)
        error = check_if_match(rq, p.revision);
    if (!error)
        error = profile_rename(&rq->actor, &p, new_name);
    if (!error)
        error = pointers_rename(&rq->actor, platform, name, new_name);
    const struct audit entry = {.action = "profile.rename",
                                .platform = platform,
                                .target = new_name,
                                .from_config = name,
                                .to_config = new_name};
    if (!error)
        error = audit_write(&rq->actor, &entry);
    return error ? error : respond_named(rq, rs, 200, &p);
}

/* The secrets of one profile, sealed for another. */
static enum error seal_anew(struct request *rq, const struct profile *from, struct profile *to)
{
    const char *token;
    json_t *extra;
    enum error error = profile_token(&rq->actor, from, &token);
    if (!error)
        error = profile_extra(&rq->actor, from, &extra);
    if (error)
        return error;
    profile_set_extra(&rq->actor, to, extra);
    to->sealed_token = NULL;
    return profile_set_token(&rq->actor, to, token);
}

static enum error copy_profile(struct request *rq, struct response *rs)
{
    struct profile from, to;
    const char *platform, *name, *new_name, *target = body_text(rq, "platform");
    enum error error = asked_for(rq, &platform, &name, &new_name);
    if (!error && target && !platform_find(target))
        error = fail_field(&rq->actor, "platform", MSG_PLATFORM_UNKNOWN, target, NULL);
    if (error)
        return error;
    target = target ? target : platform;
    error = profiles_lock(&rq->actor, target, BRIEFLY);
    if (!error)
        error = check_new_profile_name(&rq->actor, target, "name", new_name);
    if (!error)
        error = check_room(&rq->actor, target);
    if (!error)
        error = profile_find(&rq->actor, platform, name, false, &from);
    if (error)
        return error;
    to = from;
    to.platform = target;
    to.name = new_name;
    to.position = -1;
    to.usage_count = 0;
    random_uuid(to.id);
    error = seal_anew(rq, &from, &to);
    const char *problem = error ? NULL : profile_problem(&rq->actor, &to);
    if (problem)
        error = fail(&rq->actor, MSG_SWITCH_INVALID, problem, NULL);
    const struct profile_deed deed = {"copy", "profile.copy", .from = name};
    const struct profile_change change = {NULL, &to};
    if (!error)
        error = profiles_save(&rq->actor, &deed, &change, 1);
    return error ? error : respond_named(rq, rs, 201, &to);
}

const struct route profile_names_routes[] = {
    {METHOD_POST, "/api/configs/{name}/copy", copy_profile, ACCESS_EDITOR, .body = copy_fields,
     .query = platform_query},
    {METHOD_POST, "/api/configs/{name}/rename", rename_profile, ACCESS_EDITOR, .body = rename_fields,
     .query = platform_query},
    {0},
};
