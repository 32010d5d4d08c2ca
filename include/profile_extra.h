/* What a file holds that this program does not know: keys of a profile, the top level of a profile file ([settings] …), the
 * registry. All of it counts as secret until known to be harmless: sealed as a whole in the store, and masked value by value
 * where it is shown, but for the keys on a list. */
#ifndef CCR_PROFILE_EXTRA_H
#define CCR_PROFILE_EXTRA_H

#include "profile.h"

/* Which list of harmless keys holds (src/api/profile_extra.c). */
enum extra_kind { EXTRA_PROFILE, EXTRA_FILE, EXTRA_REGISTRY };

/* `stored` in clear: a JSON object in the arena, empty for NULL. row_id is what it is sealed for beside the workspace; `name` is
 * for the message. ERR_INTERNAL (MSG_SECRET_UNREADABLE) when it is sealed and no key opens it. What an older version stored
 * open is taken as it is. */
enum error extra_open(struct request *rq, const char *row_id, const char *name, const char *stored, json_t **extra);
/* The other way round: a JSON text for the store, in the arena. */
const char *extra_seal(struct request *rq, const char *row_id, json_t *extra);

/* The same for a profile's own, which are sealed for its id. */
enum error profile_extra(struct request *rq, const struct profile *profile, json_t **extra);
void profile_set_extra(struct request *rq, struct profile *profile, json_t *extra);

/* Masks, in place, every text that is not known to be harmless. */
void extra_mask(struct request *rq, enum extra_kind kind, json_t *extra);
/* The other way round: where `extra` holds the masked form of what `old` holds, it gets what `old` holds. */
void extra_unmask(struct request *rq, enum extra_kind kind, json_t *extra, const json_t *old);

#endif
