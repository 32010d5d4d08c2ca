/* Platforms: the table of those whose configuration is kept. */
#include "platform.h"

#include <string.h>

const struct platform platforms[] = {
    {"claude", "Claude Code"},
    {"codex", "Codex CLI"},
    {"gemini", "Gemini CLI"},
    {"qwen", "Qwen Code"},
    {"iflow", "iFlow CLI"},
    {"droid", "Droid"},
    {NULL, NULL},
};

const struct platform *platform_find(const char *name)
{
    for (const struct platform *p = platforms; p->name; p++)
        if (name && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

unsigned platform_bit(const char *name)
{
    const struct platform *p = platform_find(name);
    return p ? 1U << (p - platforms) : 0;
}
