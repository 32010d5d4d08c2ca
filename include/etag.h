/* Entity tags of a request (RFC 9110 section 8.8.3), as they come back through proxies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct etag {
    const char *text; /* between the quotation marks, in the list; not terminated */
    size_t length;
};

/* Takes the next tag from a list such as `"a", W/"b"`, and moves *list behind it; false at the end, and at what is no tag.
 * Whether a tag is weak is not told: a proxy that compresses an answer makes our tags weak, and they name a state of the
 * thing, not bytes. What such proxies add inside the quotes ("7-gzip", "7--gzip", "7;br") is left out. */
bool etag_next(const char **list, struct etag *tag);

/* The list is "*": any state. */
bool etag_any(const char *list);
