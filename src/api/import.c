/* Import: a file in CCR's own format, taken over. */
#include "import.h"

#include <string.h>

#include "handlers.h"
#include "profile.h"
#include "util.h"

static const struct field import_fields[] = {
    {"content", FIELD_TEXT, FIELD_REQUIRED | FIELD_SECRET, .max = FILE_MAX},
    {"mode", FIELD_TEXT, .choices = "merge|replace"},
    {"on_invalid", FIELD_TEXT, .choices = "refuse|skip"},
    {"backup", FIELD_BOOL},
    {"dry_run", FIELD_BOOL},
    {0},
};

static enum error import_file(struct request *rq, struct response *rs)
{
    struct place place;
    const char *mode = body_text(rq, "mode"), *on_invalid = body_text(rq, "on_invalid");
    struct import_result result;
    const struct import_options options = {.replace = mode && strcmp(mode, "replace") == 0,
                                           .backup = body_bool(rq, "backup", true),
                                           .dry_run = body_bool(rq, "dry_run", false),
                                           .on_invalid =
                                               text_equal(on_invalid, "skip") ? INVALID_SKIPPED : INVALID_REFUSED};
    const char *content = body_text(rq, "content");
    enum error error = resource_place(rq, &place);
    if (!error && strlen(content) > FILE_MAX) /* not in import_text: a backup of an older version may be larger */
        error = fail_field(&rq->actor, "content", MSG_BYTES, number_text(&rq->actor, FILE_MAX), NULL);
    if (!error)
        error = import_text(&rq->actor, content, place.platform, &options, &result);
    if (error)
        return error;
    import_write(respond_begin(rs, 200), &result, options.dry_run);
    return respond_end(rs);
}

const struct route import_routes[] = {
    {METHOD_POST, "/api/import", import_file, ACCESS_EDITOR, .body = import_fields, .query = resource_platform_query,
     .data = &kind_profile, .body_max = BODY_MAX_FILE, .flags = ROUTE_HEAVY},
    {0},
};
