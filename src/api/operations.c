/* Operations: what whoever looks after the site wants to know of the running server: the settings in force, and what
 * housekeeping did. */
#include <string.h>

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
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_key(w, "settings");
    json_open_array(w);
    for (size_t i = 0; settings_at(rq->service->settings, i, &setting); i++)
        write_setting(w, &setting);
    json_close_array(w);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

/* ---- housekeeping ----------------------------------------------------------------------------------------------- */

enum { JOB, SUCCEEDED_AT, DURATION_MS, REMOVED, TOTAL, FAILURES, FAILED_AT };

static const struct statement select_jobs = {
    "operations_jobs", "SELECT job, " SQL_TIME("succeeded_at") ", duration_ms, removed, total, failures, " SQL_TIME(
                           "failed_at") " FROM housekeeping_jobs"};

/* What became of a job, if anything did yet. Why it failed is for the log: that is PostgreSQL's word. */
static struct row find_row(const struct rows *rows, const char *job)
{
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        if (strcmp(row_string(&row, JOB), job) == 0)
            return row;
    }
    return (struct row){0};
}

static void write_job(struct request *rq, struct json_writer *w, const struct house_job *job, const struct row *row)
{
    const char *settings = (const char *)rq->service->settings;
    json_open_object(w);
    json_string_member(w, "job", job->name);
    json_string_member(w, "does", job->what);
    json_int_member(w, "interval_seconds", job->interval_s);
    json_string_member(w, "retention", job->retention);
    json_key(w, "days");
    if (job->retention)
        json_put_int(w, *(const int *)(settings + job->days));
    else
        json_put_null(w);
    json_string_member(w, "succeeded_at", row->result ? row_text(row, SUCCEEDED_AT) : NULL);
    json_int_member(w, "duration_ms", row->result ? row_int(row, DURATION_MS) : 0);
    json_int_member(w, "rows", row->result ? row_int(row, REMOVED) : 0);
    json_int_member(w, "rows_in_all", row->result ? row_int(row, TOTAL) : 0);
    json_int_member(w, "failures", row->result ? row_int(row, FAILURES) : 0);
    json_string_member(w, "failed_at", row->result ? row_text(row, FAILED_AT) : NULL);
    json_close_object(w);
}

static enum error housekeeping(struct request *rq, struct response *rs)
{
    const struct scoreboard *board = rq->service->board;
    struct rows rows;
    enum error error = db_all(rq->actor.db, &select_jobs, &rows, DB_NO_ARGS);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_bool_member(w, "enabled", rq->service->settings->housekeeping);
    json_bool_member(w, "leads", board && atomic_load(&board->house.leads));
    json_key(w, "jobs");
    json_open_array(w);
    for (const struct house_job *job = house_jobs; job->name; job++) {
        struct row row = find_row(&rows, job->name);
        write_job(rq, w, job, &row);
    }
    json_close_array(w);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

const struct route operations_routes[] = {
    {METHOD_GET, "/api/system/settings", settings_list, .access = ACCESS_SITE_ADMIN},
    {METHOD_GET, "/api/system/housekeeping", housekeeping, .access = ACCESS_SITE_ADMIN},
    {0},
};
