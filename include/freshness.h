/* Freshness: nobody reads less than he has written, on whatever host he reads. The answer to a write tells the generations
 * that it made (header X-CCR-Generation, and a cookie for browsers); a client that sends them back to a host which has not
 * heard of them yet makes that host ask PostgreSQL first. */
#pragma once

#include "request.h"
#include "response.h"

/* Reads what the client has seen into rq->seen, and sets rq->behind. */
void freshness_read(struct request *rq);

/* The generation that the request's workspace has at least, for a client that has seen what it says. Costs a statement only
 * when this host does not know. 0: it has none, so nothing may be kept under it. */
enum error freshness_generation(struct request *rq, int64_t *generation);

/* After a committed write: tells the generations. */
void freshness_write(struct request *rq, struct response *rs);
