/* Usage intake: records on their way into the ledger, whichever way they came: checked, written in batches of one transaction each, and told
 * of at the end. */
#pragma once

#include "json.h"
#include "ledger.h"
#include "usage_reader.h"

enum { INTAKE_COMPLAINTS = 20, INTAKE_WHY = 120, INTAKE_FILE = 1024 };

struct usage_intake {
    struct arena *arena; /* its own */
    struct actor *actor;
    struct ledger *ledger;
    enum error error;               /* of the database: nothing more is taken */
    int64_t earliest_us, latest_us; /* a call at another time is refused: its clock is wrong */
    struct usage_lines lines;       /* of all that was read */
    struct {
        char file[INTAKE_FILE], why[INTAKE_WHY];
        long long line;
    } complaints[INTAKE_COMPLAINTS]; /* the first ones */
    size_t complaint_count;
    const char *file;                     /* that is being read, for complaints */
    struct buffer places, places_writing; /* JSON arrays: of files, not yet written; and with what is being written */
    size_t place_count;
    bool writing; /* a transaction is under way */
};

/* For records of `source` that the actor reports from a machine ("" = not told). It is the caller's (usage_intake_free); one a process. */
struct usage_intake *usage_intake_new(struct actor *actor, enum usage_source source, const char *machine);
void usage_intake_free(struct usage_intake *intake);

/* usage_taker and usage_complainer, with the intake as their context. */
bool usage_intake_take(void *intake, const struct usage_record *record);
void usage_intake_complain(void *intake, long long line, const char *why);

/* Adds what a reader counted. */
void usage_intake_count(struct usage_intake *intake, const struct usage_lines *lines);

/* Where a file that grows was left. */
struct usage_place {
    const char *platform, *machine, *file;
    long long position;
    const char *state;
};

/* It is kept with what was taken so far: in the same transaction, as soon as that is written. */
void usage_intake_keep(struct usage_intake *intake, const struct usage_place *place);
/* Writes what waits, when there are `least` records or more, or many files; not waiting for it to be done. */
enum error usage_intake_write(struct usage_intake *intake, size_t least);
/* Writes all that waits; it is there when this returns. */
enum error usage_intake_finish(struct usage_intake *intake);
/* Fills in position and state of the actor's file; 0 and NULL when it is not known. The text is the arena's. Waits for what is being
 * written. */
enum error usage_intake_find(struct usage_intake *intake, struct usage_place *place);

/* Members of the open object: lines, records, what was new, better known and known, and the complaints. */
void usage_intake_describe(const struct usage_intake *intake, struct json_writer *w);
