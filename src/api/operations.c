/* Operations: what whoever looks after the site wants to know of the running server: the settings in force, what housekeeping did, and
 * which workspaces there are. */
#include "housekeeping.h"
#include "page.h"
#include "router.h"
#include "util.h"

/* ---- settings --------------------------------------------------------------------------------------------------- */

/* Numbers and words only: texts are addresses, paths and secrets, which are for whoever may read the server's files. */
static void write_setting(struct json_writer *w, const struct setting_shown *setting)
{
    json_open_object(w);
    json_string_member(w, "name", setting->name);
    if (setting->number)
        json_raw_member(w, "value", setting->value);
    else
        json_string_member(w, "value", setting->text ? NULL : setting->value);
    json_string_member(w, "takes_effect", setting->restart ? "restart" : "reload");
    json_bool_member(w, "waits_for_restart", setting->waiting);
    json_close_object(w);
}

static enum error settings_list(struct request *rq, struct response *rs)
{
    struct setting_shown setting;
    struct json_writer *w = respond_object(rs, 200);
    json_key(w, "settings");
    json_open_array(w);
    for (size_t i = 0; settings_at(rq->service->settings, i, &setting); i++)
        write_setting(w, &setting);
    json_close_array(w);
    return respond_end(rs);
}

/* ---- housekeeping ----------------------------------------------------------------------------------------------- */

/* In the order of house_jobs; also of what was never done yet. Why a job failed is for the log: that is PostgreSQL's word. */
static const struct statement select_jobs = {
    "operations_jobs",
    "SELECT j.succeeded_at, coalesce(j.duration_ms, 0) AS duration_ms, coalesce(j.removed, 0) AS rows,"
    " coalesce(j.total, 0) AS rows_in_all, coalesce(j.failures, 0) AS failures, j.failed_at"
    " FROM unnest(string_to_array($1, ' ')) WITH ORDINALITY AS known (job, n)"
    " LEFT JOIN housekeeping_jobs j USING (job) ORDER BY n"};

static enum error housekeeping(struct request *rq, struct response *rs)
{
    const struct scoreboard *board = rq->service->board;
    const struct settings *settings = rq->service->settings;
    const struct house_job *shown[HOUSE_JOBS_MAX];
    const char *names = "";
    struct rows rows;
    size_t count = 0;
    for (const struct house_job *job = house_jobs; job->name; job++) {
        if (!house_job_wanted(settings, job))
            continue;
        shown[count++] = job;
        names = arena_printf(rq->actor.arena, "%s%s%s", names, *names ? " " : "", job->name);
    }
    enum error error = db_all(rq->actor.db, &select_jobs, &rows, DB_ARGS(names));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "enabled", settings->housekeeping);
    json_bool_member(w, "leads", board && atomic_load(&board->house.leads));
    json_key(w, "jobs");
    json_open_array(w);
    for (size_t i = 0; i < count && (int)i < rows.count; i++) {
        struct row row = rows_at(&rows, (int)i);
        json_open_object(w);
        house_job_write(w, settings, shown[i]);
        row_write(&row, w);
        json_close_object(w);
    }
    json_close_array(w);
    return respond_end(rs);
}

/* ---- workspaces ------------------------------------------------------------------------------------------------- */

static const struct listing workspaces = {
    .name = "workspaces",
    .count = {"site_workspaces_count", "SELECT count(*) FROM ccr_site_workspaces()"},
    .page = {"site_workspaces", "SELECT slug, name, owner, members, resources, created_at FROM ccr_site_workspaces()"
                                " ORDER BY owner IS NOT NULL, slug, owner, created_at LIMIT $1 OFFSET $2"},
};

const struct route operations_routes[] = {
    {METHOD_GET, "/api/system/settings", settings_list, .access = ACCESS_SITE_ADMIN},
    {METHOD_GET, "/api/system/housekeeping", housekeeping, .access = ACCESS_SITE_ADMIN},
    {METHOD_GET, "/api/system/workspaces", list_all, .access = ACCESS_SITE_ADMIN, .query = page_query,
     .data = &workspaces},
    {0},
};
