/* Platforms: the six command-line tools whose profiles are kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct platform {
    const char *name;        /* "claude" */
    const char *description; /* "Claude Code" */
};

extern const struct platform platforms[]; /* ends with name NULL */

const struct platform *platform_find(const char *name); /* NULL when unknown */

/* A platform's bit: 1 << its place in platforms[] (platform.h). */
enum platforms {
    ON_CLAUDE = 1 << 0,
    ON_CODEX = 1 << 1,
    ON_GEMINI = 1 << 2,
    ON_QWEN = 1 << 3,
    ON_IFLOW = 1 << 4,
    ON_DROID = 1 << 5,
    ON_ALL = (1 << 6) - 1,
};

/* The platform's bit; 0 when unknown, or NULL. */
unsigned platform_bit(const char *name);
