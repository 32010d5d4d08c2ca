/* Import: TOML files in CCR's own format. What is in the store and in the file is compared in memory; what differs is written
 * in batches. */
#include "import.h"

#include <string.h>

#include "audit.h"
#include "backups.h"
#include "file_form.h"
#include "merge.h"
#include "name_index.h"
#include "native_file.h"
#include "profile_extra.h"
#include "profile_pointers.h"
#include "util.h"

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static void note(struct import_result *result, const char *name, enum import_verdict verdict)
{
    result->rows[result->count++] = (struct import_row){name, verdict, NULL};
    result->counts[verdict]++;
}

static bool is_unchanged(const struct resource *before, const json_t *stored, const struct resource *after,
                         const json_t *values)
{
    bool same = before->uses == after->uses && before->enabled == after->enabled && before->position == after->position;
    for (const struct column *column = kind_profile.columns; same && column->field.type; column++)
        same = same_value(json_object_get(stored, column->field.name), json_object_get(values, column->field.name));
    return same;
}

/* What a redacted export masked stays as it is. */
static void unmask_extra(struct actor *actor, struct file_profile *file, json_t *values, const json_t *stored)
{
    struct masked_key masked;
    json_t *extra = json_object_get(values, "extra");
    if (extra && !extra_unmask(actor, EXTRA_PROFILE, file->table, extra, json_object_get(stored, "extra"), &masked))
        file_profile_wrong_at(actor, file, masked.path, translate(actor, MSG_MASK, NULL), masked.node);
}

/* What a form would make nothing of stays what it is: `model = ""` and `tags = []` are written again as they were read. */
static void keep_empty(json_t *sent, json_t *values)
{
    const char *name;
    json_t *value;
    json_object_foreach(sent, name, value)
    {
        json_t *now = json_object_get(values, name);
        if (json_is_string(value) && (!now || json_is_null(now)) && kind_column(&kind_profile, name))
            json_object_set_new(values, name, json_string(""));
        else if (json_is_array(value) && !now)
            json_object_set(values, name, value);
    }
}

/* The one check that all ways in share; what it says is noted with the profile, and with the place in the file. */
static void check_values(struct actor *actor, struct file_profile *file, const struct resource *before, json_t *stored,
                         json_t *values)
{
    struct profile_problem problems[PROFILE_PROBLEMS_MAX];
    struct failure outer = actor->failure;
    json_t *sent = json_copy(values);
    actor->failure = (struct failure){0};
    resource_check_values(actor, &kind_profile, file->r.platform, before, stored, values);
    keep_empty(sent, values);
    profile_fill(values);
    for (const struct field_failure *each = actor->failure.fields; each; each = each->next) {
        const char *field = arena_strndup(actor->arena, each->field, strcspn(each->field, ".["));
        if (strcmp(field, "extra") != 0) /* that was said with its place */
            file_profile_wrong(actor, file, field, each->message);
    }
    actor->failure = outer;
    size_t count = profile_unusable(actor, file->r.platform, values, problems);
    for (size_t i = 0; i < count; i++)
        file_profile_wrong(actor, file, problems[i].field, problems[i].what);
}

/* How often it was used, and whether it may be, which are no columns. */
static void take_state(struct actor *actor, struct file_profile *file, json_t *values)
{
    struct failure outer = actor->failure;
    json_t *uses = json_object_get(values, "usage_count"), *enabled = json_object_get(values, "enabled");
    actor->failure = (struct failure){0};
    for (const struct field *field = profile_file_state; field->type; field++)
        field_check(actor, values, field);
    for (const struct field_failure *each = actor->failure.fields; each; each = each->next)
        file_profile_wrong(actor, file, each->field, each->message);
    actor->failure = outer;
    if (json_is_integer(uses) && json_integer_value(uses) >= 0)
        file->r.uses = json_integer_value(uses) < USES_MAX ? json_integer_value(uses) : USES_MAX;
    if (json_is_boolean(enabled))
        file->r.enabled = json_is_true(enabled);
}

/* ---- finding out what is to be done ----------------------------------------------------------------------------- */

/* A file, what is stored, and the changes that make the one of the other. */
struct plan {
    const char *platform;
    struct profile_file file;
    struct platform_file top; /* what is stored of the file's top level */
    json_t *values;           /* its values in a merge, which no new profile may be named like; NULL = none */
    struct resource *stored;
    size_t stored_count;
    struct name_index in_store, in_file;
    struct resource_change *changes;
    size_t count;
    const struct import_options *options;
    struct import_result *result;
};

