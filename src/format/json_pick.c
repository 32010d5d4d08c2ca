/* JSON picker: a table of paths, made into a tree of names, is followed while the text passes.
 *
 * The state is one function a place in the grammar (`steps`): each takes what it knows of the bytes at hand and says, by setting
 * `step`, who goes on. Nothing is looked at twice and nothing is kept but what the tree names, so that pieces may end anywhere. */
#include "json_pick.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "json_number.h"
#include "util.h"

enum { NOWHERE = UINT16_MAX, NODES_MAX = 400, PLACES = 1024 /* a power of two */, OBJECT_BITS = 64 };

/* A name of a path; node 0 is the whole text. */
struct node {
    const char *name;
    uint16_t length;
    uint16_t above;
    uint16_t below, beside; /* the first child; the next of the same parent; 0 = none */
    uint16_t item;          /* the child "[]"; 0 = none */
    uint16_t slot;          /* the row of the table; NOWHERE = none ends here */
    bool seen;
};

struct slot {
    enum json_pick_kind kind;
    size_t max;
    char *text;
};

enum step {
    START,
    VALUE,
    FIRST_ITEM,
    FIRST_NAME,
    NAME,
    COLON,
    AFTER,
    STRING,
    ESCAPE,
    UNICODE,
    NUMBER,
    LITERAL,
    DONE,
    FAILED
};

struct json_pick {
    const struct json_pick_path *paths;
    struct node *nodes;
    size_t node_count, count;
    uint16_t *places; /* PLACES of them: the nodes by their parents and names; 0 = none */
    struct slot *slots;
    json_pick_taker *take;
    void *context;

    enum step step;
    const char *problem;
    enum json_pick_kind top;
    uint64_t objects[JSON_PICK_NESTING / OBJECT_BITS]; /* a bit a level: it is an object */
    unsigned depth;
    uint16_t levels[JSON_PICK_STEPS_MAX + 1]; /* the nodes of the levels that the tree knows */
    unsigned known;                           /* how many levels that are */
    uint16_t node;                            /* of the value that comes, or is being read */

    /* The string being read; into = NULL passes over it. */
    char *into;
    size_t length, max;
    bool is_name, cut, spoilt;
    unsigned unit, digits, high; /* of \uXXXX; high = the first half of a pair */
    char name[JSON_PICK_NAME_MAX + 1];

    enum json_number number;
    const char *literal; /* what is left of it */
    enum json_pick_kind literal_kind;
    unsigned mark; /* bytes of the byte-order mark */
};

/* ---- the tree ---- */

static uint16_t new_node(struct json_pick *pick, const char *name, size_t length)
{
    if (pick->node_count == NODES_MAX || length > JSON_PICK_NAME_MAX)
        abort();
    pick->nodes[pick->node_count] = (struct node){.name = name, .length = (uint16_t)length, .slot = NOWHERE};
    return (uint16_t)pick->node_count++;
}

/* Where a name of a parent's is in `places`, or would be: most names of a log are none that are looked for. */
static uint16_t *place_of(const struct json_pick *pick, uint16_t parent, const char *name, size_t length)
{
    unsigned first = length ? (unsigned char)name[0] : 0, last = length ? (unsigned char)name[length - 1] : 0;
    unsigned i = parent * 37u + (unsigned)length * 101u + first * 7u + last * 59u;
    for (;; i++) {
        uint16_t *place = &pick->places[i % PLACES];
        const struct node *node = &pick->nodes[*place];
        if (!*place || (node->above == parent && node->length == length && memcmp(node->name, name, length) == 0))
            return place;
    }
}

static uint16_t find_child(const struct json_pick *pick, uint16_t parent, const char *name, size_t length)
{
    uint16_t found = *place_of(pick, parent, name, length);
    return found ? found : NOWHERE;
}

static uint16_t child(struct json_pick *pick, uint16_t parent, const char *name, size_t length)
{
    uint16_t *place = place_of(pick, parent, name, length);
    if (!*place) {
        *place = new_node(pick, name, length);
        pick->nodes[*place].above = parent;
        pick->nodes[*place].beside = pick->nodes[parent].below;
        pick->nodes[parent].below = *place;
    }
    return *place;
}

static uint16_t item(struct json_pick *pick, uint16_t parent)
{
    if (!pick->nodes[parent].item)
        pick->nodes[parent].item = new_node(pick, "", 0);
    return pick->nodes[parent].item;
}

