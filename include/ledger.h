/* Ledger: calls of models, each once, whoever reports it and however often; with the sums of them, which are right whenever a transaction
 * ends. sql/migrations/0035_usage.up.sql has the tables. */
#pragma once

#include "actor.h"
#include "usage_record.h"

/* What came of records. Of two records of one call in the same batch the second is known. */
struct ledger_counts {
    long long taken;   /* records */
    long long added;   /* calls that were not known */
    long long changed; /* calls of which something better became known */
};

struct ledger;

enum { LEDGER_BATCH = 5000, LEDGER_MACHINE_MAX = 200 };

/* Takes records of `source` for the actor's workspace, as reported by him from a machine ("" = not told). It has memory of its own, the same
 * however many records come, and is the caller's (ledger_free). Begins no transaction. */
struct ledger *ledger_new(struct actor *actor, enum usage_source source, const char *machine);
void ledger_free(struct ledger *ledger);

/* Keeps a copy of the record until ledger_begin. False when the batch is full then: ledger_begin is to be called before the next one. */
bool ledger_take(struct ledger *ledger, const struct usage_record *record);
/* Records kept. */
size_t ledger_waiting(const struct ledger *ledger);

/* Writes what was kept, inside the transaction of the caller, which other writers of the workspace wait for, and does not wait until it is
 * done: meanwhile more can be taken, and nothing else be asked of the database. ledger_end waits; once the caller has committed, ledger_done
 * adds to the counts. An error is the database's. After one of ledger_begin what was kept is kept still, and may be written again. */
enum error ledger_begin(struct ledger *ledger);
enum error ledger_end(struct ledger *ledger);
void ledger_done(struct ledger *ledger);
const struct ledger_counts *ledger_counts(const struct ledger *ledger);
