/* Origin (RFC 6454): whether the page that sent something is one of our own. */
#pragma once

#include <stdbool.h>

/* Does it name the site that Host names? The scheme is not looked at: a proxy in front may have taken TLS off. */
bool origin_is_own(const char *origin, const char *host);

/* Is it on the comma list of CORS_ORIGINS? */
bool origin_listed(const char *list, const char *origin);
