/* Login throttle: guessed passwords are counted, and cost ever longer waits.
 *
 * Guesses of strangers share one counter an account, so that a thousand addresses are no better than one. Whoever logged in well
 * not long ago does not share it: his browser (by a cookie that a login sets, after OWASP's "device cookies"), else his address
 * and account together, has a counter of its own, and so has each session for confirming the password. An address is counted
 * besides, whatever it guesses at. */
#pragma once

#include "actor.h"

/* An attempt: filled by throttle_login or throttle_confirm, for what comes of it. */
struct throttle {
    const char *subject; /* a keyed hash: names and addresses are not stored */
    const char *user_id; /* NULL = the name is nobody's */
};

/* Before a password is looked at: MSG_LOGIN_THROTTLED with failure.retry_after while whoever tries it must wait. Otherwise the attempt
 * is counted as failed at once, so that attempts made side by side cannot all slip through; the transaction then holds the counter
 * until its end. `name`: as typed, in lower case. user_id: whose it is, NULL = nobody's; that is counted like any other.
 * changed_at: when the account's password was set, seconds since the epoch: what is known from before does not count. browser: what
 * throttle_known_browser gave to whoever tries, NULL = nothing. */
enum error throttle_login(struct actor *actor, const char *name, const char *user_id, long long changed_at,
                          const char *browser, struct throttle *attempt);
/* The same for the own password of actor->who, who has a session. */
enum error throttle_confirm(struct actor *actor, struct throttle *attempt);

/* The password was wrong: counts for the address too, and has the counters committed although the request fails. */
enum error throttle_failed(struct actor *actor);
/* The password was right: the failures before it are forgotten, for this counter alone. */
enum error throttle_passed(struct actor *actor, const struct throttle *attempt);

/* An account has a new password or goes: forgets all of its counters. */
enum error throttle_forget(struct actor *actor, const char *user_id);

/* After a login: what its browser is told from strangers by for KNOWN_DAYS, in the arena. */
enum { KNOWN_DAYS = 30 };
const char *throttle_known_browser(struct actor *actor, const char *user_id);
