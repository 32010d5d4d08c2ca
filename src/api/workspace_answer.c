/* How a workspace is shown. */
#include "workspace_answer.h"

#include "workspaces.h"

/* Role and current flag are the reader's own, so the tag names them beside the revision. */
const char *workspace_tag(struct request *rq, const struct row *workspace)
{
    return arena_printf(rq->actor.arena, "%s-%s%s", row_string(workspace, WORKSPACE_REVISION),
                        row_string(workspace, WORKSPACE_ROLE),
                        row_bool(workspace, WORKSPACE_CURRENT) ? "-current" : "");
}

/* As it is now, after a write. */
enum error workspace_respond(struct request *rq, struct response *rs, int status)
{
    struct row workspace;
    enum error error = workspace_find(&rq->actor, rq->actor.who.workspace_slug, &workspace);
    if (error)
        return error;
    response_header(rs, "ETag", arena_printf(rq->actor.arena, "\"%s\"", workspace_tag(rq, &workspace)));
    return respond_row(rs, status, &workspace);
}
