/* Profiles written: the only functions that change rows of the table. Each change leaves a revision and an audit row; many at
 * once travel some hundred a statement. */
#ifndef CCR_PROFILE_WRITE_H
#define CCR_PROFILE_WRITE_H

#include "profile.h"

/* One profile before and after. */
struct profile_change {
    const struct profile *before; /* NULL = it is new */
    struct profile *after;        /* NULL = it is deleted */
};

/* What a write calls itself in the two rows that it leaves. */
struct profile_deed {
    const char *operation; /* see profile_revisions.operation */
    const char *action;    /* see audit_log.action */
    const char *from;      /* the profile it was made of, for the history; NULL = none */
};

/* Carries out `count` changes, in this order as far as the audit rows tell; deletions go first, since what is new may have
 * their names. A new profile without a position (-1) goes to the end. ERR_CONFLICT (MSG_CONFIG_EXISTS) when a name is taken,
 * ERR_NOT_FOUND (MSG_CONFIG_UNKNOWN) when one is gone; the transaction is then of no more use. */
enum error profiles_save(struct actor *actor, const struct profile_deed *deed, const struct profile_change *changes,
                         size_t count);

/* The same for one profile; after->revision is then the new one. */
enum error profile_save(struct actor *actor, const char *operation, const char *action, const struct profile *before,
                        struct profile *after);

/* What an audit row says of a change: an array of {key, old_value, new_value}, secrets masked. */
void profile_changes(struct actor *actor, struct json_writer *w, const struct profile *before,
                     const struct profile *after);
/* Gives a profile another name, with everything that stands under the old one in profile_revisions: under the new name they go on
 * counting behind what stood there, and under the old one a last row says where they went. ERR_CONFLICT (MSG_CONFIG_EXISTS)
 * when the name is taken. profile->name and revision are then the new ones. Leaves no audit row. */
enum error profile_rename(struct actor *actor, struct profile *profile, const char *new_name);

/* One member of such an array; nothing when the two are the same. */
void write_change(struct json_writer *w, const char *key, const char *before, const char *after);
/* A sealed token as it may be shown; NULL = none. */
const char *shown_token(struct actor *actor, const struct profile *profile);

#endif
