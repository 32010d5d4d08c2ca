/* Native files in the store: as they were imported, sealed, with the resources that were made of them. */
#pragma once

#include "native.h"
#include "resource.h"

enum { NATIVE_FILES_MAX = 1000, NATIVE_FILE_BYTES = 2 * 1024 * 1024 };

struct native_file {
    const char *path;
    const char *text; /* in clear */
    json_t *taken;    /* object: native_identity() -> id of a resource */
};

/* What an item is called among those of its file. */
const char *native_identity(struct arena *arena, const struct native_item *item);

/* What a file holds, as in FIELD_FILES: its text where it is one. */
json_t *native_content(struct arena *arena, const void *bytes, size_t length);

/* Those of a platform's CLI, by their paths, or (`path`) one, which may also be CCR's own (file_form.h). ERR_INTERNAL
 * (MSG_SECRET_UNREADABLE) when one does not open. */
enum error native_files_read(struct actor *actor, const char *platform, const char *path, struct native_file **files,
                             size_t *count);
/* Puts one in the place of what stands under its path. */
enum error native_file_save(struct actor *actor, const char *platform, const struct native_file *file);
/* ERR_NOT_FOUND when there is none. */
enum error native_file_forget(struct actor *actor, const char *platform, const char *path);
