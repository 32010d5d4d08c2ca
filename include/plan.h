/* Plan: resources as they are wanted, compared with those there are, and carried out in one transaction: by apply, by an import of
 * native files, by a conversion, by installing a preset. */
#pragma once

#include "handlers.h"
#include "json.h"
#include "name_index.h"

enum { PLAN_MAX = 5000, PLAN_GROUPS_MAX = 128 };

struct plan_item {
    struct place place;
    struct resource before, after;
    bool exists, goes, same;
    json_t *platforms; /* object, platform -> enabled: who is to share it; NULL = who does now */
    size_t first;      /* with platforms: the place of the one that says its id */
    json_t *values;
    const char *within; /* for messages: "resources[3]" */
    /* Whether what the values do not name is cleared (NULL), or stays where this says that they could not name it. */
    bool (*names)(const void *source, const char *column);
    const void *source;
    bool optional;       /* one that cannot be made is left out, and `refused` says why */
    const char *refused; /* NULL = it is made */
};

struct plan {
    struct actor *actor;
    struct plan_item *items;
    size_t count, capacity;
    /* Each kind on a platform once, in one order for everybody, so that two plans wait in turn. */
    struct plan_group {
        struct place place;
        const json_t *pruned; /* what plan_prune was told; NULL = it was not */
    } groups[PLAN_GROUPS_MAX];
    size_t group_count;
    struct name_index seen;
    const char *from; /* for the audit rows: what they are made of; NULL = nothing in particular */
};

void plan_begin(struct plan *plan, struct actor *actor);
/* Whether there is such a kind on the platform and the actor may write it: says what is wrong with fail_field(). */
bool plan_place(struct actor *actor, const char *platform, const char *kind, struct place *place);
/* One that is wanted. NULL, with what is wrong said, for a name that none can have or that stands there already. */
struct plan_item *plan_add(struct plan *plan, const struct place *place, json_t *values, bool enabled,
                           const char *within);
/* One for each of several platforms, which are to share it, and no others: an object, platform -> enabled. Says what is wrong. */
void plan_add_shared(struct plan *plan, const char *kind, const char *name, json_t *values, json_t *wanted,
                     const char *within);
/* All of the kind on the platform that the plan does not name go; with `ids` (object, id -> anything) only those. */
void plan_prune(struct plan *plan, const struct place *place, const json_t *ids);
/* Takes the turns of all that the plan names, looks at what is there, and at what follows. ERR_VALIDATION with all that is wrong. */
enum error plan_work_out(struct plan *plan);
enum error plan_carry_out(struct plan *plan, const char *operation);

/* What was found wrong, as one text: the actor's failure is as if nothing had been. */
const char *plan_take_failure(struct actor *actor);

/* One item as an object. */
void plan_write_item(struct plan *plan, struct json_writer *w, const struct plan_item *item);
/* Members of the object that is open: `counts`, how many there are of each deed; the other also `plan`, all that are not refused. */
void plan_write_counts(struct plan *plan, struct json_writer *w);
void plan_write(struct plan *plan, struct json_writer *w);
