/* Presets: the files of presets/ as they were when the program was built, and installing what they say. */
#pragma once

#include "plan.h"

extern const char presets_json[]; /* an array of those files; build/presets_json.c, made by the Makefile */

/* Those of a kind that can be installed on a platform (NULL = whichever): an array, in the actor's language. */
json_t *presets_found(struct actor *actor, const char *kind, const char *platform);
/* That of the id in the path; NULL, with fail() said, when there is none of the kind (NULL = any). */
json_t *preset_asked_for(struct request *rq, const char *kind);
/* Installs it as the body says: `platforms`, `values`, `name`. ERR_CONFLICT when one of the platforms has it. */
enum error preset_install(struct request *rq, json_t *preset, struct plan *plan);
