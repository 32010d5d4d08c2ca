/* What statements about resources are made of. Their first two parameters are a kind's name and a platform. */
#pragma once

#include "resource.h"

#define RESOURCE_SHORT                                                                                                 \
    "r.id, r.name, r.position, r.enabled, r.uses, r.shared, r.listed, r.revision, " SQL_TIME("r.updated_at")
#define RESOURCE_WHOLE RESOURCE_SHORT ", r.unlisted, r.sealed, r.source"

/* Their columns. */
enum {
    R_ID,
    R_NAME,
    R_POSITION,
    R_ENABLED,
    R_USES,
    R_SHARED,
    R_LISTED,
    R_REVISION,
    R_UPDATED,
    R_UNLISTED,
    R_SEALED,
    R_SOURCE,
    R_WHOLE_COUNT,
    R_PLATFORM = R_WHOLE_COUNT, /* where a statement tells them */
    R_KIND
};

/* Row-level security alone already keeps to the workspace; naming it again lets the index be used. */
#define RESOURCE_OF_KIND " r.workspace_id = (SELECT ccr_workspace()) AND r.kind = $1 AND r.platform = $2"
#define RESOURCE_ORDER   " ORDER BY r.position, r.name"
#define RESOURCE_TOTAL                                                                                                 \
    "(SELECT total FROM resource_counts WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2)"

/* From a row of all of them; texts live as long as the result. */
void resource_whole_from(struct resource *r, const struct kind *kind, const char *platform, const struct row *row);
