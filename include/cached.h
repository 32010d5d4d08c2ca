/* Cached answers: the step in front of the handlers of routes with ROUTE_CACHED, and what follows them. */
#pragma once

#include "request.h"
#include "response.h"

/* Completes the answer when the client has it already (304, from the generation alone) or somebody computed it before. */
enum error cached_look(struct request *rq, struct response *rs);

/* Keeps what the handler wrote, and gives it its entity tag. Does nothing when cached_look did not run. */
void cached_keep(struct request *rq, struct response *rs);
