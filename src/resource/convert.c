/* Convert: resources of one platform as resources of another; of themselves, those that stand in the CLIs' files. Columns are the
 * same everywhere; what differs is how variables are written and what events are called. What the other platform cannot say is
 * kept and warned of, what it refuses is left. */
#include "convert.h"

#include <string.h>

#include "native.h"
#include "plan.h"
#include "util.h"

enum { NAMES_MAX = 1000 };

static const struct field convert_fields[] = {
    {"from", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"to", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"kind", FIELD_TEXT, .max = 40},
    {"names", FIELD_STRINGS, .max = NAMES_MAX},
    {"dry_run", FIELD_BOOL},
    {0},
};

struct convert {
    struct actor *actor;
    const char *from, *to;
    struct plan plan;
    json_t *left, *warnings;
};

/* What Gemini CLI calls the events that the others call alike. */
static const char *const events[][2] = {
    {"PreToolUse", "BeforeTool"}, {"PostToolUse", "AfterTool"},  {"UserPromptSubmit", "BeforeAgent"},
    {"Stop", "AfterAgent"},       {"PreCompact", "PreCompress"},
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* "$NAME" as "${NAME}": the braces are understood by all that expand variables, the bare form by Gemini CLI and its relatives. */
static json_t *with_braces(struct arena *arena, json_t *value)
{
    struct buffer out;
    const char *text = json_string_value(value), *dollar;
    buffer_init_in(&out, arena, 2 * json_string_length(value) + 1);
    while ((dollar = strchr(text, '$'))) {
        size_t length = dollar[1] >= '0' && dollar[1] <= '9' ? 0 : strspn(dollar + 1, letters);
        buffer_append(&out, text, (size_t)(dollar - text));
        buffer_printf(&out, length ? "${%.*s}" : "$", (int)length, dollar + 1);
        text = dollar + 1 + length;
    }
    buffer_text(&out, text);
    return json_string(buffer_string(&out));
}

static json_t *braced(struct arena *arena, json_t *value)
{
    size_t i;
    const char *name;
    json_t *each;
    json_object_foreach(value, name, each) json_object_set(value, name, braced(arena, each));
    json_array_foreach(value, i, each) json_array_set(value, i, braced(arena, each));
    return json_is_string(value) ? with_braces(arena, value) : value;
}

static bool has_variable(json_t *value)
{
    size_t i;
    const char *name;
    json_t *each;
    json_object_foreach(value, name, each) if (has_variable(each)) return true;
    json_array_foreach(value, i, each) if (has_variable(each)) return true;
    return json_is_string(value) && strstr(json_string_value(value), "${") != NULL;
}

static void convert_event(const char *from_platform, const char *to_platform, json_t *values)
{
    const char *event = json_string_value(json_object_get(values, "event"));
    int from = platform_bit(from_platform) == ON_GEMINI, to = platform_bit(to_platform) == ON_GEMINI;
    for (size_t i = 0; event && i < ARRAY_SIZE(events); i++)
        if (strcmp(events[i][from], event) == 0) {
            json_object_set_new(values, "event", json_string(events[i][to]));
            return;
        }
}

static void note(json_t *list, const struct resource *r, const char *field, const char *message)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "kind", r->kind->name, "name", r->name, "field",
                                          field, "message", message));
}

/* Of MCP servers: Codex takes variables for its environment and headers, by their names, and in no other place. */
static void convert_variables(struct actor *actor, const struct resource *r, const char *to_platform, json_t *values,
                              json_t *warnings)
{
    static const char *const columns[] = {"command", "args", "cwd", "url", "env", "headers"};
    unsigned from = platform_bit(r->platform), to = platform_bit(to_platform);
    unsigned bare = ON_GEMINI | ON_QWEN | ON_IFLOW, named = 4 /* from where Codex has names for them */;
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        json_t *value = json_object_get(values, columns[i]);
        if (value && from & bare && !(to & bare))
            json_object_set(values, columns[i], braced(actor->arena, value));
        if (i < named && to == ON_CODEX && has_variable(json_object_get(values, columns[i])))
            note(warnings, r, columns[i], translate(actor, MSG_VARIABLE_STAYS, to_platform, NULL));
    }
}

