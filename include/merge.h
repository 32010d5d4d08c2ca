/* Merging: what a file says goes into what is stored; what it does not say stays. */
#ifndef CCR_MERGE_H
#define CCR_MERGE_H

#include "profile_file.h"

/* Puts `new` into `old`, both tables as toml.h makes them JSON: tables are merged key by key at any depth, everything else
 * takes the new value; new keys come last. Parts of `new` become parts of `old`. */
void merge_tables(json_t *old, json_t *new);
/* The same for two JSON texts of tables; NULL counts as empty. In the arena. */
const char *merged_extra(struct actor *actor, const char *old, const char *new);

/* A JSON array of names: what stood first stays first; what is new follows. `old` itself when nothing is new. */
const char *merged_order(struct actor *actor, const char *old, const char *new);

/* The last orders that were merged: profiles of one file mostly have the same keys. */
struct merged_orders {
    const char *old, *new, *merged;
};

/* Gives a profile of a file what it leaves out and `before` has, but for token and unknown keys, which are sealed. */
void merge_profile(struct actor *actor, struct file_profile *file, const struct profile *before,
                   struct merged_orders *orders);

#endif