static const struct resource *stored_one(const struct plan *plan, const char *name)
{
    size_t place;
    return name_index_find(&plan->in_store, name, &place) ? &plan->stored[place] : NULL;
}

/* What the profile is before the file has its say. */
static void begin_profile(const struct plan *plan, struct file_profile *file, const struct resource *before)
{
    long long position = file->r.position;
    bool merge = before && !plan->options->replace;
    file->r = (struct resource){.kind = &kind_profile, .enabled = !merge || before->enabled};
    if (before)
        memcpy(file->r.id, before->id, UUID_TEXT);
    else
        random_uuid(file->r.id);
    file->r.platform = plan->platform;
    file->r.name = file->name;
    file->r.position = position;
    file->r.uses = merge ? before->uses : 0;
}

/* What is stored and what the file says, made one and checked; false when nothing changes. */
static bool take_profile(struct actor *actor, const struct plan *plan, struct file_profile *file,
                         const struct resource *before)
{
    struct arena_mark mark = arena_mark(actor->arena);
    struct resource *r = &file->r;
    json_t *values = file_profile_values(file), *stored = before ? resource_values_kept(actor, before) : NULL;
    begin_profile(plan, file, before);
    take_state(actor, file, values);
    unmask_extra(actor, file, values, stored);
    if (before && !plan->options->replace)
        merge_profile(values, stored);
    else if (!json_object_get(values, "extra"))
        json_object_set_new(values, "extra", json_null()); /* or what is stored would be kept */
    if (plan->options->on_invalid == INVALID_TAKEN)        /* a backup of an older version is taken whatever it says */
        profile_cut_userinfo(actor, values);
    bool unchanged = before && !file->problem && is_unchanged(before, stored, r, values);
    if (!unchanged) { /* what is stored was checked */
        check_values(actor, file, before, stored, values);
        unchanged = before && is_unchanged(before, stored, r, values);
    }
    if (!unchanged)
        resource_seal(actor, r, values);
    /* What it took to find out takes more memory than the profile, and holds its secrets in clear. */
    if (!file->problem)
        arena_release_but(actor->arena, mark, (const char **const[]){&r->listed, &r->unlisted, &r->sealed, &r->words},
                          4);
    return !unchanged;
}

static void plan_one(struct actor *actor, struct plan *plan, struct file_profile *file)
{
    const struct resource *before = stored_one(plan, file->name);
    if (!before && json_object_get(plan->values, file->name))
        file_profile_wrong(actor, file, NULL, translate(actor, MSG_TOP_LEVEL, file->name, NULL));
    bool changed = take_profile(actor, plan, file, before);
    if (file->problem && plan->options->on_invalid == INVALID_REFUSED) {
        file_profile_refuse(actor, file);
        return;
    }
    if (file->problem && plan->options->on_invalid == INVALID_SKIPPED) {
        note(plan->result, file->name, IMPORT_INVALID);
        plan->result->rows[plan->result->count - 1].reason = file_profile_reason(actor, file);
        return;
    }
    note(plan->result, file->name, !changed ? IMPORT_SKIPPED : before ? IMPORT_UPDATED : IMPORT_ADDED);
    if (changed)
        plan->changes[plan->count++] = (struct resource_change){before, &file->r};
}

static void plan_removals(struct plan *plan)
{
    for (size_t i = 0; i < plan->stored_count; i++) {
        if (name_index_find(&plan->in_file, plan->stored[i].name, NULL))
            continue;
        note(plan->result, plan->stored[i].name, IMPORT_REMOVED);
        plan->changes[plan->count++] = (struct resource_change){&plan->stored[i], NULL};
    }
}

/* Existing profiles keep their place in a merge; new ones go to the end. */
static void place_profiles(struct plan *plan, bool replace)
{
    long long next = plan->stored_count && !replace ? plan->stored[plan->stored_count - 1].position + 1 : 0;
    for (size_t i = 0; i < plan->file.count; i++) {
        struct file_profile *p = &plan->file.profiles[i];
        const struct resource *before = replace ? NULL : stored_one(plan, p->name);
        p->r.position = before ? before->position : next++;
    }
}

/* A value at the file's top level may not stand where a profile stays. */
static enum error check_top(struct actor *actor, const struct plan *plan, const struct toml *root)
{
    const char *key;
    json_t *values = json_stored(plan->file.extra), *value;
    json_object_foreach(values, key, value)
    {
        if (stored_one(plan, key))
            return file_wrong(actor, toml_get(root, key), translate(actor, MSG_NAME_OF_PROFILE, NULL));
    }
    return ERR_NONE;
}

