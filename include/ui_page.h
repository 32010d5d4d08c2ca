/* Pages of CCR UI: how its frontend names and shapes what the engine keeps (docs/ccr-ui.md). A page is a row: an address, the platform and
 * the kind behind it, and how an object of CCR UI stands for one resource. The engine does the rest, under its own rules. */
#pragma once

#include "handlers.h"

/* How a member of such an object stands for a resource. */
enum ui_form {
    UI_END,
    UI_NAME,     /* its name, without the folders; the one member that says which one it is */
    UI_FOLDER,   /* those folders; "" for none */
    UI_ENABLED,  /* its switch */
    UI_DISABLED, /* the opposite of that */
    UI_IN_USE,   /* of profiles: it is the reader's current one; not taken */
    UI_USES,     /* how often it was chosen; not taken */
    UI_ALIAS,    /* a column under another name: taken where the member of that column is not there, never shown */
    UI_TEXT,     /* a column; "" where it is not set */
    UI_NULLABLE, /* a column; null where it is not set */
    UI_OPTIONAL, /* a column; left out where it is not set */
    UI_LIST,     /* a column; [] where it is not set */
    UI_MAP,      /* a column; {} where it is not set */
    UI_CONSTANT, /* no column: always the JSON text in `column` */
    UI_MADE,     /* no column: the shape's `shown` makes it, as the schema in `column` (JSON) says */
    UI_TAKEN,    /* no column and never shown: `taken` makes something of this list of texts */
    UI_REFUSED,  /* no column and never shown: an object that must say nothing */
};

enum ui_flag {
    UI_KEPT = 1,    /* a change that leaves it out leaves it as it is */
    UI_SENT = 2,    /* of UI_MADE: a text that `taken` makes something of */
    UI_OBJECT = 4,  /* the same of an object */
    UI_INTEGER = 8, /* the same of a number from 1 */
    UI_LOOSE = 16,  /* of a list: one text alone stands for the list of it */
};

struct ui_member {
    const char *name;
    enum ui_form form;
    const char *column;
    unsigned flags; /* enum ui_flag */
};

struct ui_page;

struct ui_shape {
    const struct ui_member *members; /* ends with UI_END */
    /* What the members do not say: adds to the object that is shown. NULL = nothing. */
    void (*shown)(struct actor *actor, const struct resource *r, const json_t *values, json_t *object);
    /* The same for what was sent: changes the columns' values, says what is wrong with fail_field(). `before` NULL: a new one of `name`. */
    void (*taken)(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                  json_t *values);
    /* Makes a whole name of what was sent as one; `old` NULL: of a new one. */
    enum error (*named)(struct actor *actor, const struct ui_page *page, const json_t *sent, const char *old,
                        const char **name);
};

/* What can be done at a page. */
enum ui_operation {
    UI_LISTS = 1,
    UI_READS = 2,
    UI_ADDS = 4,
    UI_CHANGES = 8,
    UI_DELETES = 16,
    UI_TOGGLES = 32,
    UI_CHOOSES = 64,       /* of profiles: which one is in use */
    UI_CHANGES_DEEP = 128, /* what is known by something with a slash in it, which is sent as it is */
    UI_DELETES_DEEP = 256,
    UI_PATCHES = 512,         /* PATCH does what PUT does */
    UI_PATCHES_TOGGLE = 1024, /* the same of the switch */
    UI_EDITS = UI_LISTS | UI_ADDS | UI_CHANGES | UI_DELETES,
};

enum ui_envelope {
    UI_DATA,    /* {"success":true,"data":…,"message":null}; of a write, data is the text */
    UI_MESSAGE, /* the same; of a write, data is null and the text is the message */
};

struct ui_page {
    const char *path;
    const char *platform;
    const struct kind *kind;
    const struct ui_shape *shape;
    unsigned operations; /* enum ui_operation */
    const char *key;     /* what the list stands under; NULL = it is an array, bare */
    const char *one;     /* what one that is read stands under; NULL = under nothing */
    bool folders;        /* beside the list stand the folders */
    bool current;     /* beside it stands, as current_profile, the name of the one in use; null where none was chosen */
    const char *verb; /* of UI_CHOOSES: behind the name in the path */
    bool renames;     /* a change may give another name */
    const char *
        called_after; /* a column: one that comes without a name is called after it, or its address. NULL = it has one */
    const char *known_by;      /* a column: what stands in addresses, or the url does; NULL = its name does */
    bool before_at;            /* an address may leave out what stands behind the name's '@' */
    bool one_each;             /* a new one with the same is refused; there the column is called as the member is */
    bool bare;                 /* what is read has no envelope */
    const char *noun, *added;  /* for the texts: "Agent", "added" */
    const char *on, *off;      /* what is said of a switch, behind the noun; "{}" is the name */
    enum ui_envelope envelope; /* of writes */
};

extern const struct ui_page ui_pages[]; /* ends with path NULL */

/* One resource as the page shows it; `current` is the name of the one in use, NULL = none, or nobody asks. */
json_t *ui_object(struct actor *actor, const struct ui_page *page, const struct resource *r, const char *current);
/* The columns' values that a body of the page stands for: of a new one of `name`, or changes of `before`. Takes what that holds where the
 * page cannot say it, as a reader sees it: masks count as unchanged. */
json_t *ui_values(struct actor *actor, const struct ui_page *page, json_t *sent, const struct resource *before,
                  const char *name);
/* The fields of a body, `changes`: of one that is there. At most UI_MEMBERS_MAX and an end. */
enum { UI_MEMBERS_MAX = 16 };
void ui_fields(const struct ui_page *page, bool changes, struct field fields[UI_MEMBERS_MAX + 1]);
/* Whether a member of the form stands for a column. */
bool ui_is_column(enum ui_form form);
/* The engine finds in the path what CCR UI's addresses leave out: sets one part of it. */
void ui_put_path_arg(struct request *rq, const char *name, const char *value);

/* {"success":true,"data":null,"message":text}: what CCR UI calls a write that is done. */
enum error ui_say(struct response *rs, const char *text);

/* Names of platforms as CCR UI writes them (in any case; "factory" is droid) as they are here; what is none stays as it is. */
json_t *ui_platforms(json_t *sent);
/* What was done on one of them; `problem` NULL: it was. */
void ui_add_result(json_t *results, const char *platform, const char *problem);
/* Whether the platform has one of the name. */
enum error ui_is_there(struct actor *actor, const struct kind *kind, const char *platform, const char *name,
                       bool *there);

/* Gives one of the route's kind to those of an array of platforms that do not share it yet and have no other of its name; adds to the results
 * what was done for each. ERR_NOT_FOUND when there is none. */
enum error ui_share(struct request *rq, const char *platform, const char *name, json_t *targets, json_t *results);
/* Installs a preset and answers: `platforms` of the body, none is Claude Code, with `env` of the body as its variables. */
enum error ui_install_preset(struct request *rq, struct response *rs, json_t *preset);

/* The pages and their members as JSON, for the documentation. */
void ui_pages_write(struct json_writer *w);

/* Makes the routes of the pages, before the router looks at its tables. */
void ui_routes_make(void);
extern struct route ui_page_routes[];
