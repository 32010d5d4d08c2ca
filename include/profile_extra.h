/* What a file holds that this program does not know: keys of a profile, the top level of a profile file ([settings] …), the
 * registry. All of it counts as secret until known to be harmless: sealed as a whole in the store, and masked value by value
 * where it is shown, but for the keys on a list. */
#pragma once

#include "actor.h"
#include "json.h"
#include "toml.h"

/* Which list of harmless keys holds (src/domain/profile_extra.c). */
enum extra_kind { EXTRA_PROFILE, EXTRA_FILE, EXTRA_REGISTRY };

/* `stored` in clear: a JSON object in the arena, empty for NULL. row_id is what it is sealed for beside the workspace; `name` is
 * for the message. ERR_INTERNAL (MSG_SECRET_UNREADABLE) when it is sealed and no key opens it. What an older version stored
 * open is taken as it is. */
enum error extra_open(struct actor *actor, const char *row_id, const char *name, const char *stored, json_t **extra);
/* The other way round: a JSON text for the store, in the arena. */
const char *extra_seal(struct actor *actor, const char *row_id, json_t *extra);

/* Masks, in place, every text that is not known to be harmless. */
void extra_mask(struct actor *actor, enum extra_kind kind, json_t *extra);

/* A key whose text is a mask. */
struct masked_key {
    const char *path;        /* "http_headers.Authorization" */
    const struct toml *node; /* where it stands in the file; NULL = it came from none */
};
/* The other way round, for what somebody sends: where `extra` holds the mask of what `old` holds (NULL = nothing), it gets what `old`
 * holds. False when some other text has the shape of a mask (of three stars at least); *found is then the first of them. `table` is
 * what `extra` was made of, or NULL. */
bool extra_unmask(struct actor *actor, enum extra_kind kind, const struct toml *table, json_t *extra, const json_t *old,
                  struct masked_key *found);
