/* Profile files: CCR's profiles.toml (and the older ~/.ccs_config.toml), and config.toml, from and to the store. */
#pragma once

#include "profile.h"
#include "toml.h"
#include "util.h"

/* What is wrong with a profile of a file, in words, and where. */
struct file_problem {
    const char *field; /* NULL = its name */
    const char *what;
    unsigned line, column;
    bool missing; /* there is no such key: what stands there is the profile's header */
    struct file_problem *next;
};

/* The largest file, and the most profiles that one file, and so a platform, holds. */
enum { FILE_MAX = 4 * MIB, PROFILES_MAX = 10000 };
/* The largest file that is written, in bytes: what an import takes whoever sends it, since JSON may make three bytes of one. */
size_t file_max(const struct actor *actor);
/* One profile as a file holds it. */
struct file_profile {
    const char *name;
    const struct toml *table;
    struct file_problem *problem; /* in the order of the file */
    struct resource r;            /* what it becomes: the import's */
};

struct profile_file {
    struct file_profile *profiles;
    size_t count;
    const char *current, *standard; /* NULL = not in the file */
    const char *extra;              /* JSON object: top-level keys that are neither pointers nor profiles */
    const char *key_order;          /* JSON array: top-level keys */
};

/* Parses text; reports bad TOML and wrong fields with line and column through fail(). */
enum error file_parse_toml(struct actor *actor, const char *text, struct toml **root);
/* Says what is wrong with a key of a file, with line and column. ERR_VALIDATION. */
enum error file_wrong(struct actor *actor, const struct toml *node, const char *what);
/* True for config.toml: it has default_platform or current_platform. */
bool file_is_registry(const struct toml *root);

/* Takes a parsed profiles file apart. What is wrong with a name is noted with its profile; ERR_VALIDATION, which names key, line and
 * column, is about the file as a whole. */
enum error profile_file_read(struct actor *actor, const struct toml *root, struct profile_file *file);
/* Those two keys of a profile that say how often it was used and whether it may be; ends with {0}. */
extern const struct field profile_file_state[];
/* What it says: the kind's columns, unknown keys in `extra`, the order of all in `key_order`; and usage_count and enabled. A new object,
 * made only when it is needed: trees of all would take ten times the memory of the file. */
json_t *file_profile_values(const struct file_profile *profile);
/* Notes one more thing that is wrong with a profile: with a key, which stands where it stands or, when it is missing, with the
 * header; or with the name (field NULL). */
void file_profile_wrong(struct actor *actor, struct file_profile *profile, const char *field, const char *what);
/* The same with a value that stands anywhere in the profile. */
void file_profile_wrong_at(struct actor *actor, struct file_profile *profile, const char *field, const char *what,
                           const struct toml *node);
/* Adds its problems to actor->failure.fields, each with line and column. */
void file_profile_refuse(struct actor *actor, const struct file_profile *profile);
/* The first of them in words. */
const char *file_profile_reason(struct actor *actor, const struct file_profile *profile);

/* The whole file of the actor's workspace and user. Secrets in clear, or masked. Text in the arena. */
enum error profile_file_write(struct actor *actor, const char *platform, bool secrets, const char **text,
                              size_t *profiles);

/* The store's part of a platform that is no profile: NULLs when there is none. `extra` in clear; it is sealed in the store. */
struct platform_file {
    const char *standard, *extra, *key_order;
};
enum error platform_file_read(struct actor *actor, const char *platform, struct platform_file *file);
/* Whether the file has a value of its own under that key, so that no profile can have it as its name. */
enum error platform_file_has(struct actor *actor, const char *platform, const char *key, bool *has);
enum error platform_file_save(struct actor *actor, const char *platform, const struct platform_file *file);

/* config.toml: which platform is current, and the profile each one uses. */
struct registry_result {
    const char *platform;
    bool added, updated;
};
enum error registry_import(struct actor *actor, const char *text, const struct toml *root, bool replace, bool dry_run,
                           struct registry_result **results, size_t *count);
/* Makes a known platform the user's current one in this workspace. */
enum error platform_switch(struct actor *actor, const char *platform);
/* Texts that are not known to be harmless in clear, or masked. Text in the arena. */
enum error registry_export(struct actor *actor, bool secrets, const char **text);
