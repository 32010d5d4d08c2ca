/* Access tokens of sessions: JWT (RFC 7519), made and verified. Personal access tokens are none of these. */
#pragma once

#include "actor.h"

enum { ACCESS_TOKEN_MAX = 4096 };

/* A signed access JWT for a session, in the actor's arena. NULL only when out of memory. */
char *access_token_make(struct actor *actor, const char *user_id, const char *session_id);

struct token_claims {
    char user_id[UUID_TEXT];
    char session_id[UUID_TEXT];
    long long expires; /* seconds since the epoch */
};
/* Verifies signature, algorithm, kid, iss, aud, exp, nbf, sub. false on anything wrong. `now`: seconds. */
bool access_token_read(const struct settings *settings, const char *token, long long now, struct token_claims *claims);
