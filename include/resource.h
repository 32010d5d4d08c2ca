/* Resources: one of a kind, on a platform, in a workspace. The engine under all kinds. */
#pragma once

#include "kind.h"

enum { FOUND_MAX = 300 };

struct resource {
    char id[UUID_TEXT]; /* secrets are sealed for it */
    const struct kind *kind;
    const char *platform, *name;
    long long position; /* -1 = behind all others */
    bool enabled;
    long long uses;     /* how often it was chosen, by those kinds of which one is chosen */
    const char *shared; /* JSON object, platform -> enabled, when others have it, too; NULL = only this one */
    const char *listed, *unlisted; /* JSON objects as any reader sees them; unlisted may be NULL */
    const char *sealed;            /* JSON object, column -> sealed value; NULL = none */
    const char *source;            /* sealed; NULL = none */
    const char *words;             /* what a search finds it by (resource_words), once resource_seal has made them */
    long long revision;
    const char *updated_at;
};

/* ---- values (src/resource/resource_value.c) ------------------------------------------------------------------------------ */

/* What every reader sees: the columns' values, secrets masked, as a new object. */
json_t *resource_shown(const struct resource *r);
/* The values in clear. ERR_INTERNAL (MSG_SECRET_UNREADABLE) when a secret does not open. */
enum error resource_values(struct actor *actor, const struct resource *r, json_t **values);
/* One sealed value of a column; one that does not open is logged, and such that it goes back as it is (value_is_sealed). */
json_t *resource_open(struct actor *actor, const struct resource *r, const char *column, const char *sealed);
/* All where one that does not open may stay as it is: it goes back through resource_check and resource_seal. */
json_t *resource_values_kept(struct actor *actor, const struct resource *r);
/* Such a value that did not open. */
bool value_is_sealed(const json_t *value);
/* Two values of a column say the same; one that is absent is null. */
bool same_value(const json_t *a, const json_t *b);
/* Checks what somebody sent against the kind's columns: trims, refuses, drops what is no column. A text that is the mask of what `before`
 * (NULL = nothing) holds at the same place becomes that value; any other text of a mask's shape is refused. Wrong fields are
 * added to the actor's failure. ERR_VALIDATION. */
enum error resource_check(struct actor *actor, const struct kind *kind, const char *platform,
                          const struct resource *before, json_t *values);
/* The same for whoever has resource_values_kept() of `before` already. */
enum error resource_check_values(struct actor *actor, const struct kind *kind, const char *platform,
                                 const struct resource *before, json_t *stored, json_t *values);
/* What the columns' own limits do not say, on each of the platforms (enum platforms). */
enum error resource_check_on(struct actor *actor, const struct kind *kind, unsigned on, json_t *values);
/* Sets listed, unlisted, sealed and words from checked values; id and name must be there. */
void resource_seal(struct actor *actor, struct resource *r, json_t *values);
/* The words that a search finds it by, as the text of a JSON array; in the case that they have. */
const char *resource_words(struct actor *actor, const struct resource *r);
/* Whether the name can be given to one of the kind: adds to the actor's failure, field `field`. */
enum error resource_check_name(struct actor *actor, const struct kind *kind, const char *platform, const char *field,
                               const char *name);

/* Columns that are set and that a platform which has it has no way to say: a JSON array of {field, platform, message}. */
json_t *resource_warnings(struct actor *actor, const struct resource *r);

/* ---- the store (src/resource/resource_store.c) --------------------------------------------------------------------------- */

/* ERR_NOT_FOUND (MSG_RESOURCE_UNKNOWN) when there is none. `lock` holds the row until the transaction ends. */
enum error resource_find(struct actor *actor, const struct kind *kind, const char *platform, const char *name,
                         bool lock, struct resource *r);

/* Those of a JSON array of names, or (`named` false) all others; their rows are held until the transaction ends. *found is an array in
 * the arena. */
enum error resources_named(struct actor *actor, const struct kind *kind, const char *platform, const char *names,
                           bool named, struct resource **found, size_t *count);

/* The rows of one or several that are shared, on all platforms: of a JSON array of ids, in the order of ids, then platforms; held until
 * the transaction ends. */
