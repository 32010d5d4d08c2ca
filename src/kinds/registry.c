/* The registry: CCR's config.toml, which says what platform is current and which profile each one uses. The file is kept
 * whole; what the program itself keeps elsewhere (the pointers) is put in anew on the way out. */
#include <string.h>

#include "audit.h"
#include "file_form.h"
#include "merge.h"
#include "name_index.h"
#include "profile_extra.h"
#include "profile_file.h"
#include "util.h"

static const struct statement
    select_doc = {"registry_select", "SELECT w.registry, w.default_platform, m.current_platform FROM workspaces w"
                                     " LEFT JOIN memberships m ON m.workspace_id = w.id AND m.user_id = ccr_user()"
                                     " WHERE w.id = ccr_workspace()"},
    save_doc = {"registry_save",
                "UPDATE workspaces SET registry = $1::json, default_platform = coalesce($2, default_platform)"
                " WHERE id = ccr_workspace()"},
    save_platform = {"registry_save_platform", "UPDATE memberships SET current_platform = $1"
                                               " WHERE workspace_id = ccr_workspace() AND user_id = ccr_user()"},
    select_pointers = {"registry_pointers", "SELECT platform, current_profile FROM user_platforms"
                                            " WHERE workspace_id = ccr_workspace() AND user_id = ccr_user()"
                                            " ORDER BY platform"};

enum error platform_switch(struct actor *actor, const char *platform)
{
    actor->identity_changed = true;
    return db_run(actor->db, &save_platform, DB_ARGS(platform));
}

/* What the document is sealed for, beside the workspace; and the platform that its form is kept with, since it is of none. */
static const char row_id[] = "registry", form_platform[] = "claude";

/* A pointer to a platform has to be one that is known. */
static enum error take_platform(struct actor *actor, const struct toml *root, const char *key, const char **out)
{
    const struct toml *node = toml_get(root, key);
    *out = NULL;
    if (!node)
        return ERR_NONE;
    if (node->type != TOML_STRING || !platform_find(node->text))
        return file_wrong(actor, node, translate(actor, MSG_CHOICE, "claude, codex, gemini, qwen, iflow, droid", NULL));
    *out = node->text;
    return ERR_NONE;
}

static enum error import_platform(struct actor *actor, const struct toml *table, bool dry_run)
{
    const struct toml *current = toml_get(table, "current_profile");
    if (!current)
        return ERR_NONE;
    if (current->type != TOML_STRING || !label_valid(current->text))
        return file_wrong(actor, current, translate(actor, MSG_LABEL, NULL));
    return dry_run ? ERR_NONE : profile_set_current(actor, table->key, current->text);
}

enum error registry_import(struct actor *actor, const char *text, const struct toml *root, bool replace, bool dry_run,
                           struct registry_result **results, size_t *count)
{
    struct row row;
    struct masked_key masked;
    const char *standard, *current;
    enum error error = take_platform(actor, root, "default_platform", &standard);
    if (!error)
        error = take_platform(actor, root, "current_platform", &current);
    if (!error)
        error = resources_lock(actor, &kind_profile, "registry", BRIEFLY);
    if (!error)
        error = db_one(actor->db, &select_doc, &row, DB_NO_ARGS);
    if (error)
        return error;
    json_t *old, *new = json_object(), *sent;
    for (const struct toml *node = root->first; node; node = node->next)
        json_object_set_new(new, node->key, toml_to_json(node)); /* never wrapped as a whole (toml.h) */
    error = extra_open(actor, row_id, "config.toml", row_text(&row, 0), &old);
    if (error)
        return error;
    if (!extra_unmask(actor, EXTRA_REGISTRY, root, new, old, &masked))
        return file_wrong(actor, masked.node, translate(actor, MSG_MASK, NULL));
    sent = new;
    *results = arena_array(actor->arena, json_object_size(new) + 1, sizeof **results);
    *count = 0;
    if (!replace) {
        json_t *whole = json_deep_copy(old);
        merge_tables(whole, new);
        new = whole;
    }
    for (const struct toml *node = root->first; !error && node; node = node->next) {
        json_t *before = json_object_get(old, node->key);
        if (node->type != TOML_TABLE)
            continue;
        bool unchanged = before && json_equal(before, json_object_get(new, node->key));
        (*results)[(*count)++] = (struct registry_result){node->key, !before, before && !unchanged};
        if (platform_find(node->key))
            error = import_platform(actor, node, dry_run);
    }
    if (error || dry_run)
        return error;
    error = db_run(actor->db, &save_doc, DB_ARGS(extra_seal(actor, row_id, new), standard));
    if (!error && current)
        error = platform_switch(actor, current);
    if (!error && (replace || json_object_size(new) == json_object_size(sent)))
        error = file_form_keep(actor, form_platform, FORM_REGISTRY, text, root, NULL);
    const struct audit entry = {.action = "profile.import", .platform = current, .target = "config.toml"};
    return error ? error : audit_write(actor, &entry);
}

