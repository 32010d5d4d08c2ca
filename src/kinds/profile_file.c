/* Profile files: a table a profile. Keys this program does not know are kept as they are, in their order. */
#include "profile_file.h"

#include <string.h>

#include "file_form.h"
#include "name_index.h"
#include "profile_extra.h"
#include "util.h"

/* What only a file says; they stand behind the columns. */
const struct field profile_file_state[] = {
    {"usage_count", FIELD_INT, .max = USES_MAX},
    {"enabled", FIELD_BOOL},
    {0},
};
static const struct field *const usage_count = &profile_file_state[0], *const enabled = &profile_file_state[1];

enum { KNOWN_MAX = 16 };

/* The keys of a profile in the order in which CCR writes them; NULL behind the last. */
static const struct field *known_at(size_t i)
{
    const struct column *columns = kind_profile.columns;
    for (size_t n = 0; columns[n].field.type; n++) {
        if (columns[n].flags & COLUMN_KEPT)
            continue;
        if (!i--)
            return &columns[n].field;
    }
    return i == 0 ? usage_count : i == 1 ? enabled : NULL;
}

/* The place of a key among them; KNOWN_MAX = it is none. */
static size_t known_place(const char *name)
{
    const struct field *field;
    for (size_t i = 0; (field = known_at(i)); i++)
        if (strcmp(field->name, name) == 0)
            return i;
    return KNOWN_MAX;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

enum error file_wrong(struct actor *actor, const struct toml *node, const char *what)
{
    return fail(actor, MSG_TOML_FIELD, node->key ? node->key : "", what, number_text(actor, node->line),
                number_text(actor, node->column), NULL);
}

size_t file_max(const struct actor *actor)
{
    size_t third = (size_t)actor->settings->max_body_size / 3;
    return third < FILE_MAX ? third : FILE_MAX;
}

enum error file_parse_toml(struct actor *actor, const char *text, struct toml **root)
{
    struct toml_error error = {0};
    *root = toml_parse(actor->arena, text, strlen(text), &error);
    if (*root)
        return ERR_NONE;
    fail_field(actor, "content", MSG_BAD_TOML, error.message, number_text(actor, error.line),
               number_text(actor, error.column), NULL);
    return fail(actor, MSG_BAD_TOML, error.message, number_text(actor, error.line), number_text(actor, error.column),
                NULL);
}

/* A table of that name is a profile. */
static bool has_value(const struct toml *root, const char *key)
{
    const struct toml *node = toml_get(root, key);
    return node && node->type != TOML_TABLE;
}

bool file_is_registry(const struct toml *root)
{
    return has_value(root, "default_platform") || has_value(root, "current_platform");
}

/* A JSON array of the keys of a table: written as text, because a tree of it takes ten times the memory. */
static const char *keys_text(struct actor *actor, const struct toml *node)
{
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, FILE_MAX);
    json_begin(&w, &out);
    json_open_array(&w);
    for (const struct toml *child = node->first; child; child = child->next)
        json_put_string(&w, child->key);
    json_close_array(&w);
    const char *text = arena_strdup(actor->arena, buffer_string(&out));
    buffer_free(&out);
    return text;
}

/* ---- one profile ---- */

