/* Refresh tokens: one rule, whether one comes in a body or as a cookie.
 *
 * A token is good once. Spending it gives its successor, which is made from the token with a key of the server: whoever spends
 * the same token again gets the same one. The client that spent it may do so for REFRESH_GRACE_S seconds, because a browser
 * sends many requests at once and an answer can be lost; anybody else, and that client later, ends the session (RFC 9700,
 * section 4.14.2). */
#pragma once

#include "actor.h"

enum { REFRESH_GRACE_S = 10 };

struct refreshed {
    char session_id[UUID_TEXT], user_id[UUID_TEXT];
    char username[128];
    bool lasting;      /* as in struct session */
    const char *token; /* to be presented next, in the arena; NULL: still the same */
};

/* The first refresh token of a session, in the arena; only its hash is stored. */
enum error refresh_begin(struct actor *actor, const char *session_id, const char **token);

/* Spends a token inside the caller's transaction and prolongs its session. ERR_AUTHENTICATION: MSG_TOKEN_INVALID for one that
 * is unknown or whose session is over; MSG_REFRESH_REUSED when this use has ended the session: actor->keep_changes and
 * actor->identity_changed are set then, and the caller clears the cookies. */
enum error refresh_spend(struct actor *actor, const char *presented, struct refreshed *out);

/* Whom the token speaks for, without spending it and without waiting for anybody: for a single request, when others hold what
 * spending needs. ERR_AUTHENTICATION (MSG_TOKEN_INVALID) for one that spending would refuse. */
enum error refresh_peek(struct actor *actor, const char *presented, struct refreshed *out);
