/* Import: taking a profile file over, shared by /api/import and the restoring of a backup. */
#ifndef CCR_IMPORT_H
#define CCR_IMPORT_H

#include "profile_file.h"

struct import_options {
    bool replace; /* else merge */
    bool backup;  /* keep a sealed backup of what a replace replaces */
    bool dry_run;
};

enum import_verdict { IMPORT_ADDED, IMPORT_UPDATED, IMPORT_SKIPPED, IMPORT_REMOVED };

struct import_result {
    const char *kind; /* "profiles" or "registry" */
    struct import_row {
        const char *name;
        enum import_verdict verdict;
    } * rows;
    size_t count;
    int counts[4];         /* by verdict */
    const char *backup_id; /* NULL = none was made */
};

/* Carries it out in the current transaction; with dry_run only finds out. */
enum error import_text(struct request *rq, const char *text, const char *platform, const struct import_options *options,
                       struct import_result *result);
void import_write(struct json_writer *w, const struct import_result *result, bool dry_run);

/* Seals the platform's whole file into the table of backups. *id in the arena; NULL when there was nothing to keep. */
enum error backup_create(struct request *rq, const char *platform, const char **id);

#endif
