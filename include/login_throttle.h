/* Login throttle: guessed passwords are counted per account and per address, and cost ever longer waits. */
#ifndef CCR_LOGIN_THROTTLE_H
#define CCR_LOGIN_THROTTLE_H

#include "request.h"

/* Before a password is looked at: MSG_LOGIN_THROTTLED with rq->retry_after while the account or the address must wait.
 * Otherwise the attempt is counted as failed at once, so that attempts made side by side cannot all slip through; the
 * transaction then holds the account's counter until its end. Names of accounts that do not exist are counted like any
 * other. */
enum error throttle_enter(struct request *rq, const char *username);

/* The password was wrong: counts for the address too, and has the counters committed although the request fails. */
enum error throttle_failed(struct request *rq);

/* The password was right, or an administrator set a new one: forgets the account's failures. */
enum error throttle_forget(struct request *rq, const char *username);

#endif
