/* Admission: how much one user, one workspace and one address may have in progress at once, and how many workers long requests
 * may take together. */
#pragma once

#include "request.h"
#include "response.h"
#include "router.h"

/* A step of the middleware, once it is known who asks. Registers the request in the worker's slot until in_progress_end.
 * ERR_RATE_LIMIT or ERR_OVERLOADED, with retry_after, for what is too much; at once, or after waiting in line for a moment
 * where enough workers stay free meanwhile. */
enum error admit(struct request *rq, struct response *rs);

/* How many of `workers` each may have. Pure. */
struct capacity {
    int share;     /* one user's requests other than reads */
    int long_ones; /* heavy requests and passwords of everybody; and what one workspace or one address may have */
    int heavy;     /* of those, heavy and outbound requests: a login finds a place beside them */
    int passwords; /* computed at once */
    int outbound;  /* waiting for other servers: no processor's work, so a fixed part of the workers */
    int streams;   /* bodies that are read piece by piece */
};
struct capacity capacity_of(const struct settings *settings, int processors);

/* What a route's requests are to the others. */
enum work_kind work_of(const struct route *route);