void convert_values(struct actor *actor, const struct resource *r, const char *to, json_t *values, json_t *warnings)
{
    if (strcmp(r->kind->name, "hook") == 0)
        convert_event(r->platform, to, values);
    if (strcmp(r->kind->name, "mcp_server") == 0)
        convert_variables(actor, r, to, values, warnings);
}

/* ---- resources -------------------------------------------------------------------------------------------------- */

static enum error take_one(struct convert *c, const struct resource *r)
{
    json_t *values;
    struct place place = {.name = r->name};
    struct plan_item *item = NULL;
    enum error error = resource_values(c->actor, r, &values);
    if (error)
        return error;
    convert_values(c->actor, r, c->to, values, c->warnings);
    if (plan_place(c->actor, c->to, r->kind->name, &place))
        item = plan_add(&c->plan, &place, values, r->enabled, NULL);
    if (item)
        item->optional = true;
    else
        note(c->left, r, NULL, plan_take_failure(c->actor));
    return ERR_NONE;
}

static bool is_wanted(const json_t *names, const char *name)
{
    size_t i;
    json_t *each;
    json_array_foreach(names, i, each) if (text_equal(json_string_value(each), name)) return true;
    return !json_is_array(names);
}

static enum error take_all(struct request *rq, struct convert *c)
{
    struct resource *found = NULL;
    size_t count = 0;
    const char *kind = body_text(rq, "kind");
    json_t *names = body_value(rq, "names");
    unsigned to = platform_bit(c->to);
    enum error error = resources_on(c->actor, c->from, &found, &count);
    for (size_t i = 0; !error && i < count; i++) /* what they share is there already */
        if ((kind ? strcmp(found[i].kind->name, kind) == 0
                  : native_place_of(ON_ALL, found[i].kind->name) && !(found[i].kind->flags & KIND_LOCAL)) &&
            is_wanted(names, found[i].name) && !(resource_platforms(&found[i]) & to))
            error = take_one(c, &found[i]);
    return error;
}

static enum error check_platforms(struct request *rq, const struct convert *c)
{
    const char *kind = body_text(rq, "kind");
    if (!platform_find(c->from))
        fail_field(&rq->actor, "from", MSG_PLATFORM_UNKNOWN, c->from, NULL);
    if (!platform_find(c->to))
        fail_field(&rq->actor, "to", MSG_PLATFORM_UNKNOWN, c->to, NULL);
    if (kind && !kind_find(kind))
        fail_field(&rq->actor, "kind", MSG_KIND_UNKNOWN, kind, NULL);
    return rq->actor.failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* Columns that the platform has no way to say, and all that it does not take. */
static void add_notes(struct convert *c)
{
    size_t at;
    json_t *each;
    for (size_t i = 0; i < c->plan.count; i++) {
        const struct plan_item *item = &c->plan.items[i];
        const struct resource named = {.kind = item->place.kind, .name = item->place.name};
        if (item->refused) {
            note(c->left, &named, NULL, item->refused);
            continue;
        }
        json_array_foreach(resource_warnings(c->actor, &item->after), at, each)
            note(c->warnings, &named, json_string_value(json_object_get(each, "field")),
                 json_string_value(json_object_get(each, "message")));
    }
}

static enum error convert(struct request *rq, struct response *rs)
{
    struct convert c = {.actor = &rq->actor,
                        .from = body_text(rq, "from"),
                        .to = body_text(rq, "to"),
                        .left = json_array(),
                        .warnings = json_array()};
    bool dry_run = body_bool(rq, "dry_run", false);
    plan_begin(&c.plan, c.actor);
    enum error error = check_platforms(rq, &c);
    if (!error)
        error = take_all(rq, &c);
    if (!error)
        error = plan_work_out(&c.plan);
    if (error)
        return error;
    add_notes(&c);
    error = dry_run ? ERR_NONE : plan_carry_out(&c.plan, "convert");
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "dry_run", dry_run);
    plan_write(&c.plan, w);
    json_raw_member(w, "warnings", json_text(c.actor->arena, c.warnings));
    json_raw_member(w, "left", json_text(c.actor->arena, c.left));
    return respond_end(rs);
}

const struct route convert_routes[] = {
    {METHOD_POST, "/api/resources/convert", convert, ACCESS_EDITOR, .body = convert_fields, .flags = ROUTE_HEAVY},
    {0},
};
