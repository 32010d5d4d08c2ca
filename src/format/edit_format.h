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

/* Adds what is read to the tree, and sets the rest. False with *error. `text` outlives the reading. */
bool edit_read_json(struct reading *reading, struct slice text, bool relaxed, struct edit_error *error);
bool edit_read_toml(struct reading *reading, struct slice text, struct edit_error *error);
bool edit_read_front(struct reading *reading, struct slice text, struct edit_error *error);
