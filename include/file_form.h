/* The form of CCR's own files: how somebody wrote them down, with comments, order and all that is no value. A file is kept sealed as it was
 * imported; an export with secrets is that text, and only what says something else by now is written anew. */
#pragma once

#include "buffer.h"
#include "native_files.h"
#include "toml.h"

/* How the two files are called among the native ones (native_files.h), whose paths never begin with '/'. */
#define FORM_PROFILES "/profiles.toml"
#define FORM_REGISTRY "/config.toml"

/* Whether JSON made of TOML (toml.h) was a table. */
bool is_toml_table(const json_t *value);

/* Who knows what the keys of a file's top level say now. */
struct form_source {
    void *context;
    /* What was under that key in the file, whatever it is called now; NULL = it is gone. `id` is what the form was kept with, or NULL. Asked
     * once for each key, in their order. */
    const void *(*find)(void *context, const char *key, const char *id);
    /* Puts it into a table under its key of now. */
    enum error (*say)(void *context, const char *key, const void *found, struct toml *root);
    /* Appends to `out` what was never asked for: plain values, then, at the end, tables. Each begins a line. */
    enum error (*rest)(void *context, bool tables, struct buffer *out);
};

/* The form that a file was given; NULL when it has none. `platform` is any one for the registry. */
enum error file_form_read(struct actor *actor, const char *platform, const char *path, struct native_file **form);
/* Gives it another one: `text`, which was parsed as `root`. `ids` (an object) has those of its keys that may be renamed; NULL = none. */
enum error file_form_keep(struct actor *actor, const char *platform, const char *path, const char *text,
                          const struct toml *root, const json_t *ids);
/* Writes a file in its form. What cannot be changed in place is written anew. The buffer is not the arena's, which is released on
 * the way. */
enum error file_form_write(struct actor *actor, const struct native_file *form, const struct form_source *source,
                           struct buffer *out);
