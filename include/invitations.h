/* Invitations: how somebody becomes a member of a workspace. Each function runs inside the caller's transaction and leaves its audit
 * row. */
#pragma once

#include "actor.h"

/* Invites a name into the workspace that the actor has entered to change, for `days`; a second one takes the place of the first. *id
 * lives until the database's results are forgotten. MSG_ROLE, MSG_MEMBER_EXISTS, MSG_INVITATIONS_MANY. */
enum error invitation_send(struct actor *actor, const char *username, const char *role, long long days,
                           const char **id);
/* Takes one of that workspace's back. MSG_INVITATION_UNKNOWN. */
enum error invitation_withdraw(struct actor *actor, const char *id);

/* The actor's own: he becomes a member, and acts in that workspace from here on. Good only as long as who sent it may still grant
 * what it offers. MSG_INVITATION_UNKNOWN, and what member_add says. */
enum error invitation_accept(struct actor *actor, const char *id);
/* It is nobody's from now on, and looks to the workspace as before. MSG_INVITATION_UNKNOWN. */
enum error invitation_decline(struct actor *actor, const char *id);
