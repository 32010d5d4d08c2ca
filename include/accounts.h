/* Accounts: what the API and the subcommand `user` both do to them. Each runs inside the caller's transaction, reports
 * what is wrong through the actor (fail, fail_field) and leaves the audit row to the caller. */
#pragma once

#include "actor.h"
#include "json.h"

enum { PASSWORD_MIN = 10, PASSWORD_MAX = 256 /* code points */ };
/* The row of a field that is to become somebody's password. */
#define FIELD_NEW_PASSWORD(field)                                                                                      \
    {                                                                                                                  \
        field, FIELD_TEXT, FIELD_REQUIRED | FIELD_SECRET, .min = PASSWORD_MIN, .max = PASSWORD_MAX                     \
    }

struct account {
    const char *username;
    const char *password;
    const char *display_name; /* NULL = none */
    bool site_admin;
    bool own_password; /* chosen by its user: nobody else knows it */
};

/* Adds the user with a personal workspace of his own; user_id is set to the new id. */
enum error account_create(struct actor *actor, const struct account *account, char user_id[UUID_TEXT]);

/* A new password of a user, and what it ended. */
struct password_change {
    const char *user_id, *username, *password;
    const char *field;        /* what a bad password is reported under */
    const char *keep_session; /* NULL: all sessions end */
    bool keep_tokens;         /* else his personal access tokens end, too */

    long long sessions_ended; /* these two are filled */
    struct rows tokens;       /* id and name of those that were good until now */
};
enum error account_set_password(struct actor *actor, struct password_change *change);
/* The members sessions_ended, tokens_ended and tokens_kept of an answer. */
void password_change_write(struct json_writer *w, const struct password_change *change);
/* The audit rows of it. */
enum error password_change_audit(struct actor *actor, const char *action, const struct password_change *change);

/* Disabling ends the user's sessions. Call account_spare_admin first. */
enum error account_set_disabled(struct actor *actor, const char *user_id, bool disabled);

/* Before a user is deleted: his shared workspaces that nobody else is in go with him. MSG_SOLE_OWNER when one would be left
 * without an owner. */
enum error account_leave_workspaces(struct actor *actor, const char *user_id, const char *username);

/* Before a user is deleted, disabled or made an ordinary user: MSG_LAST_ADMIN when he is the only active administrator.
 * Nobody else gets an answer until the end of the transaction. */
enum error account_spare_admin(struct actor *actor, const char *user_id);
