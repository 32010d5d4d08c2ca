/* How a workspace is shown, whatever was done to it. */
#ifndef CCR_WORKSPACE_ANSWER_H
#define CCR_WORKSPACE_ANSWER_H

#include "request.h"
#include "response.h"

/* The entity tag of a row of WORKSPACE_COLUMNS, without quotes, in the arena. */
const char *workspace_tag(struct request *rq, const struct row *workspace);
/* The workspace acted in as the answer. */
enum error workspace_respond(struct request *rq, struct response *rs, int status);

#endif
