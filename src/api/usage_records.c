/* Usage in a compact form of our own, for what writes no log that is read here: a gateway's, a script's, another tool's. A body of
 * which a field is wrong is refused as a whole. */
#include <string.h>

#include "router.h"
#include "usage_intake.h"
#include "util.h"

enum { RECORDS_MAX = 1000 };

static const struct field records_fields[] = {
    {.name = "records", .type = FIELD_OBJECTS, .flags = FIELD_REQUIRED, .max = RECORDS_MAX},
    {.name = "machine", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = LEDGER_MACHINE_MAX},
    {0}};

#define NAME(name)                                                                                                     \
    {                                                                                                                  \
        (name), FIELD_TEXT, FIELD_TRIM, .max = 100                                                                     \
    }
#define COUNT(name)                                                                                                    \
    {                                                                                                                  \
        (name), FIELD_INT, .min = 0, .max = USAGE_TOKENS_MAX                                                           \
    }

static const struct field record_fields[] = {
    {"id", FIELD_KEY, FIELD_REQUIRED, .max = 100},
    {"platform", FIELD_TEXT, FIELD_REQUIRED, .choices = "claude|codex|gemini|qwen|iflow|droid"},
    {"time", FIELD_TEXT, FIELD_REQUIRED, .max = 40},
    {"model", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 100},
    {"tier", FIELD_TEXT, .choices = "standard|fast|priority|flex|batch"},
    NAME("request"),
    NAME("session"),
    NAME("provider"),
    NAME("project"),
    NAME("branch"),
    NAME("agent"),
    COUNT("input"),
    COUNT("output"),
    COUNT("cache_read"),
    COUNT("cache_write"),
    COUNT("cache_write_1h"),
    COUNT("reasoning"),
    {0}};

static bool read_record(struct actor *actor, json_t *from, struct usage_record *out)
{
    size_t before = actor->failure.field_count;
    for (const struct field *f = record_fields; f->type; f++)
        field_check(actor, from, f);
    const char *time = json_text_at(from, "time"), *tier = json_text_at(from, "tier");
    *out = (struct usage_record){.source = USAGE_RECORD,
                                 .platform = json_text_at(from, "platform"),
                                 .key = json_text_at(from, "id"),
                                 .request = json_text_at(from, "request"),
                                 .session = json_text_at(from, "session"),
                                 .model = json_text_at(from, "model"),
                                 .tier = tier && strcmp(tier, "standard") == 0 ? NULL : tier,
                                 .provider = json_text_at(from, "provider"),
                                 .project = json_text_at(from, "project"),
                                 .branch = json_text_at(from, "branch"),
                                 .agent = json_text_at(from, "agent")};
    for (size_t i = 0; i < USAGE_COUNTS; i++)
        out->counts[i] = json_integer_value(json_object_get(from, usage_count_names[i]));
    if (time && !time_parse(time, &out->time_us))
        fail_field(actor, "time", MSG_TIME, NULL);
    return actor->failure.field_count == before;
}

static enum error check_records(struct request *rq, json_t *records, struct usage_record *out)
{
    size_t i;
    json_t *each;
    json_array_foreach(records, i, each)
    {
        rq->actor.failure.within = arena_printf(rq->actor.arena, "records[%zu]", i);
        read_record(&rq->actor, each, &out[i]);
    }
    rq->actor.failure.within = NULL;
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

static enum error take_records(struct request *rq, struct response *rs)
{
    json_t *records = body_value(rq, "records");
    size_t count = json_array_size(records);
    struct usage_record *taken = arena_array(rq->actor.arena, count + 1, sizeof *taken);
    enum error error = check_records(rq, records, taken);
    if (error)
        return error;
    const char *machine = body_text(rq, "machine");
    struct usage_intake *intake = usage_intake_new(&rq->actor, USAGE_RECORD, machine ? machine : "");
    for (size_t i = 0; i < count && !intake->error; i++)
        usage_intake_take(intake, &taken[i]);
    error = intake->error ? intake->error : usage_intake_finish(intake);
    if (!error) {
        intake->lines.lines = intake->lines.records = (long long)count;
        struct json_writer *w = respond_object(rs, 200);
        usage_intake_describe(intake, w);
        json_close_object(w);
        respond_end(rs);
    }
    usage_intake_free(intake);
    return error;
}

const struct route usage_records_routes[] = {
    {METHOD_POST, "/api/usage/records", take_records, ACCESS_VIEWER, .body = records_fields,
     .flags = ROUTE_USAGE | ROUTE_NO_TRANSACTION},
    {0},
};
