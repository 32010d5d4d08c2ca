/* Housekeeping: the table of jobs, and one batch of one of them.
 *
 * Each batch takes the lock of the site for its own transaction as well: a process whose connection was made anew without its
 * knowing can never work beside another one. Rows that somebody has locked are left for the next time; a job that has to wait
 * for a lock all the same gives up after LOCK_MS, well before PostgreSQL looks for deadlocks (a second), so that it is never a
 * request that has to give way. */
#include "housekeeping.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "budgets.h"
#include "log.h"
#include "price_updates.h"
#include "reseal.h"
#include "util.h"
#include "webhooks.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
    ARENA_MAX = 64 * MIB,
    PAUSE_MIN_MS = 50,
    PAUSE_PERCENT = 400,  /* four fifths of the time at least the database is left alone */
    BUSY_PAUSE_MS = 1000, /* before a job that gave way is tried again */
    FAILED_PAUSE_MS = 60000,
    STANDBY_MS = 2000, /* between two tries to take the lock over */
    LOOK_MS = 60000,   /* how often what others did is read */
    SPENT_LIMIT = 1000,
    NAMES_LIMIT = 200,
};

#define LOCK_KEY     "7161693625321354085" /* "ccrhouse" in ASCII */
#define LOCK_MS      "200"
#define STATEMENT_MS "5000"

static const struct statement
    try_lead = {"house_lead", "SELECT pg_try_advisory_lock(" LOCK_KEY ")"},
    leave_lead = {"house_leave", "SELECT pg_advisory_unlock(" LOCK_KEY ")"},
    enter = {"house_enter", "SELECT pg_try_advisory_xact_lock(" LOCK_KEY "), set_config('lock_timeout', '" LOCK_MS
                            "', true), set_config('statement_timeout', '" STATEMENT_MS "', true)"},
    note_done = {"house_note_done",
                 "INSERT INTO housekeeping_jobs AS j (job, succeeded_at, duration_ms, removed, total, days)"
                 " VALUES ($1, now(), $2::bigint, $3::bigint, $3::bigint, $4::integer) ON CONFLICT (job) DO UPDATE SET"
                 " succeeded_at = now(), duration_ms = $2::bigint, removed = $3::bigint, total = j.total + $3::bigint,"
                 " days = $4::integer, failures = 0, failed_at = NULL, failure = NULL"},
    note_failed = {"house_note_failed",
                   "INSERT INTO housekeeping_jobs AS j (job, failures, failed_at, failure) VALUES ($1, 1, now(), $2)"
                   " ON CONFLICT (job) DO UPDATE SET failures = j.failures + 1, failed_at = now(), failure = $2"},
    look = {"house_look", "SELECT job, extract(epoch FROM succeeded_at)::bigint,"
                          " greatest(0, extract(epoch FROM now() - succeeded_at))::bigint, days FROM housekeeping_jobs"
                          " WHERE succeeded_at IS NOT NULL"};

/* ---- jobs that are more than one statement ---------------------------------------------------------------------- */

#define OLDER_THAN_DAYS " < now() - make_interval(days => $2::integer)"
#define OLD_SESSIONS                                                                                                   \
    " FROM sessions WHERE least(expires_at, revoked_at)" OLDER_THAN_DAYS                                               \
    " ORDER BY least(expires_at, revoked_at) LIMIT $1::integer"

#define FIRST_NAME "[\"00000000-0000-0000-0000-000000000000\", \"\", \"\", \"\"]"

static char *number(struct house *house, long long value)
{
    return arena_printf(house->arena, "%lld", value);
}

static int setting(const struct settings *settings, size_t offset)
{
    return *(const int *)((const char *)settings + offset);
}

int house_days(const struct settings *settings, const struct house_job *job)
{
    return job->retention ? setting(settings, job->days) : 0;
}

bool house_job_wanted(const struct settings *settings, const struct house_job *job)
{
    return !job->needs || **(const char *const *)((const char *)settings + job->needs);
}

void house_job_write(struct json_writer *w, const struct settings *settings, const struct house_job *job)
{
    json_string_member(w, "job", job->name);
    json_string_member(w, "does", job->what);
    json_int_member(w, "interval_seconds", job->interval_s);
    json_string_member(w, "retention", job->retention);
    json_literal_key(w, "days");
    if (job->retention)
        json_put_int(w, house_days(settings, job));
    else
        json_put_null(w);
}

