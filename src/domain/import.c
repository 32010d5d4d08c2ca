/* Import: TOML files in CCR's own format. What is in the store and in the file is compared in memory; what differs is written
 * in batches. */
#include "import.h"

#include <string.h>

#include "audit.h"
#include "backups.h"
#include "merge.h"
#include "name_index.h"
#include "native_file.h"
#include "profile_check.h"
#include "profile_extra.h"
#include "profile_pointers.h"
#include "profile_write.h"
#include "util.h"

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static void note(struct import_result *result, const char *name, enum import_verdict verdict)
{
    result->rows[result->count++] = (struct import_row){name, verdict, NULL};
    result->counts[verdict]++;
}

/* JSON of the store and of a file compare as values: PostgreSQL keeps json as it was written, so text would do, but a
 * profile written through the API has other white space. */
static bool same_json(const char *a, const char *b)
{
    if (text_equal(a, b))
        return true;
    json_t *left = json_stored(a), *right = json_stored(b);
    return left && right ? json_equal(left, right) : left == right;
}

static bool is_unchanged(const struct profile *a, const struct profile *b)
{
    return text_equal(a->description, b->description) && text_equal(a->base_url, b->base_url) &&
           text_equal(a->sealed_token, b->sealed_token) && text_equal(a->model, b->model) &&
           text_equal(a->small_fast_model, b->small_fast_model) && text_equal(a->provider, b->provider) &&
           text_equal(a->provider_type, b->provider_type) && text_equal(a->account, b->account) &&
           same_json(a->tags, b->tags) && a->usage_count == b->usage_count && a->enabled == b->enabled &&
           same_json(a->extra, b->extra) && same_json(a->key_order, b->key_order) && a->position == b->position;
}

/* A token that is already there stays sealed as it is; so does one that a redacted export masked. *token becomes the one in
 * clear; "********" when no key opens it. */
static void take_token(struct actor *actor, struct file_profile *file, const struct profile *before, const char **token)
{
    struct profile *p = &file->profile;
    const char *given = *token, *old = NULL;
    p->sealed_token = before ? before->sealed_token : NULL;
    if (before && profile_token(actor, before, &old)) {
        actor->failure.message = MSG_NONE;
        old = "********";
    }
    if (old && (text_equal(old, given) || text_equal(given, profile_masked_token(actor, before)))) {
        *token = old;
        return;
    }
    if (given && secret_mask_shaped(given))
        file_profile_wrong(actor, file, "auth_token", translate(actor, MSG_MASK, NULL));
    else if (profile_set_token(actor, p, given))
        p->sealed_token = NULL;
}

/* Takes user name and password out of the address; NULL when there are none. */
static const char *cut_userinfo(struct actor *actor, struct profile *p)
{
    size_t length;
    const char *url = p->base_url, *userinfo = url ? url_userinfo(url, &length) : NULL;
    if (!userinfo)
        return NULL;
    p->base_url = arena_printf(actor->arena, "%.*s%s", (int)(userinfo - url), url, userinfo + length + 1);
    return arena_strndup(actor->arena, userinfo, length);
}

/* Unknown keys in the same way as the token, and one more for what was cut out of the address (NULL = nothing). */
static void take_extra(struct actor *actor, struct file_profile *file, const struct profile *before, bool merge,
                       const char *userinfo)
{
    struct profile *p = &file->profile;
    struct masked_key masked;
    json_t *extra = file_profile_extra(file), *old = NULL;
    p->extra = before && merge && before->extra ? before->extra : "{}";
    if (userinfo) {
        extra = extra ? extra : json_object();
        json_object_set_new(extra, "base_url_userinfo", json_string(userinfo)); /* as reseal.c does with rows */
    }
    if (!extra) /* as in nearly every file */
        return;
    if (before && profile_extra(actor, before, &old))
        actor->failure.message = MSG_NONE; /* cannot be opened: replaced */
    if (!extra_unmask(actor, EXTRA_PROFILE, file->table, extra, old, &masked))
        file_profile_wrong_at(actor, file, masked.path, translate(actor, MSG_MASK, NULL), masked.node);
    bool unchanged;
    if (merge && json_object_size(old)) {
        const char *was = json_text(actor->arena, old);
        merge_tables(old, extra);
        unchanged = text_equal(was, json_text(actor->arena, old));
    } else {
        unchanged = old && json_equal(old, extra);
        old = extra;
    }
    if (unchanged)
        p->extra = before->extra;
    else
        profile_set_extra(actor, p, old);
}

/* ---- finding out what is to be done ----------------------------------------------------------------------------- */

/* A file, what is stored, and the changes that make the one of the other. */
struct plan {
    struct profile_file file;
    struct platform_file top; /* what is stored of the file's top level */
    json_t *values;           /* its values in a merge, which no new profile may be named like; NULL = none */
    struct profile *stored;
    size_t stored_count;
    struct name_index in_store, in_file;
    struct merged_orders orders;
    struct profile_change *changes;
    size_t count;
    const struct import_options *options;
    struct import_result *result;
};

static const struct profile *stored_one(const struct plan *plan, const char *name)
{
    size_t place;
    return name_index_find(&plan->in_store, name, &place) ? &plan->stored[place] : NULL;
}

