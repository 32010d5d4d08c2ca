/* Tarballs: files as one tar.gz, from and to memory. */
#pragma once

#include <stddef.h>

#include "arena.h"
#include "error.h"

enum {
    TARBALL_FILES_MAX = 1000,
    TARBALL_ENTRIES_MAX = 4000,               /* with folders */
    TARBALL_FILE_BYTES = 2 * 1024 * 1024,     /* of one file */
    TARBALL_BYTES = 8 * 1024 * 1024,          /* of all files together */
    TARBALL_UNPACKED_BYTES = 32 * 1024 * 1024 /* of all that the compressed bytes stand for */
};

struct tarball_file {
    const char *path;
    const char *bytes; /* a NUL follows, which is not counted */
    size_t length;
};

/* Reads regular files with paths as in file_path.h; folders are passed over. MSG_NONE, or what is wrong, with *path being the entry's (NULL
 * = that of none): no tar.gz, links, devices, paths that lead elsewhere, too many or too much. Nothing is unpacked past a limit. */
enum message tarball_read(struct arena *arena, const void *bytes, size_t length, struct tarball_file **files,
                          size_t *count, const char **path);

/* In the arena; NULL when there is no memory. `modified` is a time of the clock, in seconds. The files are their owner's alone. */
void *tarball_write(struct arena *arena, const struct tarball_file *files, size_t count, long long modified,
                    size_t *length);
