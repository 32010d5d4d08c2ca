/* What CCR UI asks for and a server does not have: Codex's logins, which are files on a developer's machine, repositories of skills, of
 * which this one reads none, and files to be synchronized by WebDAV. Reads say so; whoever wants to write is told. */
#include "ui_page.h"

static const char *const accounts = "{\"accounts\":[],\"login_state\":{\"type\":\"NotLoggedIn\"}}";
static const char *const current = "{\"logged_in\":false,\"info\":null,\"login_state\":{\"type\":\"NotLoggedIn\"}}";
static const char *const process = "{\"has_running_process\":false,\"pids\":[],\"warning\":null}";
static const char *const repositories = "[]";

#define NOT_SYNCHRONIZED "{\"success\":true,\"output\":\"同步功能未配置 (synchronization is not configured)\","
static const char *const synchronized = NOT_SYNCHRONIZED "\"configured\":false,\"config\":null}";
static const char *const folders = NOT_SYNCHRONIZED "\"error\":\"\",\"duration_ms\":0}";

static const enum message no_login = MSG_NO_LOGIN, no_repositories = MSG_NO_REPOSITORIES, no_webdav = MSG_WEBDAV;

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

/* Of no name is there one. */
static enum error find_none(struct request *rq, struct response *rs)
{
    (void)rs;
    return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, path_arg(rq, "name"), NULL);
}

const struct route ui_absent_routes[] = {
    {METHOD_GET, "/api/codex/auth/accounts", say, ACCESS_USER, .data = &accounts},
    {METHOD_GET, "/api/codex/auth/current", say, ACCESS_USER, .data = &current},
    {METHOD_GET, "/api/codex/auth/process", say, ACCESS_USER, .data = &process},
    {METHOD_POST, "/api/codex/auth/save", refuse, ACCESS_USER, .data = &no_login},
    {METHOD_POST, "/api/codex/auth/switch/{name}", find_none, ACCESS_USER},
    {METHOD_DELETE, "/api/codex/auth/{name}", find_none, ACCESS_USER},

    {METHOD_GET, "/api/skills/repositories", say, ACCESS_VIEWER, .data = &repositories},
    {METHOD_POST, "/api/skills/repositories", refuse, ACCESS_EDITOR, .data = &no_repositories},
    {METHOD_DELETE, "/api/skills/repositories/{name}", find_none, ACCESS_EDITOR},
    {METHOD_GET, "/api/skills/repositories/{name}/scan", find_none, ACCESS_VIEWER},

    {METHOD_GET, "/api/sync/status", say, ACCESS_USER, .data = &synchronized},
    {METHOD_GET, "/api/sync/folders", say, ACCESS_USER, .data = &folders},
    {METHOD_POST, "/api/sync/folders", refuse, ACCESS_USER,
     .data = &no_webdav}, /* its page takes any answer below 400 for a success */
    {0},
};
