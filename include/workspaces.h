/* Workspaces: acting in one, for the routes that name it in their path, and becoming a member. */
#ifndef CCR_WORKSPACES_H
#define CCR_WORKSPACES_H

#include "request.h"
#include "response.h"

/* Acts in the workspace {slug} of the path from here on: its row-level security, its audit trail, the user's role there, which must be
 * `needed`. MSG_WORKSPACE_UNKNOWN when he is no member. */
enum error workspace_enter(struct request *rq, enum role needed);
/* The same for a change, which a personal workspace is closed to. Holds the lock that every change of a workspace or its members waits
 * for, until the end of the transaction. */
enum error workspace_enter_to_change(struct request *rq, enum role needed);

/* Acts in a workspace that the user is no member of yet and holds that lock. ERR_NOT_FOUND when it is gone. */
enum error workspace_enter_as_guest(struct request *rq, const char *workspace_id);

/* Who makes somebody a `wanted`: owners make owners and administrators, administrators everybody else. */
enum error workspace_need_to_grant(struct request *rq, enum role wanted);

/* Makes the user a member of the workspace acted in, with the audit row. MSG_MEMBER_EXISTS; MSG_WORKSPACE_NAMESAKE when a workspace of
 * his own has the same slug. */
enum error workspace_member_add(struct request *rq, const char *user_id, const char *username, enum role role);

/* The workspace acted in as the answer. */
enum error workspace_respond(struct request *rq, struct response *rs, int status);

#endif
