/* Audit: one row for every write, in the write's own transaction. /api/history reads the profile part of it. */
#ifndef CCR_AUDIT_H
#define CCR_AUDIT_H

#include "request.h"

struct audit {
    const char *action;   /* "profile.switch", "user.create" */
    const char *platform; /* NULL = none */
    const char *target;   /* name of the thing */
    const char *from_config, *to_config;
    const char *changes; /* JSON array of {key, old_value, new_value}, secrets masked; NULL = [] */
    const char *actor;   /* NULL = the request's user */
    bool site;           /* belongs to no workspace: accounts, logins */
};

/* In the workspace of the request, unless it is the site's. Names the personal access token, when one was used. */
enum error audit_write(struct request *rq, const struct audit *entry);
/* Many rows in one statement: a JSON array of {action, platform, target, from_config, to_config, changes}, each member as
 * in struct audit. */
enum error audit_write_all(struct request *rq, const char *rows);
/* The site's, without more to say. */
enum error audit_site(struct request *rq, const char *actor, const char *action, const char *target);

#endif
