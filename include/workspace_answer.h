/* How a workspace is shown, whatever was done to it. */
#pragma once

#include "request.h"
#include "response.h"

/* The entity tag of a row of WORKSPACE_COLUMNS, without quotes, in the arena. */
const char *workspace_tag(struct request *rq, const struct row *workspace);
/* The workspace acted in as the answer. */
enum error workspace_respond(struct request *rq, struct response *rs, int status);
