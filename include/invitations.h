/* Invitations: how somebody becomes a member of a workspace. Each function runs inside the caller's transaction and leaves its audit
 * row. */
#pragma once

#include "accounts.h"
#include "actor.h"

/* Invites a name into the workspace that the actor has entered to change, for `days`; a second one takes the place of the first. *id
 * lives until the database's results are forgotten. MSG_ROLE, MSG_MEMBER_EXISTS, MSG_INVITATIONS_MANY. */
enum error invitation_send(struct actor *actor, const char *username, const char *role, long long days,
                           const char **id);
/* For whoever has the link instead of a name, who may make an account with it when `accounts`: which only a site administrator may allow
 * whose password was just confirmed. *link in the arena, good once; *id as above. MSG_ROLE, MSG_INVITATIONS_MANY, MSG_SITE_ADMIN. */
struct invitation_link {
    const char *role;
    long long days;
    bool accounts;
};
enum error invitation_make_link(struct actor *actor, const struct invitation_link *wanted, const char **link,
                                const char **id);
/* Takes one of that workspace's back. MSG_INVITATION_UNKNOWN. */
enum error invitation_withdraw(struct actor *actor, const char *id);

/* The actor's own: he becomes a member, and acts in that workspace from here on. Good only as long as who sent it may still grant
 * what it offers. MSG_INVITATION_UNKNOWN, and what member_add says. */
enum error invitation_accept(struct actor *actor, const char *id);
/* It is nobody's from now on, and looks to the workspace as before. MSG_INVITATION_UNKNOWN. */
enum error invitation_decline(struct actor *actor, const char *id);

/* What a link is for: its workspace's name, role, inviter, expires_at, accounts. MSG_LINK_UNKNOWN when it is none, or was used, withdrawn or has
 * expired; so do the next two, also when who made it may no longer grant that. */
enum error invitation_look(struct actor *actor, const char *link, struct row *shown);
/* The actor takes it: as invitation_accept. */
enum error invitation_take(struct actor *actor, const char *link);
/* A new account takes it, and is the actor from here on. MSG_LINK_NO_ACCOUNTS, and what account_create and member_add say. */
enum error invitation_join(struct actor *actor, const char *link, const struct account *account);