static enum error run_statement(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    const char *const args[] = {number(house, job->limit), number(house, setting(house->settings, job->days)),
                                number(house, setting(house->settings, job->also))};
    struct row row;
    enum error error = db_one(house->db, &job->remove, &row, args, 1u + (job->retention != NULL) + (job->also != 0));
    if (error)
        return error;
    run->rows += row_int(&row, 0);
    *more = row_int(&row, 0) == job->limit;
    return ERR_NONE;
}

/* A session may have had thousands of refresh tokens: they go first, so many at a time. */
static enum error remove_sessions(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    static const struct statement remove_tokens = {
        "house_session_tokens", "WITH gone AS (DELETE FROM refresh_tokens WHERE token_hash IN (SELECT r.token_hash"
                                " FROM (SELECT id" OLD_SESSIONS ") s JOIN refresh_tokens r ON r.session_id = s.id"
                                " LIMIT $3::integer) RETURNING 1) SELECT count(*) FROM gone"};
    const char *limit = number(house, job->limit), *days = number(house, setting(house->settings, job->days));
    struct row row;
    enum error error = db_one(house->db, &remove_tokens, &row, DB_ARGS(limit, days, number(house, SPENT_LIMIT)));
    if (error || row_int(&row, 0) == SPENT_LIMIT) {
        *more = !error;
        return error;
    }
    return run_statement(house, job, run, more);
}

/* Whatever has revisions by its names, NAMES_LIMIT at a time, so that a batch's work depends on neither how many there are nor how
 * many of their revisions are to stay. The cursor is the key of the last name, as a JSON array. */
static enum error remove_revisions(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    enum { CURSOR, NAMES, REMOVED };
    const char *first = arena_strdup(house->arena, run->begun ? run->cursor : FIRST_NAME);
    struct row row;
    enum error error =
        db_one(house->db, &job->remove, &row,
               DB_ARGS(number(house, job->limit), number(house, setting(house->settings, job->days)),
                       number(house, setting(house->settings, job->also)), first, number(house, NAMES_LIMIT)));
    if (error)
        return error;
    run->rows += row_int(&row, REMOVED);
    bool again = row_int(&row, REMOVED) == job->limit; /* the same names once more */
    *more = again || row_int(&row, NAMES) == NAMES_LIMIT;
    int length = snprintf(run->cursor, sizeof run->cursor, "%s", again ? first : row_string(&row, CURSOR));
    return length < (int)sizeof run->cursor ? ERR_NONE : ERR_INTERNAL;
}

/* What a write would do today, and could not then. */
static enum error seal_open(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    long long sealed;
    (void)job;
    enum error error = seal_open_rows(house->db, house->arena, house->keyring, &sealed);
    run->rows += sealed;
    *more = sealed > 0;
    return error;
}

/* Calls of models are priced anew, some blocks of a month at a time, under a lock that writers of usage share. */
static enum error price_calls(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    enum { MORE, CHANGED };
    struct row row;
    enum error error = db_one(house->db, &job->remove, &row, DB_ARGS(number(house, job->limit)));
    if (error)
        return error;
    *more = row_bool(&row, MORE);
    run->rows += row_int(&row, CHANGED);
    return ERR_NONE;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define SETTING(variable, member) .retention = #variable, .days = offsetof(struct settings, member)
#define ALSO(member)              .also = offsetof(struct settings, member)
/* A DELETE in parentheses, counted. */
#define COUNTED(delete) "WITH gone AS (" delete " RETURNING 1) SELECT count(*) FROM gone"

/* What is not locked of `where`, by its key. */
#define REMOVE(job, table, key, where)                                                                                 \
    .remove = {"house_" #job, COUNTED("DELETE FROM " #table " WHERE " #key " IN (SELECT " #key " FROM " #table         \
                                      " WHERE " where " LIMIT $1::integer FOR UPDATE SKIP LOCKED)")}

