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
    R_KIND,
    R_TOTAL = R_UPDATED + 1 /* behind the short columns, in a page */
};

/* Row-level security alone already keeps to the workspace; naming it again lets the index be used. */
#define RESOURCE_OF_KIND " r.workspace_id = (SELECT ccr_workspace()) AND r.kind = $1 AND r.platform = $2"
#define RESOURCE_ORDER   " ORDER BY r.position, r.name"
#define RESOURCE_BEHIND  " AND (r.position, r.name) > ($4::integer, $5)"
/* What a page may be narrowed down by, besides a folder. NULL = not by that. */
#define RESOURCE_FILTERED(enabled, since)                                                                              \
    " AND (" enabled "::boolean IS NULL OR r.enabled = " enabled "::boolean)"                                          \
    " AND (" since "::timestamptz IS NULL OR r.updated_at >= " since "::timestamptz)"
/* A range of the index of names: '0' comes behind '/'. */
#define RESOURCE_IN_FOLDER(folder) " AND r.name >= " folder " || '/' AND r.name < " folder " || '0'"
/* Of what changed since a time ("-infinity": of all), so many at most that fit the rest of a filter. The order makes it the index of times
 * that they are found by, which tells all of this alone. */
#define RESOURCE_CHANGED(since, enabled, folder, most)                                                                 \
    "SELECT r.id, r.position, r.name FROM resources r WHERE" RESOURCE_OF_KIND " AND (" enabled                         \
    "::boolean IS NULL OR r.enabled = " enabled "::boolean)"                                                           \
    " AND (" folder                                                                                                    \
    "::text IS NULL OR (true" RESOURCE_IN_FOLDER(folder) "))"                                                          \
                                                         " AND r.updated_at >= " since                                 \
                                                         "::timestamptz ORDER BY r.updated_at LIMIT " most "::integer"
#define RESOURCE_TOTAL                                                                                                 \
    "(SELECT total FROM resource_counts WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2)"

/* From a row of all of them; texts live as long as the result. */
void resource_whole_from(struct resource *r, const struct kind *kind, const char *platform, const struct row *row);

/* A page of what has all words of the query's `search`, as the beginnings of words of its own, behind a position and a name
 * (resource_search.c). total counts as far as FOUND_MAX + 1. */
enum error resource_search(struct actor *actor, const struct resource_query *query, const char *position,
                           const char *name, struct resource_page *page);