enum error resources_sharing(struct actor *actor, const char *ids, struct resource **found, size_t *count);
/* All of a kind on a platform, in order. */
enum error resources_all(struct actor *actor, const struct kind *kind, const char *platform, bool lock,
                         struct resource **all, size_t *count);
/* The same by name, those behind the name `after` ("" = from the first), `most` at most; without what is sealed. */
enum error resources_by_name(struct actor *actor, const struct kind *kind, const char *platform, const char *after,
                             long long most, struct resource **found, size_t *count);
/* How many those are. */
enum error resources_total(struct actor *actor, const struct kind *kind, const char *platform, long long *total);

/* All of a platform, by kind, then in their order. */
enum error resources_on(struct actor *actor, const char *platform, struct resource **found, size_t *count);

/* Which ones, and how many of them. Zero and NULL: all. */
struct resource_query {
    long long limit, offset;
    const char *cursor; /* of the page before */
    const char *search, *folder, *updated_since;
    const char *enabled; /* "true", "false" */
};

struct resource_page {
    const struct kind *kind;
    const char *platform;
    struct rows rows;
    int count;           /* of the page */
    bool more;           /* there are others behind them */
    long long total;     /* of all that the query finds */
    bool total_at_least; /* there may be more than that: a search stops counting at FOUND_MAX */
};

/* ERR_VALIDATION for a cursor that is none. */
enum error resource_page(struct actor *actor, const struct kind *kind, const char *platform,
                         const struct resource_query *query, struct resource_page *page);
void resource_at(const struct resource_page *page, int index, struct resource *r);
/* What to ask for the next page with. */
const char *resource_cursor(struct actor *actor, const struct resource *r);

/* Taken before anything else in a transaction that adds to a kind on a platform or takes away from it: such transactions of one
 * workspace follow one another. Of a kind that several platforms may share, before any change, and then for all platforms. */
enum error resources_lock(struct actor *actor, const struct kind *kind, const char *platform, enum patience patience);

struct resource_change {
    const struct resource *before; /* NULL = it is new */
    struct resource *after;        /* NULL = it goes */
    bool silent;                   /* without an audit row: no more of it changed than who shares it */
    const char *from; /* for the audit row: the other workspace, or the preset, that it comes from; NULL = none */
};

/* Writes what changed, a revision row and an audit row for each, all or nothing. `operation` ("create", "rollback") is what the revision
 * says, and behind the kind's name the audit row: "agent.create". Sets revision and updated_at of `after`, when it is the only one. ERR_CONFLICT (MSG_RESOURCE_EXISTS)
 * when the name is taken. */
enum error resources_save(struct actor *actor, const char *operation, const struct resource_change *changes,
                          size_t count);
/* The same for one. */
enum error resource_save(struct actor *actor, const char *operation, const struct resource *before,
                         struct resource *after);
/* The other state, when it is not in it already. */
enum error resource_set_enabled(struct actor *actor, struct resource *r, bool enabled);
/* Before one is deleted: what its kind says to that. */
enum error resource_leaves(struct actor *actor, const struct resource *r);
/* Another name for one; its history goes with it. */
enum error resource_rename(struct actor *actor, struct resource *r, const char *name);

/* ---- one for several platforms (src/resource/resource_share.c) ------------------------------------------------------------ */

/* The platforms that have it: enum platforms. */
unsigned resource_platforms(const struct resource *r);
/* Adds to the changes of a kind that platforms may share what follows from them on the others, and says in each who shares it now. For
 * resources_save. */
enum error resources_follow(struct actor *actor, const struct resource_change **changes, size_t *count);

/* ---- shown (src/resource/resource_show.c) -------------------------------------------------------------------------------- */

/* What differs: an array of {field, old_value, new_value}, secrets masked. */
void resource_write_changes(struct actor *actor, struct json_writer *w, const struct resource *before,
                            const struct resource *after);
/* One as an object: what it is, then its columns. `whole`: those too that a list leaves out. */
void resource_write(struct json_writer *w, const struct resource *r, bool whole);
