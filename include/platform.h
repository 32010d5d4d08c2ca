/* Platforms: the six command-line tools whose profiles are kept. */
#ifndef CCR_PLATFORM_H
#define CCR_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

struct platform {
    const char *name;        /* "claude" */
    const char *description; /* "Claude Code" */
};

extern const struct platform platforms[]; /* ends with name NULL */

const struct platform *platform_find(const char *name); /* NULL when unknown */

#endif
