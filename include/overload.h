/* Overload: steps that give a request up before it costs anything. */
#pragma once

#include "request.h"
#include "response.h"

/* Nobody waits for the answer any more: status 499, which only the log sees. */
enum error drop_abandoned(struct request *rq, struct response *rs);

/* It waited for a worker longer than QUEUE_TIMEOUT: ERR_OVERLOADED. Nginx says when it sent the request on
 * (fastcgi_param QUEUED_AT $msec, nginx/fastcgi_ccr.conf). */
enum error refuse_late(struct request *rq, struct response *rs);