/* What is stored and what the file says, made one and checked. */
static void take_profile(struct actor *actor, struct plan *plan, struct file_profile *file,
                         const struct profile *before)
{
    struct profile *p = &file->profile;
    struct profile_problem problems[PROFILE_PROBLEMS_MAX];
    const char *token = file->token;
    bool merge = before && !plan->options->replace;
    if (before)
        memcpy(p->id, before->id, UUID_TEXT);
    else
        random_uuid(p->id);
    if (merge)
        merge_profile(actor, file, before, &plan->orders);
    /* A backup of an older version is taken whatever it says, but puts no password in the open. */
    const char *userinfo = plan->options->on_invalid == INVALID_TAKEN ? cut_userinfo(actor, p) : NULL;
    const char *said = actor->failure.text; /* of profiles before this one */
    enum message message = actor->failure.message;
    struct arena_mark mark = arena_mark(actor->arena);
    if (merge && !token) {
        p->sealed_token = before->sealed_token;
        token = p->sealed_token ? "********" : NULL; /* was judged when it came */
    } else {
        take_token(actor, file, before, &token);
    }
    take_extra(actor, file, before, merge, userinfo);
    size_t count = profile_unusable(actor, p, token, problems);
    for (size_t i = 0; i < count; i++)
        file_profile_wrong(actor, file, problems[i].field, problems[i].what);
    actor->failure.message = message;
    actor->failure.text = said;
    if (file->problem)
        return;
    /* What it took to find out takes more memory than the profile, and holds its secrets in clear. */
    arena_release_but(actor->arena, mark, (const char **const[]){&p->sealed_token, &p->extra}, 2);
}

static void plan_one(struct actor *actor, struct plan *plan, struct file_profile *file)
{
    struct profile *p = &file->profile;
    const struct profile *before = stored_one(plan, p->name);
    if (!before && json_object_get(plan->values, p->name))
        file_profile_wrong(actor, file, NULL, translate(actor, MSG_TOP_LEVEL, p->name, NULL));
    take_profile(actor, plan, file, before);
    if (file->problem && plan->options->on_invalid == INVALID_REFUSED) {
        file_profile_refuse(actor, file);
        return;
    }
    if (file->problem && plan->options->on_invalid == INVALID_SKIPPED) {
        note(plan->result, p->name, IMPORT_INVALID);
        plan->result->rows[plan->result->count - 1].reason = file_profile_reason(actor, file);
        return;
    }
    bool unchanged = before && is_unchanged(before, p);
    note(plan->result, p->name, unchanged ? IMPORT_SKIPPED : before ? IMPORT_UPDATED : IMPORT_ADDED);
    if (!unchanged)
        plan->changes[plan->count++] = (struct profile_change){before, p};
}

static void plan_removals(struct plan *plan)
{
    for (size_t i = 0; i < plan->stored_count; i++) {
        if (name_index_find(&plan->in_file, plan->stored[i].name, NULL))
            continue;
        note(plan->result, plan->stored[i].name, IMPORT_REMOVED);
        plan->changes[plan->count++] = (struct profile_change){&plan->stored[i], NULL};
    }
}

/* Existing profiles keep their place in a merge; new ones go to the end. */
static void place_profiles(struct plan *plan, bool replace)
{
    int next = plan->stored_count && !replace ? plan->stored[plan->stored_count - 1].position + 1 : 0;
    for (size_t i = 0; i < plan->file.count; i++) {
        struct profile *p = &plan->file.profiles[i].profile;
        const struct profile *before = replace ? NULL : stored_one(plan, p->name);
        p->position = before ? before->position : next++;
    }
}

/* A value at the file's top level may not stand where a profile stays. */
static enum error check_values(struct actor *actor, const struct plan *plan, const struct toml *root)
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
        name_index_add(&plan->in_file, plan->file.profiles[i].profile.name, i);
    place_profiles(plan, replace);
    enum error error = unmask_top(actor, plan, root);
    if (!error && !replace)
        error = check_values(actor, plan, root);
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
        return fail(actor, MSG_PROFILES_MAX, arena_printf(actor->arena, "%d", PROFILES_MAX), NULL);
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

static enum error import_profiles(struct actor *actor, const struct toml *root, const char *platform,
                                  const struct import_options *options, struct import_result *result)
{
    static const struct profile_deed deed = {"import", "profile.import"};
    struct plan plan = {.options = options, .result = result};
    result->kind = "profiles";
    enum error error = profile_file_read(actor, root, platform, &plan.file);
    if (!error && !options->dry_run)
        error = profiles_lock(actor, platform, PATIENTLY);
    if (!error)
        error = profile_list(actor, platform, !options->dry_run, &plan.stored, &plan.stored_count);
    if (!error)
        error = platform_file_read(actor, platform, &plan.top);
    if (!error)
        error = plan_import(actor, &plan, root);
    if (error || options->dry_run)
        return error;
    if (options->replace && options->backup)
        error = keep_backup(actor, platform, result);
    if (!error)
        error = profiles_save(actor, &deed, plan.changes, plan.count);
    if (!error)
        error = forget_removed(actor, platform, &plan);
    return error ? error : import_top(actor, platform, &plan);
}

static enum error import_registry(struct actor *actor, const struct toml *root, const struct import_options *options,
                                  struct import_result *result)
{
    struct registry_result *rows;
    size_t count;
    enum error error = registry_import(actor, root, options->replace, options->dry_run, &rows, &count);
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
    const char *native = native_json(text);
    enum error error = native ? ERR_NONE : file_parse_toml(actor, text, &root);
    if (!error && !native && !file_is_registry(root) && options->on_invalid != INVALID_TAKEN)
        native = native_toml(root);
    if (native)
        return fail_field(actor, "content", MSG_NATIVE_FILE, native, NULL);
    if (error)
        return error;
    return file_is_registry(root) ? import_registry(actor, root, options, result)
                                  : import_profiles(actor, root, platform, options, result);
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
