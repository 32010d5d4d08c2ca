/* Accounts: what the API and the subcommand `user` both do to them. Each runs inside the caller's transaction, reports
 * what is wrong through rq (fail, fail_field) and leaves the audit row to the caller. */
#ifndef CCR_ACCOUNTS_H
#define CCR_ACCOUNTS_H

#include "request.h"

enum { PASSWORD_MIN = 10, PASSWORD_MAX = 256 /* code points */ };

struct account {
    const char *username;
    const char *password;
    const char *display_name; /* NULL = none */
    bool site_admin;
};

/* Adds the user with a personal workspace of his own; user_id is set to the new id. */
enum error account_create(struct request *rq, const struct account *account, char user_id[UUID_TEXT]);

/* Sets a password and ends the user's sessions but keep_session (NULL: all). `field` is what a bad password is reported
 * under. */
enum error account_set_password(struct request *rq, const char *user_id, const char *username, const char *password,
                                const char *field, const char *keep_session);

/* Disabling ends the user's sessions. Call account_spare_admin first. */
enum error account_set_disabled(struct request *rq, const char *user_id, bool disabled);

/* Before a user is deleted, disabled or made an ordinary user: MSG_LAST_ADMIN when he is the only active administrator.
 * Nobody else gets an answer until the end of the transaction. */
enum error account_spare_admin(struct request *rq, const char *user_id);

/* Ends a user's sessions but `keep` (NULL: all) and says how many there were. */
enum error sessions_revoke(struct request *rq, const char *user_id, const char *keep, long long *count);

#endif