static void plant(struct json_pick *pick, size_t row)
{
    uint16_t node = 0;
    unsigned levels = 0;
    for (const char *at = pick->paths[row].path; *at; levels++) {
        if (strncmp(at, "[]", 2) == 0) {
            node = item(pick, node);
            at += 2;
        } else {
            size_t length = strcspn(at, ".[");
            node = child(pick, node, at, length);
            at += length;
        }
        at += *at == '.';
    }
    if (levels > JSON_PICK_STEPS_MAX)
        abort();
    pick->nodes[node].slot = (uint16_t)row;
}

struct json_pick *json_pick_new(struct arena *arena, const struct json_pick_path *paths, size_t count,
                                json_pick_taker *take, void *context)
{
    if (count > JSON_PICK_PATHS_MAX)
        abort();
    struct json_pick *pick = arena_alloc(arena, sizeof *pick);
    *pick = (struct json_pick){.paths = paths, .count = count, .take = take, .context = context};
    size_t most = 1;
    for (size_t i = 0; i < count; i++)
        for (const char *at = paths[i].path; *at; at++)
            most += at == paths[i].path || *at == '.' || *at == '[';
    pick->nodes = arena_array(arena, most < NODES_MAX ? most : NODES_MAX, sizeof *pick->nodes);
    pick->slots = arena_array(arena, count, sizeof *pick->slots);
    pick->places = arena_array(arena, PLACES, sizeof *pick->places);
    new_node(pick, "", 0);
    for (size_t i = 0; i < count; i++) {
        size_t max = paths[i].max > JSON_PICK_NUMBER_MAX ? paths[i].max : JSON_PICK_NUMBER_MAX;
        plant(pick, i);
        pick->slots[i] = (struct slot){.max = max, .text = arena_alloc(arena, max + 1)};
    }
    json_pick_begin(pick);
    return pick;
}

void json_pick_begin(struct json_pick *pick)
{
    for (size_t i = 0; i < pick->node_count; i++)
        pick->nodes[i].seen = false;
    for (size_t i = 0; i < pick->count; i++)
        pick->slots[i].kind = JSON_PICK_NONE;
    pick->step = START;
    pick->problem = NULL;
    pick->top = JSON_PICK_NONE;
    pick->depth = pick->known = pick->mark = 0;
    pick->node = 0;
}

/* ---- values ---- */

static const char *fails(struct json_pick *pick, const char *at, const char *problem)
{
    pick->step = FAILED;
    pick->problem = problem;
    return at;
}

static struct slot *slot_of(const struct json_pick *pick)
{
    uint16_t row = pick->node == NOWHERE ? NOWHERE : pick->nodes[pick->node].slot;
    return row == NOWHERE ? NULL : &pick->slots[row];
}

static void forget_below(struct json_pick *pick, uint16_t at)
{
    struct node *node = &pick->nodes[at];
    if (node->slot != NOWHERE)
        pick->slots[node->slot].kind = JSON_PICK_NONE;
    node->seen = false;
    if (node->item)
        forget_below(pick, node->item);
    for (uint16_t i = node->below; i; i = pick->nodes[i].beside)
        forget_below(pick, i);
}

/* A value begins. The same place once more, in another item or under a name that comes twice: what was there is gone. */
static void value_begins(struct json_pick *pick, enum json_pick_kind kind)
{
    if (pick->depth == 0)
        pick->top = kind;
    if (pick->node == NOWHERE)
        return;
    if (pick->nodes[pick->node].seen)
        forget_below(pick, pick->node);
    pick->nodes[pick->node].seen = true;
}

static void value_is(struct json_pick *pick, enum json_pick_kind kind)
{
    struct slot *slot = slot_of(pick);
    if (slot)
        slot->kind = kind;
}

static void value_ends(struct json_pick *pick)
{
    pick->step = pick->depth ? AFTER : DONE;
}

static bool in_object(const struct json_pick *pick)
{
    unsigned level = pick->depth - 1;
    return pick->objects[level / OBJECT_BITS] >> (level % OBJECT_BITS) & 1;
}

/* The node of the container that is open; NOWHERE when the tree does not know it. */
static uint16_t open_node(const struct json_pick *pick)
{
    return pick->known == pick->depth ? pick->levels[pick->known - 1] : NOWHERE;
}

