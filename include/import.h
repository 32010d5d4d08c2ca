/* Import: taking a profile file over, or a backup of one. */
#pragma once

#include "profile_file.h"

/* What becomes of a file with profiles that cannot be used. */
enum on_invalid {
    INVALID_REFUSED, /* nothing is changed */
    INVALID_SKIPPED, /* the others are taken; what is stored under their names stays */
    INVALID_TAKEN,   /* they are taken, too: a backup brings back what was there */
};

struct import_options {
    bool replace; /* else merge */
    bool backup;  /* keep a sealed backup of what a replace replaces */
    bool dry_run;
    enum on_invalid on_invalid;
};

enum import_verdict { IMPORT_ADDED, IMPORT_UPDATED, IMPORT_SKIPPED, IMPORT_REMOVED, IMPORT_INVALID, IMPORT_VERDICTS };

struct import_result {
    const char *kind; /* "profiles" or "registry" */
    struct import_row {
        const char *name;
        enum import_verdict verdict;
        const char *reason; /* of IMPORT_INVALID, in words */
    } * rows;
    size_t count;
    int counts[IMPORT_VERDICTS];
    const char *backup_id; /* NULL = none was made */
};

/* Carries it out in the current transaction; with dry_run only finds out. */
enum error import_text(struct actor *actor, const char *text, const char *platform,
                       const struct import_options *options, struct import_result *result);
/* Restores a backup: an import of it that replaces everything and takes whatever it says, with an audit row. ERR_NOT_FOUND
 * (MSG_BACKUP_UNKNOWN). */
enum error import_backup(struct actor *actor, const char *id, struct import_result *result);
/* The answer to either. */
void import_write(struct json_writer *w, const struct import_result *result, bool dry_run);
