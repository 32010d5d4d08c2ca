/* Handlers of resources: what can be done with one of any kind, as rows that routes are made of. */
#pragma once

#include "resource.h"
#include "response.h"

struct operation {
    enum method method; /* METHOD_OTHER ends a table */
    const char *path;   /* behind /api/resources/{platform}/<kind> */
    handler *
        run; /* NULL = makes `change`, and answers `status` with what the resource is then and what the platform cannot say of it */
    enum error (*change)(struct request *rq, struct resource *after);
    int status;
    const struct field *body, *query;
    unsigned flags; /* enum route_flag */
    bool reads;     /* whoever may see the workspace may do it; else whom the kind says */
    unsigned kinds; /* enum kind_flag: only for kinds that have it; 0 = for all */
};
extern const struct operation resource_operations[], revision_operations[], share_operations[];

/* What the address says: the route's kind, a platform that has it (without one in the path: that of the query, else the user's current
 * one), a name (NULL where the address has none). */
struct place {
    const struct kind *kind;
    const char *platform, *name;
};
/* The query of routes that have no platform in their path. */
extern const struct field resource_platform_query[];
/* ERR_NOT_FOUND when the platform does not have the kind. */
enum error resource_place(struct request *rq, struct place *place);

/* The one of that place. */
enum error resource_asked_for(struct request *rq, bool lock, struct resource *r);
/* The one that is to be changed, as the client has seen it (If-Match), held until the transaction ends. */
enum error resource_to_change(struct request *rq, struct resource *r);

/* What the handlers do but for the answer; *r is the resource as it is now. Each honours If-Match where there is something to match. */
enum error resource_create(struct request *rq, struct resource *r);
/* What the body leaves out is cleared. */
enum error resource_replace(struct request *rq, struct resource *r);
/* The columns' values, checked, into the one that resource_to_change gave; its switch is that of the body. */
enum error resource_save_values(struct request *rq, const struct resource *before, json_t *values,
                                struct resource *after);
enum error resource_switch_on(struct request *rq, bool enabled, struct resource *r);
/* Also how one moves to another folder. */
enum error resource_take_name(struct request *rq, struct resource *r);
/* A resource of its own, its secrets sealed anew; also on another platform, and in another workspace, where the actor then is. */
enum error resource_copy(struct request *rq, struct resource *r);
/* Who is to share it: `platforms` in the body, an object, platform -> enabled. */
enum error resource_share(struct request *rq, struct resource *r);
enum error resource_destroy(struct request *rq);
/* To the revision in the body; also one that was deleted. */
enum error resource_roll_back(struct request *rq, struct resource *r);
/* The bodies of those two. */
extern const struct field resource_copy_fields[], resource_rename_fields[], resource_rollback_fields[];

/* The handler of an operation that is a change. */
enum error resource_run_change(struct request *rq, struct response *rs);
/* ERR_CONFLICT (MSG_RESOURCES_MAX) when there is no room for one more. */
enum error resource_check_room(struct actor *actor, const struct kind *kind, const char *platform);

/* Makes the routes of every kind, before the router looks at its tables. */
void resource_routes_make(void);
/* NULL-terminated by their pattern; empty before. */
extern struct route resource_routes[];
