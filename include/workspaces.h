/* Workspaces: acting in one, and who is a member of it. Everything runs inside the caller's transaction and leaves its audit row. */
#pragma once

#include "actor.h"

/* A workspace as its member sees it: $1 user, $2 NULL or the only workspace to be seen. Without a current workspace the personal one counts as current. */
#define WORKSPACES_MINE                                                                                                \
    " FROM workspaces w JOIN memberships m ON m.workspace_id = w.id AND m.user_id = $1"                                \
    " JOIN users u ON u.id = m.user_id WHERE ($2::uuid IS NULL OR w.id = $2)"
#define WORKSPACE_COLUMNS                                                                                              \
    "SELECT w.id, w.slug, w.name, w.personal_user_id IS NOT NULL AS personal, m.role,"                                 \
    " coalesce(w.id = u.current_workspace_id, w.personal_user_id = u.id, false) AS current, w.revision,"               \
    " w.created_at, w.time_zone" WORKSPACES_MINE
#define WORKSPACE_ORDER " ORDER BY w.personal_user_id IS NULL, w.slug"

enum workspace_column {
    WORKSPACE_ID,
    WORKSPACE_SLUG,
    WORKSPACE_NAME,
    WORKSPACE_PERSONAL,
    WORKSPACE_ROLE,
    WORKSPACE_CURRENT,
    WORKSPACE_REVISION,
};

/* The only workspace that the actor may see, which is so for a personal access token, as it may be bound to it; NULL = all of his. */
const char *workspaces_visible(const struct actor *actor);

/* A row of WORKSPACE_COLUMNS. MSG_WORKSPACE_UNKNOWN when he is no member. */
enum error workspace_find(struct actor *actor, const char *slug, struct row *workspace);

/* Acts in a workspace from here on: its row-level security, its audit trail, the user's role there, which must be `needed`.
 * MSG_WORKSPACE_UNKNOWN when he is no member. */
enum error workspace_enter(struct actor *actor, const char *slug, enum role needed, struct row *workspace);
/* The same for a setting of it. Holds the lock that every change of a workspace or its members waits
 * for, until the end of the transaction. */
enum error workspace_enter_to_set(struct actor *actor, const char *slug, enum role needed, struct row *workspace);
/* The same for a change, which a personal workspace is closed to. */
enum error workspace_enter_to_change(struct actor *actor, const char *slug, enum role needed, struct row *workspace);
/* Acts in a workspace that the user is no member of yet and holds that lock. ERR_NOT_FOUND when it is gone. */
enum error workspace_enter_as_guest(struct actor *actor, const char *workspace_id);

/* Can a header carry it? NULL is left as it is. MSG_SLUG under `slug`. */
enum error workspace_check_slug(struct actor *actor, const char *slug);
/* Makes one that is the actor's and acts in it. MSG_WORKSPACE_EXISTS. */
enum error workspace_create(struct actor *actor, const char *slug, const char *name);
/* What follows is done to the one that the actor has entered. NULL leaves slug or name as it is; MSG_WORKSPACE_EXISTS. */
enum error workspace_change(struct actor *actor, const char *slug, const char *name);
/* Where its days begin; NULL leaves it. Its sums of days are made anew, before any more calls come. MSG_TIME_ZONE under `time_zone`. time_zone.c */
enum error workspace_set_time_zone(struct actor *actor, const char *zone);
enum error workspace_delete(struct actor *actor);
enum error workspace_switch(struct actor *actor); /* makes it his current one */

/* Who makes somebody a `wanted`: owners make owners and administrators, administrators everybody else. MSG_ROLE. */
enum error workspace_need_to_grant(struct actor *actor, enum role wanted);

struct member {
    const char *user_id, *username;
    enum role role; /* ROLE_NONE = not in the workspace */
    bool self;
};
/* Makes a user a member. MSG_MEMBER_EXISTS; MSG_WORKSPACE_NAMESAKE when a workspace of his own has the same slug. */
enum error member_add(struct actor *actor, const char *user_id, const char *username, enum role role);
/* Changes a member's role; *member is as he was. Whoever is no member is invited (invitations.h): MSG_MEMBER_INVITE; only a site
 * administrator adds him like this. MSG_LAST_OWNER, MSG_ROLE. */
enum error member_set(struct actor *actor, const char *username, enum role wanted, struct member *member);
/* MSG_MEMBER_UNKNOWN, MSG_LAST_OWNER, MSG_ROLE. */
enum error member_remove(struct actor *actor, const char *username);
