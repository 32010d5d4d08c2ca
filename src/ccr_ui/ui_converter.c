/* The converter: a configuration file of one CLI as that of another. Nothing is stored. */
#include "convert.h"

#include <string.h>

#include "json.h"
#include "native.h"
#include "plan.h"
#include "ui_page.h"
#include "util.h"

#define FORMATS "claude-code|codex|gemini|qwen|iflow"

/* In the order of FORMATS: the file that a configuration is taken for. */
static const struct format {
    const char *platform, *file, *language;
} formats[] = {
    {"claude", ".claude.json", "json"},          {"codex", ".codex/config.toml", "toml"},
    {"gemini", ".gemini/settings.json", "json"}, {"qwen", ".qwen/settings.json", "json"},
    {"iflow", ".iflow/settings.json", "json"},
};

static const struct field fields[] = {
    {"source_format", FIELD_TEXT, FIELD_REQUIRED, .choices = FORMATS},
    {"target_format", FIELD_TEXT, FIELD_REQUIRED, .choices = FORMATS},
    {"config_data", FIELD_TEXT, FIELD_REQUIRED, .max = MIB},
    {"convert_mcp", FIELD_BOOL},
    {"convert_commands", FIELD_BOOL},
    {"convert_agents", FIELD_BOOL},
    {0},
};

/* What is counted, and the field that may leave it out. */
static const struct {
    const char *kind, *counted, *field;
} counts[] = {
    {"mcp_server", "mcp_servers", "convert_mcp"},
    {"slash_command", "slash_commands", "convert_commands"},
    {"agent", "agents", "convert_agents"},
    {"profile", "profiles", NULL},
};

struct conversion {
    struct request *rq;
    const struct format *from, *to;
    struct native_document *source, *target;
    json_t *notes; /* of convert_values */
    json_t *warnings;
    int count[ARRAY_SIZE(counts)];
};

static void warn(struct conversion *c, const char *what, const char *message)
{
    json_array_append_new(c->warnings, json_sprintf("%s: %s", what, message));
}

static struct native_document *open_file(struct request *rq, const struct format *format, const char *text)
{
    struct edit_error wrong;
    struct native_document *document =
        native_open(rq->actor.arena, platform_bit(format->platform), format->file, text, strlen(text), &wrong);
    if (!document)
        fail_field(&rq->actor, "config_data", MSG_NATIVE_SYNTAX, wrong.message, number_text(&rq->actor, wrong.line),
                   number_text(&rq->actor, wrong.column), NULL);
    return document;
}

static bool is_wanted(const struct conversion *c, const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        if (text_equal(counts[i].kind, kind))
            return !counts[i].field || body_bool(c->rq, counts[i].field, true);
    return true;
}

/* The message of what keeps it from being said there; NULL when it is. */
static const char *convert_item(struct conversion *c, const struct native_item *item)
{
    struct actor *actor = &c->rq->actor;
    const struct kind *kind = kind_find(item->place->kind);
    const struct resource r = {.kind = kind, .platform = c->from->platform, .name = item->name};
    json_t *values = json_deep_copy(item->values);
    const struct native_place *place =
        native_place_for(c->target, platform_bit(c->to->platform), item->place->kind, values);
    if (!place || !kind_is_on(kind, c->to->platform))
        return translate(actor, MSG_NATIVE_NO_PLACE, c->to->platform, NULL);
    convert_values(actor, &r, c->to->platform, values, c->notes);
    if (resource_check(actor, kind, c->to->platform, NULL, values))
        return plan_take_failure(actor);
    if (!native_add(c->target, place, item->name, values, item->enabled))
        return translate(actor, MSG_NATIVE_TAKEN, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        c->count[i] += text_equal(counts[i].kind, kind->name);
    return NULL;
}

static void convert_items(struct conversion *c)
{
    size_t i;
    json_t *each, *left;
    for (i = 0; i < c->source->count; i++) {
        const struct native_item *item = &c->source->items[i];
        const char *problem = is_wanted(c, item->place->kind) ? convert_item(c, item) : NULL;
        if (problem)
            warn(c, item->where, problem);
        native_take(c->source, item);
    }
    json_array_foreach(c->notes, i, each)
        warn(c, arena_printf(c->rq->actor.arena, "%s.%s", json_text_at(each, "name"), json_text_at(each, "field")),
             json_text_at(each, "message"));
    left = native_left(c->source, json_object());
    json_array_foreach(left, i, each) warn(c, json_string_value(each), translate(&c->rq->actor, MSG_NATIVE_LEFT, NULL));
}

static enum error respond_converted(struct conversion *c, struct response *rs, const char *text)
{
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "success", true);
    json_string_member(w, "converted_data", *text ? text : c->to->language[0] == 'j' ? "{}\n" : "");
    json_raw_member(w, "warnings", json_text(c->rq->actor.arena, c->warnings));
    json_string_member(w, "format", c->to->language);
    json_literal_key(w, "stats");
    json_open_object(w);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        json_key(w, counts[i].counted);
        json_put_int(w, c->count[i]);
    }
    json_bool_member(w, "base_config", false);
    json_close_object(w);
    return respond_end(rs);
}

static enum error convert(struct request *rq, struct response *rs)
{
    size_t length;
    struct edit_error wrong;
    struct conversion c = {.rq = rq,
                           .from = &formats[field_choice(FORMATS, body_text(rq, "source_format"))],
                           .to = &formats[field_choice(FORMATS, body_text(rq, "target_format"))],
                           .notes = json_array(),
                           .warnings = json_array()};
    c.source = open_file(rq, c.from, body_text(rq, "config_data"));
    c.target = c.source ? open_file(rq, c.to, "") : NULL;
    if (!c.target)
        return ERR_VALIDATION;
    convert_items(&c);
    const char *text = native_text(c.target, &length, &wrong);
    if (!text)
        return fail_field(&rq->actor, "config_data", MSG_NATIVE_UNSAFE, c.to->file, wrong.message, NULL);
    return respond_converted(&c, rs, arena_strndup(rq->actor.arena, text, length));
}

const struct route ui_converter_routes[] = {
    {METHOD_POST, "/api/converter/convert", convert, ACCESS_USER, .body = fields,
     .flags = ROUTE_HEAVY | ROUTE_READ_ONLY},
    {0},
};
