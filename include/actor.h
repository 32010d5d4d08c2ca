/* Actor: for whom something is done, with what, and what turned out to be wrong with it. Every function of the domain takes
 * one. A request holds an actor; subcommands and jobs make one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "buffer.h"
#include "crypto.h"
#include "db.h"
#include "error.h"
#include "settings.h"

/* Workspace roles in rising order; a greater one may do what a lesser one may. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_OWNER, ROLE_COUNT };

/* Scopes of a personal access token; a login session has them all. */
enum scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4, SCOPE_SECRETS = 8, SCOPE_USAGE = 16, SCOPE_ALL = 31 };

enum credential { CREDENTIAL_NONE, CREDENTIAL_BEARER, CREDENTIAL_COOKIE, CREDENTIAL_ACCESS_TOKEN };

struct identity {
    enum credential credential;
    char user_id[UUID_TEXT];
    char session_id[UUID_TEXT]; /* "" for a personal access token */
    char token_id[UUID_TEXT];   /* of one; "" for a session */
    char workspace_id[UUID_TEXT];
    char workspace_slug[128];
    char username[128];
    char platform[16]; /* the user's current one in this workspace */
    enum role role;
    bool site_admin;
    bool bound;      /* a personal access token that is good in one workspace only */
    unsigned scopes; /* enum scope, or-ed */
};

struct field_failure {
    const char *field;
    const char *message;
    struct field_failure *next;
};

enum { FIELDS_MAX = 100 };

/* What went wrong, filled by fail() and fail_field(). All zero: nothing so far. */
struct failure {
    enum message message;
    const char *text;                          /* of the message, in the actor's language */
    struct field_failure *fields, *last_field; /* the first FIELDS_MAX */
    size_t field_count;                        /* of all, told or not */
    struct buffer field_list;                  /* what the general message says of them */
    int retry_after;                           /* seconds, 0 = none */
    const char *within;                        /* what the fields that come are in: "resources[3]"; NULL = in nothing */
};

/* How long to wait for somebody else's transaction. */
enum patience { BRIEFLY, PATIENTLY /* whoever writes a whole file */ };

struct actor {
    struct arena *arena; /* what is made for him lives here */
    struct db *db;
    const struct settings *settings;
    const struct keyring *keyring;
    struct identity who; /* user_id "": nobody yet, or the console */
    enum language language;
    const char *address;        /* where it comes from, as Nginx found it; "console" for a subcommand */
    const char *user_agent;     /* NULL = none */
    char request_id[UUID_TEXT]; /* stands in the log and in the audit row */

    struct failure failure;
    bool keep_changes;     /* commit although it failed (failed logins are counted) */
    bool identity_changed; /* who may do what was changed: remembered identities are to be dropped */
};

/* Public routes know nobody at first: from now on the actor is this user, for the log and the audit rows. */
void actor_is_user(struct actor *actor, const char *user_id, const char *username);

/* Sets the failure: fail(actor, MSG_CONFIG_UNKNOWN, name, NULL). Returns the message's error code. */
enum error fail(struct actor *actor, enum message message, ...) __attribute__((sentinel));
/* Adds a wrong field; they are reported together, the first FIELDS_MAX by name and the others by their number. Returns
 * ERR_VALIDATION. */
enum error fail_field(struct actor *actor, const char *field, enum message message, ...) __attribute__((sentinel));
/* Gives the wrong fields the names that somebody else knows them by: what `named` says of each, in the actor's arena. */
typedef const char *field_namer(struct actor *actor, const void *data, const char *field);
void rename_fields(struct actor *actor, field_namer *named, const void *data);
/* The same text without failing, in the actor's language and arena. */
const char *translate(struct actor *actor, enum message message, ...) __attribute__((sentinel));
/* A number for such a text. */
const char *number_text(struct actor *actor, long long value);
/* Names a thing when error is ERR_NOT_FOUND or ERR_CONFLICT from the store; passes other errors on. */
static inline enum error fail_as(struct actor *actor, enum error error, enum error when, enum message message,
                                 const char *name)
{
    enum error worded = error == when ? fail(actor, message, name, NULL) : error;
    return worded ? worded : error; /* which is never ERR_NONE for an error: here, for static analysis to see it */
}
/* What was said of `error`; NULL when nothing was, because what fail() said belongs to another code. */
const char *failure_said(const struct actor *actor, enum error error);

/* What a sealed secret is bound to: its workspace, or the user whose own it is, and its row (profiles and revisions: the profile's id). */
char *secret_context(struct arena *arena, const char *owner_id, const char *row_id);

extern const char *const role_names[ROLE_COUNT];
enum role role_from_name(const char *name); /* ROLE_NONE when unknown */
