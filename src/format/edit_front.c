/* Markdown with front matter for edits: between two lines of "---" stand YAML keys, one below the other, as agents, commands, skills
 * and output styles have them. libyaml reads them and says where each key and value stands; a value that is a list or a mapping
 * is kept, and changed, as one piece. Anchors, aliases and tags, which no such file needs, are refused.
 *
 * arena_alloc may jump out of here when the arena is exhausted. What libyaml holds stays in `held` until the next call then. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "edit_format.h"
#include "json.h"
#include "util.h"

static _Thread_local struct {
    bool used;
    yaml_parser_t parser;
    yaml_event_t event;
} held;

static void front_let_go(void)
{
    if (!held.used)
        return;
    yaml_event_delete(&held.event);
    yaml_parser_delete(&held.parser);
    held.used = false;
}

/* ---- writing values ---- */

/* What a plain scalar means, by the core schema of YAML 1.2 (section 10.3.2); NULL for a text. */
static json_t *front_plain_value(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const truths[] = {"true", "True", "TRUE"}, *const lies[] = {"false", "False", "FALSE"};
    size_t number = strspn(text, "+-.0123456789eE");
    long long integer;
    char *end;

    for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
        if (strcmp(text, nulls[i]) == 0)
            return json_null();
    for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
        if (strcmp(text, truths[i]) == 0 || strcmp(text, lies[i]) == 0)
            return json_boolean(strcmp(text, truths[i]) == 0);
    if (text[number] != '\0' || strcspn(text, "0123456789") == number)
        return NULL;
    if (parse_int(text, -9223372036854775807LL, 9223372036854775807LL, &integer))
        return json_integer(integer);
    double real = strtod(text, &end);
    return *end == '\0' ? json_real(real) : NULL; /* NULL, too, when it is infinite */
}

static bool front_must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE ||
           c == 0xFFFF;
}

/* Without quotes only what no reader of YAML could take for anything else. */
static bool front_is_plain(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./@$()*+-";
    bool letter = false;
    json_t *other = front_plain_value(text);
    if (other)
        return false;
    for (const char *p = text; *p; p++) {
        letter = letter || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
        if (!strchr(safe, *p) && !(*p == ' ' && p > text && p[1] && p[1] != ' '))
            return false;
    }
    return letter && ((text[0] | 0x20) >= 'a') && ((text[0] | 0x20) <= 'z');
}

static void front_write_text(struct buffer *out, const char *text)
{
    if (front_is_plain(text)) {
        buffer_text(out, text);
        return;
    }
    buffer_char(out, '"');
    while (*text) {
        const char *from = text;
        uint32_t c = utf8_next(&text);
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", (int)c);
        else if (c == '\n' || c == '\t')
            buffer_text(out, c == '\n' ? "\\n" : "\\t");
        else if (front_must_escape(c))
            buffer_printf(out, "\\u%04X", (unsigned)c);
        else
            buffer_append(out, from, (size_t)(text - from));
    }
    buffer_char(out, '"');
}

/* On one line: a list as [a, b], an object as {a: 1}. */
static void front_write_value(struct arena *arena, struct buffer *out, json_t *value)
{
    const char *name, *comma = "";
    json_t *child;
    size_t i;

    if (json_is_string(value)) {
        front_write_text(out, json_string_value(value));
    } else if (json_is_array(value)) {
        buffer_char(out, '[');
        json_array_foreach(value, i, child)
        {
            buffer_text(out, i ? ", " : "");
            front_write_value(arena, out, child);
        }
        buffer_char(out, ']');
    } else if (json_is_object(value)) {
        buffer_char(out, '{');
        json_object_foreach(value, name, child)
        {
            buffer_text(out, comma);
            front_write_text(out, name);
            buffer_text(out, ": ");
            front_write_value(arena, out, child);
            comma = ", ";
        }
        buffer_char(out, '}');
    } else {
        buffer_text(out, json_text(arena, value));
    }
}

