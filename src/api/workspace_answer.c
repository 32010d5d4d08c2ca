/* How a workspace is shown. */
#include "workspace_answer.h"

#include "workspaces.h"

void write_workspace(struct request *rq, struct json_writer *w, const struct row *workspace)
{
    (void)rq;
    json_open_object(w);
    json_string_member(w, "id", row_text(workspace, WORKSPACE_ID));
    json_string_member(w, "slug", row_text(workspace, WORKSPACE_SLUG));
    json_string_member(w, "name", row_text(workspace, WORKSPACE_NAME));
    json_bool_member(w, "personal", row_bool(workspace, WORKSPACE_PERSONAL));
    json_string_member(w, "role", row_text(workspace, WORKSPACE_ROLE));
    json_bool_member(w, "current", row_bool(workspace, WORKSPACE_CURRENT));
    json_int_member(w, "revision", row_int(workspace, WORKSPACE_REVISION));
    json_string_member(w, "created_at", row_text(workspace, WORKSPACE_CREATED_AT));
    json_close_object(w);
}

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
    write_workspace(rq, respond_begin(rs, status), &workspace);
    respond_end(rs);
    return ERR_NONE;
}
