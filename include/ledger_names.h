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

/* In the arena, but for a buffer: ledger_names_free. */
struct ledger_names *ledger_names_new(struct arena *arena);
void ledger_names_free(struct ledger_names *names);

/* The place of what has these texts (NULL is the same as ""), of which the first `hashed` tell it from others; `titles` are the columns. It is
 * good until ledger_names_settle. */
size_t ledger_names_place(struct ledger_names *names, const char *const *titles, const char *const *texts, size_t count,
                          size_t hashed);
/* There is room for some more only: the batch is to be written. */
bool ledger_names_full(const struct ledger_names *names);

/* Has those that are not known written by `add` and their numbers told by `ids` (LEDGER_IDS): both take the workspace and the texts as JSON. */
enum error ledger_names_ask(struct actor *actor, struct ledger_names *names, const struct statement *add,
                            const struct statement *ids);
#define LEDGER_IDS(table)                                                                                              \
    "SELECT t.id FROM ROWS FROM (json_to_recordset($2::json) AS (hash uuid)) WITH ORDINALITY AS n (hash, place)"       \
    " CROSS JOIN LATERAL (SELECT e.id FROM " table                                                                     \
    " e WHERE e.hash = n.hash AND e.workspace_id = $1::uuid LIMIT 1) t ORDER BY n.place"
/* Then it has a number. */
long long ledger_names_id(const struct ledger_names *names, size_t place);
/* The batch is on its way, and with it what was asked for. */
void ledger_names_settle(struct ledger_names *names);
