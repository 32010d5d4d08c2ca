/* Converting: what one CLI says, as another says it. */
#pragma once

#include "resource.h"

/* Makes of the values of a resource (its kind, platform and name count) those that it has on another platform: how variables are written,
 * what events are called. Adds {kind, name, field, message} to the warnings for what keeps a form that the other does not understand. */
void convert_values(struct actor *actor, const struct resource *r, const char *to, json_t *values, json_t *warnings);
