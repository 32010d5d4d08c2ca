/* Migrations: sql/migrations/NNNN_name.{up,down}.sql, built into the program, applied one transaction each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "db.h"

struct migration {
    int version;
    const char *name;
    const char *up, *down;
};

extern const struct migration migrations[]; /* generated; ends with version 0 */

struct migration_state {
    int applied;      /* known to this program and in the database */
    int pending;      /* known, not in the database */
    int newest;       /* version of the newest in the database, 0 = none */
    int unknown;      /* in the database, not known: the schema is newer than the program */
    int changed;      /* version of the first whose checksum differs, 0 = none */
    bool initialised; /* the table of migrations exists */
};

enum error migrate_state(struct db *db, struct migration_state *state);
/* Why a server must not run on this state, as one line that says what to do; NULL when it may. */
const char *migrate_problem(const struct migration_state *state, char *line, size_t size);

/* What the program does itself in the transaction of the migration of that name: behind its file up, before its file down. */
struct migration_step {
    const char *name; /* "profile_rows"; NULL ends a table */
    enum error (*up)(struct db *db, const void *context);
    enum error (*down)(struct db *db, const void *context);
};
struct migration_steps {
    const struct migration_step *steps;
    const void *context; /* theirs */
};

/* All pending ones, or the newest `wanted` of those that are there undone, under an advisory lock; progress lines to `out`. */
enum error migrate_up(struct db *db, const struct migration_steps *steps, FILE *out);
enum error migrate_down(struct db *db, const struct migration_steps *steps, int wanted, FILE *out);
enum error migrate_print(struct db *db, FILE *out, bool json);
