/* The routes of resources: each operation for each kind, made once at start. */
#include <stdio.h>
#include <stdlib.h>

#include "handlers.h"

enum { ROUTES_MAX = 512, PATTERN_MAX = 96 };

struct route resource_routes[ROUTES_MAX + 1];
static char patterns[ROUTES_MAX][PATTERN_MAX];

static size_t add(size_t count, const struct kind *kind, const struct operation *operations)
{
    for (const struct operation *o = operations; o->method != METHOD_OTHER; o++) {
        if (o->kinds && !(kind->flags & o->kinds))
            continue;
        if (count == ROUTES_MAX)
            abort(); /* the table is too small for the kinds: seen at the first start of such a program */
        snprintf(patterns[count], PATTERN_MAX, "/api/resources/{platform}/%s%s", kind->name, o->path);
        resource_routes[count] = (struct route){.method = o->method,
                                                .pattern = patterns[count],
                                                .run = o->run ? o->run : resource_run_change,
                                                .access = o->reads ? ACCESS_VIEWER : kind_access(kind),
                                                .body = o->body,
                                                .query = o->query,
                                                .flags = o->flags,
                                                .data = kind,
                                                .operation = o};
        count++;
    }
    return count;
}

void resource_routes_make(void)
{
    size_t count = 0;
    for (const struct kind *const *kind = kind_table; *kind; kind++) {
        count = add(count, *kind, resource_operations);
        count = add(count, *kind, revision_operations);
        count = add(count, *kind, share_operations);
    }
}
