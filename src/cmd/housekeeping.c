/* housekeeping {--once|--list}: what a timer runs where the server does not do it by itself. */
#include "housekeeping.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "json.h"
#include "log.h"
#include "util.h"

enum { BUSY_TRIES = 30, BUSY_PAUSE_MS = 1000, EVERY_JOB = -1 };

static struct {
    bool once, list, json;
    const char *job;
} given;

static int refuse_options(const char *line)
{
    fprintf(stderr, "ccr-ui-backend housekeeping: %s\n", line);
    return EX_USAGE;
}

/* Its index in house_jobs; EVERY_JOB without a name, and -2 for one that is none. */
static int job_index(const char *name)
{
    for (int i = 0; name && house_jobs[i].name; i++)
        if (strcmp(house_jobs[i].name, name) == 0)
            return i;
    return name ? EVERY_JOB - 1 : EVERY_JOB;
}

/* ---- --list ----------------------------------------------------------------------------------------------------- */

static void list_json(const struct settings *settings)
{
    struct json_writer *w = command_json();
    json_open_array(w);
    for (const struct house_job *job = house_jobs; job->name; job++) {
        json_open_object(w);
        house_job_write(w, settings, job);
        json_int_member(w, "batch", job->limit);
        json_close_object(w);
    }
    json_close_array(w);
    command_json_print();
}

static void list_text(const struct settings *settings)
{
    char after[64];
    for (const struct house_job *job = house_jobs; job->name; job++) {
        if (job->retention)
            snprintf(after, sizeof after, "%s=%d", job->retention, house_days(settings, job));
        printf("%-16s every %5d s  %-24s %s\n", job->name, job->interval_s, job->retention ? after : "", job->what);
    }
}

/* ---- --once ----------------------------------------------------------------------------------------------------- */

static void pause_for(int milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

static void report_job(const struct house *house, size_t job)
{
    const struct house_cell *cell = &house->board->house.jobs[job];
    printf(given.json ? "{\"job\":\"%s\",\"rows\":%llu,\"duration_ms\":%llu}\n" : "%s: %llu rows in %llu ms\n",
           house_jobs[job].name, (unsigned long long)atomic_load(&cell->rows),
           (unsigned long long)atomic_load(&cell->worked_us) / 1000);
    fflush(stdout);
}

static int complain_of_job(size_t job, const char *what, int status)
{
    fprintf(stderr, "ccr-ui-backend: %s: %s\n", house_jobs[job].name, what);
    return status;
}

/* One job to its end; a lock that somebody holds is waited for, patiently but not for ever. */
static int do_job(struct house *house, size_t job)
{
    for (int tries = 0; tries < BUSY_TRIES;) {
        int pause_ms = 0;
        switch (house_work(house, job, &pause_ms)) {
        case HOUSE_DONE:
        case HOUSE_IDLE:
            report_job(house, job);
            return EX_OK;
        case HOUSE_MORE:
            tries = 0;
            break;
        case HOUSE_BUSY:
            tries++;
            pause_ms = BUSY_PAUSE_MS;
            break;
        case HOUSE_FAILED:
            return complain_of_job(job, "failed, as the log says; the other jobs are done all the same", EX_SOFTWARE);
        case HOUSE_ELSEWHERE:
            return complain_of_job(job, "the connection to the database is lost; run it again", EX_UNAVAILABLE);
        }
        pause_for(pause_ms);
    }
    return complain_of_job(job, "others hold locks that it needs; run it again later", EX_TEMPFAIL);
}

/* Every job, due or not; but a timer that runs once an hour asks no other server oftener than need be. */
static bool is_to_be_done(const struct house *house, size_t job)
{
    return house_job_wanted(house->settings, &house_jobs[job]) &&
           (!house_jobs[job].prepare || house_is_due(house, job));
}

static int do_jobs(struct house *house)
{
    int worst = EX_OK, only = job_index(given.job);
    if (!house_lead(house)) {
        if (db_fd(house->db) < 0)
            return EX_UNAVAILABLE;
        fprintf(stderr, "ccr-ui-backend: another process does the housekeeping of this database\n");
        return EX_OK;
    }
    house_look(house);
    for (int job = 0; house_jobs[job].name; job++) {
        int status = only == job || (only == EVERY_JOB && is_to_be_done(house, (size_t)job))
                         ? do_job(house, (size_t)job)
                         : EX_OK;
        worst = worst == EX_OK ? status : worst;
        if (status == EX_UNAVAILABLE)
            break;
    }
    return worst;
}

static int once(const struct settings *settings)
{
    struct keyring *ring = command_keyring(settings);
    struct scoreboard *board = scoreboard_new(1);
    struct db *db = ring && board ? command_database(settings) : NULL;
    int status = db ? EX_OK : ring ? EX_UNAVAILABLE : EX_CONFIG;
    if (db) {
        struct house house;
        house_init(&house, settings, db, ring, board);
        status = do_jobs(&house);
        house_end(&house);
        db_free(db);
    } else if (ring && !board) {
        status = command_refuse(EX_OSERR, "no memory");
    }
    scoreboard_free(board);
    keyring_free(ring);
    return status;
}

static int housekeeping_run(void)
{
    struct settings settings;
    if (given.once == given.list || (given.job && given.list))
        return refuse_options("--once or --list; see ccr-ui-backend housekeeping --help");
    if (job_index(given.job) < EVERY_JOB)
        return refuse_options("no such job; housekeeping --list names them");
    int status = command_settings_load(&settings);
    if (status)
        return status;
    if (settings.log_level > LOG_LEVEL_WARN) /* what was done stands on standard output */
        log_configure(LOG_LEVEL_WARN, (enum log_format)settings.log_format);
    if (given.list)
        (given.json ? list_json : list_text)(&settings);
    else
        status = once(&settings);
    settings_free(&settings);
    return status;
}

const struct command command_housekeeping = {
    .name = "housekeeping",
    .usage = "housekeeping {--once [--job NAME] | --list} [--json] [--env-file FILE]",
    .summary = "remove what is past its time, or say what that is",
    .help =
        "  --once      do each job to its end, in small batches with pauses in between, then leave: for a timer, where\n"
        "              the server does not do it by itself (HOUSEKEEPING=off)\n"
        "  --job NAME  only this one\n"
        "  --list      what there is to do, how often `serve` does it, and the setting that says how long things stay\n"
        "  --json      a JSON object a job; --list: one array\n"
        "\n"
        "Of all servers and timers on one database one does it at a time; the others leave it to that one.\n"
        "\n"
        "Exit status: 0 done, or another process does it; 69 no database; 70 a job failed, as the log says; 75 somebody\n"
        "holds a lock that it needs; 78 a wrong setting.\n",
    .options = (const struct command_option[]){{"once", .flag = &given.once},
                                               {"list", .flag = &given.list},
                                               {"json", .flag = &given.json},
                                               {"job", .text = &given.job},
                                               OPTION_ENV_FILE,
                                               {0}},
    .run = housekeeping_run,
};
