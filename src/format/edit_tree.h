/* The text of a document as a tree that leaves no byte out: between any two tokens stands the white space and the comments that
 * were there. Whoever writes it unchanged gets the text back. Formats build it (edit_json.c …), edit_tree.c changes and
 * writes it. */
#pragma once

#include "buffer.h"
#include "edit.h"
#include "name_index.h"

/* White space and comments, a key, a value: bytes of the document, or of the arena when they are new. */
struct slice {
    const char *at;
    size_t length;
};

enum node_kind { NODE_SCALAR, NODE_TABLE, NODE_ARRAY };

/* How a table or array is written. All but the first are TOML's, whose lines are no tree: see struct line. */
enum node_style {
    STYLE_INLINE,  /* in brackets, as a value */
    STYLE_HEADER,  /* [a.b], or an element by [[a.b]], or all that is before the first of these */
    STYLE_IMPLIED, /* nowhere: [a.b] makes a table of `a` */
    STYLE_DOTTED,  /* nowhere: a.b = 1 does */
    STYLE_LIST,    /* an array by its elements [[a.b]] */
};

/* A value. */
struct node {
    enum node_kind kind;
    enum node_style style;
    bool changed;        /* is written from its items; otherwise `text` is what it was and is */
    bool block;          /* front matter: it is on lines of its own, below its key */
    bool comma_last;     /* a comma stands behind the last item, too */
    struct slice text;   /* with its brackets */
    struct slice close;  /* before the closing bracket */
    struct item *holder; /* whose value it is */
    struct item *first, *last;
    size_t count;
    struct name_index names; /* of a table: places in tree.items */
    struct line *last_key;   /* not INLINE: the line behind which a new key = value comes */
    struct line *last_line;  /* the same for a new table: the last that tells of this one */
};

/* A member of a table or an element of an array: from behind the separator of the one before it to behind its own. The document
 * is an item that is in nothing. */
struct item {
    struct node *in;
    struct item *previous, *next;
    struct slice lead;    /* before the key, or in an array the value */
    struct slice key;     /* as written; empty in an array */
    const char *name;     /* as meant; NULL in an array */
    struct slice between; /* the colon or equals sign with what is around it */
    struct node *value;
    struct slice gap;  /* before the comma */
    bool comma;        /* it had one when it was read */
    struct slice tail; /* behind the comma, when nothing else is on the rest of the line */
    bool gone;
    struct line *line;        /* TOML: its key = value, [header] or [[header]] */
    struct mention *mentions; /* TOML: all places of its key */
};

/* TOML's lines: key = value or a header, from behind the line before to behind its own line break. The first of a document is
 * empty and stands for the header of the outermost table. What an edit took away stays as a place. */
struct line {
    struct line *previous, *next;
    struct slice lead; /* whole lines of comments or nothing, then the indentation */
    struct slice
        *pieces; /* what is before the first key; then each key and what is behind it, at last the equals sign or "]" */
    size_t keys;
    struct item *item; /* whose value it has; NULL for a header */
    struct slice tail; /* with the line break */
    bool gone;
};

/* A key in a line: the piece 2 * key + 1. */
struct mention {
    struct line *line;
    size_t key;
    struct mention *next;
};

struct tree;

/* What differs between formats as to values. */
struct syntax {
    const char *separator; /* between key and value, where the document shows no way */
    const char *padding;   /* inside the brackets of a table on one line */
    bool needs_blank;      /* a value cannot come right behind the sign */
    bool tables_on_lines;  /* a new table or array takes a line for each item */
    /* Bytes of the comment that stands at `at`, without the line break that ends it; 0 when none does. Only a comment that
     * starts with "/" and "*" does not go to the end of the line. */
    size_t (*comment)(const char *at, const char *end);
    const char *(*key_text)(struct arena *arena, const char *name);
    /* NULL for what is written as a table or an array. */
    const char *(*scalar_text)(struct arena *arena, json_t *value);
    /* Front matter: the same for what takes the place of a block; NULL when it cannot be a block itself. */
    const char *(*block_text)(struct tree *tree, struct item *item, json_t *old, json_t *value);
};