/* What a redacted export masked stays as it is. */
static enum error unmask_top(struct actor *actor, struct plan *plan, const struct toml *root)
{
    struct masked_key masked;
    json_t *extra = json_stored_or(plan->file.extra, json_object());
    if (!extra_unmask(actor, EXTRA_FILE, root, extra, json_stored(plan->top.extra), &masked) &&
        plan->options->on_invalid != INVALID_TAKEN)
        return file_wrong(actor, masked.node, translate(actor, MSG_MASK, NULL));
    plan->file.extra = json_text(actor->arena, extra);
    return ERR_NONE;
}

static enum error plan_import(struct actor *actor, struct plan *plan, const struct toml *root)
{
    size_t most = plan->file.count + plan->stored_count;
    bool replace = plan->options->replace;
    plan->in_store = name_index_new();
    plan->in_file = name_index_new();
    plan->changes = arena_array(actor->arena, most + 1, sizeof *plan->changes);
    plan->result->rows = arena_array(actor->arena, most + 1, sizeof *plan->result->rows);
    for (size_t i = 0; i < plan->stored_count; i++)
        name_index_add(&plan->in_store, plan->stored[i].name, i);
    for (size_t i = 0; i < plan->file.count; i++)
        name_index_add(&plan->in_file, plan->file.profiles[i].name, i);
    place_profiles(plan, replace);
    enum error error = unmask_top(actor, plan, root);
    if (!error && !replace)
        error = check_top(actor, plan, root);
    if (error)
        return error;
    plan->values = replace ? NULL : json_stored(plan->top.extra);
    for (size_t i = 0; i < plan->file.count; i++)
        plan_one(actor, plan, &plan->file.profiles[i]);
    if (replace)
        plan_removals(plan);
    if (actor->failure.fields)
        return ERR_VALIDATION;
    const int *counts = plan->result->counts;
    if (plan->stored_count + (size_t)counts[IMPORT_ADDED] - (size_t)counts[IMPORT_REMOVED] > PROFILES_MAX)
        return fail(actor, MSG_RESOURCES_MAX, number_text(actor, PROFILES_MAX), NULL);
    return ERR_NONE;
}

/* ---- the file's top level --------------------------------------------------------------------------------------- */

/* The file's top level: the default always counts; its current profile only where it says what is so - in a replace, or
 * when the user never chose one. */
static enum error import_top(struct actor *actor, const char *platform, const struct plan *plan)
{
    const struct profile_file *file = &plan->file;
    const struct platform_file *old = &plan->top;
    struct platform_file new = {file->standard, file->extra, file->key_order};
    struct pointers pointers;
    bool replace = plan->options->replace;
    enum error error = profile_pointers(actor, platform, &pointers);
    if (error)
        return error;
    if (!replace) {
        new.standard = file->standard ? file->standard : old->standard;
        new.extra = merged_extra(actor, old->extra, new.extra);
        new.key_order = merged_order(actor, old->key_order, file->key_order);
    }
    error = platform_file_save(actor, platform, &new);
    if (!error && file->current && (replace || !pointers.has_current))
        error = profile_set_current(actor, platform, file->current);
    return error;
}

/* Whether the file says something of all that is stored. */
static bool is_whole(const struct plan *plan)
{
    const char *key;
    json_t *stored = json_stored(plan->top.extra), *extra = json_stored(plan->file.extra), *value;
    for (size_t i = 0; i < plan->stored_count; i++)
        if (!name_index_find(&plan->in_file, plan->stored[i].name, NULL))
            return false;
    json_object_foreach(stored, key, value)
    {
        if (!json_object_get(extra, key))
            return false;
    }
    return true;
}

/* Such a file brings its form along; else what is stored keeps its own. */
static enum error keep_form(struct actor *actor, const char *platform, const char *text, const struct toml *root,
                            const struct plan *plan)
{
    json_t *ids = json_object();
    if (!plan->options->replace && !is_whole(plan))
        return ERR_NONE;
    for (size_t i = 0; i < plan->file.count; i++)
        json_object_set_new(ids, plan->file.profiles[i].name, json_string(plan->file.profiles[i].r.id));
    return file_form_keep(actor, platform, FORM_PROFILES, text, root, ids);
}

/* ---- carrying it out -------------------------------------------------------------------------------------------- */

