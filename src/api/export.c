/* Export: TOML files in CCR's own format. */
#include <string.h>
#include <time.h>

#include "audit.h"
#include "authz.h"
#include "budgets.h"
#include "handlers.h"
#include "profile.h"
#include "profile_file.h"
#include "util.h"

static const struct field export_fields[] = {
    {"include_secrets", FIELD_BOOL},
    {"file", FIELD_TEXT, .choices = "profiles|registry"},
    {0},
};

static const char *file_name(struct request *rq)
{
    char stamp[32] = "";
    struct tm tm;
    time_t now = time(NULL);
    if (gmtime_r(&now, &tm))
        strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &tm);
    return arena_printf(rq->actor.arena, "ccs_config_export_%s.toml", stamp);
}

static enum error export_file(struct request *rq, struct response *rs)
{
    struct place place;
    const char *text, *file = body_text(rq, "file");
    size_t profiles;
    bool secrets = body_bool(rq, "include_secrets", false), registry = file && strcmp(file, "registry") == 0;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = authorize_export(rq, secrets);
    if (!error && secrets)
        error = budgets_allow_secrets(&rq->actor, registry ? NULL : place.platform, NULL);
    if (!error)
        error = registry ? registry_export(&rq->actor, secrets, &text)
                         : profile_file_write(&rq->actor, place.platform, secrets, &text, &profiles);
    const struct audit entry = {.action = secrets ? "profile.export_secrets" : "profile.export",
                                .platform = place.platform,
                                .target = registry ? "registry" : "profiles"};
    if (!error)
        error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "content", text);
    json_string_member(w, "filename", file_name(rq));
    return respond_end(rs);
}

const struct route export_routes[] = {
    {METHOD_POST, "/api/export", export_file, ACCESS_VIEWER, .body = export_fields, .query = resource_platform_query,
     .data = &kind_profile, .flags = ROUTE_HEAVY | ROUTE_READ_ONLY},
    {0},
};