/* clang-format off */
/* Old revisions, for remove_revisions. */
#define KEYS(of)    of "workspace_id, " of "kind, " of "platform, " of "name"
#define FROM_CURSOR "($4::json->>0)::uuid, $4::json->>1, $4::json->>2, $4::json->>3"
#define OF_NAME     " FROM resource_revisions r WHERE (" KEYS("r.") ") = (" KEYS("p.") ")"
#define REVISIONS                                                                                                      \
    "WITH RECURSIVE names AS ((SELECT " KEYS("") " FROM resource_revisions WHERE (" KEYS("") ") > (" FROM_CURSOR ")"   \
    " ORDER BY " KEYS("") " LIMIT 1) UNION ALL SELECT " KEYS("n.") " FROM names p CROSS JOIN LATERAL (SELECT "         \
    KEYS("r.") " FROM resource_revisions r WHERE (" KEYS("r.") ") > (" KEYS("p.") ") ORDER BY " KEYS("r.")             \
    " LIMIT 1) n), page AS MATERIALIZED (SELECT " KEYS("") " FROM names LIMIT $5::integer),"                           \
    " old AS MATERIALIZED (SELECT o.id FROM page p CROSS JOIN LATERAL (SELECT revision" OF_NAME                        \
    " ORDER BY revision DESC OFFSET $3::integer - 1 LIMIT 1) kept CROSS JOIN LATERAL (SELECT r.ctid AS id" OF_NAME     \
    " AND r.revision < kept.revision AND r.created_at" OLDER_THAN_DAYS ") o LIMIT $1::integer),"                       \
    " gone AS (DELETE FROM resource_revisions WHERE ctid IN (SELECT id FROM old) RETURNING 1)"                         \
    " SELECT (SELECT json_build_array(" KEYS("") ") FROM page ORDER BY row(" KEYS("") ") DESC LIMIT 1),"               \
    " (SELECT count(*) FROM page), (SELECT count(*) FROM gone)"

