/* Backups: the sealed file that a replacing import replaced. import.h restores one. */
#pragma once

#include "actor.h"

/* Seals the platform's whole file into the table of backups. *id in the arena; NULL when there was nothing to keep. */
enum error backup_create(struct actor *actor, const char *platform, const char **id);

struct backup {
    const char *platform;
    const char *text;     /* the file, with its secrets in clear */
    const char *pointers; /* where each member stood, for pointers_recall */
};
/* Opens one of the workspace's; its texts live until the database's results are forgotten. ERR_NOT_FOUND (MSG_BACKUP_UNKNOWN);
 * ERR_INTERNAL (MSG_SECRET_UNREADABLE) when no key opens it. */
enum error backup_open(struct actor *actor, const char *id, struct backup *backup);
/* Deletes one, with an audit row. ERR_NOT_FOUND (MSG_BACKUP_UNKNOWN). */
enum error backup_delete(struct actor *actor, const char *id);

struct backups_cleaned {
    long long old, kept; /* how many are older than asked for, and how many are not */
    long long old_bytes;
};
/* Deletes those older than `days`, with an audit row; with dry_run only counts. */
enum error backups_clean(struct actor *actor, long long days, bool dry_run, struct backups_cleaned *cleaned);