struct tree {
    struct arena *arena;
    const struct syntax *syntax;
    const char *eol;      /* "\n" or "\r\n", as the first line ends */
    struct slice unit;    /* one level of indentation */
    struct slice between; /* key and value, as the first member has it */
    bool compact;         /* no line is broken between items: new ones break none either */
    struct item **items;  /* all that have a name, by the places that name indexes hold */
    size_t count, capacity;
    struct line *lines;   /* TOML: the first */
    struct line *end;     /* and the last */
    struct slice trailer; /* what is behind the last line */
    struct slice rest;    /* and behind that, which is no part of it */
    const char *fence;    /* the line to put around all lines, if there are any; NULL for none */
    bool open_end;        /* the document had no line break at its end, which it was lent */
    bool dense;           /* no empty line before headers */
};

/* ---- slices and errors ---- */

struct slice slice_of(const char *text);
struct slice slice_between(const char *from, const char *to);
struct slice slice_join(struct tree *tree, struct slice a, struct slice b);
struct slice slice_behind(struct slice s, size_t length); /* without its first bytes */
struct slice slice_blanks(struct slice s);                /* those it starts with */
struct slice slice_mark(struct slice text);               /* the byte-order mark that it starts with */
bool slice_is_space(struct slice s);

/* A stretch of white space and comments, looked at once. */
struct space {
    bool breaks;       /* it has a line break outside comments */
    size_t last_break; /* where the last of these starts */
    bool open;         /* it ends in a comment that only a line break ends */
};
struct space space_look(const struct syntax *syntax, struct slice space);
/* Bytes of the line break at `at`: 0, 1 or 2. */
size_t line_break(const char *at, const char *end);
/* Bytes of the comment that a '#' at `at` begins, as in TOML and YAML: 0 = none does. */
size_t hash_comment(const char *at, const char *end);

/* Both return false. */
bool edit_fail(struct edit_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With line and column of the byte `at` of the text. */
bool edit_fail_at(struct edit_error *error, struct slice text, const char *at, const char *message);

/* ---- building ---- */

/* Sets what the text as a whole shows, and returns the item that is the document; with lines that is a table. */
struct item *tree_begin(struct tree *tree, const struct syntax *syntax, struct slice text);
struct item *tree_begin_lines(struct tree *tree, const struct syntax *syntax, struct slice text);
struct node *node_new(struct tree *tree, enum node_kind kind);
struct item *item_new(struct tree *tree);
void item_hold(struct item *item, struct node *value);
/* Puts it behind `after`, or first when that is NULL. A name it has must not be in the table yet. */
void node_link(struct tree *tree, struct node *in, struct item *after, struct item *item);
/* Learns more of them from how the items of the root are laid out. */
void tree_learn_style(struct tree *tree, const struct item *root);

/* ---- reading ---- */

struct item *node_member(const struct tree *tree, const struct node *table, const char *name);

/* ---- changing ---- */

void item_rename(struct tree *tree, struct item *item, const char *name);
/* Makes what says `old` say `value`. */
void item_make_equal(struct tree *tree, struct item *item, json_t *old, json_t *value);

/* A new value on one line. */
struct node *node_build(struct tree *tree, json_t *value);

/* ---- the same for TOML's lines (edit_lines.c) ---- */

/* A new line behind `after`. */
struct line *line_new(struct tree *tree, struct line *after, struct slice *pieces, size_t keys);
void line_mention(struct tree *tree, struct line *line, size_t key, struct item *item);
struct item *lines_insert(struct tree *tree, struct node *in, struct item *after, const char *name, json_t *value);
void lines_remove(struct item *item);
void lines_rename(struct item *item);
void lines_make_room(const struct tree *tree, struct item *item); /* for another value */
bool lines_are_tables(const struct tree *tree, json_t *value);    /* an array that can be written as [[header]]s */
void lines_write(struct buffer *out, const struct tree *tree, const struct item *root);

/* ---- writing ---- */

void node_write(struct buffer *out, const struct tree *tree, const struct node *node);

void tree_write(struct buffer *out, const struct tree *tree, const struct item *root);