static const char *front_scalar_text(struct arena *arena, json_t *value)
{
    struct buffer out;
    buffer_init_in(&out, arena, EDIT_MAX_TEXT);
    front_write_value(arena, &out, value);
    return buffer_string(&out);
}

/* The lines of a block list that has one for each element; 0 when it has others, too. */
static size_t front_list_lines(struct slice text, size_t elements, struct slice *lines)
{
    size_t count = 0;
    for (const char *at = text.at, *end = at + text.length, *next; at < end; at = next) {
        const char *ending = memchr(at, '\n', (size_t)(end - at));
        next = ending ? ending + 1 : end;
        size_t length = (size_t)((ending ? ending : end) - at);
        length -= length && at[length - 1] == '\r';
        struct slice line = {at, length};
        line = slice_behind(line, slice_blanks(line).length);
        if (count == elements || line.length < 2 || line.at[0] != '-' || line.at[1] != ' ')
            return 0;
        lines[count++] = line;
    }
    return count == elements ? count : 0;
}

/* A list of plain values below its key stays one: elements at both ends that are what they were keep their lines. */
static const char *front_block_text(struct tree *tree, struct item *item, json_t *old, json_t *value)
{
    struct slice between = item->line->pieces[2], text = item->value->text;
    size_t before = json_array_size(old), after = json_array_size(value), start = 0, end = 0, i;
    struct slice *lines = arena_array(tree->arena, before + 1, sizeof *lines);
    struct slice indent = slice_behind(between, between.length), comment = slice_of("");
    struct buffer out;
    json_t *element;

    json_array_foreach(value, i, element) if (json_is_array(element) || json_is_object(element)) return NULL;
    if (!before || !after || !memchr(between.at, '\n', between.length) || text.length < 2 || text.at[0] != '-')
        return NULL;
    while (indent.at > between.at && indent.at[-1] == ' ')
        indent = (struct slice){indent.at - 1, indent.length + 1};
    if (front_list_lines(text, before, lines)) {
        while (start < before && start < after && json_equal(json_array_get(old, start), json_array_get(value, start)))
            start++;
        while (end < before - start && end < after - start &&
               json_equal(json_array_get(old, before - 1 - end), json_array_get(value, after - 1 - end)))
            end++;
        if (!end) { /* what is behind the value is the comment of its last element */
            comment = item->line->tail;
            while (comment.length && strchr("\r\n", comment.at[comment.length - 1]))
                comment.length--;
            item->line->tail = slice_of(tree->eol);
        }
    }
    buffer_init_in(&out, tree->arena, EDIT_MAX_TEXT);
    json_array_foreach(value, i, element)
    {
        struct slice line = i < start ? lines[i] : i >= after - end ? lines[i + before - after] : slice_of("- ");
        if (i) {
            buffer_text(&out, tree->eol);
            buffer_append(&out, indent.at, indent.length);
        }
        buffer_append(&out, line.at, line.length);
        if (i >= start && i < after - end)
            front_write_value(tree->arena, &out, element);
        if (i + 1 == before && i < start)
            buffer_append(&out, comment.at, comment.length);
    }
    return buffer_string(&out);
}

static const char *front_key_text(struct arena *arena, const char *name)
{
    struct buffer out;
    buffer_init_in(&out, arena, EDIT_MAX_TEXT);
    front_write_text(&out, name);
    return buffer_string(&out);
}

static const struct syntax front_syntax = {
    .separator = ": ",
    .padding = "",
    .tables_on_lines = false,
    .needs_blank = true,
    .comment = hash_comment,
    .key_text = front_key_text,
    .scalar_text = front_scalar_text,
    .block_text = front_block_text,
};

/* ---- reading ---- */

