/* Native files: those in which the command-line tools keep their own settings, so that one that is taken for CCR's is refused. */
#pragma once

#include "toml.h"

/* What a JSON text is, such as "settings.json (Claude Code)"; NULL when it is none of a tool's. Comments do not matter.
 * Jansson must be taking its memory from the arena. */
const char *native_json(struct arena *arena, const char *text);
/* The same of a parsed TOML file; NULL also for one that has what only CCR's has: its pointers, or a profile. */
const char *native_toml(const struct toml *root);