const struct house_job house_jobs[] = {
    {"refresh_tokens", "spent refresh tokens; never before REFRESH_TOKEN_TTL, while a copy may turn up",
     SETTING(TOKEN_RETENTION, token_retention), ALSO(refresh_token_ttl), HOUR_S, 1000,
     REMOVE(refresh_tokens, refresh_tokens, token_hash, "spent_at < now() - greatest(make_interval(days => $2::integer),"
            " make_interval(secs => $3::integer))")},
    {"access_tokens", "expired personal access tokens",
     SETTING(TOKEN_RETENTION, token_retention), .interval_s = HOUR_S, .limit = 500,
     REMOVE(access_tokens, access_tokens, id, "expires_at" OLDER_THAN_DAYS)},
    {"sessions", "sessions that expired or were ended, with their refresh tokens",
     SETTING(SESSION_RETENTION, session_retention), .interval_s = HOUR_S, .limit = 1000,
     .remove = {"house_sessions", COUNTED("DELETE FROM sessions WHERE id IN (SELECT id" OLD_SESSIONS
                                          " FOR UPDATE SKIP LOCKED)")},
     .batch = remove_sessions},
    {"login_failures", "failed logins of more than an hour ago", .interval_s = 10 * MINUTE_S, .limit = 1000,
     REMOVE(login_failures, login_failures, subject,
            "last_failed_at < now() - interval '1 hour' AND blocked_until < now()")},
    {"invitations", "invitations to workspaces that have expired", .interval_s = HOUR_S, .limit = 1000,
     REMOVE(invitations, workspace_invitations, id, "expires_at < now()")},
    {"audit", "rows of the audit trail",
     SETTING(AUDIT_RETENTION, audit_retention), .interval_s = DAY_S, .limit = 500,
     REMOVE(audit, audit_log, id, "created_at" OLDER_THAN_DAYS)},
    {"revisions", "revisions of resources, but for the REVISIONS_KEPT newest of each",
     SETTING(REVISION_RETENTION, revision_retention), ALSO(revisions_kept), DAY_S, 500,
     .remove = {"house_revisions", REVISIONS},
     .batch = remove_revisions},
    {"commands", "past commands",
     SETTING(COMMAND_RETENTION, command_retention), .interval_s = DAY_S, .limit = 500,
     REMOVE(commands, command_runs, id, "created_at" OLDER_THAN_DAYS)},
    {"ui_history", "past commands that CCR UI keeps",
     SETTING(COMMAND_RETENTION, command_retention), .interval_s = DAY_S, .limit = 500,
     REMOVE(ui_history, ui_history, id, "created_at" OLDER_THAN_DAYS)},
    {"backups", "what replacing imports replaced, but for the BACKUPS_KEPT newest of each workspace and platform",
     SETTING(BACKUP_RETENTION, backup_retention), ALSO(backups_kept), DAY_S, 50,
     .remove = {"house_backups", COUNTED("DELETE FROM backups WHERE id IN (SELECT id FROM (SELECT id, created_at,"
                " row_number() OVER (PARTITION BY workspace_id, platform ORDER BY created_at DESC, id) AS place FROM backups) b"
                " WHERE place > $3::integer AND created_at" OLDER_THAN_DAYS " LIMIT $1::integer)")}},
    /* A number of a week ago: nobody keeps an answer under it any more. */
    {"generations", "generations of workspaces that are gone", .interval_s = DAY_S, .limit = 500,
     .remove = {"house_generations", COUNTED("DELETE FROM workspace_generations WHERE workspace_id IN"
                " (SELECT g.workspace_id FROM workspace_generations g"
                " WHERE g.generation < (extract(epoch FROM now() - interval '7 days') * 1000000)::bigint"
                " AND g.workspace_id <> '00000000-0000-0000-0000-000000000000'"
                " AND NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.id = g.workspace_id)"
                " LIMIT $1::integer FOR UPDATE SKIP LOCKED)")}},
    {"seal", "secrets that older versions stored open: sealed, not removed", .interval_s = DAY_S, .limit = 200,
     .batch = seal_open},
    {"prices", "reads the list of prices at PRICES_URL: prices are added, none is removed", .interval_s = DAY_S, .limit = 1,
     .batch = price_updates_store, .prepare = price_updates_read, .clean = price_updates_clean,
     .needs = offsetof(struct settings, prices_url), .retry_s = HOUR_S},
    {"usage_prices", "calls of models whose prices changed or became known: priced anew, not removed", .interval_s = MINUTE_S,
     .limit = 500, .pause_percent = 5, .remove = {"house_usage_prices", "SELECT more, changed FROM ccr_usage_sweep($1::integer)"}, .batch = price_calls},
    {"usage_calls", "calls of models, a month at a time; their sums stay", SETTING(USAGE_RETENTION, usage_retention),
     .interval_s = DAY_S, .limit = 1,
     .remove = {"house_usage_calls", "SELECT CASE WHEN $2::integer > 0 THEN ccr_usage_forget(now() - make_interval(days => $2::integer))"
                " ELSE 0 END FROM (SELECT $1::integer) one"}},
    {"usage_workspaces", "usage of workspaces that are gone", .interval_s = DAY_S, .limit = 20,
     .remove = {"house_usage_workspaces", "WITH old AS MATERIALIZED (SELECT s.id FROM usage_sessions s WHERE NOT EXISTS"
                " (SELECT 1 FROM workspaces w WHERE w.id = s.workspace_id) LIMIT $1::integer), calls AS (DELETE FROM usage_calls c"
                " USING old o WHERE c.session_id = o.id), gone AS (DELETE FROM usage_sessions s USING old o WHERE s.id = o.id"
                " RETURNING 1) SELECT count(*) FROM gone"}},
    {"budgets", "levels of budgets that were reached without a call, as prices changed: told, not removed", .interval_s = 5 * MINUTE_S,
     .limit = 20, .batch = budgets_check_all},
    {"webhooks", "tells webhooks what waits for them: delivered, not removed", .interval_s = 1, .limit = 1,
     .batch = webhooks_note, .prepare = webhooks_deliver},
    {"webhook_deliveries", "what was told to webhooks, or given up, more than 30 days ago", .interval_s = HOUR_S, .limit = 1000,
     REMOVE(webhook_deliveries, webhook_deliveries, id, "next_at IS NULL AND created_at < now() - interval '30 days'")},
    {0},
};
/* clang-format on */

#define JOBS (ARRAY_SIZE(house_jobs) - 1)
_Static_assert(JOBS <= (size_t)HOUSE_JOBS_MAX, "the scoreboard has a cell for each job");

/* ---- what is told ----------------------------------------------------------------------------------------------- */

static struct house_cell *cell_of(const struct house *house, size_t job)
{
    static struct house_cell unseen; /* of a process that nobody looks at */
    return house->board ? &house->board->house.jobs[job] : &unseen;
}

static void note_lead(const struct house *house)
{
    if (house->board)
        atomic_store(&house->board->house.leads, house->lead_epoch != 0);
}