struct front_reader {
    struct tree *tree;
    struct slice text;        /* all of it, for errors */
    struct slice block;       /* what libyaml sees */
    size_t characters, bytes; /* a place in the block, in both measures: libyaml counts characters */
    yaml_mark_t end;          /* of the last token that is more than white space */
    bool block_end;           /* that is the end of a text of several lines, with their breaks */
    bool keeps_breaks;        /* which all belong to it: |+ */
    struct edit_error *error;
};

static const char *front_place(struct front_reader *r, size_t characters)
{
    if (characters < r->characters)
        r->characters = r->bytes = 0;
    while (r->characters < characters && r->bytes < r->block.length) {
        do
            r->bytes++;
        while (r->bytes < r->block.length && ((unsigned char)r->block.at[r->bytes] & 0xC0) == 0x80);
        r->characters++;
    }
    return r->block.at + r->bytes;
}

static bool front_complain(const struct front_reader *r, const char *at, const char *message)
{
    return edit_fail_at(r->error, r->text, at, message);
}

static bool front_next(struct front_reader *r)
{
    yaml_event_delete(&held.event);
    if (yaml_parser_parse(&held.parser, &held.event))
        return true;
    const char *problem = held.parser.problem ? held.parser.problem : "no YAML";
    bool reader = held.parser.error == YAML_READER_ERROR;
    const char *at = reader ? r->block.at + (held.parser.problem_offset < r->block.length ? held.parser.problem_offset
                                                                                          : r->block.length)
                            : front_place(r, held.parser.problem_mark.index);
    if (held.parser.error == YAML_MEMORY_ERROR)
        arena_exhausted(r->tree->arena);
    return front_complain(r, at, problem);
}

static bool front_plainly_written(struct front_reader *r)
{
    const yaml_event_t *e = &held.event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT)
        anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
    else if (e->type == YAML_MAPPING_START_EVENT)
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
    if (!anchor && !tag && e->type != YAML_ALIAS_EVENT)
        return true;
    return front_complain(r, front_place(r, e->start_mark.index), "anchors, aliases and tags are not allowed here");
}

static void front_note_end(struct front_reader *r, const yaml_event_t *e)
{
    bool lines = e->type == YAML_SCALAR_EVENT && (e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                                                  e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
    r->end = e->end_mark;
    r->block_end = lines;
    if (lines) {
        const char *p = front_place(r, e->start_mark.index) + 1;
        r->keeps_breaks = *p == '+' || (*p >= '0' && *p <= '9' && p[1] == '+');
    }
}

static bool front_text(struct front_reader *r, const char **out)
{
    const yaml_event_t *e = &held.event;
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length)
        return front_complain(r, front_place(r, e->start_mark.index), "the character U+0000 cannot be stored");
    *out = arena_strndup(r->tree->arena, text, e->data.scalar.length);
    return true;
}

static json_t *front_value(struct front_reader *r, unsigned level);

static json_t *front_list(struct front_reader *r, unsigned level)
{
    json_t *list = json_array();
    for (;;) {
        if (!front_next(r))
            return NULL;
        if (held.event.type == YAML_SEQUENCE_END_EVENT)
            return list;
        json_t *value = front_value(r, level);
        if (!value)
            return NULL;
        json_array_append_new(list, value);
    }
}

static json_t *front_mapping(struct front_reader *r, unsigned level)
{
    json_t *object = json_object();
    for (;;) {
        const char *name = "";
        if (!front_next(r) || !front_plainly_written(r))
            return NULL;
        if (held.event.type == YAML_MAPPING_END_EVENT)
            return object;
        const char *at = front_place(r, held.event.start_mark.index);
        if (held.event.type != YAML_SCALAR_EVENT) {
            front_complain(r, at, "a key that is no text");
            return NULL;
        }
        if (!front_text(r, &name))
            return NULL;
        if (json_object_get(object, name)) {
            front_complain(r, at, "this key stands twice in one mapping");
            return NULL;
        }
        front_note_end(r, &held.event);
        json_t *value = front_next(r) ? front_value(r, level) : NULL;
        if (!value || json_object_set_new(object, name, value) != 0)
            return NULL;
    }
}

