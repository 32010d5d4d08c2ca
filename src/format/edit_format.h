/* What a format is to edit.c: how it is read, and how its tree is found and changed. */
#pragma once

#include "edit_tree.h"

/* A text that was read: its syntax tree and what it says. */
struct reading {
    struct tree tree;
    struct item *root;
    json_t *value;
    struct slice body; /* of Markdown */
};

/* A text on its way into the tree: JSON and TOML differ in what stands between brackets and commas. */
struct scanner {
    struct tree *tree;
    struct slice text;
    const char *at, *end;
    struct edit_error *error;
    const struct scan_rules *rules;
    bool relaxed; /* JSON: comments and last commas may be */
    char *plain;  /* and a copy of the text for Jansson, without them */
};
struct scan_rules {
    /* The comment that stands there, or the comma behind the last item, is allowed; NULL = all are. */
    bool (*comment)(struct scanner *s, size_t length);
    bool (*last_comma)(struct scanner *s, const char *comma);
    /* A key and what is between it and its value. *piece: it is more than one, and the table is kept as it is. */
    bool (*member)(struct scanner *s, struct node *table, struct item *item, bool *piece);
    /* Goes behind a value that is in no brackets. */
    bool (*scalar)(struct scanner *s);
};
/* Returns false. */
bool scan_complain(const struct scanner *s, const char *at, const char *message);
char scan_peek(const struct scanner *s); /* NUL at the end */
/* White space and comments up to the next token, or if `line` is set up to the end of the line. */
bool scan_space(struct scanner *s, bool line, struct slice *out);
bool scan_value(struct scanner *s, struct item *item, unsigned level);

/* Adds what is read to the tree, and sets the rest. False with *error. `text` outlives the reading. */
bool edit_read_json(struct reading *reading, struct slice text, bool relaxed, struct edit_error *error);
bool edit_read_toml(struct reading *reading, struct slice text, struct edit_error *error);
bool edit_read_front(struct reading *reading, struct slice text, struct edit_error *error);
