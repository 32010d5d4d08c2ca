/* Keys of a profile that this program does not know. They are kept as they came; when the name of one of them says that it
 * holds a secret, all of them are sealed together in the store. */
#ifndef CCR_PROFILE_EXTRA_H
#define CCR_PROFILE_EXTRA_H

#include "profile.h"

/* True for api_key, refresh_token, client_secret, password and the like; not for env_key, which names a variable. */
bool key_names_secret(const char *key);

/* The keys in clear, as a JSON object in the arena. ERR_INTERNAL when they are sealed and no key opens them. */
enum error profile_extra(struct request *rq, const struct profile *profile, json_t **extra);
/* Puts them into profile->extra, sealed for profile->id if need be. */
void profile_set_extra(struct request *rq, struct profile *profile, json_t *extra);

/* Masks, in place, every text whose key names a secret. */
void extra_mask(struct request *rq, json_t *extra);
/* The other way round: where `extra` holds the masked form of what `old` holds, it gets what `old` holds. */
void extra_unmask(struct request *rq, json_t *extra, const json_t *old);

#endif
