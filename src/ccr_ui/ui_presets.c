/* MCP servers and prompts that come with the program, as CCR UI lists and installs them. */
#include <strings.h>

#include "presets.h"
#include "ui_page.h"
#include "util.h"

#define KIND "mcp_server"

static const struct field install_fields[] = {
    {"preset_id", FIELD_TEXT, .max = 100}, /* the one in the address counts */
    {"platforms", FIELD_STRINGS},
    {"env", FIELD_MAP, .max = 100},
    {0},
};

static const struct field install_one_fields[] = {
    {"preset_id", FIELD_TEXT, FIELD_REQUIRED, .max = 100},
    {"platforms", FIELD_STRINGS}, /* the first counts */
    {"env", FIELD_MAP, .max = 100},
    {0},
};

static json_t *or_null(json_t *value)
{
    return value ? value : json_null();
}

/* What has to be given with it; NULL = nothing. */
static json_t *required_of(const json_t *preset)
{
    return json_array_get(json_object_get(preset, "requires"), 0);
}

static json_t *list_server(const json_t *preset, json_t *listed)
{
    json_t *resource = json_object_get(preset, "resource"), *required = required_of(preset);
    json_t *args = json_object_get(resource, "args");
    json_object_set(listed, "command", or_null(json_object_get(resource, "command")));
    json_object_set(listed, "args", args ? args : json_array());
    json_object_set(listed, "homepage", or_null(json_object_get(preset, "homepage")));
    json_object_set(listed, "docs", or_null(json_object_get(preset, "docs")));
    json_object_set_new(listed, "requires_api_key", json_boolean(required != NULL));
    json_object_set(listed, "api_key_env", or_null(json_object_get(required, "name")));
    return listed;
}

/* Presets have tags: the first of them is the category. */
static json_t *list_prompt(const json_t *preset, json_t *listed)
{
    json_object_set(listed, "content", json_object_get(json_object_get(preset, "resource"), "text"));
    json_object_set(listed, "category", json_array_get(json_object_get(preset, "tags"), 0));
    return listed;
}

/* How those of a kind are told of. */
struct shelf {
    const char *kind;
    json_t *(*told)(const json_t *preset, json_t *listed);
};
static const struct shelf servers = {KIND, list_server}, prompts = {"prompt", list_prompt};

static json_t *as_listed(const struct shelf *shelf, const json_t *preset)
{
    json_t *listed = json_object();
    json_object_set(listed, "id", json_object_get(preset, "id"));
    json_object_set(listed, "name", json_object_get(preset, "label"));
    json_object_set(listed, "description", json_object_get(preset, "description"));
    json_object_set(listed, "tags", json_object_get(preset, "tags"));
    return shelf->told(preset, listed);
}

/* Those of the category in the path, or all. */
static enum error list(struct request *rq, struct response *rs)
{
    size_t i;
    const struct shelf *shelf = rq->route->data;
    const char *category = text_or_null(path_arg(rq, "category"));
    json_t *preset, *listed = json_array(), *found = presets_found(&rq->actor, shelf->kind, NULL);
    json_array_foreach(found, i, preset)
    {
        json_t *one = as_listed(shelf, preset);
        if (!category || text_equal(json_text_at(one, "category"), category))
            json_array_append(listed, one);
    }
    if (category && !json_array_size(listed))
        return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, category, NULL);
    json_put_raw(respond_begin(rs, 200), json_text(rq->actor.arena, listed));
    return respond_end(rs);
}

static enum error get(struct request *rq, struct response *rs)
{
    const struct shelf *shelf = rq->route->data;
    json_t *preset = preset_asked_for(rq, shelf->kind);
    if (!preset)
        return ERR_NOT_FOUND;
    json_put_raw(respond_begin(rs, 200), json_text(rq->actor.arena, as_listed(shelf, preset)));
    return respond_end(rs);
}

/* ---- installing ------------------------------------------------------------------------------------------------- */

json_t *ui_platforms(json_t *sent)
{
    size_t i;
    json_t *each, *wanted = json_array();
    json_array_foreach(sent, i, each)
    {
        const char *name = json_string_value(each);
        for (const struct platform *p = platforms; p->name; p++)
            if (strcasecmp(name, p->name) == 0)
                name = p->name;
        json_array_append_new(wanted, json_string(strcasecmp(name, "factory") == 0 ? "droid" : name));
    }
    return wanted;
}

void ui_add_result(json_t *results, const char *platform, const char *problem)
{
    json_t *result = json_object();
    json_object_set_new(result, "platform", json_string(platform));
    json_object_set_new(result, "success", json_boolean(!problem));
    json_object_set_new(result, "message", problem ? json_string(problem) : json_null());
    json_array_append_new(results, result);
}

