/* URLs: whether a text is one of a server that speaks HTTP. */
#pragma once

#include <stdbool.h>

#include "arena.h"

/* http:// or https:// in front, in any case. */
bool url_is_http(const char *text);
/* An absolute http or https URL (RFC 3986) with a host and, where it has a port, one of 1 to 65535; without white space,
 * control characters or any of "<>\\^`{|}. Letters of any script may stand in it. `arena` is only told when there is no memory. */
bool url_valid(struct arena *arena, const char *text);
