/* Sessions: name and password become one, a password confirms one, and they end. Inside the caller's transaction. */
#pragma once

#include "actor.h"

enum { CONFIRM_SECONDS = 300, BROWSER_SECONDS = 12 * 60 * 60 };

struct session {
    bool lasting; /* given: it outlives the browser, else it ends with it, and BROWSER_SECONDS after its last use */
    char id[UUID_TEXT];
    const char *refresh; /* its first refresh token, in the arena */
};

/* How long a session lives after its last use. */
int session_seconds(const struct settings *settings, bool lasting);

/* Logs in, with the audit row; the actor is that user from then on. browser: as for throttle_login. MSG_LOGIN_WRONG for an unknown
 * name as for a wrong password and for a disabled account, MSG_LOGIN_THROTTLED while one must wait. */
enum error session_log_in(struct actor *actor, const char *username, const char *password, const char *browser,
                          struct session *session);

/* Is this the actor's own password? MSG_PASSWORD_WRONG under `field`. Counts like a login: a stolen session must not become a place
 * to guess it from. */
enum error session_check_password(struct actor *actor, const char *field, const char *password);
/* The password of the actor's session was typed just now, with the audit row. until: RFC 3339, until when that counts. */
enum error session_confirm(struct actor *actor, const char **until);
/* MSG_CONFIRM when that is longer ago than CONFIRM_SECONDS, MSG_TOKEN_INVALID when the session is over. */
enum error session_confirmed(struct actor *actor);

/* The session that a token of either kind belongs to; the actor is its user from then on. ERR_NOT_FOUND. */
enum error session_of_refresh_token(struct actor *actor, const char *token, char id[UUID_TEXT]);
enum error session_of_access_token(struct actor *actor, const char *token, char id[UUID_TEXT]);

/* Ends one session of the actor's user, with an audit row. ERR_NOT_FOUND when he has no such, or it is over. */
enum error session_end(struct actor *actor, const char *id, const char *action);
/* Ends a user's sessions but `keep` (NULL: all) and says how many there were. No audit row. */
enum error sessions_revoke(struct actor *actor, const char *user_id, const char *keep, long long *count);