/* The value that the event at hand is or begins. */
static json_t *front_value(struct front_reader *r, unsigned level)
{
    const yaml_event_t *e = &held.event;
    const char *text = "";
    json_t *value;

    if (!front_plainly_written(r))
        return NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        if (!front_text(r, &text))
            return NULL;
        value = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? front_plain_value(text) : NULL;
        if (e->end_mark.index > e->start_mark.index)
            front_note_end(r, e);
        return value ? value : json_string(text);
    }
    if (level >= EDIT_MAX_NESTING) {
        front_complain(r, front_place(r, e->start_mark.index), "nested deeper than 32 levels");
        return NULL;
    }
    bool list = e->type == YAML_SEQUENCE_START_EVENT;
    bool flow = list ? e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                     : e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    r->end = e->end_mark;
    r->block_end = false;
    value = list ? front_list(r, level + 1) : front_mapping(r, level + 1);
    if (value && flow)
        front_note_end(r, &held.event);
    return value;
}

/* ---- lines ---- */

/* Only white space and comments. */
static bool front_is_space(struct slice s)
{
    const char *end = s.at + s.length;
    for (const char *at = s.at; at < end;) {
        size_t length = hash_comment(at, end);
        if (!length && !strchr(" \t\r\n", *at))
            return false;
        at += length ? length : 1;
    }
    return true;
}

/* Where the value that was just read ends: of a text of several lines the last line break is none of it, and neither are the
 * empty lines behind it, unless it says so. */
static const char *front_value_end(struct front_reader *r, const char *from)
{
    const char *end = front_place(r, r->end.index);
    bool all = r->block_end && !r->keeps_breaks;
    if (!r->block_end)
        return end > from ? end : from;
    do {
        if (end > from && end[-1] == '\n')
            end -= end - from > 1 && end[-2] == '\r' ? 2 : 1;
    } while (all && end > from && end[-1] == '\n');
    return end;
}

/* One key and its value; the event at hand is the key. *place is behind the line before, and then behind this one. */
static bool front_member(struct front_reader *r, struct item *root, json_t *object, const char **place)
{
    struct tree *tree = r->tree;
    const char *block_end = r->block.at + r->block.length;
    const char *key = front_place(r, held.event.start_mark.index), *key_end = front_place(r, held.event.end_mark.index);
    struct item *item = item_new(tree);
    struct node *node = node_new(tree, NODE_SCALAR);

    if (held.event.type != YAML_SCALAR_EVENT || !front_plainly_written(r) || !front_text(r, &item->name))
        return held.event.type == YAML_SCALAR_EVENT ? false : front_complain(r, key, "a key that is no text");
    if (json_object_get(object, item->name))
        return front_complain(r, key, "this key stands twice in one mapping");
    if (!front_next(r))
        return false;
    bool empty = held.event.start_mark.index == held.event.end_mark.index && held.event.type == YAML_SCALAR_EVENT;
    const char *value =
        empty ? memchr(key_end, ':', (size_t)(block_end - key_end)) : front_place(r, held.event.start_mark.index);
    node->block = held.event.type != YAML_SCALAR_EVENT && value && *value != '[' && *value != '{';
    json_t *meaning = front_value(r, 1);
    if (!meaning)
        return false;
    value = value && empty ? value + 1 : value;
    const char *end = !value || empty ? value : front_value_end(r, value);
    if (!value || value < key_end || !front_is_space(slice_between(*place, key)) ||
        json_object_set_new(object, item->name, meaning) != 0)
        return front_complain(r, key, "this is written in a way that cannot be edited");

    struct slice *pieces = arena_array(tree->arena, 3, sizeof *pieces);
    pieces[0] = slice_of("");
    item->key = pieces[1] = slice_between(key, key_end);
    pieces[2] = slice_between(key_end, value);
    node->text = slice_between(value, end);
    item->line = line_new(tree, tree->end, pieces, 1);
    item->line->lead = slice_between(*place, key);
    item->line->item = item;
    item_hold(item, node);
    node_link(tree, root->value, root->value->last, item);
    line_mention(tree, item->line, 0, item);
    root->value->last_key = root->value->last_line = item->line;

    const char *line_end = end;
    while (line_end < block_end && *line_end++ != '\n')
        ;
    item->line->tail = slice_between(end, line_end);
    *place = line_end;
    return front_is_space(item->line->tail) || front_complain(r, end, "this is written in a way that cannot be edited");
}

