/* Logins of Codex: what a person's ~/.codex/auth.json holds, kept sealed for that person alone, whatever workspace he is in. One of them
 * may be brought and not saved under a name yet; at most one is the current one. Changes need a transaction, and are audited by name. */
#pragma once

#include "actor.h"

/* What the one that is not saved yet is called, by CCR UI, too. */
#define CODEX_LOGIN_UNSAVED "default"

enum { CODEX_AUTH_MAX = 64 * 1024 }; /* characters of an auth.json */

/* The columns of a row. Times are RFC 3339, in UTC. */
enum codex_login_column {
    LOGIN_NAME,
    LOGIN_DESCRIPTION,
    LOGIN_ACCOUNT_ID, /* what Codex calls the account; NULL for an API key */
    LOGIN_EMAIL,      /* masked; nobody has verified it */
    LOGIN_LAST_USED,
    LOGIN_LAST_REFRESH,
    LOGIN_EXPIRES_AT,
    LOGIN_CURRENT,
    LOGIN_EXPIRED,
    LOGIN_FRESHNESS, /* enum codex_freshness, as of now */
};
enum codex_freshness { LOGIN_FRESH, LOGIN_STALE, LOGIN_OLD, LOGIN_UNKNOWN };

/* The actor's own, by name; the one that is not saved first. */
enum error codex_logins_read(struct actor *actor, struct rows *rows);

/* Makes the text of an auth.json the current login, not saved yet; it replaces an earlier one that was not saved. ERR_VALIDATION names
 * what is wrong in the field `auth`; ERR_CONFLICT (MSG_LOGINS_MAX). */
enum error codex_login_bring(struct actor *actor, const char *auth);

struct codex_login {
    const char *name, *description;
    const char *expires_at; /* as field_time() has it; NULL = never */
    bool force;             /* replaces one of that name */
};
/* Gives the one that is not saved a name, and makes it the current one. ERR_VALIDATION: MSG_NO_LOGIN, MSG_LOGIN_EXISTS, or the field
 * `name`. */
enum error codex_login_save(struct actor *actor, const struct codex_login *wanted);
/* Makes it the current one. ERR_NOT_FOUND; ERR_VALIDATION (MSG_LOGIN_EXPIRED). */
enum error codex_login_switch(struct actor *actor, const char *name);
/* ERR_NOT_FOUND. */
enum error codex_login_delete(struct actor *actor, const char *name);
