/* Revisions: what a profile was, and going back to it - also after it was deleted. */
#include <string.h>

#include "page.h"
#include "profile_check.h"
#include "profile_extra.h"
#include "profile_file.h"
#include "profile_request.h"
#include "profile_write.h"
#include "util.h"

static const struct field rollback_fields[] = {
    {"revision", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = 1000000000000},
    {0},
};

enum { R_REVISION, R_OPERATION, R_ACTOR, R_CREATED, R_CONTENT, R_TOKEN, R_ID, R_EXTRA };

#define COLUMNS "revision, operation, actor, " SQL_TIME("created_at") ", content, auth_token, profile_id, extra"
#define OF_NAME " FROM profile_revisions WHERE workspace_id = ccr_workspace() AND platform = $1 AND name = $2"

static const struct statement select_one = {"revisions_select_one",
                                            "SELECT " COLUMNS OF_NAME " AND revision = $3::bigint"},
                              exists_any = {"revisions_exists", "SELECT 1" OF_NAME " LIMIT 1"};

/* What is sealed was sealed for the profile's id at that time; one made anew under the name has another. */
static struct profile sealed_part(const struct row *row)
{
    struct profile p = {.name = "", .sealed_token = row_text(row, R_TOKEN), .extra = row_text(row, R_EXTRA)};
    memcpy(p.id, row_string(row, R_ID), UUID_TEXT);
    return p;
}

/* Unknown keys with their secrets masked; NULL when they cannot be opened. */
static const char *shown_extra(struct request *rq, const struct profile *p)
{
    json_t *extra;
    if (profile_extra(&rq->actor, p, &extra) != ERR_NONE)
        return NULL;
    extra_mask(&rq->actor, EXTRA_PROFILE, extra);
    return json_text(rq->actor.arena, extra);
}

/* Secrets are shown masked, as everywhere. */
static void write_revision(struct request *rq, struct json_writer *w, const struct row *row)
{
    struct profile sealed = sealed_part(row);
    json_open_object(w);
    json_int_member(w, "revision", row_int(row, R_REVISION));
    json_string_member(w, "operation", row_text(row, R_OPERATION));
    json_string_member(w, "actor", row_text(row, R_ACTOR));
    json_string_member(w, "timestamp", row_text(row, R_CREATED));
    json_raw_member(w, "content", secret_masked_urls(rq->actor.arena, row_text(row, R_CONTENT)));
    json_string_member(w, "auth_token", profile_masked_token(&rq->actor, &sealed));
    json_raw_member(w, "extra", shown_extra(rq, &sealed));
    json_close_object(w);
}

static const struct listing revisions = {
    .name = "revisions",
    .count = {"revisions_count", "SELECT count(*)" OF_NAME},
    .page = {"revisions_page",
             "SELECT " COLUMNS OF_NAME " ORDER BY revision DESC LIMIT $3::integer OFFSET $4::integer"},
    .write = write_revision,
};

static const struct field list_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {"limit", FIELD_INT, .min = 1, .max = 500},
    {"offset", FIELD_INT, .min = 0, .max = 1000000000},
    {0},
};

static enum error list_revisions(struct request *rq, struct response *rs)
{
    struct row any;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (error)
        return error;
    error = db_one(rq->actor.db, &exists_any, &any, DB_ARGS(platform, name));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_CONFIG_UNKNOWN, name);
    return respond_page(rq, rs, &revisions, DB_ARGS(platform, name));
}

static const char *text_of(const json_t *content, const char *key)
{
    return json_string_value(json_object_get(content, key));
}

static const char *json_of(struct request *rq, const json_t *content, const char *key)
{
    json_t *value = json_object_get(content, key);
    return value && !json_is_null(value) ? json_text(rq->actor.arena, value) : NULL;
}

/* Everything but how often it was used, which is no part of what somebody wrote. */
static enum error restore_content(struct request *rq, struct profile *p, const char *content_text)
{
    json_t *c = json_stored(content_text);
    if (!c)
        return ERR_INTERNAL;
    p->description = text_of(c, "description");
    p->base_url = text_of(c, "base_url");
    p->model = text_of(c, "model");
    p->small_fast_model = text_of(c, "small_fast_model");
    p->provider = text_of(c, "provider");
    p->provider_type = text_of(c, "provider_type");
    p->account = text_of(c, "account");
    p->tags = json_of(rq, c, "tags");
    p->key_order = json_of(rq, c, "key_order");
    p->enabled = json_is_true(json_object_get(c, "enabled"));
    return ERR_NONE;
}

static enum error restore_sealed(struct request *rq, struct profile *p, const struct row *revision)
{
    struct profile old = sealed_part(revision);
    const char *token;
    json_t *extra;
    struct masked_key masked;
    old.name = p->name;
    enum error error = profile_token(&rq->actor, &old, &token);
    if (!error)
        error = profile_extra(&rq->actor, &old, &extra);
    if (error)
        return error;
    p->sealed_token = NULL;
    error = profile_set_token(&rq->actor, p, token);
    if (!extra_unmask(&rq->actor, EXTRA_PROFILE, NULL, extra, NULL, &masked)) /* older versions took some */
        error = fail_field(&rq->actor, arena_printf(rq->actor.arena, "extra.%s", masked.path), MSG_MASK, NULL);
    if (p->base_url && url_has_userinfo(p->base_url))
        error = fail_field(&rq->actor, "base_url", MSG_URL_USERINFO, NULL);
    profile_set_extra(&rq->actor, p, extra);
    return error;
}

static enum error roll_back(struct request *rq, struct response *rs)
{
    struct row revision;
    struct profile before, after;
    const char *platform, *name;
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = request_profile_name(rq, &name);
    if (!error)
        error = profiles_lock(&rq->actor, platform, BRIEFLY);
    if (error)
        return error;
    const char *number = arena_printf(rq->actor.arena, "%lld", body_int(rq, "revision", 0));
    error = db_one(rq->actor.db, &select_one, &revision, DB_ARGS(platform, name, number));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_REVISION_UNKNOWN, name, number, NULL);
    if (error)
        return error;
    error = profile_find(&rq->actor, platform, name, true, &before);
    bool exists = error == ERR_NONE;
    if (error && error != ERR_NOT_FOUND)
        return error;
    rq->actor.failure.message = MSG_NONE;
    if (exists) {
        after = before;
        error = check_if_match(rq, before.revision);
    } else {
        after = (struct profile){.platform = platform, .name = name, .position = -1};
        random_uuid(after.id);
        error = check_new_profile_name(&rq->actor, platform, "name", name);
        if (!error)
            error = check_room(&rq->actor, platform);
    }
    if (!error)
        error = restore_content(rq, &after, row_string(&revision, R_CONTENT));
    if (!error)
        error = restore_sealed(rq, &after, &revision);
    if (!error)
        error = profile_save(&rq->actor, "rollback", "profile.rollback", exists ? &before : NULL, &after);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_string_member(w, "name", name);
    json_int_member(w, "revision", after.revision);
    json_int_member(w, "restored", body_int(rq, "revision", 0));
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

const struct route revisions_routes[] = {
    {METHOD_GET, "/api/configs/{name}/revisions", list_revisions, ACCESS_VIEWER, .query = list_query,
     .flags = ROUTE_CACHED},
    {METHOD_POST, "/api/configs/{name}/rollback", roll_back, ACCESS_EDITOR, .body = rollback_fields,
     .query = platform_query},
    {0},
};