static const char *open_container(struct json_pick *pick, const char *at, bool object)
{
    if (pick->depth == JSON_PICK_NESTING)
        return fails(pick, at, "it is nested too deeply");
    enum json_pick_kind kind = object ? JSON_PICK_OBJECT : JSON_PICK_LIST;
    value_begins(pick, kind);
    value_is(pick, kind);
    if (pick->node != NOWHERE)
        pick->levels[pick->known++] = pick->node;
    uint64_t bit = (uint64_t)1 << (pick->depth % OBJECT_BITS);
    uint64_t *bits = &pick->objects[pick->depth / OBJECT_BITS];
    *bits = object ? *bits | bit : *bits & ~bit;
    pick->depth++;
    pick->step = object ? FIRST_NAME : FIRST_ITEM;
    return at + 1;
}

static const char *close_container(struct json_pick *pick, const char *at)
{
    if (in_object(pick) != (*at == '}'))
        return fails(pick, at, "a bracket does not close what was opened");
    uint16_t node = open_node(pick);
    if (node != NOWHERE)
        pick->known--;
    pick->depth--;
    value_ends(pick);
    uint16_t row = node == NOWHERE ? NOWHERE : pick->nodes[node].slot;
    if (row != NOWHERE && pick->paths[row].ends && !pick->take(pick->context, row))
        return fails(pick, at, NULL);
    return at + 1;
}

static void next_item(struct json_pick *pick)
{
    uint16_t list = open_node(pick);
    pick->node = list != NOWHERE && pick->nodes[list].item ? pick->nodes[list].item : NOWHERE;
}

/* ---- strings ---- */

static void string_begins(struct json_pick *pick, bool is_name)
{
    struct slot *slot = is_name ? NULL : slot_of(pick);
    pick->is_name = is_name;
    pick->length = pick->high = 0;
    pick->cut = pick->spoilt = false;
    pick->into = NULL;
    if (is_name && open_node(pick) != NOWHERE) {
        pick->into = pick->name;
        pick->max = JSON_PICK_NAME_MAX;
    } else if (slot) {
        pick->into = slot->text;
        pick->max = slot->max;
    }
    pick->step = STRING;
}

static void keep(struct json_pick *pick, const char *bytes, size_t length)
{
    if (!pick->into)
        return;
    pick->spoilt |= pick->high != 0; /* half a pair stands alone */
    pick->high = 0;
    if (length > pick->max - pick->length) {
        pick->cut = true;
        length = pick->max - pick->length;
    }
    memcpy(pick->into + pick->length, bytes, length);
    pick->length += length;
}

static void keep_code(struct json_pick *pick, unsigned code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(lead[length] | code);
    keep(pick, bytes, length);
}

