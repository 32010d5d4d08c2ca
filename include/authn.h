/* Authentication: who sends this request. Tokens, cookies, and what a worker remembers of them. */
#pragma once

#include "request.h"
#include "response.h"

/* Fills rq->actor.who from Authorization or the cookies. ERR_NONE with credential NONE when there is nothing; ERR_AUTHENTICATION for
 * a token that is not good; ERR_NOT_FOUND when X-CCR-Workspace names none of the user's. Renews an expired access cookie
 * from a live refresh cookie (adds Set-Cookie to rs). */
enum error authenticate(struct request *rq, struct response *rs);

/* A bearer token of the Authorization header (RFC 6750 section 2.1); NULL when there is none. */
const char *bearer_token(const struct request *rq);

/* May this be shown the metrics? By its address (METRICS_ALLOW) or its bearer token (METRICS_TOKEN); asks no database. */
bool authn_monitor(const struct request *rq);

/* Drops what this worker remembers about identities. */
void authn_forget(void);

/* One cookie of this site's own pages; `seconds` 0 removes it. */
void cookie_set(struct request *rq, struct response *rs, const char *name, const char *value, long long seconds);
/* Set-Cookie for a login (or clearing both). */
void cookies_set(struct request *rq, struct response *rs, const char *access, const char *refresh);
void cookies_clear(struct request *rq, struct response *rs);

#define COOKIE_ACCESS  "ccr_access"
#define COOKIE_REFRESH "ccr_refresh"
#define COOKIE_BROWSER "ccr_browser" /* throttle_known_browser */
