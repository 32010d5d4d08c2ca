/* Reseal: what is stored sealed, sealed again under the first key; what older versions stored open, sealed for the first time.
 * In small transactions, for `secrets rotate` and for housekeeping. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "crypto.h"
#include "db.h"

struct reseal {
    struct db *db; /* with db_maintenance on */
    struct arena *arena;
    const struct keyring *ring;
    bool open_only;                                           /* leave alone what is sealed, under whatever key */
    bool dry_run;                                             /* opens everything, changes nothing */
    void (*unreadable_row)(const char *what, const char *id); /* told of what no key opens; NULL = nobody is */
    long long done, unreadable; /* of the column under way: set both to 0 before the first batch */
};

/* The columns that hold secrets, by number; their names are for people ("profiles.auth_token"). */
size_t reseal_columns(void);
const char *reseal_name(size_t column);

/* How many rows of it there are to do. */
enum error reseal_count(struct reseal *r, size_t column, long long *rows);
/* Some of them, in the transaction that the caller began; *rows is how many it looked at, 0 at the end. Adds to done and
 * unreadable. */
enum error reseal_rows(struct reseal *r, size_t column, int *rows);

/* Some of what older versions left open, whichever column it is in, in the transaction that the caller began; *sealed is how many
 * rows, 0 when there is nothing left. */
enum error seal_open_rows(struct db *db, struct arena *arena, const struct keyring *ring, long long *sealed);