static void tell_done(struct house *house, size_t job, const struct house_run *run)
{
    struct house_cell *cell = cell_of(house, job);
    const char *name = house_jobs[job].name;
    atomic_fetch_add(&cell->done, 1);
    atomic_store(&cell->succeeded_s, (int64_t)time(NULL));
    if (run->rows)
        log_info("housekeeping", LOG_STR("job", name), LOG_INT("rows", run->rows),
                 LOG_INT("duration_ms", run->worked_us / 1000));
    else
        log_debug("housekeeping found nothing to do", LOG_STR("job", name));
    db_run(house->db, &note_done,
           DB_ARGS(name, number(house, run->worked_us / 1000), number(house, run->rows),
                   number(house, house_days(house->settings, &house_jobs[job]))));
}

static void tell_failed(struct house *house, size_t job, const char *reason)
{
    const char *name = house_jobs[job].name;
    atomic_fetch_add(&cell_of(house, job)->failed, 1);
    log_error("housekeeping failed", LOG_STR("job", name), LOG_STR("reason", reason));
    db_run(house->db, &note_failed, DB_ARGS(name, reason));
}

/* ---- one batch -------------------------------------------------------------------------------------------------- */

void house_init(struct house *house, const struct settings *settings, struct db *db, const struct keyring *keyring,
                struct scoreboard *board)
{
    memset(house, 0, sizeof *house);
    house->settings = settings;
    house->db = db;
    house->arena = arena_new(ARENA_MAX);
    house->keyring = keyring;
    house->board = board;
    db_maintenance(db, true);
}

/* The lock goes with the connection, but whoever wants it next may be there before that is gone. */
void house_end(struct house *house)
{
    if (house->lead_epoch && house->lead_epoch == db_epoch(house->db))
        db_run(house->db, &leave_lead, DB_NO_ARGS);
    house->lead_epoch = 0;
    note_lead(house);
    arena_free(house->arena);
    house->arena = NULL;
}

static void tidy_up(struct house *house)
{
    db_settle(house->db);
    db_forget_results(house->db);
    arena_reset(house->arena);
}

bool house_lead(struct house *house)
{
    struct row row;
    bool leads = db_one(house->db, &try_lead, &row, DB_NO_ARGS) == ERR_NONE && row_bool(&row, 0);
    house->lead_epoch = leads ? db_epoch(house->db) : 0;
    note_lead(house);
    tidy_up(house);
    return leads;
}

/* What keeps a job from its work, before its batch or in it. With a lost connection the lock is gone, too, and the log says why. */
static enum house_outcome put_off(struct house *house, const struct house_job *job, enum error error)
{
    if (error == ERR_BUSY)
        return HOUSE_BUSY;
    if (db_fd(house->db) < 0)
        return HOUSE_ELSEWHERE;
    /* the next statement has a message of its own */
    const char *reason = arena_strdup(house->arena, house->problem ? house->problem : db_message(house->db));
    tell_failed(house, (size_t)(job - house_jobs), *reason ? reason : "see the line before");
    return HOUSE_FAILED;
}

/* One transaction. */
static enum house_outcome do_batch(struct house *house, const struct house_job *job, struct house_run *run)
{
    struct row row;
    bool more = false;
    db_begin(house->db);
    enum error error = db_one(house->db, &enter, &row, DB_NO_ARGS);
    if (!error && !row_bool(&row, 0)) {
        db_rollback(house->db);
        return HOUSE_ELSEWHERE;
    }
    if (!error && (!job->retention || house_days(house->settings, job) > 0))
        error = (job->batch ? job->batch : run_statement)(house, job, run, &more);
    if (!error)
        error = db_commit(house->db);
    if (!error)
        return more ? HOUSE_MORE : HOUSE_DONE;
    db_rollback(house->db);
    return put_off(house, job, error);
}

static enum house_outcome prepare_batch(struct house *house, const struct house_job *job, struct house_run *run)
{
    house->problem = NULL;
    house->prepared = NULL;
    house->idle = false;
    enum error error = job->prepare ? job->prepare(house) : ERR_NONE;
    enum house_outcome outcome = error         ? put_off(house, job, error)
                                 : house->idle ? HOUSE_IDLE
                                               : do_batch(house, job, run);
    if (job->clean)
        job->clean(house);
    house->problem = NULL;
    house->prepared = NULL;
    return outcome;
}