static bool front_members(struct front_reader *r, struct item *root, json_t *object)
{
    const char *place = r->block.at;
    yaml_event_type_t type;

    do { /* stream and document start */
        if (!front_next(r))
            return false;
        type = held.event.type;
    } while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
    if (type == YAML_MAPPING_START_EVENT && held.event.data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE &&
        front_plainly_written(r)) {
        for (;;) {
            if (!front_next(r))
                return false;
            if (held.event.type == YAML_MAPPING_END_EVENT)
                break;
            if (!front_member(r, root, object, &place))
                return false;
        }
        do { /* document end */
            if (!front_next(r))
                return false;
            type = held.event.type;
        } while (type == YAML_DOCUMENT_END_EVENT);
    }
    r->tree->trailer = slice_between(place, r->block.at + r->block.length);
    if (type != YAML_STREAM_END_EVENT || !front_is_space(r->tree->trailer))
        return front_complain(r, place, "expected keys, one below the other");
    return true;
}

/* ---- documents ---- */

/* Whether a line of nothing but "---" starts there, and where the next one does. */
static bool front_fence(const char *at, const char *end, const char **next)
{
    if (end - at < 3 || memcmp(at, "---", 3) != 0)
        return false;
    for (at += 3; at < end && (*at == ' ' || *at == '\t'); at++)
        ;
    *next = at + line_break(at, end);
    return at == end || *next > at;
}

/* Finds the block between the fences. */
static bool front_block(struct slice text, const char *from, struct slice *block, const char **body)
{
    const char *end = text.at + text.length, *line = from, *behind = end;
    if (!front_fence(from, end, &line) || line == end)
        return false;
    *block = slice_between(line, line);
    while (line < end && !front_fence(line, end, &behind)) {
        const char *ending = memchr(line, '\n', (size_t)(end - line));
        line = ending ? ending + 1 : end;
    }
    *block = slice_between(block->at, line);
    *body = behind;
    return line < end;
}

static bool front_read_block(struct front_reader *r, struct item *root, json_t *object)
{
    front_let_go();
    if (!yaml_parser_initialize(&held.parser))
        arena_exhausted(r->tree->arena);
    memset(&held.event, 0, sizeof held.event);
    held.used = true;
    yaml_parser_set_encoding(&held.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&held.parser, (const unsigned char *)r->block.at, r->block.length);
    bool good = front_members(r, root, object);
    front_let_go();
    return good;
}

bool edit_read_front(struct reading *reading, struct slice text, struct edit_error *error)
{
    struct tree *tree = &reading->tree;
    const char *start = text.at + slice_mark(text).length, *end = text.at + text.length, *body = start;
    struct slice block = slice_of("");

    reading->value = json_object();
    reading->root = tree_begin_lines(tree, &front_syntax, text);
    bool fenced = front_block(text, start, &block, &body);
    tree->fence = fenced ? NULL : "---";
    reading->root->lead = slice_between(text.at, fenced ? block.at : start);
    tree->rest = slice_between(fenced ? block.at + block.length : start, end);
    reading->body = slice_between(fenced ? body : start, end);
    if (!utf8_valid(text.at, text.length))
        return edit_fail(error, "not UTF-8");
    struct front_reader r = {.tree = tree, .text = text, .block = block, .error = error};
    return !fenced || front_read_block(&r, reading->root, reading->value);
}
