/* Profiles: the kind of which each member of a workspace has a current one (src/kinds/profile.c). What all kinds have in common is in
 * resource.h; here is where a user stands, and what a profile needs to be used. */
#pragma once

#include "json.h"
#include "platform.h"
#include "resource.h"

extern const struct kind kind_profile;

#define USES_MAX 4294967295LL /* what CCR counts in */

struct profile {
    struct resource r;
    bool is_current, is_default;
};

/* Where a user stands on a platform. Names may be dangling; "default" when nothing was ever chosen. */
struct pointers {
    const char *current, *standard;
    bool has_current, has_standard;
};

/* ---- reading (src/kinds/profile_store.c) -------------------------------------------------------------------------------- */

enum error profile_pointers(struct actor *actor, const char *platform, struct pointers *pointers);
/* ERR_NOT_FOUND (MSG_CONFIG_UNKNOWN) when there is none. `lock` takes the whole of it and holds the row until the transaction
 * ends; otherwise only what a list shows is there. */
enum error profile_find(struct actor *actor, const char *platform, const char *name, bool lock,
                        struct profile *profile);
/* The user's current one. When that name points to nothing: the default, else the first enabled one of the platform;
 * ERR_NOT_FOUND (MSG_CONFIG_NONE) when there is none. */
enum error profile_current(struct actor *actor, const char *platform, struct profile *profile);

/* A part of them as a list shows it. */
struct profile_page {
    const char *platform;
    struct pointers pointers;
    struct rows rows;
    int count;       /* of profiles on the page */
    long long total; /* of the platform, whatever the page */
};
enum error profile_list_page(struct actor *actor, const char *platform, long long limit, long long offset,
                             struct profile_page *page);
void profile_at(const struct profile_page *page, int index, struct profile *profile);

/* The contract's ConfigItem. */
void profile_write(struct json_writer *w, const struct profile *profile);

/* ---- choosing one (src/kinds/profile_store.c) ---------------------------------------------------------------------------- */

enum error profile_set_current(struct actor *actor, const char *platform, const char *name);
/* Makes `name` the user's current profile: checks it, counts its use, writes the audit row. */
enum error profile_switch(struct actor *actor, const char *platform, const char *name);

/* ---- what one needs to be used (src/kinds/profile.c) ---------------------------------------------------------------------- */

/* A name that stands at the top level of the file itself, or is an address next to /api/configs/{name}: it, else NULL. */
const char *profile_reserved(const char *platform, const char *name);
/* Gives `values` the empty texts that a profile shows for what it does not have. */
void profile_fill(json_t *values);

/* Takes user name and password out of an address, which older versions took: nothing is lost, they go to a key of their own among the
 * unknown ones. */
void profile_cut_userinfo(struct actor *actor, json_t *values);

/* Something that is wrong: `what` in words, in the actor's language. */
struct profile_problem {
    const char *field, *what;
};

enum { PROFILE_PROBLEMS_MAX = 3 };

/* What keeps a profile of these values from being used on its platform; how many things that are. A token that no key opens is
 * not judged. */
size_t profile_unusable(struct actor *actor, const char *platform, const json_t *values,
                        struct profile_problem problems[PROFILE_PROBLEMS_MAX]);
/* The first of them of a stored one, as one text; NULL when there is none. */
const char *profile_problem(struct actor *actor, const struct resource *profile);
