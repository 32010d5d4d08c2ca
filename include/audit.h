/* Audit: one row for every write, in the write's own transaction. /api/history reads the profile part of it. */
#pragma once

#include "actor.h"

struct audit {
    const char *action;   /* "profile.switch", "user.create" */
    const char *platform; /* NULL = none */
    const char *target;   /* name of the thing */
    const char *from_config, *to_config;
    const char *changes; /* JSON array of {key, old_value, new_value}, secrets masked; NULL = [] */
    bool site;           /* belongs to no workspace: accounts, logins */
};

/* Of its rows those that say what was configured, and are shown to every member. */
#define AUDIT_OF_CONFIGURATION                                                                                         \
    "platform IS NOT NULL"                                                                                             \
    " AND action ~ '[.](create|update|rename|move|enable|disable|delete|rollback|import|switch)$'"

/* In the actor's name and workspace, unless it is the site's. Names the personal access token, when one was used. */
enum error audit_write(struct actor *actor, const struct audit *entry);
/* Many rows in one statement: a JSON array of {action, platform, target, from_config, to_config, changes}, each member as
 * in struct audit. */
enum error audit_write_all(struct actor *actor, const char *rows);
/* The site's, without more to say. */
enum error audit_site(struct actor *actor, const char *action, const char *target);