/* In the order of the file; what is missing comes last. */
static bool stands_before(const struct file_problem *a, const struct file_problem *b)
{
    if (a->missing != b->missing)
        return b->missing;
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

void file_profile_wrong_at(struct actor *actor, struct file_profile *p, const char *field, const char *what,
                           const struct toml *node)
{
    struct file_problem **place = &p->problem, *problem = arena_alloc(actor->arena, sizeof *problem);
    *problem = (struct file_problem){field, what, node->line, node->column, field && node == p->table, NULL};
    while (*place && !stands_before(problem, *place))
        place = &(*place)->next;
    problem->next = *place;
    *place = problem;
}

void file_profile_wrong(struct actor *actor, struct file_profile *p, const char *field, const char *what)
{
    const struct toml *node = field ? toml_get(p->table, field) : NULL;
    for (const struct file_problem *each = p->problem; field && each; each = each->next)
        if (each->field && strcmp(each->field, field) == 0)
            return; /* the first thing that is said of a key is the one to mend */
    file_profile_wrong_at(actor, p, field, what, node ? node : p->table);
}

void file_profile_refuse(struct actor *actor, const struct file_profile *p)
{
    for (const struct file_problem *each = p->problem; each; each = each->next)
        fail_field(actor, each->field ? arena_printf(actor->arena, "%s.%s", p->name, each->field) : p->name,
                   MSG_IN_FILE, each->what, number_text(actor, each->line), number_text(actor, each->column), NULL);
}

const char *file_profile_reason(struct actor *actor, const struct file_profile *p)
{
    const struct file_problem *first = p->problem;
    const char *what = translate(actor, MSG_IN_FILE, first->what, number_text(actor, first->line),
                                 number_text(actor, first->column), NULL);
    return arena_printf(actor->arena, "%s %s", first->field ? first->field : p->name, what);
}

static const char *type_words(struct actor *actor, enum toml_type type)
{
    static const char *const names[][LANGUAGE_COUNT] = {[TOML_STRING] = {"a string", "字符串"},
                                                        [TOML_ARRAY] = {"an array of strings", "字符串数组"},
                                                        [TOML_INTEGER] = {"a whole number", "整数"},
                                                        [TOML_BOOLEAN] = {"true or false", "布尔值"}};
    return translate(actor, MSG_TYPE, names[type][actor->language], NULL);
}

/* A provider_type of another kind than the two this program tells apart is kept like an unknown key. */
static bool is_unknown(const struct toml *node)
{
    if (known_place(node->key) == KNOWN_MAX)
        return true;
    return strcmp(node->key, "provider_type") == 0 && node->type == TOML_STRING &&
           strcmp(node->text, "official_relay") != 0 && strcmp(node->text, "third_party_model") != 0;
}

static void read_name(struct actor *actor, struct file_profile *out)
{
    if (!label_valid(out->name))
        file_profile_wrong(actor, out, NULL, translate(actor, MSG_LABEL, NULL));
    else if (profile_reserved(NULL, out->name))
        file_profile_wrong(actor, out, NULL, translate(actor, MSG_RESERVED, out->name, NULL));
}

json_t *file_profile_values(const struct file_profile *p)
{
    json_t *values = json_object(), *extra = json_object(), *order = json_array();
    for (const struct toml *node = p->table->first; node; node = node->next) {
        json_object_set_new(is_unknown(node) ? extra : values, node->key, toml_to_json(node));
        json_array_append_new(order, json_string(node->key));
    }
    if (json_object_size(extra))
        json_object_set(values, "extra", extra);
    json_object_set(values, "key_order", order);
    return values;
}

/* ---- the file ---- */

static bool is_profile(const struct toml *node)
{
    return node->type == TOML_TABLE && strcmp(node->key, "settings") != 0;
}

static enum error read_pointer(struct actor *actor, const struct toml *node, const char **out)
{
    if (node->type != TOML_STRING)
        return file_wrong(actor, node, type_words(actor, TOML_STRING));
    if (*node->text && !label_valid(node->text))
        return file_wrong(actor, node, translate(actor, MSG_LABEL, NULL));
    *out = *node->text ? node->text : NULL;
    return ERR_NONE;
}

static enum error read_top(struct actor *actor, const struct toml *node, struct profile_file *file, json_t *extra)
{
    if (strcmp(node->key, "default_config") == 0)
        return read_pointer(actor, node, &file->standard);
    if (strcmp(node->key, "current_config") == 0)
        return read_pointer(actor, node, &file->current);
    if (!is_profile(node)) {
        json_object_set_new(extra, node->key, toml_to_json(node));
        return ERR_NONE;
    }
    if (file->count == PROFILES_MAX)
        return file_wrong(actor, node, translate(actor, MSG_TOO_MANY, number_text(actor, PROFILES_MAX), NULL));
    struct file_profile *p = &file->profiles[file->count++];
    *p = (struct file_profile){.name = node->key, .table = node};
    read_name(actor, p);
    return ERR_NONE;
}

enum error profile_file_read(struct actor *actor, const struct toml *root, struct profile_file *file)
{
    json_t *extra = json_object();
    size_t count = 0;
    for (const struct toml *node = root->first; node; node = node->next)
        count++;
    *file = (struct profile_file){.profiles = arena_array(actor->arena, count + 1, sizeof *file->profiles)};
    for (const struct toml *node = root->first; node; node = node->next) {
        enum error error = read_top(actor, node, file, extra);
        if (error)
            return error;
    }
    file->extra = json_text(actor->arena, extra);
    file->key_order = keys_text(actor, root);
    return ERR_NONE;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Writes one key if the profile has it; `asked` = the file had it, so that defaults and empty texts are written too. */
static void write_known(struct actor *actor, struct toml *table, const struct resource *r, json_t *values,
                        const struct field *field, bool asked)
{
    json_t *value = json_object_get(values, field->name);
    if (field == usage_count) {
        if (asked || r->uses)
            toml_integer(actor->arena, table, field->name, r->uses);
    } else if (field == enabled) {
        if (asked || !r->enabled)
            toml_boolean(actor->arena, table, field->name, r->enabled);
    } else if (json_is_string(value) ? asked || json_string_length(value)
                                     : json_is_array(value) && (asked || json_array_size(value))) {
        toml_from_json(actor->arena, table, field->name, value);
    }
}

static void write_profile_table(struct actor *actor, struct toml *table, const struct resource *r, json_t *values)
{
    json_t *order = json_object_get(values, "key_order"), *extra = json_object_get(values, "extra"), *item;
    bool done[KNOWN_MAX] = {false}, made_here = json_array_size(order) == 0,
         typed = json_is_string(json_object_get(values, "provider_type"));
    const struct field *field;
    size_t i;
    const char *name;
    json_array_foreach(order, i, item)
    {
        size_t place = known_place(json_string_value(item));
        json_t *value = json_object_get(extra, json_string_value(item));
        if (value && !(place < KNOWN_MAX && typed)) {
            toml_from_json(actor->arena, table, json_string_value(item), value);
        } else if (place < KNOWN_MAX) {
            write_known(actor, table, r, values, known_at(place), true);
        }
        json_object_del(extra, json_string_value(item)); /* a known provider_type may have been set since */
        if (place < KNOWN_MAX)
            done[place] = true;
    }
    for (i = 0; (field = known_at(i)); i++)
        if (!done[i])
            write_known(actor, table, r, values, field, made_here && (field == usage_count || field == enabled));
    json_object_foreach(extra, name, item) toml_from_json(actor->arena, table, name, item);
}

/* What a reader may see is stored as such: without secrets, nothing is opened. */
static enum error write_profile(struct actor *actor, struct toml *root, const struct resource *r, bool secrets)
{
    json_t *values = NULL;
    enum error error = ERR_NONE;
    if (secrets)
        error = resource_values(actor, r, &values);
    else
        values = resource_shown(r);
    if (!error)
        write_profile_table(actor, toml_table(actor->arena, root, r->name), r, values);
    return error;
}

/* A file that is being written, and what goes into it. */
struct output {
    struct actor *actor;
    struct toml *root;   /* the plain values */
    struct buffer *text; /* not the arena's: it is wiped as soon as it was copied */
    bool secrets;
    struct platform_file platform;
    json_t *extra; /* the platform's */
    struct pointers pointers;
    struct resource *profiles;
    size_t count;
    struct name_index places;  /* of profiles, by name */
    struct name_index written; /* top-level keys that are in the file */
    struct native_file *form;  /* NULL = the file is written as if nobody ever had */
    struct name_index by_id;   /* of profiles, with a form */
};

/* What stands under a key; each once. A profile has kept its id whatever it is called now. */
static const void *found_key(void *context, const char *key, const char *id)
{
    struct output *out = context;
    const struct pointers *p = &out->pointers;
    size_t n;
    if ((id && name_index_find(&out->by_id, id, &n)) || name_index_find(&out->places, key, &n))
        return name_index_note(&out->written, out->profiles[n].name) ? &out->profiles[n] : NULL;
    if (!name_index_note(&out->written, key))
        return NULL;
    if (strcmp(key, "default_config") == 0)
        return p->has_standard ? p->standard : NULL;
    if (strcmp(key, "current_config") == 0)
        return p->has_current ? p->current : NULL;
    return json_object_get(out->extra, key);
}

static enum error say_key(void *context, const char *key, const void *found, struct toml *root)
{
    struct output *out = context;
    const struct pointers *p = &out->pointers;
    const struct resource *profile = found;
    if (profile >= out->profiles && profile < out->profiles + out->count)
        return write_profile(out->actor, root, profile, out->secrets);
    if (found == p->standard || found == p->current)
        toml_string(out->actor->arena, root, key, found);
    else
        toml_from_json(out->actor->arena, root, key, json_object_get(out->extra, key));
    return ERR_NONE;
}

/* A table goes out by itself: a tree of all of them would take ten times the memory of the file. */
static enum error write_key(struct output *out, const char *key, bool tables)
{
    if (tables != (name_index_find(&out->places, key, NULL) || is_toml_table(json_object_get(out->extra, key))))
        return ERR_NONE;
    const void *found = found_key(out, key, NULL);
    struct arena_mark mark = arena_mark(out->actor->arena);
    struct toml *root = tables ? toml_table(out->actor->arena, NULL, NULL) : out->root;
    enum error error = found ? say_key(out, key, found, root) : ERR_NONE;
    if (!found || error || !tables)
        return error;
    toml_write(out->text, root);
    arena_release(out->actor->arena, mark);
    return ERR_NONE;
}

/* Tables must follow plain values, which arrays of tables are, too; so the file is written in two passes over the order it had. */
static enum error write_items(struct output *out, bool tables)
{
    json_t *order = json_stored_or(out->platform.key_order, json_array()), *key;
    enum error error = ERR_NONE;
    size_t i;
    json_array_append_new(order, json_string("default_config"));
    json_array_append_new(order, json_string("current_config"));
    json_array_foreach(order, i, key)
    {
        error = error ? error : write_key(out, json_string_value(key), tables);
    }
    if (!tables)
        toml_write(out->text, out->root);
    for (i = 0; !error && tables && i < out->count; i++)
        error = write_key(out, out->profiles[i].name, true);
    return error;
}

static enum error read_store(struct actor *actor, const char *platform, struct output *out)
{
    enum error error = platform_file_read(actor, platform, &out->platform);
    if (!error)
        error = profile_pointers(actor, platform, &out->pointers);
    if (!error)
        error = resources_all(actor, &kind_profile, platform, false, &out->profiles, &out->count);
    out->extra = json_stored_or(out->platform.extra, json_object());
    if (!out->secrets)
        extra_mask(actor, EXTRA_FILE, out->extra);
    out->root = toml_table(actor->arena, NULL, NULL);
    out->places = name_index_new();
    out->written = name_index_new();
    for (size_t i = 0; i < out->count; i++)
        name_index_add(&out->places, out->profiles[i].name, i);
    return error;
}

static enum error say_rest(void *context, bool tables, struct buffer *text)
{
    struct output *out = context;
    out->text = text;
    return write_items(out, tables);
}

static enum error write_in_form(struct actor *actor, struct output *out)
{
    struct buffer *text = out->text;
    const struct form_source source = {out, found_key, say_key, say_rest};
    out->by_id = name_index_new();
    for (size_t i = 0; i < out->count; i++)
        name_index_add(&out->by_id, out->profiles[i].id, i);
    return file_form_write(actor, out->form, &source, text);
}

static enum error write_anew(struct output *out)
{
    enum error error = write_items(out, false);
    return error ? error : write_items(out, true);
}

enum error profile_file_write(struct actor *actor, const char *platform, bool secrets, const char **text,
                              size_t *profiles)
{
    size_t most = file_max(actor);
    struct buffer content;
    struct output file = {.actor = actor, .secrets = secrets, .text = &content};
    struct arena_mark mark = arena_mark(actor->arena);
    buffer_init(&content, most);
    enum error error = read_store(actor, platform, &file);
    if (!error && secrets)
        error = file_form_read(actor, platform, FORM_PROFILES, &file.form);
    if (!error)
        error = file.form ? write_in_form(actor, &file) : write_anew(&file);
    if (!error && content.overflow)
        error = fail(actor, MSG_FILE_MAX, number_text(actor, (long long)most), NULL);
    *text = error ? NULL : arena_strdup(actor->arena, buffer_string(&content));
    *profiles = file.count;
    wipe(content.data, content.length);
    buffer_free(&content);
    if (!error)
        arena_release_but(actor->arena, mark, &text, 1); /* whoever keeps a backup has to seal it, too */
    return error;
}

/* ---- the platform's own row ------------------------------------------------------------------------------------- */

enum error platform_file_read(struct actor *actor, const char *platform, struct platform_file *file)
{
    static const struct statement select = {"platform_file_select",
                                            "SELECT default_profile, extra, key_order FROM workspace_platforms"
                                            " WHERE workspace_id = ccr_workspace() AND platform = $1"};
    struct row row;
    *file = (struct platform_file){NULL, NULL, NULL};
    enum error error = db_one(actor->db, &select, &row, DB_ARGS(platform));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    json_t *extra;
    error = extra_open(actor, platform, platform, row_text(&row, 1), &extra);
    if (!error)
        *file = (struct platform_file){row_text(&row, 0), json_text(actor->arena, extra), row_text(&row, 2)};
    return error;
}

enum error platform_file_has(struct actor *actor, const char *platform, const char *key, bool *has)
{
    struct platform_file file;
    enum error error = platform_file_read(actor, platform, &file);
    *has = !error && json_object_get(json_stored_or(file.extra, json_object()), key);
    return error;
}

enum error platform_file_save(struct actor *actor, const char *platform, const struct platform_file *file)
{
    static const struct statement upsert = {
        "platform_file_upsert",
        "INSERT INTO workspace_platforms (workspace_id, platform, default_profile, extra, key_order)"
        " VALUES (ccr_workspace(), $1, $2, coalesce($3::json, '{}'), coalesce($4::json, '[]'))"
        " ON CONFLICT (workspace_id, platform) DO UPDATE SET default_profile = excluded.default_profile,"
        " extra = excluded.extra, key_order = excluded.key_order"};
    const char *extra = file->extra ? extra_seal(actor, platform, json_stored(file->extra)) : NULL;
    return db_run(actor->db, &upsert, DB_ARGS(platform, file->standard, extra, file->key_order));
}
