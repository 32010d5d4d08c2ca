/* Profiles: what they may hold and what they must, for every way in: form, file, command. */
#ifndef CCR_PROFILE_CHECK_H
#define CCR_PROFILE_CHECK_H

#include "field.h"
#include "profile.h"

/* The fields of a form, `name` first; ends with {0}. */
extern const struct field profile_fields[];
/* The same without a name. */
#define PROFILE_FIELDS_UNNAMED (profile_fields + 1)
/* The field of that name, whether a form or only a file has it; NULL when there is none. */
const struct field *profile_field(const char *name);

#define USAGE_COUNT_MAX 4294967295LL /* what CCR counts in */

/* Something that is wrong: `what` in words, in the actor's language. */
struct profile_problem {
    const char *field, *what;
};

enum { PROFILE_PROBLEMS_MAX = 3 };

/* What keeps a profile from being used on its platform; how many things that are. `token` is it in clear, NULL when there is
 * none; the sealed one is not looked at. */
size_t profile_unusable(struct actor *actor, const struct profile *profile, const char *token,
                        struct profile_problem problems[PROFILE_PROBLEMS_MAX]);
/* The first of them of a stored one, as one text; NULL when there is none. A token that no key opens is not judged. */
const char *profile_problem(struct actor *actor, const struct profile *profile);

#endif