/* Whoever used a profile that the file does without uses the default again. */
static enum error forget_removed(struct actor *actor, const char *platform, const struct plan *plan)
{
    json_t *names = json_array();
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->changes[i].after)
            json_array_append_new(names, json_string(plan->changes[i].before->name));
    return json_array_size(names) ? pointers_forget(actor, platform, json_text(actor->arena, names)) : ERR_NONE;
}

static enum error keep_backup(struct actor *actor, const char *platform, struct import_result *result)
{
    struct arena_mark mark = arena_mark(actor->arena);
    enum error error = backup_create(actor, platform, &result->backup_id);
    if (!error)
        arena_release_but(actor->arena, mark, (const char **const[]){&result->backup_id}, 1);
    return error;
}

static enum error import_profiles(struct actor *actor, const char *text, const struct toml *root, const char *platform,
                                  const struct import_options *options, struct import_result *result)
{
    struct plan plan = {.platform = platform, .options = options, .result = result};
    result->kind = "profiles";
    enum error error = profile_file_read(actor, root, &plan.file);
    if (!error && !options->dry_run)
        error = resources_lock(actor, &kind_profile, platform, PATIENTLY);
    if (!error)
        error = resources_all(actor, &kind_profile, platform, !options->dry_run, &plan.stored, &plan.stored_count);
    if (!error)
        error = platform_file_read(actor, platform, &plan.top);
    if (!error)
        error = plan_import(actor, &plan, root);
    if (error || options->dry_run)
        return error;
    if (options->replace && options->backup)
        error = keep_backup(actor, platform, result);
    if (!error)
        error = resources_save(actor, "import", plan.changes, plan.count);
    if (!error)
        error = forget_removed(actor, platform, &plan);
    if (!error)
        error = import_top(actor, platform, &plan);
    return error ? error : keep_form(actor, platform, text, root, &plan);
}

static enum error import_registry(struct actor *actor, const char *text, const struct toml *root,
                                  const struct import_options *options, struct import_result *result)
{
    struct registry_result *rows;
    size_t count;
    enum error error = registry_import(actor, text, root, options->replace, options->dry_run, &rows, &count);
    if (error)
        return error;
    result->kind = "registry";
    result->rows = arena_array(actor->arena, count + 1, sizeof *result->rows);
    for (size_t i = 0; i < count; i++)
        note(result, rows[i].platform,
             rows[i].added     ? IMPORT_ADDED
             : rows[i].updated ? IMPORT_UPDATED
                               : IMPORT_SKIPPED);
    return ERR_NONE;
}

enum error import_text(struct actor *actor, const char *text, const char *platform,
                       const struct import_options *options, struct import_result *result)
{
    struct toml *root;
    *result = (struct import_result){0};
    const char *native = native_json(actor->arena, text);
    enum error error = native ? ERR_NONE : file_parse_toml(actor, text, &root);
    if (!error && !native && !file_is_registry(root) && options->on_invalid != INVALID_TAKEN)
        native = native_toml(root);
    if (native)
        return fail_field(actor, "content", MSG_NATIVE_FILE, native, NULL);
    if (error)
        return error;
    return file_is_registry(root) ? import_registry(actor, text, root, options, result)
                                  : import_profiles(actor, text, root, platform, options, result);
}

enum error import_backup(struct actor *actor, const char *id, struct import_result *result)
{
    struct backup backup;
    const struct import_options options = {.replace = true, .backup = true, .on_invalid = INVALID_TAKEN};
    enum error error = backup_open(actor, id, &backup);
    if (!error)
        error = import_text(actor, backup.text, backup.platform, &options, result);
    if (!error)
        error = pointers_recall(actor, backup.platform, backup.pointers);
    const struct audit entry = {.action = "profile.restore", .platform = backup.platform, .target = id};
    return error ? error : audit_write(actor, &entry);
}

void import_write(struct json_writer *w, const struct import_result *result, bool dry_run)
{
    static const char *const verdicts[] = {"added", "updated", "skipped", "removed", "invalid"};
    json_open_object(w);
    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        json_key(w, verdicts[i]);
        json_put_int(w, result->counts[i]);
    }
    json_bool_member(w, "dry_run", dry_run);
    json_string_member(w, "kind", result->kind);
    json_string_member(w, "backup_id", result->backup_id);
    json_key(w, "profiles");
    json_open_array(w);
    for (size_t i = 0; i < result->count; i++) {
        json_open_object(w);
        json_string_member(w, "name", result->rows[i].name);
        json_string_member(w, "result", verdicts[result->rows[i].verdict]);
        if (result->rows[i].reason)
            json_string_member(w, "reason", result->rows[i].reason);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}