/* What was cut in the middle of a character is cut before it. */
static void cut_at_character(struct json_pick *pick)
{
    size_t start = pick->length;
    while (start > 0 && pick->length - start < 3 && ((unsigned char)pick->into[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && ((unsigned char)pick->into[start - 1] & 0xC0) == 0xC0 &&
        !utf8_valid(pick->into + start - 1, pick->length - start + 1))
        pick->length = start - 1;
}

static void name_ends(struct json_pick *pick)
{
    pick->step = COLON;
    pick->node = NOWHERE;
    if (pick->into && !pick->cut && !pick->spoilt)
        pick->node = find_child(pick, open_node(pick), pick->name, pick->length);
}

static bool sound_text(const char *text, size_t length)
{
    size_t plain = 0;
    while (plain < length && text[plain] >= ' ' && text[plain] < '\x7F')
        plain++;
    return plain == length || (utf8_valid(text + plain, length - plain) && !has_control(text + plain));
}

static void string_ends(struct json_pick *pick)
{
    if (pick->is_name) {
        name_ends(pick);
        return;
    }
    value_ends(pick);
    if (!pick->into)
        return;
    if (pick->cut)
        cut_at_character(pick);
    pick->into[pick->length] = '\0';
    bool sound = !pick->spoilt && !pick->high && sound_text(pick->into, pick->length);
    value_is(pick, sound ? JSON_PICK_TEXT : JSON_PICK_SPOILT);
}

/* Up to the first byte that means something in a string: eight at a time, since most of a log are long texts. A byte is zero in x when
 * (x - 1) borrows into its highest bit and x has not got it; what that finds too much stands behind a true one. */
static const char *plain_end(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (; end - at >= 8; at += 8) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof bytes);
        uint64_t quote = bytes ^ ones * '"', slash = bytes ^ ones * '\\';
        uint64_t found =
            highs & (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((bytes - ones * 0x20) & ~bytes));
        if (found && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) /* the lowest mark is a true one */
            return at + __builtin_ctzll(found) / 8;
        if (found)
            break;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

/* What stands for a character behind a backslash, but for 'u'. */
static const char escapes[UCHAR_MAX + 1] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};

static const char *in_string(struct json_pick *pick, const char *at, const char *end)
{
    const char *stop = plain_end(at, end);
    while (!pick->into && end - stop > 1 && *stop == '\\' && escapes[(unsigned char)stop[1]])
        stop = plain_end(stop + 2, end);
    if (stop != at)
        keep(pick, at, (size_t)(stop - at));
    if (stop == end)
        return stop;
    if (*stop == '"')
        string_ends(pick);
    else if (*stop == '\\')
        pick->step = ESCAPE;
    else
        return fails(pick, stop, "a text has a raw control character in it, or is cut off");
    return stop + 1;
}

static const char *in_escape(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    const char *meant = &escapes[(unsigned char)*at];
    if (*at == 'u') {
        pick->unit = pick->digits = 0;
        pick->step = UNICODE;
    } else if (*meant) {
        keep(pick, meant, 1);
        pick->step = STRING;
    } else {
        return fails(pick, at, "a text has an escape in it that there is not");
    }
    return at + 1;
}

/* Characters beyond U+FFFF come as two units, RFC 8259 section 7. */
static void take_unit(struct json_pick *pick)
{
    unsigned unit = pick->unit;
    if (unit >= 0xDC00 && unit <= 0xDFFF && pick->high) {
        unit = 0x10000 + ((pick->high - 0xD800) << 10) + (unit - 0xDC00);
        pick->high = 0;
        keep_code(pick, unit);
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
        pick->spoilt |= pick->high != 0;
        pick->high = unit;
    } else {
        pick->spoilt |= unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF);
        keep_code(pick, unit);
    }
}

static const char *in_unicode(struct json_pick *pick, const char *at, const char *end)
{
    for (; at < end && pick->digits < 4; at++, pick->digits++) {
        int digit = hex_digit(*at);
        if (digit < 0)
            return fails(pick, at, "a text has an escape in it that there is not");
        pick->unit = pick->unit << 4 | (unsigned)digit;
    }
    if (pick->digits == 4) {
        pick->step = STRING;
        take_unit(pick);
    }
    return at;
}

/* ---- numbers and words ---- */

static const char *number_begins(struct json_pick *pick, const char *at)
{
    string_begins(pick, false);
    pick->number = JSON_NUMBER_SIGN;
    pick->step = NUMBER;
    if (*at != '-')
        return at;
    keep(pick, at, 1);
    return at + 1;
}

static void number_ends(struct json_pick *pick)
{
    value_ends(pick);
    if (!pick->into)
        return;
    pick->into[pick->length] = '\0';
    value_is(pick, pick->cut || pick->length > JSON_PICK_NUMBER_MAX ? JSON_PICK_SPOILT : JSON_PICK_NUMBER);
}

static const char *in_number(struct json_pick *pick, const char *at, const char *end)
{
    const char *from = at;
    for (; at < end; at++) {
        enum json_number next = json_number_after(pick->number, *at);
        if (next == JSON_NUMBER_WRONG)
            return fails(pick, at, "a number is written in a way that there is not");
        if (next == JSON_NUMBER_OVER)
            break;
        pick->number = next;
    }
    keep(pick, from, (size_t)(at - from));
    if (at < end)
        number_ends(pick);
    return at;
}

static const char *in_literal(struct json_pick *pick, const char *at, const char *end)
{
    for (; at < end && *pick->literal; at++, pick->literal++)
        if (*at != *pick->literal)
            return fails(pick, at, "a word is none of true, false and null");
    if (!*pick->literal) {
        value_is(pick, pick->literal_kind);
        value_ends(pick);
    }
    return at;
}

/* ---- between values ---- */

