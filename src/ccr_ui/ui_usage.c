/* How often profiles were chosen, as CCR UI reads it. What was used and spent is in ui_stats.c, ui_records.c and ui_sessions.c, what may be
 * spent in ui_budget.c. */
#include "json.h"
#include "ui_page.h"
#include "util.h"

extern const struct kind kind_profile;

/* How often profiles were chosen, by their provider. */
static enum error uses_by_provider(struct request *rq, struct response *rs)
{
    static const struct statement sum_uses = {
        "ui_uses", "SELECT coalesce(nullif(listed->>'provider', ''), 'unknown') AS provider, sum(uses)::bigint"
                   " FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = $1 AND platform = $2"
                   " GROUP BY 1 ORDER BY 1"};
    struct rows rows;
    struct place place;
    enum error error = resource_place(rq, &place);
    if (!error)
        error = db_all(rq->actor.db, &sum_uses, &rows, DB_ARGS(place.kind->name, place.platform));
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        json_key(w, row_string(&row, 0));
        json_put_int(w, row_int(&row, 1));
    }
    return respond_end(rs);
}

const struct route ui_usage_routes[] = {
    {METHOD_GET, "/api/stats/provider-usage", uses_by_provider, ACCESS_VIEWER, .query = resource_platform_query,
     .data = &kind_profile},
    {0},
};
