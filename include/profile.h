/* Profiles in the store: one struct, and how they are found. profile_write.h changes them. */
#ifndef CCR_PROFILE_H
#define CCR_PROFILE_H

#include "actor.h"
#include "json.h"
#include "platform.h"

struct profile {
    char id[UUID_TEXT];
    const char *platform, *name;
    int position;
    const char *description, *base_url, *model, *small_fast_model, *provider, *provider_type, *account; /* or NULL */
    const char *sealed_token; /* NULL = none */
    const char *tags;         /* JSON array of strings, or NULL */
    long long usage_count;
    bool enabled;
    const char *extra;     /* JSON object: keys this program does not know */
    const char *key_order; /* JSON array: every key in the file's order */
    long long revision;
    bool is_current, is_default;
};

/* Where a user stands on a platform. Names may be dangling; "default" when nothing was ever chosen. */
struct pointers {
    const char *current, *standard;
    bool has_current, has_standard;
};

/* Adds to actor->failure.fields when `name` cannot be given to a profile of the platform, whether one has it already or not. */
enum error check_new_profile_name(struct actor *actor, const char *platform, const char *field, const char *name);
bool profile_name_reserved(const char *name);

/* Taken before anything else in a transaction that changes which profiles a platform has, or their order: such transactions of
 * one workspace and platform follow one another. Held until the transaction ends. `platform` may also name something else
 * that is read and then written as a whole. */
enum error profiles_lock(struct actor *actor, const char *platform, enum patience patience);

enum error profile_pointers(struct actor *actor, const char *platform, struct pointers *pointers);
/* ERR_NOT_FOUND (MSG_CONFIG_UNKNOWN) when there is none. `lock` holds the row until the transaction ends. */
enum error profile_find(struct actor *actor, const char *platform, const char *name, bool lock,
                        struct profile *profile);
/* The user's current one. When that name points to nothing: the default, else the first enabled one of the platform;
 * ERR_NOT_FOUND (MSG_CONFIG_NONE) when there is none. */
enum error profile_current(struct actor *actor, const char *platform, struct profile *profile);
/* All of a platform, in order. *profiles is an array in the arena. */
enum error profile_list(struct actor *actor, const char *platform, bool lock, struct profile **profiles, size_t *count);

/* A row and its place in the file, read once for sorting. */
struct place {
    struct row row;
    long long position;
};

/* A part of them as a list shows it, without what only a file needs (position, extra, key_order). */
struct profile_page {
    const char *platform;
    struct pointers pointers;
    struct rows rows;
    const struct place *order; /* the rows in the file's order; NULL = they are in it already */
    long long total;           /* of the platform, whatever the page */
};
enum error profile_list_page(struct actor *actor, const char *platform, long long limit, long long offset,
                             struct profile_page *page);
void profile_at(const struct profile_page *page, int index, struct profile *profile);

enum error profile_set_current(struct actor *actor, const char *platform, const char *name);

/* The token in clear, in the arena; NULL when there is none. ERR_INTERNAL when no key opens it. */
enum error profile_token(struct actor *actor, const struct profile *profile, const char **token);
/* For showing: masked; "" when there is none; "********" when it cannot be opened. */
const char *profile_masked_token(struct actor *actor, const struct profile *profile);
/* Seals a new one; the mask of the old one leaves it unchanged, "" and NULL remove it. Any other mask is refused: a wrong field
 * (auth_token). */
enum error profile_set_token(struct actor *actor, struct profile *profile, const char *token);

/* The contract's ConfigItem. */
void profile_write(struct actor *actor, struct json_writer *w, const struct profile *profile);

/* Makes `name` the user's current profile: checks it, counts its use, writes the audit row. */
enum error profile_switch(struct actor *actor, const char *platform, const char *name);
/* `profile` as profile_find locked it. */
enum error profile_set_enabled(struct actor *actor, const struct profile *profile, bool enabled);

#endif