static bool is_white(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *word_begins(struct json_pick *pick, const char *at)
{
    static const struct {
        const char *word;
        enum json_pick_kind kind;
    } words[] = {{"true", JSON_PICK_TRUE}, {"false", JSON_PICK_FALSE}, {"null", JSON_PICK_NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (*at == words[i].word[0]) {
            value_begins(pick, words[i].kind);
            pick->literal = words[i].word;
            pick->literal_kind = words[i].kind;
            pick->step = LITERAL;
            return at;
        }
    return fails(pick, at, "something stands where a value should");
}

static const char *before_value(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    switch (*at) {
    case '{':
    case '[':
        return open_container(pick, at, *at == '{');
    case '"':
        value_begins(pick, JSON_PICK_TEXT);
        string_begins(pick, false);
        return at + 1;
    default:
        if (*at != '-' && (*at < '0' || *at > '9'))
            return word_begins(pick, at);
        value_begins(pick, JSON_PICK_NUMBER);
        return number_begins(pick, at);
    }
}

static const char *at_start(struct json_pick *pick, const char *at, const char *end)
{
    static const char mark[] = "\xEF\xBB\xBF";
    enum { MARK = sizeof mark - 1 };
    if (!pick->mark && is_white(*at))
        return at + 1;
    for (; at < end && pick->mark < MARK && *at == mark[pick->mark]; at++)
        pick->mark++;
    if (at < end && pick->mark % MARK)
        return fails(pick, at, "something stands where a value should");
    if (at < end || pick->mark == MARK)
        pick->step = VALUE;
    return at;
}

static const char *before_first_item(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    if (*at == ']')
        return close_container(pick, at);
    next_item(pick);
    pick->step = VALUE;
    return at;
}

static const char *before_name(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    if (*at == '}' && pick->step == FIRST_NAME)
        return close_container(pick, at);
    if (*at != '"')
        return fails(pick, at, "something stands where a name should");
    string_begins(pick, true);
    return at + 1;
}

static const char *before_colon(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    if (*at != ':')
        return fails(pick, at, "a name has no colon behind it");
    pick->step = VALUE;
    return at + 1;
}

static const char *after_value(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    if (*at == '}' || *at == ']')
        return close_container(pick, at);
    if (*at != ',')
        return fails(pick, at, "something stands where a comma or the end should");
    if (in_object(pick)) {
        pick->step = NAME;
    } else {
        next_item(pick);
        pick->step = VALUE;
    }
    return at + 1;
}

static const char *after_all(struct json_pick *pick, const char *at, const char *end)
{
    (void)end;
    return fails(pick, at, "something follows after its end");
}

/* What goes on where. Between values white space means nothing: those takers never see any. */
static const struct {
    const char *(*take)(struct json_pick *pick, const char *at, const char *end);
    bool between;
} steps[] = {
    [START] = {at_start},
    [VALUE] = {before_value, true},
    [FIRST_ITEM] = {before_first_item, true},
    [FIRST_NAME] = {before_name, true},
    [NAME] = {before_name, true},
    [COLON] = {before_colon, true},
    [AFTER] = {after_value, true},
    [STRING] = {in_string},
    [ESCAPE] = {in_escape},
    [UNICODE] = {in_unicode},
    [NUMBER] = {in_number},
    [LITERAL] = {in_literal},
    [DONE] = {after_all, true},
};

bool json_pick_feed(struct json_pick *pick, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while (bytes < end && pick->step != FAILED) {
        if (steps[pick->step].between && is_white(*bytes))
            bytes++;
        else
            bytes = steps[pick->step].take(pick, bytes, end);
    }
    return pick->step != FAILED;
}

bool json_pick_end(struct json_pick *pick)
{
    static const char white[] = " "; /* ends a number that stands alone */
    if (!json_pick_feed(pick, white, 1))
        return false;
    if (pick->step != DONE)
        fails(pick, NULL, "it is cut off");
    return pick->step == DONE;
}

/* ---- what was found ---- */

bool json_pick_blank(const struct json_pick *pick)
{
    return pick->step == START && !pick->mark;
}

bool json_pick_whole(const struct json_pick *pick)
{
    return pick->step == DONE;
}

const char *json_pick_problem(const struct json_pick *pick)
{
    return pick->problem;
}

enum json_pick_kind json_pick_top(const struct json_pick *pick)
{
    return pick->top;
}

enum json_pick_kind json_pick_kind(const struct json_pick *pick, size_t path)
{
    return pick->slots[path].kind;
}

const char *json_pick_text(const struct json_pick *pick, size_t path)
{
    const struct slot *slot = &pick->slots[path];
    return slot->kind == JSON_PICK_TEXT || slot->kind == JSON_PICK_NUMBER ? slot->text : NULL;
}