enum house_outcome house_work(struct house *house, size_t job, int *pause_ms)
{
    *pause_ms = 0;
    if (!house_job_wanted(house->settings, &house_jobs[job]))
        return HOUSE_DONE; /* which is not written down: once the setting is made, the job is due */
    struct house_run *run = &house->runs[job];
    struct house_cell *cell = cell_of(house, job);
    struct house_run tried = *run;
    int64_t started = monotonic_us();
    enum house_outcome outcome = prepare_batch(house, &house_jobs[job], &tried);
    int64_t took = monotonic_us() - started;
    atomic_fetch_add(&cell->worked_us, (uint64_t)took);
    if (outcome == HOUSE_DONE || outcome == HOUSE_MORE) {
        atomic_fetch_add(&cell->rows, (uint64_t)(tried.rows - run->rows));
        tried.begun = true;
        tried.worked_us += took;
        *run = tried;
    }
    if (outcome == HOUSE_BUSY)
        atomic_fetch_add(&cell->gave_way, 1);
    if (outcome == HOUSE_DONE) {
        tell_done(house, job, run);
        *run = (struct house_run){0};
    }
    tidy_up(house);
    int percent = house_jobs[job].pause_percent;
    int64_t pause = took * (percent ? percent : PAUSE_PERCENT) / 100 / 1000, least = percent ? 0 : PAUSE_MIN_MS;
    *pause_ms = (int)(pause > least ? pause : least);
    return outcome;
}

/* ---- the process's steps ---------------------------------------------------------------------------------------- */

static size_t find_job(const char *name)
{
    size_t job = 0;
    while (job < JOBS && strcmp(house_jobs[job].name, name) != 0)
        job++;
    return job;
}

/* What is under way stays due. */
void house_look(struct house *house)
{
    struct rows rows;
    int64_t now = monotonic_ms();
    house->look_ms = now + LOOK_MS;
    if (db_all(house->db, &look, &rows, DB_NO_ARGS) != ERR_NONE)
        rows.count = 0;
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        size_t job = find_job(row_string(&row, 0));
        if (job == JOBS)
            continue;
        atomic_store(&cell_of(house, job)->succeeded_s, row_int(&row, 1));
        int64_t due = now + (house_jobs[job].interval_s - row_int(&row, 2)) * 1000LL;
        bool as_set = row_int(&row, 3) == house_days(house->settings, &house_jobs[job]);
        if (as_set && !house->runs[job].begun && due > house->due_ms[job])
            house->due_ms[job] = due;
    }
    tidy_up(house);
}

bool house_is_due(const struct house *house, size_t job)
{
    return house->due_ms[job] <= monotonic_ms();
}

/* JOBS when none is due, and then *wait_ms until one is. */
static size_t choose_job(struct house *house, int64_t now, int *wait_ms)
{
    int64_t first = now + LOOK_MS;
    for (size_t i = 0; i < JOBS; i++) {
        size_t job = (house->next + i) % JOBS;
        if (house->due_ms[job] <= now) {
            house->next = job + 1;
            return job;
        }
        if (house->due_ms[job] < first)
            first = house->due_ms[job];
    }
    *wait_ms = (int)(first - now);
    return JOBS;
}

static int after(struct house *house, size_t job, enum house_outcome outcome, int pause_ms)
{
    int64_t now = monotonic_ms();
    switch (outcome) {
    case HOUSE_DONE:
    case HOUSE_IDLE:
        house->due_ms[job] = now + house_jobs[job].interval_s * 1000LL;
        break;
    case HOUSE_MORE:
        break;
    case HOUSE_BUSY:
        house->due_ms[job] = now + BUSY_PAUSE_MS;
        break;
    case HOUSE_FAILED:
        house->due_ms[job] = now + (house_jobs[job].retry_s ? house_jobs[job].retry_s * 1000LL : FAILED_PAUSE_MS);
        break;
    case HOUSE_ELSEWHERE:
        house->lead_epoch = 0;
        break;
    }
    return pause_ms;
}

int house_step(struct house *house)
{
    int64_t now = monotonic_ms();
    int pause_ms;
    if (house->lead_epoch != db_epoch(house->db) || !house->lead_epoch) {
        bool led = house_lead(house);
        if (led)
            log_info("housekeeping is done by this process");
        if (led || now >= house->look_ms)
            house_look(house);
        return led ? 0 : STANDBY_MS;
    }
    if (now >= house->look_ms)
        house_look(house);
    size_t job = choose_job(house, now, &pause_ms);
    if (job == JOBS)
        return pause_ms;
    enum house_outcome outcome = house_work(house, job, &pause_ms);
    return after(house, job, outcome, pause_ms);
}
