/* Revisions of resources: what one was, what two differ in, and going back, also after it was deleted. */
#include <string.h>

#include "handlers.h"
#include "json.h"
#include "page.h"
#include "resource_sql.h"
#include "util.h"

enum { REVISION_MAX_DIGITS = 19 };

static const struct field diff_query[] = {
    {"from", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = INT64_MAX},
    {"to", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = INT64_MAX},
    {0},
};
const struct field resource_rollback_fields[] = {
    {"revision", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = INT64_MAX},
    {0},
};

/* As resource_whole_from takes them. How often it was used is no part of what somebody wrote. */
#define COLUMNS                                                                                                        \
    "resource_id, name, -1, enabled, 0, NULL, listed, revision, " SQL_TIME("created_at") ", unlisted, sealed, source"
#define OF_NAME                                                                                                        \
    " FROM resource_revisions WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2 AND name = $3"

static const struct statement select_one = {"resource_revision",
                                            "SELECT " COLUMNS OF_NAME " AND revision = $4::bigint"},
                              exists_any = {"resource_revision_any", "SELECT 1" OF_NAME " LIMIT 1"};

static enum error find_revision(struct request *rq, const struct place *place, const char *number, struct resource *r)
{
    struct row row;
    enum error error =
        db_one(rq->actor.db, &select_one, &row, DB_ARGS(place->kind->name, place->platform, place->name, number));
    if (error == ERR_NOT_FOUND)
        return fail(&rq->actor, MSG_RESOURCE_REVISION, place->name, number, NULL);
    if (!error)
        resource_whole_from(r, place->kind, place->platform, &row);
    return error;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static const struct listing history = {
    .name = "revisions",
    .count = {"resource_revisions_count", "SELECT count(*)" OF_NAME},
    .page = {"resource_revisions_page", "SELECT revision, operation, actor, created_at AS timestamp" OF_NAME
                                        " ORDER BY revision DESC LIMIT $4::integer OFFSET $5::integer"},
};

static enum error list_revisions(struct request *rq, struct response *rs)
{
    struct row any;
    struct place place;
    enum error error = resource_place(rq, &place);
    if (error)
        return error;
    error = db_one(rq->actor.db, &exists_any, &any, DB_ARGS(place.kind->name, place.platform, place.name));
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_RESOURCE_UNKNOWN, place.name);
    return respond_page(rq, rs, &history, DB_ARGS(place.kind->name, place.platform, place.name));
}

static enum error get_revision(struct request *rq, struct response *rs)
{
    long long number;
    struct place place;
    struct resource r = {.name = ""};
    enum error error = resource_place(rq, &place);
    if (!error && !parse_int(path_arg(rq, "revision"), 1, INT64_MAX, &number))
        error = fail(&rq->actor, MSG_RESOURCE_REVISION, place.name, path_arg(rq, "revision"), NULL);
    if (!error)
        error = find_revision(rq, &place, path_arg(rq, "revision"), &r);
    if (error)
        return error;
    resource_write(respond_begin(rs, 200), &r, true);
    return respond_end(rs);
}

/* ---- what two differ in ----------------------------------------------------------------------------------------- */

static enum error diff(struct request *rq, struct response *rs)
{
    struct place place;
    struct resource from = {.name = ""}, to = {.name = ""};
    enum error error = resource_place(rq, &place);
    if (!error)
        error = find_revision(rq, &place, request_query(rq, "from"), &from);
    if (!error)
        error = find_revision(rq, &place, request_query(rq, "to"), &to);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_int_member(w, "from", from.revision);
    json_int_member(w, "to", to.revision);
    json_literal_key(w, "changes");
    resource_write_changes(&rq->actor, w, &from, &to);
    return respond_end(rs);
}

/* ---- going back ------------------------------------------------------------------------------------------------- */

/* The revision's secrets were sealed for the resource that it was then; one made anew under the name has another id. */
static enum error put_back(struct request *rq, const struct place *place, const struct resource *old,
                           struct resource *after)
{
    struct resource before = {.name = ""};
    json_t *values;
    enum error error = resource_find(&rq->actor, place->kind, place->platform, place->name, true, &before);
    bool exists = error == ERR_NONE;
    if (error && error != ERR_NOT_FOUND)
        return error;
    rq->actor.failure.message = MSG_NONE;
    *after = *old;
    after->uses = before.uses;
    if (exists) {
        after->position = before.position;
        memcpy(after->id, before.id, UUID_TEXT);
        error = check_if_match(rq, before.revision);
    } else {
        random_uuid(after->id);
        error = resource_check_name(&rq->actor, place->kind, place->platform, "name", place->name);
        if (!error)
            error = resource_check_room(&rq->actor, place->kind, place->platform);
    }
    if (!error)
        error = resource_values(&rq->actor, old, &values);
    if (!error)
        error = resource_check(&rq->actor, place->kind, place->platform, NULL, values);
    if (!error && exists)
        error = resource_check_on(&rq->actor, place->kind, resource_platforms(&before), values);
    if (error)
        return error;
    resource_seal(&rq->actor, after, values);
    return resource_save(&rq->actor, "rollback", exists ? &before : NULL, after);
}

enum error resource_roll_back(struct request *rq, struct resource *after)
{
    struct place place;
    struct resource old = {.name = ""};
    enum error error = resource_place(rq, &place);
    if (!error)
        error = resources_lock(&rq->actor, place.kind, place.platform, BRIEFLY);
    if (!error)
        error = find_revision(rq, &place, number_text(&rq->actor, body_int(rq, "revision", 0)), &old);
    return error ? error : put_back(rq, &place, &old, after);
}

const struct operation revision_operations[] = {
    {METHOD_GET, "/{name}/revisions", list_revisions, .query = page_query, .flags = ROUTE_CACHED, .reads = true},
    {METHOD_GET, "/{name}/revisions/{revision}", get_revision, .flags = ROUTE_CACHED, .reads = true},
    {METHOD_GET, "/{name}/diff", diff, .query = diff_query, .flags = ROUTE_CACHED, .reads = true},
    {METHOD_POST, "/{name}/rollback", .change = resource_roll_back, .body = resource_rollback_fields},
    {.method = METHOD_OTHER},
};
