/* Synchronizing MCP servers: what CCR UI copies from Claude Code to other platforms they share here, and go on sharing. */
#include <string.h>

#include "json.h"
#include "ui_page.h"
#include "util.h"

extern const struct kind kind_mcp_server;

#define SOURCE "claude"

static const struct field fields[] = {{"platforms", FIELD_STRINGS, FIELD_REQUIRED}, {0}};

enum { AT_ONCE = 200, SYNC_MAX = 1000 };

/* What is done with each of those that are started by a command, in the order of their names. */
typedef enum error with_server(struct request *rq, void *data, const struct resource *r);

static enum error each_server(struct request *rq, with_server *run, void *data)
{
    const char *last = "";
    size_t count = AT_ONCE;
    enum error error = ERR_NONE;
    while (!error && count == AT_ONCE) {
        struct resource *found;
        error = resources_by_name(&rq->actor, &kind_mcp_server, SOURCE, last, AT_ONCE, &found, &count);
        for (size_t i = 0; !error && i < count; i++) {
            last = found[i].name;
            if (text_equal(json_text_at(resource_shown(&found[i]), "transport"), "stdio"))
                error = run(rq, data, &found[i]);
        }
    }
    return error;
}

static enum error put_server(struct request *rq, void *data, const struct resource *r)
{
    struct json_writer *w = data;
    struct arena_mark mark = arena_mark(rq->actor.arena);
    json_t *shown = resource_shown(r), *env = json_object_get(shown, "env"), *args = json_object_get(shown, "args");
    json_open_object(w);
    json_string_member(w, "name", r->name);
    json_string_member(w, "command", json_text_at(shown, "command"));
    json_raw_member(w, "args", json_is_array(args) ? json_text(rq->actor.arena, args) : "[]");
    json_raw_member(w, "env", json_is_object(env) ? json_text(rq->actor.arena, env) : "{}");
    json_close_object(w);
    arena_release(rq->actor.arena, mark);
    return ERR_NONE;
}

static enum error list(struct request *rq, struct response *rs)
{
    struct json_writer *w = respond_begin(rs, 200);
    json_open_array(w);
    enum error error = each_server(rq, put_server, w);
    json_close_array(w);
    respond_end(rs);
    return !error && rs->body.overflow ? fail(&rq->actor, MSG_FEWER, NULL) : error;
}

/* The platforms of the body but Claude itself. */
static json_t *take_targets(struct request *rq)
{
    json_t *targets = ui_platforms(body_value(rq, "platforms"));
    for (size_t i = json_array_size(targets); i-- > 0;)
        if (strcmp(json_string_value(json_array_get(targets, i)), SOURCE) == 0)
            json_array_remove(targets, i);
    return targets;
}

/* Those who are to share a server, as resource_share() wants them: who does already, and the targets that have no other of its name. */
static enum error take_sharing(struct request *rq, const struct resource *r, json_t *targets, json_t *sharing,
                               json_t *results)
{
    size_t i;
    bool there = false;
    json_t *target;
    json_array_foreach(targets, i, target)
    {
        const char *platform = json_string_value(target);
        bool shares = json_object_get(sharing, platform) != NULL;
        enum error error = shares ? ERR_NONE : ui_is_there(&rq->actor, r->kind, platform, r->name, &there);
        if (error)
            return error;
        there = there && !shares;
        if (!there && !shares)
            json_object_set_new(sharing, platform, json_true());
        ui_add_result(results, platform, there ? translate(&rq->actor, MSG_RESOURCE_EXISTS, r->name, NULL) : NULL);
    }
    return ERR_NONE;
}

enum error ui_share(struct request *rq, const char *platform, const char *name, json_t *targets, json_t *results)
{
    struct resource r = {.name = ""};
    json_t *sharing, *sent = rq->body;
    ui_put_path_arg(rq, "platform", platform);
    ui_put_path_arg(rq, "name", name);
    enum error error = resource_to_change(rq, &r);
    if (error)
        return error;
    sharing = r.shared ? json_stored(r.shared) : json_pack("{s:b}", platform, r.enabled);
    size_t before = json_object_size(sharing);
    error = take_sharing(rq, &r, targets, sharing, results);
    if (error || json_object_size(sharing) == before)
        return error;
    rq->body = json_object();
    json_object_set(rq->body, "platforms", sharing);
    error = resource_share(rq, &r);
    rq->body = sent;
    return error;
}

static enum error sync_one(struct request *rq, struct response *rs)
{
    json_t *targets = take_targets(rq), *results = json_array();
    const char *name = path_arg(rq, "name");
    enum error error = ui_share(rq, SOURCE, name, targets, results);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "message", arena_printf(rq->actor.arena, "Synced MCP server '%s'", name));
    json_raw_member(w, "results", json_text(rq->actor.arena, results));
    return respond_end(rs);
}

static enum error note_name(struct request *rq, void *data, const struct resource *r)
{
    json_t *names = data;
    json_array_append_new(names, json_string(r->name));
    return json_array_size(names) > SYNC_MAX ? fail(&rq->actor, MSG_SYNC_MAX, number_text(&rq->actor, SYNC_MAX), NULL)
                                             : ERR_NONE;
}

static enum error sync_all(struct request *rq, struct response *rs)
{
    size_t i;
    json_t *targets = take_targets(rq), *names = json_array(), *servers = json_object(), *name;
    enum error error = each_server(rq, note_name, names);
    for (i = 0; !error && i < json_array_size(names); i++) {
        json_t *results = json_array();
        name = json_array_get(names, i);
        json_object_set_new(servers, json_string_value(name), results);
        error = ui_share(rq, SOURCE, json_string_value(name), targets, results);
    }
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_string_member(w, "message", arena_printf(rq->actor.arena, "Synced %zu MCP servers", json_array_size(names)));
    json_raw_member(w, "servers", json_text(rq->actor.arena, servers));
    return respond_end(rs);
}

const struct route ui_sync_routes[] = {
    {METHOD_GET, "/api/mcp/sync/source", list, ACCESS_VIEWER, .flags = ROUTE_CACHED, .data = &kind_mcp_server},
    {METHOD_POST, "/api/mcp/sync/all", sync_all, ACCESS_EDITOR, .body = fields, .flags = ROUTE_HEAVY,
     .data = &kind_mcp_server},
    {METHOD_POST, "/api/mcp/sync/{name}", sync_one, ACCESS_EDITOR, .body = fields, .data = &kind_mcp_server},
    {0},
};
