/* Check-in: what its pages have in common. Providers and accounts are resources, which CCR UI knows by their ids. */
#pragma once

#include "ui_page.h"

#define CHECKIN_PLATFORM "claude"

extern const struct kind kind_checkin_provider, kind_checkin_account;

/* The one of that kind with an id; ERR_NOT_FOUND. */
enum error checkin_find(struct actor *actor, const struct kind *kind, const char *id, struct resource *r);
/* The account in the path. */
enum error checkin_account(struct request *rq, struct resource *r);

/* Answers with the rows of a statement whose one column is an object: {"<key>":[…],"total":…}. With `total` NULL, how many those are. */
enum error checkin_respond_all(struct request *rq, struct response *rs, const char *key,
                               const struct statement *statement, const char *const *args, size_t count,
                               const long long *total);
/* A statement whose one column is an object, answered as it is. */
enum error checkin_respond_one(struct request *rq, struct response *rs, const struct statement *statement,
                               const char *const *args, size_t count);

/* In a statement over resources r: when it was made, as far as its revisions go back. */
#define SQL_MADE                                                                                                       \
    SQL_TIME("coalesce((SELECT min(v.created_at) FROM resource_revisions v WHERE v.workspace_id = r.workspace_id"      \
             " AND v.kind = r.kind AND v.platform = r.platform AND v.name = r.name AND v.resource_id = r.id),"         \
             " r.updated_at)")
