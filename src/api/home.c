/* What a page that everybody opens first needs, in one answer: who asks and where he works, on each platform the profiles one can switch
 * to, what changed lately in the workspace, and how many invitations wait. */
#include "audit.h"
#include "page.h"
#include "platform.h"
#include "router.h"
#include "user_answer.h"
#include "util.h"
#include "workspaces.h"

#define NAMED   "200" /* of a platform's profiles: a choice that a person can make */
#define CHANGES "10"

static const struct statement
    select_platforms =
        {"home_platforms",
         "SELECT p.platform, coalesce(u.current_profile, d.default_profile, 'default') AS current,"
         " coalesce(c.total, 0) AS total, coalesce((SELECT json_agg(json_build_object('name', r.name,"
         " 'enabled', r.enabled) ORDER BY r.position, r.name) FROM (SELECT name, enabled, position FROM resources"
         " WHERE workspace_id = (SELECT ccr_workspace()) AND kind = 'profile' AND platform = p.platform"
         " ORDER BY position, name LIMIT " NAMED ") r), '[]') AS profiles"
         " FROM json_array_elements_text($1::json) WITH ORDINALITY p (platform, place)"
         " LEFT JOIN user_platforms u ON u.workspace_id = (SELECT ccr_workspace())"
         " AND u.user_id = (SELECT ccr_user()) AND u.platform = p.platform"
         " LEFT JOIN workspace_platforms d ON d.workspace_id = (SELECT ccr_workspace())"
         " AND d.platform = p.platform"
         " LEFT JOIN resource_counts c ON c.workspace_id = (SELECT ccr_workspace()) AND c.kind = 'profile'"
         " AND c.platform = p.platform ORDER BY p.place"},
    select_changes =
        {"home_changes",
         "SELECT created_at AS time, actor, action, platform, coalesce(to_config, target) AS target FROM audit_log"
         " WHERE workspace_id = (SELECT ccr_workspace()) AND " AUDIT_OF_CONFIGURATION
         " ORDER BY created_at DESC, id LIMIT " CHANGES},
    select_workspaces = {"home_workspaces", WORKSPACE_COLUMNS WORKSPACE_ORDER " LIMIT 500"},
    count_invitations = {"home_invitations", "SELECT count(*) FROM workspace_invitations"
                                             " WHERE user_id = (SELECT ccr_user()) AND expires_at > now()"};

static void put_rows(struct json_writer *w, const char *key, const struct rows *rows)
{
    json_key(w, key);
    rows_write(rows, w);
}

static enum error get_home(struct request *rq, struct response *rs)
{
    struct rows all, changes, workspaces;
    struct row user, invitations;
    json_t *names = json_array();
    for (const struct platform *p = platforms; p->name; p++)
        json_array_append_new(names, json_string(p->name));
    enum error error = db_all(rq->actor.db, &select_platforms, &all, DB_ARGS(json_text(rq->actor.arena, names)));
    if (!error)
        error = db_all(rq->actor.db, &select_changes, &changes, NULL, 0);
    if (!error)
        error = db_one(rq->actor.db, &count_invitations, &invitations, NULL, 0);
    if (!error)
        error = user_shown(rq, rq->actor.who.workspace_id, &user);
    if (!error)
        error = db_all(rq->actor.db, &select_workspaces, &workspaces,
                       DB_ARGS(rq->actor.who.user_id, workspaces_visible(&rq->actor)));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_key(w, "user");
    json_open_object(w);
    row_write(&user, w);
    json_close_object(w);
    put_rows(w, "workspaces", &workspaces);
    put_rows(w, "platforms", &all);
    put_rows(w, "changes", &changes);
    json_int_member(w, "invitations", row_int(&invitations, 0));
    return respond_end(rs);
}

const struct route home_routes[] = {
    {METHOD_GET, "/api/home", get_home, ACCESS_VIEWER},
    {0},
};
