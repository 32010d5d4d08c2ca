/* Authentication: who sends this request. Tokens, cookies, and what a worker remembers of them. */
#pragma once

#include "request.h"
#include "response.h"

/* Fills rq->actor.who from Authorization or the cookies. ERR_NONE with credential NONE when there is nothing; ERR_AUTHENTICATION for
 * a token that is not good; ERR_NOT_FOUND when X-CCR-Workspace names none of the user's. Renews an expired access cookie
 * from a live refresh cookie (adds Set-Cookie to rs). */
enum error authenticate(struct request *rq, struct response *rs);

/* Would the cookies let this browser in? ERR_AUTHENTICATION: no. Spends nothing, so that it may be asked where no cookie can be set,
 * as by Nginx before it gives out a page (auth_request). */
enum error authn_browser(struct request *rq);

/* A bearer token of the Authorization header (RFC 6750 section 2.1); NULL when there is none. */
const char *bearer_token(const struct request *rq);

/* May this be shown the metrics? By its address (METRICS_ALLOW) or its bearer token (METRICS_TOKEN); asks no database. */
bool authn_monitor(const struct request *rq);

/* Drops what this worker remembers about identities. */
void authn_forget(void);

/* One cookie of this site's own pages; `seconds` 0 removes it, UNTIL_CLOSED leaves it to the browser, which forgets it when it ends. */
enum { UNTIL_CLOSED = -1 };
void cookie_set(struct request *rq, struct response *rs, const char *name, const char *value, long long seconds);
/* Set-Cookie for a login (or clearing both). lasting: the cookies outlive the browser. */
void cookies_set(struct request *rq, struct response *rs, const char *access, const char *refresh, bool lasting);
void cookies_clear(struct request *rq, struct response *rs);

#define COOKIE_ACCESS  "ccr_access"
#define COOKIE_REFRESH "ccr_refresh"
#define COOKIE_BROWSER "ccr_browser" /* throttle_known_browser */
