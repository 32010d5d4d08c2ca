/* Which profile a person used when: what he switched to, with the revision that it then had. What is not known stays untold: nobody knows
 * which profile was current before the first switch on this server. */
#pragma once

#include "actor.h"

struct ledger_profiles;

/* Reads the actor's own switches in his workspace, the newest ones; to be freed by the caller (ledger_profiles_free). */
enum error ledger_profiles_read(struct actor *actor, struct ledger_profiles **out);
void ledger_profiles_free(struct ledger_profiles *profiles);

/* The profile of a platform at a time (microseconds since 1970, UTC), and its revision in *revision; NULL when it is not known. Profiles
 * may be NULL. */
const char *ledger_profile_at(const struct ledger_profiles *profiles, const char *platform, int64_t time_us,
                              int64_t *revision);
