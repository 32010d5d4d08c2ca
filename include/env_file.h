/* Env file: KEY=VALUE lines, as --env-file, systemd and Docker Compose read them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

struct env_pair;

struct env_file {
    struct env_pair *pairs;
    char *content; /* names and values point into it */
    size_t size;
};

/* Reads `path` into the arena. On anything wrong writes one line "path:line: what" (never a value) and returns false. */
bool env_file_load(struct env_file *out, struct arena *arena, const char *path, char *problem, size_t size);

/* The value of `name` (the last one given), or NULL. */
char *env_file_get(const struct env_file *file, const char *name);

/* Overwrites everything that was read. */
void env_file_wipe(struct env_file *file);
