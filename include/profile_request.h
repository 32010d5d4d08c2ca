/* Which profile a request is about: the platform in its query, the name in its path. */
#ifndef CCR_PROFILE_REQUEST_H
#define CCR_PROFILE_REQUEST_H

#include "profile.h"
#include "router.h"

/* The query of routes that use request_platform. */
extern const struct field platform_query[];

/* The platform a request is about: ?platform=, else the user's current one. */
enum error request_platform(struct request *rq, const char **platform);

/* The checked name in the path; MSG_CONFIG_UNKNOWN when it could not be a name. */
enum error request_profile_name(struct request *rq, const char **name);

#endif
