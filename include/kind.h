/* Kinds: what a coding CLI can be configured with, as data. A kind is a name, its columns and the platforms that have it; everything
 * that can be done with it follows from that: checks, storage, masks, addresses, forms, documentation (src/resource). */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "actor.h"
#include "platform.h"
#include "router.h"

enum column_flag {
    COLUMN_UNLISTED = 1, /* long: a list leaves it out */
    COLUMN_SEARCHED = 2, /* a search looks into it, besides the name; one that lists show */
    COLUMN_SECRET = 4,   /* every text in it is masked, but for ${VARIABLE} */
    COLUMN_PARTS =
        8, /* parts of its texts may be secret: passwords and parameters of URLs, what stands behind --token */
    COLUMN_UNKNOWN = 16, /* keys that are not known: secret until known to be harmless (profile_extra.h) */
    COLUMN_KEPT = 32,    /* what only a file says: a write that does not name it leaves it as it is */
};

struct label {
    const char *en, *zh;
};

struct column {
    struct field field;
    unsigned flags; /* enum column_flag */
    struct label label;
    unsigned platforms; /* those that can express it; 0 = all of the kind's */
};

enum kind_flag {
    KIND_FOLDERS = 1,  /* names may have folders: "git/commit" */
    KIND_SHARED = 2,   /* one may be given to several platforms */
    KIND_ANY_NAME = 4, /* a name may hold slashes, which mean nothing */
    KIND_LOCAL = 8,    /* what one says is of its platform alone: a conversion takes it only when asked to */
};

struct resource;

enum { RESOURCES_MAX = 100000 }; /* of a kind on a platform of a workspace, where the kind says nothing else */

struct kind {
    const char *name; /* "mcp_server" */
    struct label label;
    const struct column *columns; /* ends with a field of type FIELD_END */
    unsigned platforms;           /* enum platforms */
    unsigned flags;               /* enum kind_flag */
    enum access write;            /* who may change one; 0 = ACCESS_EDITOR */
    int name_max;                 /* code points; 0 = NAME_MAX_LENGTH */
    long long most;               /* of them on a platform of a workspace; 0 = RESOURCES_MAX */
    enum message unknown, exists; /* what is said of a name; MSG_NONE = what holds for all */
    /* The name when it is one that the platform keeps for itself, else NULL. NULL = keeps none. */
    const char *(*reserved)(const char *platform, const char *name);
    /* What the columns' own limits do not say: adds wrong fields with fail_field(). NULL = nothing. */
    void (*check)(struct actor *actor, const char *platform, json_t *values);
    /* What else a new name must be: says what is wrong with fail_field(). NULL = nothing. */
    enum error (*check_name)(struct actor *actor, const char *platform, const char *field, const char *name);
    /* Of a column that is secret as a whole: whether one of this name says nothing secret, but for parts. NULL = none. */
    bool (*harmless)(const char *platform, const char *name);
    /* The name of the one that is in use, where that is one of them; NULL = none is. */
    const char *(*in_use)(struct actor *actor, const char *platform);
    /* Before one is deleted: refuses, or does what follows from it. NULL = nothing. */
    enum error (*leaves)(struct actor *actor, const struct resource *r);
    /* After one got another name. NULL = nothing follows from it. */
    enum error (*renamed)(struct actor *actor, const struct resource *r, const char *old_name);
};

/* Every kind, NULL-terminated (src/kinds/kinds.c). A new one is a file with a row, and a line there. */
extern const struct kind *const kind_table[];

const struct kind *kind_find(const char *name); /* NULL when unknown */
const struct column *kind_column(const struct kind *kind, const char *name);
static inline bool kind_is_on(const struct kind *kind, const char *platform)
{
    return (kind->platforms & platform_bit(platform)) != 0;
}
/* What is said of a name that none has. */
static inline enum message kind_unknown(const struct kind *kind)
{
    return kind->unknown ? kind->unknown : MSG_RESOURCE_UNKNOWN;
}
/* The access that changing one needs. */
static inline enum access kind_access(const struct kind *kind)
{
    return kind->write ? kind->write : ACCESS_EDITOR;
}

/* The role that this takes in a workspace which is not the request's. */
static inline enum role kind_role(const struct kind *kind)
{
    return kind_access(kind) == ACCESS_ADMIN ? ROLE_ADMIN : ROLE_EDITOR;
}

/* All kinds as a JSON array; `arena` for the meantime. src/resource/describe.c */
void kinds_write(struct json_writer *w, struct arena *arena);
