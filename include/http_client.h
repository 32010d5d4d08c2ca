/* HTTP client: fetching one JSON document from an address in the settings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

/* GETs an http or https URL within timeout_ms, two fifths of it for name and connection (redirects followed, at most 3; answers over 1 MiB refused). The body is in
 * the arena; NULL and one line in problem when it failed or the status was not 200. */
char *http_get(struct arena *arena, const char *url, int timeout_ms, char *problem, size_t size);
