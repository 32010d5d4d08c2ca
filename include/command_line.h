/* Command lines of CCR as people write them, for whoever keeps one. */
#pragma once

#include <jansson.h>

#include "actor.h"

/* What may be kept of a line: `command` is the command, perhaps with the first of its words ("stats cost --today"), `args` an array of texts
 * (NULL = none) with the others. *kept is the text of a JSON array in the actor's arena, "***" for each that may be a secret, as in the list
 * of past commands. ERR_VALIDATION, field `command`, when it is none that there is. */
enum error command_line_keep(struct actor *actor, const char *command, json_t *args, const char **kept);