/* Sets a key in place, or at the end when it is new. */
static void put_member(json_t *object, const char *key, const char *value)
{
    if (value)
        json_object_set_new(object, key, json_string(value));
}

/* The document while it is written. */
struct registry {
    struct actor *actor;
    json_t *doc;
    struct name_index written;
};

static const void *found_key(void *context, const char *key, const char *id)
{
    struct registry *registry = context;
    (void)id;
    name_index_note(&registry->written, key);
    return json_object_get(registry->doc, key);
}

static enum error say_key(void *context, const char *key, const void *found, struct toml *root)
{
    struct registry *registry = context;
    (void)found;
    toml_from_json(registry->actor->arena, root, key, json_object_get(registry->doc, key));
    return ERR_NONE;
}

/* Plain values stand before tables, so that what is new among them is said with the tables only when there is no form. */
static enum error say_rest(void *context, bool tables, struct buffer *out)
{
    const char *key;
    json_t *value;
    struct registry *registry = context;
    struct toml *root = toml_table(registry->actor->arena, NULL, NULL);
    json_object_foreach(registry->doc, key, value)
    {
        if ((tables || !is_toml_table(value)) && name_index_note(&registry->written, key))
            toml_from_json(registry->actor->arena, root, key, value);
    }
    toml_write(out, root);
    return ERR_NONE;
}

enum error registry_export(struct actor *actor, bool secrets, const char **text)
{
    struct row row;
    struct rows pointers;
    enum error error = db_one(actor->db, &select_doc, &row, DB_NO_ARGS);
    if (!error)
        error = db_all(actor->db, &select_pointers, &pointers, DB_NO_ARGS);
    json_t *doc = NULL;
    if (!error)
        error = extra_open(actor, row_id, "config.toml", row_text(&row, 0), &doc);
    if (error)
        return error;
    if (!secrets)
        extra_mask(actor, EXTRA_REGISTRY, doc);
    put_member(doc, "default_platform", row_text(&row, 1));
    put_member(doc, "current_platform", row_text(&row, 2));
    for (int i = 0; i < pointers.count; i++) {
        struct row pointer = rows_at(&pointers, i);
        const char *platform = row_text(&pointer, 0);
        if (!json_is_object(json_object_get(doc, platform)))
            json_object_set_new(doc, platform, json_pack("{s:b}", "enabled", 1));
        put_member(json_object_get(doc, platform), "current_profile", row_text(&pointer, 1));
    }
    struct buffer out;
    struct native_file *form = NULL;
    size_t most = file_max(actor);
    struct registry registry = {actor, doc, name_index_new()};
    const struct form_source source = {&registry, found_key, say_key, say_rest};
    buffer_init(&out, most);
    if (secrets)
        error = file_form_read(actor, form_platform, FORM_REGISTRY, &form);
    if (!error)
        error = form ? file_form_write(actor, form, &source, &out) : say_rest(&registry, true, &out);
    if (!error && out.overflow)
        error = fail(actor, MSG_FILE_MAX, number_text(actor, (long long)most), NULL);
    *text = error ? NULL : arena_strdup(actor->arena, buffer_string(&out));
    wipe(out.data, out.length);
    buffer_free(&out);
    return error;
}
