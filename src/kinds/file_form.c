/* Forms of files: a text is cut into parts, and a part whose values are still the same goes out as it came in. */
#include "file_form.h"

#include <string.h>

#include "edit.h"
#include "toml_parts.h"
#include "util.h"

bool is_toml_table(const json_t *value)
{
    const char *kind = json_string_value(json_object_get(value, "$toml"));
    return json_is_object(value) && (!kind || strcmp(kind, "table") == 0);
}

struct writing {
    struct actor *actor;
    const struct form_source *source;
    struct buffer *out;
    bool crlf;
};

static bool same_node(const struct toml *a, const struct toml *b)
{
    return text_equal(a->key, b->key) && json_equal(toml_to_json(a), toml_to_json(b));
}

static void begin_line(const struct writing *w)
{
    if (w->out->length && w->out->data[w->out->length - 1] != '\n')
        buffer_text(w->out, w->crlf ? "\r\n" : "\n");
}

/* What is written anew ends its lines as the file does. */
static void add_text(const struct writing *w, const char *text)
{
    begin_line(w);
    for (const char *end; w->crlf && (end = strchr(text, '\n')); text = end + 1) {
        buffer_append(w->out, text, (size_t)(end - text));
        buffer_text(w->out, "\r\n");
    }
    buffer_text(w->out, text);
}

static enum error write_rest(const struct writing *w, bool tables)
{
    struct buffer text;
    buffer_init(&text, w->out->max);
    enum error error = w->source->rest(w->source->context, tables, &text);
    if (!error && text.length) {
        if (tables && w->out->length)
            add_text(w, "\n");
        add_text(w, buffer_string(&text));
    }
    w->out->overflow |= text.overflow;
    wipe(text.data, text.length);
    buffer_free(&text);
    return error;
}

/* A stretch of the text, as file_form_keep() noted it. */
struct form_part {
    const char *text;
    size_t length, count; /* of keys */
    bool header;          /* it begins with a [header] */
    const char **keys;
    const void **found;
};

enum { PART_LENGTH, PART_HEADER, PART_KEYS, KEY_MEMBERS = 2 };

/* The part with other values, in the arena; NULL when it cannot be changed in place. */
static const char *edited(const struct writing *w, const struct form_part *part, const struct toml *now,
                          const char **names)
{
    size_t length;
    struct edit_error wrong;
    struct edit_document *document = edit_open(w->actor->arena, EDIT_TOML, part->text, part->length, &wrong);
    bool good = document != NULL;
    for (size_t i = 0; good && i < part->count; i++)
        if (names[i] && strcmp(names[i], part->keys[i]) != 0)
            good = edit_rename(document, (const char *const[]){part->keys[i], NULL}, names[i], &wrong);
    good = good && edit_set(document, toml_to_json(now), &wrong);
    return good ? edit_text(document, &length, &wrong) : NULL;
}

static enum error write_form_part(const struct writing *w, const struct form_part *part)
{
    struct toml_error wrong;
    struct arena *arena = w->actor->arena;
    const char **names = arena_array(arena, part->count, sizeof *names);
    struct toml *now = toml_table(arena, NULL, NULL), *before = toml_parse(arena, part->text, part->length, &wrong);
    bool same = before != NULL;
    for (size_t i = 0; i < part->count; i++) {
        struct toml *last = now->last;
        enum error error =
            part->found[i] ? w->source->say(w->source->context, part->keys[i], part->found[i], now) : ERR_NONE;
        if (error)
            return error;
        names[i] = now->last != last ? now->last->key : NULL;
        const struct toml *node = before ? toml_get(before, part->keys[i]) : NULL;
        same = same && node && names[i] && same_node(node, now->last);
    }
    const char *text = same || !now->first ? NULL : edited(w, part, now, names);
    begin_line(w);
    if (same)
        buffer_append(w->out, part->text, part->length);
    else if (text)
        buffer_text(w->out, text);
    else if (now->first)
        toml_write(w->out, now);
    return ERR_NONE;
}

/* Reads the next part of the note, and asks for its keys. */
static void take_part(const struct writing *w, const json_t *note, const char **text, struct form_part *part)
{
    size_t left = strlen(*text), length = (size_t)json_integer_value(json_array_get(note, PART_LENGTH));
    *part = (struct form_part){.text = *text,
                               .length = length < left ? length : left,
                               .count = (json_array_size(note) - PART_KEYS) / KEY_MEMBERS,
                               .header = json_is_true(json_array_get(note, PART_HEADER))};
    *text += part->length;
    part->keys = arena_array(w->actor->arena, part->count + 1, sizeof *part->keys);
    part->found = arena_array(w->actor->arena, part->count + 1, sizeof *part->found);
    for (size_t i = 0; i < part->count; i++) {
        const json_t *key = json_array_get(note, PART_KEYS + KEY_MEMBERS * i),
                     *id = json_array_get(note, PART_KEYS + KEY_MEMBERS * i + 1);
        part->keys[i] = json_string_value(key);
        part->found[i] = w->source->find(w->source->context, part->keys[i], json_string_value(id));
    }
}

enum error file_form_read(struct actor *actor, const char *platform, const char *path, struct native_file **form)
{
    size_t count;
    enum error error = native_files_read(actor, platform, path, form, &count);
    *form = !error && count && json_is_array((*form)->taken) ? *form : NULL;
    return error;
}

enum error file_form_keep(struct actor *actor, const char *platform, const char *path, const char *text,
                          const struct toml *root, const json_t *ids)
{
    struct toml_part *parts;
    struct arena_mark mark = arena_mark(actor->arena);
    size_t count = toml_parts(actor->arena, text, strlen(text), root, &parts);
    json_t *notes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *note = json_pack("[i, b]", (int)parts[i].length, parts[i].header);
        const struct toml *node = parts[i].first;
        for (size_t n = 0; n < parts[i].count; n++, node = node->next) {
            const char *id = json_string_value(json_object_get(ids, node->key));
            json_array_append_new(note, json_string(node->key));
            json_array_append_new(note, id ? json_string(id) : json_null());
        }
        json_array_append_new(notes, note);
    }
    enum error error =
        native_file_save(actor, platform, &(struct native_file){.path = path, .text = text, .taken = notes});
    if (!error)
        arena_release(actor->arena, mark);
    return error;
}

enum error file_form_write(struct actor *actor, const struct native_file *form, const struct form_source *source,
                           struct buffer *out)
{
    const struct writing w = {actor, source, out, strstr(form->text, "\r\n") != NULL};
    const char *text = form->text;
    size_t count = json_array_size(form->taken);
    struct form_part *parts = arena_array(actor->arena, count + 1, sizeof *parts);
    enum error error = ERR_NONE;
    bool plain = true;
    for (size_t i = 0; i < count; i++) /* all of them first: what is new among plain values stands before the tables */
        take_part(&w, json_array_get(form->taken, i), &text, &parts[i]);
    for (size_t i = 0; i < count; i++) {
        if (plain && parts[i].header) {
            plain = false;
            error = write_rest(&w, false);
        }
        struct arena_mark mark = arena_mark(actor->arena);
        if (!error && parts[i].count)
            error = write_form_part(&w, &parts[i]);
        else if (!error)
            buffer_append(out, parts[i].text, parts[i].length);
        if (error)
            return error;
        arena_release(actor->arena, mark); /* trees of all would take ten times the memory of the file */
    }
    error = plain ? write_rest(&w, false) : ERR_NONE;
    return error ? error : write_rest(&w, true);
}
