/* Housekeeping: what is past its time is removed, outside of anybody's request. A table of jobs, each done in small batches,
 * one short transaction a batch; of all processes on one database one does it at a time, under an advisory lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "crypto.h"
#include "db.h"
#include "json.h"
#include "scoreboard.h"
#include "settings.h"

enum { HOUSE_CURSOR = 2048 }; /* a name of a resource has 300 characters, of 4 bytes or escaped by 2 */

/* A job under way, from its first batch to the one that found nothing more. All zero at the beginning. */
struct house_run {
    bool begun;
    long long rows;            /* removed or mended until now */
    int64_t worked_us;         /* without the pauses */
    char cursor[HOUSE_CURSOR]; /* for the job's own use: how far it has come */
};

struct house {
    const struct settings *settings;
    struct db *db;                 /* sees every workspace; during a batch a transaction is open */
    struct arena *arena;           /* reset after each batch */
    const struct keyring *keyring; /* the one of SECRETS_KEY */
    struct scoreboard *board;      /* NULL = nobody looks */
    /* Asked now and then by what waits for others; false = give up. NULL = nobody asks. */
    bool (*goes_on)(void *context);
    void *context;
    /* Good until the batch ends: why it failed, where PostgreSQL does not know (NULL), and what house_prepare left for it. */
    const char *problem;
    void *prepared;
    bool idle; /* house_prepare found nothing to do: there is no batch, and it is not written down */
    /* What follows is housekeeping's own. */
    unsigned lead_epoch; /* the connection that holds the lock; 0 = none */
    int64_t look_ms;     /* when to read what has been done by whom, or to try for the lock again */
    size_t next;         /* the job whose turn it is */
    struct house_run runs[HOUSE_JOBS_MAX];
    int64_t due_ms[HOUSE_JOBS_MAX]; /* monotonic clock */
};

struct house_job;

/* One batch: adds what it did to run->rows and sets *more when there may be more to do. An error has the transaction rolled
 * back; when somebody else holds a lock, the job is put off, and anything else counts as a failure. It must end within a
 * second or so: PostgreSQL gives a statement 5 s, and a lock a fifth of a second. */
typedef enum error house_batch(struct house *house, const struct house_job *job, struct house_run *run, bool *more);

/* What a job has to wait for before its batch, outside of its transaction: another server. An error is dealt with like a batch's. */
typedef enum error house_prepare(struct house *house);
/* After the batch, whatever came of it: gives back what house_prepare left. */
typedef void house_clean(struct house *house);

struct house_job {
    const char *name;      /* in metrics, the log and the table housekeeping_jobs */
    const char *what;      /* for people */
    const char *retention; /* the name of its setting; NULL = none */
    size_t days;           /* offset of that in struct settings: whole days, 0 = nothing is ever removed */
    size_t also;           /* offset of another integer, the statement's $3; 0 = none */
    int interval_s;        /* from the end of one run to the next */
    int limit;             /* rows a batch */
    int pause_percent; /* how long the database is left alone after a batch, of the time that it took; 0 = as usual */
    struct statement remove; /* takes limit, days and `also`, as far as there are; gives the number of rows */
    house_batch *batch;      /* NULL = runs `remove`, and goes on while it removes as many as it may */
    house_prepare *prepare;  /* NULL = nothing */
    house_clean *clean;      /* NULL = nothing */
    size_t needs;            /* offset of a text in struct settings without which there is nothing to do; 0 = none */
    int retry_s;             /* from a failure to the next try; 0 = a minute */
};

/* The table; ended by a row without a name. At most HOUSE_JOBS_MAX rows. */
extern const struct house_job house_jobs[];
/* For how many days things stay; 0 = for ever. */
int house_days(const struct settings *settings, const struct house_job *job);
/* False: it needs a setting that is not made, and there is nothing to be told of it. */
bool house_job_wanted(const struct settings *settings, const struct house_job *job);
/* Members of the open object: what a row is, and its days (null: it has no such setting). */
void house_job_write(struct json_writer *w, const struct settings *settings, const struct house_job *job);

enum house_outcome {
    HOUSE_DONE,      /* the job has come to its end, which is written down */
    HOUSE_IDLE,      /* the same, of a job that looks often and found nothing: that is not written down */
    HOUSE_MORE,      /* one batch is done */
    HOUSE_BUSY,      /* somebody else holds a lock that it needs: it was given up, nothing is changed */
    HOUSE_FAILED,    /* logged, and written down where that is possible */
    HOUSE_ELSEWHERE, /* another process does it, or the connection is gone */
};

/* `db` must not be connected for anything else; it is made to see every workspace. */
void house_init(struct house *house, const struct settings *settings, struct db *db, const struct keyring *keyring,
                struct scoreboard *board);
void house_end(struct house *house);

/* Takes the lock that one process has at a time; it keeps it as long as its connection. False when another one has it, or
 * without a connection. */
bool house_lead(struct house *house);

/* Learns what was done by whom; a job is due when that was longer ago than its interval. */
void house_look(struct house *house);
bool house_is_due(const struct house *house, size_t job);

/* One batch of one job (its index in house_jobs), also when it is not due. *pause_ms is how long to leave the database alone
 * afterwards: several times as long as the batch took. */
enum house_outcome house_work(struct house *house, size_t job, int *pause_ms);

/* The process's whole work in steps: takes the lock or stands by, and does one batch of what is due. Returns after how many
 * milliseconds to call it again. */
int house_step(struct house *house);
