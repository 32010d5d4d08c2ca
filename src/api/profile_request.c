/* Which profile a request is about. */
#include "profile_request.h"

#include "util.h"

const struct field platform_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {0},
};

enum error request_platform(struct request *rq, const char **platform)
{
    *platform = request_query_or(rq, "platform", rq->actor.who.platform);
    return platform_find(*platform) ? ERR_NONE : fail(&rq->actor, MSG_PLATFORM_UNKNOWN, *platform, NULL);
}

enum error request_profile_name(struct request *rq, const char **name)
{
    *name = path_arg(rq, "name");
    return label_valid(*name) ? ERR_NONE : fail(&rq->actor, MSG_CONFIG_UNKNOWN, *name, NULL);
}
