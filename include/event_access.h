/* Event access: whom a WebSocket speaks for, and what of the site he is told. Asked when one is opened and again whenever who may do
 * what has changed, so that nobody hears more than he could read at that moment. */
#pragma once

#include "actor.h"
#include "json.h"

/* What a browser or program shows; "" or NULL = nothing of it. */
struct event_credentials {
    const char *bearer; /* an access token (JWT) or a personal access token */
    const char *access; /* the cookies; a refresh token is looked at and not spent, since no cookie can be set here */
    const char *refresh;
};

/* Who it is: a session or a personal access token, whose end is the end of this. */
struct event_identity {
    char user_id[UUID_TEXT];
    char session_id[UUID_TEXT]; /* "" for a personal access token */
    char token_id[UUID_TEXT];   /* "" for a session */
    long long expires;          /* seconds since the epoch; 0 = with its session or token */
    bool by_cookie;
};

/* ERR_AUTHENTICATION when they are no good. What they may see is event_access_ask's business. */
enum error event_access_identify(struct actor *actor, const struct event_credentials *given,
                                 struct event_identity *out);

/* What was lately changed in the workspaces that he may be told of, as GET /api/home has it, the newest first. Columns as in enum. */
enum {
    EVENT_PAST_ID,
    EVENT_PAST_TIME,
    EVENT_PAST_WORKSPACE,
    EVENT_PAST_BY,
    EVENT_PAST_ACTION,
    EVENT_PAST_PLATFORM,
    EVENT_PAST_TARGET
};
enum error event_access_past(struct db *db, const struct event_identity *who, struct rows *rows);

/* The names of a workspace and of a user ("" = none), as event_name wants them. ERR_NOT_FOUND when the workspace is gone. */
enum { EVENT_NAME_SLUG, EVENT_NAME_USER };
enum error event_access_names(struct db *db, const char *workspace_id, const char *user_id, struct row *names);

/* A row a workspace that one of them may be told of now; nobody's row who is disabled, whose session or token is over or lacks the
 * scope `read`. Columns as in enum. */
enum { EVENT_ACCESS_NUMBER, EVENT_ACCESS_WORKSPACE, EVENT_ACCESS_SECONDS_LEFT };

/* Of all of `everybody` in one statement: a JSON array whose items are event_access_put's. */
enum error event_access_ask(struct db *db, const char *everybody, struct rows *rows);
/* One of them, by a number of the caller's, into the array that is open. */
void event_access_put(struct json_writer *w, unsigned number, const struct event_identity *who);
