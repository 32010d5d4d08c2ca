/* Ledger names: what calls have in common, groups and sessions, by the hash of its texts; a row of the database for each, whose number calls
 * refer to. Known from an earlier batch, or to be asked for. */
#pragma once

#include "actor.h"

struct ledger_id {
    unsigned char bytes[PARTS_HASH];
};
/* Where to begin to look for it in a table of `size` places, a power of two. */
size_t ledger_id_place(const struct ledger_id *id, size_t size);
void ledger_id_text(char out[UUID_TEXT], const struct ledger_id *id);

struct ledger_names;

/* In the arena, but for its buffers: ledger_names_free. */
struct ledger_names *ledger_names_new(struct arena *arena);
void ledger_names_free(struct ledger_names *names);

/* The place of what has these texts (NULL is the same as ""), of which the first `hashed` tell it from others; `titles` are the columns. It is
 * good until ledger_names_settle. */
size_t ledger_names_place(struct ledger_names *names, const char *const *titles, const char *const *texts, size_t count,
                          size_t hashed);
/* There is room for some more only: the batch is to be written. */
bool ledger_names_full(const struct ledger_names *names);

/* Has the numbers told by `ids` (LEDGER_IDS) of those that are not known, and those first written by `add` that have none or lack something:
 * it takes the workspace and the texts as JSON. Most are known to the database, for logs are sent again as they grow. */
enum error ledger_names_ask(struct actor *actor, struct ledger_names *names, const struct statement *add,
                            const struct statement *ids);
/* `whole`: the condition in SQL of rows, e, that can't lack anything. The hash finds a row, and the workspace is looked at then: an index that
 * begins with it would find all of the workspace's, and looks as good to the planner while it is new. */
#define LEDGER_IDS(table, whole)                                                                                       \
    "SELECT t.id, n.hash, t.whole FROM unnest($2::uuid[]) AS n (hash) CROSS JOIN LATERAL (SELECT e.id, " whole         \
    " AS whole FROM " table " e WHERE e.hash = n.hash AND (e.workspace_id = $1::uuid) IS TRUE LIMIT 1) t"
/* Then it has a number. */
long long ledger_names_id(const struct ledger_names *names, size_t place);
/* The batch is on its way, and with it what was asked for. */
void ledger_names_settle(struct ledger_names *names);
