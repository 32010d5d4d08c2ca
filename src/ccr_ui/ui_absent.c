/* What CCR UI asks for and a server does not have: repositories of skills, of which this one reads none, and files to be synchronized by
 * WebDAV. Reads say so; whoever wants to write is told. */
#include "ui_page.h"

static const char *const repositories = "[]";

#define NOT_SYNCHRONIZED "{\"success\":true,\"output\":\"同步功能未配置 (synchronization is not configured)\","
static const char *const synchronized = NOT_SYNCHRONIZED "\"configured\":false,\"config\":null}";
static const char *const folders = NOT_SYNCHRONIZED "\"error\":\"\",\"duration_ms\":0}";

static const enum message no_repositories = MSG_NO_REPOSITORIES;

static enum error say(struct request *rq, struct response *rs)
{
    const char *const *text = rq->route->data;
    json_put_raw(respond_begin(rs, 200), *text);
    return respond_end(rs);
}

static enum error refuse(struct request *rq, struct response *rs)
{
    const enum message *why = rq->route->data;
    (void)rs;
    return fail(&rq->actor, *why, NULL);
}

/* CCR UI's own way of saying that something was not done: its pages take a status above 399 for a server that has no such address. */
static enum error refuse_folder(struct request *rq, struct response *rs)
{
    struct json_writer *w = respond_object_bare(rs, 200);
    json_literal_key(w, "success");
    json_put_bool(w, false);
    json_literal_key(w, "data");
    json_put_string(w, NULL);
    json_string_member(w, "message", translate(&rq->actor, MSG_WEBDAV, NULL));
    return respond_end(rs);
}

/* Of no name is there one. */
static enum error find_none(struct request *rq, struct response *rs)
{
    (void)rs;
    return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, path_arg(rq, "name"), NULL);
}

const struct route ui_absent_routes[] = {
    {METHOD_GET, "/api/skills/repositories", say, ACCESS_VIEWER, .data = &repositories},
    {METHOD_POST, "/api/skills/repositories", refuse, ACCESS_EDITOR, .data = &no_repositories},
    {METHOD_DELETE, "/api/skills/repositories/{name}", find_none, ACCESS_EDITOR},
    {METHOD_GET, "/api/skills/repositories/{name}/scan", find_none, ACCESS_VIEWER},

    {METHOD_GET, "/api/sync/status", say, ACCESS_USER, .data = &synchronized},
    {METHOD_GET, "/api/sync/folders", say, ACCESS_USER, .data = &folders},
    {METHOD_POST, "/api/sync/folders", refuse_folder, ACCESS_USER, .flags = ROUTE_READ_ONLY},
    {0},
};
