/* How the user himself is shown: by a login, GET /api/auth/me and GET /api/home. */
#pragma once

#include "request.h"

/* A row to be written, in the workspace of that id; NULL = his current one. */
enum error user_shown(struct request *rq, const char *workspace_id, struct row *user);
