/* Pointers to profiles: the current one of each member, and the workspace's default. They are names, because a file may name
 * one that is not there; what this program itself does never leaves a pointer to nothing. */
#pragma once

#include "profile.h"

/* Before a profile is deleted. ERR_CONFLICT when it is the user's current one, or that of other members, which are named. Whoever still
 * points to it (who left, who is disabled) points to nothing in particular then, and when it is the default, the first enabled one
 * of the others becomes that; with an audit row. */
enum error profile_leaves(struct actor *actor, const struct resource *profile);
/* All pointers to a profile go with its new name, and so does its place in the file. */
enum error profile_renamed(struct actor *actor, const struct resource *profile, const char *old_name);

/* Members whose current profile is one of `names` (a JSON array) have none of their own any more. */
enum error pointers_forget(struct actor *actor, const char *platform, const char *names);

/* Where each member stands, as a JSON object by user id; and the other way round, for those who stand nowhere now. */
enum error pointers_remember(struct actor *actor, const char *platform, const char **pointers);
enum error pointers_recall(struct actor *actor, const char *platform, const char *pointers);
