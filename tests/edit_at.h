/* Edits at a place in a document, named by the steps that lead there: an index in a list, or "-" for behind its last. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

#define EDIT_PATH(...) ((const char *const[]){__VA_ARGS__, NULL})
#define EDIT_WHOLE     ((const char *const[]){NULL})

static inline json_t *step_at(const json_t *in, const char *name)
{
    return json_is_array(in) ? json_array_get(in, (size_t)atoi(name)) : json_object_get(in, name);
}

static inline const json_t *value_at(const struct edit_document *document, const char *const *path)
{
    const json_t *value = edit_value(document);
    for (; *path; path++)
        value = step_at(value, *path);
    return value;
}

/* `in` with another value at the path, where NULL takes it away; objects on the way are made. NULL when there is no such place. */
static inline json_t *with_at(json_t *in, const char *const *path, const json_t *value)
{
    if (!*path)
        return json_deep_copy(value);
    bool last = json_is_array(in) && strcmp(*path, "-") == 0;
    json_t *old = last ? NULL : step_at(in, *path), *now = NULL;
    if (in && !json_is_object(in) && !last && !(json_is_array(in) && old))
        return NULL;
    if (path[1] || value) {
        now = with_at(old, path + 1, value);
        if (!now || (!old && !value))
            return NULL;
    } else if (!old) {
        return NULL;
    }
    in = in ? json_copy(in) : json_object();
    if (last)
        json_array_append(in, now);
    else if (json_is_array(in) && now)
        json_array_set(in, (size_t)atoi(*path), now);
    else if (json_is_array(in))
        json_array_remove(in, (size_t)atoi(*path));
    else if (now)
        json_object_set(in, *path, now);
    else
        json_object_del(in, *path);
    return in;
}

static inline bool set_at(struct edit_document *document, const char *const *path, const json_t *value,
                          struct edit_error *error)
{
    json_t *whole = with_at((json_t *)(uintptr_t)edit_value(document), path, value);
    *error = (struct edit_error){.message = "no such place"};
    return whole && edit_set(document, whole, error);
}

static inline bool remove_at(struct edit_document *document, const char *const *path)
{
    struct edit_error error;
    return *path && set_at(document, path, NULL, &error);
}