enum error ui_is_there(struct actor *actor, const struct kind *kind, const char *platform, const char *name,
                       bool *there)
{
    struct resource other;
    enum error error = resource_find(actor, kind, platform, name, false, &other);
    *there = error == ERR_NONE;
    if (error != ERR_NOT_FOUND)
        return error;
    actor->failure = (struct failure){0};
    return ERR_NONE;
}

/* The variables that were given become part of what is installed, those too that it does not ask for. */
static void put_variables(json_t *preset, json_t *variables)
{
    const char *name;
    json_t *value, *resource = json_object_get(preset, "resource"), *env = json_object_get(resource, "env");
    if (!env && json_object_size(variables))
        json_object_set_new(resource, "env", env = json_object());
    json_object_foreach(variables, name, value)
    {
        if (!text_equal(name, json_text_at(required_of(preset), "name")))
            json_object_set(env, name, value);
    }
}

/* Those of the platforms that have none of the name yet; of the others says why not. Where all have it, all: the engine refuses. */
static enum error take_free(struct request *rq, json_t *preset, json_t *wanted, json_t *results, json_t **free_ones)
{
    size_t i;
    json_t *each;
    bool there;
    const char *name = json_text_at(preset, "id");
    const struct kind *kind = kind_find(json_text_at(preset, "kind"));
    *free_ones = json_array();
    json_array_foreach(wanted, i, each)
    {
        const char *platform = json_string_value(each);
        enum error error = ui_is_there(&rq->actor, kind, platform, name, &there);
        if (error)
            return error;
        if (!there)
            json_array_append(*free_ones, each);
        ui_add_result(results, platform, there ? translate(&rq->actor, MSG_RESOURCE_EXISTS, name, NULL) : NULL);
    }
    if (!json_array_size(*free_ones))
        *free_ones = wanted;
    return ERR_NONE;
}

static enum error install_on(struct request *rq, json_t *preset, json_t *wanted)
{
    struct plan plan;
    json_t *sent = rq->body, *variables = body_value(rq, "env");
    put_variables(preset, variables);
    rq->body = json_object();
    json_object_set(rq->body, "platforms", wanted);
    json_object_set_new(rq->body, "values", json_object_size(variables) ? json_copy(variables) : json_object());
    enum error error = preset_install(rq, preset, &plan);
    rq->body = sent;
    return error;
}

enum error ui_install_preset(struct request *rq, struct response *rs, json_t *preset)
{
    json_t *wanted = ui_platforms(body_value(rq, "platforms")), *results = json_array(), *free_ones;
    if (!json_array_size(wanted))
        json_array_append_new(wanted, json_string("claude"));
    enum error error = take_free(rq, preset, wanted, results, &free_ones);
    if (!error)
        error = install_on(rq, preset, free_ones);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "message",
                       arena_printf(rq->actor.arena, "Preset '%s' installed", json_text_at(preset, "id")));
    json_raw_member(w, "results", json_text(rq->actor.arena, results));
    return respond_end(rs);
}

static enum error install(struct request *rq, struct response *rs)
{
    json_t *preset = preset_asked_for(rq, KIND);
    return preset ? ui_install_preset(rq, rs, preset) : ERR_NOT_FOUND;
}

/* On the first platform alone. */
static enum error install_one(struct request *rq, struct response *rs)
{
    json_t *wanted = ui_platforms(body_value(rq, "platforms")), *first = json_array();
    ui_put_path_arg(rq, "id", body_text(rq, "preset_id"));
    json_t *preset = preset_asked_for(rq, KIND);
    if (!preset)
        return ERR_NOT_FOUND;
    if (json_array_size(wanted))
        json_array_append(first, json_array_get(wanted, 0));
    else
        json_array_append_new(first, json_string("claude"));
    enum error error = install_on(rq, preset, first);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "message", arena_printf(rq->actor.arena, "Preset '%s' installed", path_arg(rq, "id")));
    json_string_member(w, "platform", json_string_value(json_array_get(first, 0)));
    return respond_end(rs);
}

const struct route ui_preset_routes[] = {
    {METHOD_GET, "/api/mcp/presets", list, ACCESS_USER, .data = &servers},
    {METHOD_GET, "/api/mcp/presets/{id}", get, ACCESS_USER, .data = &servers},
    {METHOD_GET, "/api/prompts/builtin", list, ACCESS_USER, .data = &prompts},
    {METHOD_GET, "/api/prompts/builtin/{id}", get, ACCESS_USER, .data = &prompts},
    {METHOD_GET, "/api/prompts/builtin/category/{category}", list, ACCESS_USER, .data = &prompts},
    {METHOD_POST, "/api/mcp/presets/install", install_one, ACCESS_EDITOR, .body = install_one_fields},
    {METHOD_POST, "/api/mcp/presets/{id}/install", install, ACCESS_EDITOR, .body = install_fields},
    {0},
};
