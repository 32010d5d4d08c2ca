/* Merging: what a file says goes into what is stored; what it does not say stays. */
#pragma once

#include "profile_file.h"

/* Puts `new` into `old`, both tables as toml.h makes them JSON: tables are merged key by key at any depth, everything else
 * takes the new value; new keys come last. Parts of `new` become parts of `old`. */
void merge_tables(json_t *old, json_t *new);
/* The same for two JSON texts of tables; NULL counts as empty. In the arena. */
const char *merged_extra(struct actor *actor, const char *old, const char *new);

/* A JSON array of names: what stood first stays first; what is new follows. `old` itself when nothing is new. */
const char *merged_order(struct actor *actor, const char *old, const char *new);

/* Gives a profile's values of a file what they leave out and `stored` has; unknown keys are merged as tables are. */
void merge_profile(json_t *values, const json_t *stored);
