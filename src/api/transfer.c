/* Import and export: TOML files in CCR's own format, in and out. */
#include "transfer.h"

#include <string.h>
#include <time.h>

#include "audit.h"
#include "profile_extra.h"
#include "router.h"
#include "util.h"

static const struct field platform_query[] = {
    {"platform", FIELD_TEXT, .max = 20},
    {0},
};

static const struct field import_fields[] = {
    {"content", FIELD_TEXT, REQUIRED | SECRET, .max = MB},
    {"mode", FIELD_TEXT, .choices = "merge|replace"},
    {"backup", FIELD_BOOL},
    {"dry_run", FIELD_BOOL},
    {0},
};

static const struct field export_fields[] = {
    {"include_secrets", FIELD_BOOL},
    {"file", FIELD_TEXT, .choices = "profiles|registry"},
    {0},
};

/* ---- import ----------------------------------------------------------------------------------------------------- */

static void note(struct import_result *result, const char *name, enum import_verdict verdict)
{
    result->rows[result->count++] = (struct import_row){name, verdict};
    result->counts[verdict]++;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* JSON of the store and of a file compare as values: PostgreSQL keeps json as it was written, so text would do, but a
 * profile written through the API has other white space. */
static bool same_json(const char *a, const char *b)
{
    json_t *left = json_stored(a), *right = json_stored(b);
    return left && right ? json_equal(left, right) : left == right;
}

static bool is_unchanged(const struct profile *a, const struct profile *b)
{
    return same(a->description, b->description) && same(a->base_url, b->base_url) &&
           same(a->sealed_token, b->sealed_token) && same(a->model, b->model) &&
           same(a->small_fast_model, b->small_fast_model) && same(a->provider, b->provider) &&
           same(a->provider_type, b->provider_type) && same(a->account, b->account) && same_json(a->tags, b->tags) &&
           a->usage_count == b->usage_count && a->enabled == b->enabled && same_json(a->extra, b->extra) &&
           same_json(a->key_order, b->key_order) && a->position == b->position;
}

/* A token that is already there stays sealed as it is; so does one that a redacted export masked. */
static enum error take_token(struct request *rq, struct profile *p, const struct profile *before, const char *token)
{
    const char *old = NULL;
    p->sealed_token = before ? before->sealed_token : NULL;
    enum error error = before ? profile_token(rq, before, &old) : OK;
    if (error) /* cannot be opened: whatever the file says replaces it */
        p->sealed_token = NULL;
    if (!old || !same(old, token))
        profile_set_token(rq, p, token);
    return OK;
}

/* Unknown keys in the same way. */
static void take_extra(struct request *rq, struct profile *p, const struct profile *before)
{
    json_t *extra = json_stored(p->extra), *old = NULL;
    if (before && profile_extra(rq, before, &old) == OK)
        extra_unmask(rq, extra, old);
    if (old && json_equal(old, extra))
        p->extra = before->extra;
    else
        profile_set_extra(rq, p, extra);
}

static enum error import_one(struct request *rq, struct file_profile *file, const struct profile *before, bool dry_run,
                             struct import_result *result)
{
    struct profile *p = &file->profile;
    if (before)
        memcpy(p->id, before->id, UUID_TEXT);
    else
        random_uuid(p->id);
    enum error error = take_token(rq, p, before, file->token);
    if (error)
        return error;
    take_extra(rq, p, before);
    if (before && is_unchanged(before, p)) {
        note(result, p->name, IMPORT_SKIPPED);
        return OK;
    }
    note(result, p->name, before ? IMPORT_UPDATED : IMPORT_ADDED);
    if (dry_run)
        return OK;
    error = before ? profile_update(rq, p, "import") : profile_insert(rq, p, "import");
    return error ? error : profile_audit(rq, "profile.import", before, p);
}

static const struct profile *find(const struct profile *profiles, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

static bool in_file(const struct profile_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->profiles[i].profile.name, name) == 0)
            return true;
    return false;
}

static enum error remove_others(struct request *rq, const struct profile_file *file, const struct profile *stored,
                                size_t count, bool dry_run, struct import_result *result)
{
    for (size_t i = 0; i < count; i++) {
        if (in_file(file, stored[i].name))
            continue;
        note(result, stored[i].name, IMPORT_REMOVED);
        enum error error = dry_run ? OK : profile_delete(rq, &stored[i]);
        if (!error && !dry_run)
            error = profile_audit(rq, "profile.delete", &stored[i], NULL);
        if (error)
            return error;
    }
    return OK;
}

static json_t *parsed(const char *text, json_t *otherwise)
{
    json_t *value = json_stored(text);
    return value ? value : otherwise;
}

/* What stood first stays first; what is new follows in the file's order. */
static const char *merged_order(struct request *rq, const char *old, const char *new)
{
    json_t *order = parsed(old, json_array()), *more = parsed(new, json_array()), *item, *have;
    size_t i, n;
    json_array_foreach(more, i, item)
    {
        bool known = false;
        json_array_foreach(order, n, have) known |= json_equal(have, item);
        if (!known)
            json_array_append(order, item);
    }
    return json_text(rq->arena, order);
}

static const char *merged_extra(struct request *rq, const char *old, const char *new)
{
    json_t *extra = parsed(old, json_object());
    json_object_update(extra, parsed(new, json_object()));
    return json_text(rq->arena, extra);
}

/* The file's top level: the default always counts; its current profile only where it says what is so - in a replace, or
 * when the user never chose one. */
static enum error import_top(struct request *rq, const char *platform, const struct profile_file *file, bool replace)
{
    struct platform_file old, new = {file->standard, file->extra, file->key_order};
    struct pointers pointers;
    enum error error = platform_file_read(rq, platform, &old);
    if (!error)
        error = profile_pointers(rq, platform, &pointers);
    if (error)
        return error;
    if (!replace) {
        new.standard = file->standard ? file->standard : old.standard;
        new.extra = merged_extra(rq, old.extra, file->extra);
        new.key_order = merged_order(rq, old.key_order, file->key_order);
    }
    error = platform_file_save(rq, platform, &new);
    if (!error && file->current && (replace || !pointers.has_current))
        error = profile_set_current(rq, platform, file->current);
    return error;
}

/* Existing profiles keep their place in a merge; new ones go to the end. */
static void place(struct profile_file *file, const struct profile *stored, size_t count, bool replace)
{
    int next = count && !replace ? stored[count - 1].position + 1 : 0;
    for (size_t i = 0; i < file->count; i++) {
        struct profile *p = &file->profiles[i].profile;
        const struct profile *before = replace ? NULL : find(stored, count, p->name);
        p->position = before ? before->position : next++;
    }
}

static enum error import_profiles(struct request *rq, const struct toml *root, const char *platform,
                                  const struct import_options *options, struct import_result *result)
{
    struct profile_file file;
    struct profile *stored;
    size_t count;
    enum error error = profile_file_read(rq, root, platform, &file);
    if (!error)
        error = profile_list(rq, platform, true, &stored, &count);
    if (error)
        return error;
    result->kind = "profiles";
    result->rows = arena_array(rq->arena, file.count + count + 1, sizeof *result->rows);
    if (options->replace && options->backup && !options->dry_run)
        error = backup_create(rq, platform, &result->backup_id);
    place(&file, stored, count, options->replace);
    for (size_t i = 0; !error && i < file.count; i++)
        error = import_one(rq, &file.profiles[i], find(stored, count, file.profiles[i].profile.name), options->dry_run,
                           result);
    if (!error && options->replace)
        error = remove_others(rq, &file, stored, count, options->dry_run, result);
    if (!error && !options->dry_run)
        error = import_top(rq, platform, &file, options->replace);
    return error;
}

static enum error import_registry(struct request *rq, const struct toml *root, const struct import_options *options,
                                  struct import_result *result)
{
    struct registry_result *rows;
    size_t count;
    enum error error = registry_import(rq, root, options->replace, options->dry_run, &rows, &count);
    if (error)
        return error;
    result->kind = "registry";
    result->rows = arena_array(rq->arena, count + 1, sizeof *result->rows);
    for (size_t i = 0; i < count; i++)
        note(result, rows[i].platform,
             rows[i].added     ? IMPORT_ADDED
             : rows[i].updated ? IMPORT_UPDATED
                               : IMPORT_SKIPPED);
    return OK;
}

enum error import_text(struct request *rq, const char *text, const char *platform, const struct import_options *options,
                       struct import_result *result)
{
    struct toml *root;
    *result = (struct import_result){0};
    enum error error = file_parse_toml(rq, text, &root);
    if (error)
        return error;
    return file_is_registry(root) ? import_registry(rq, root, options, result)
                                  : import_profiles(rq, root, platform, options, result);
}

void import_write(struct json_writer *w, const struct import_result *result, bool dry_run)
{
    static const char *const verdicts[] = {"added", "updated", "skipped", "removed"};
    json_open_object(w);
    for (size_t i = 0; i < COUNT(verdicts); i++) {
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
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static enum error import(struct request *rq, struct response *rs)
{
    const char *platform, *mode = body_text(rq, "mode");
    struct import_result result;
    const struct import_options options = {.replace = mode && strcmp(mode, "replace") == 0,
                                           .backup = body_bool(rq, "backup", true),
                                           .dry_run = body_bool(rq, "dry_run", false)};
    enum error error = request_platform(rq, &platform);
    if (!error)
        error = import_text(rq, body_text(rq, "content"), platform, &options, &result);
    if (error)
        return error;
    import_write(respond_begin(rs, 200), &result, options.dry_run);
    respond_end(rs);
    return OK;
}

/* ---- export ----------------------------------------------------------------------------------------------------- */

static const char *file_name(struct request *rq)
{
    char stamp[32] = "";
    struct tm tm;
    time_t now = time(NULL);
    if (gmtime_r(&now, &tm))
        strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &tm);
    return arena_printf(rq->arena, "ccs_config_export_%s.toml", stamp);
}

static enum error export(struct request *rq, struct response *rs) {
    const char *platform, *text, *file = body_text(rq, "file"); size_t profiles;
    bool secrets = body_bool(rq, "include_secrets", false), registry = file && strcmp(file, "registry") == 0;
    enum error error = request_platform(rq, &platform);
    if (!error && secrets && rq->who.role < ROLE_ADMIN) error = fail(rq, MSG_SECRETS_ADMIN, NULL);
    if (!error && secrets && rq->who.credential == CREDENTIAL_ACCESS_TOKEN && !(rq->who.scopes & SCOPE_ADMIN))
        error = fail(rq, MSG_SCOPE, "admin", NULL);
    if (!error) error = registry ? registry_export(rq, &text)
                                 : profile_file_write(rq, platform, secrets, &text, &profiles);
    const struct audit entry = {.action = secrets ? "profile.export_secrets" : "profile.export", .platform = platform};
    if (!error) error = audit_write(rq, &entry);
    if (error) return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_string_member(w, "content", text);
    json_string_member(w, "filename", file_name(rq));
    json_close_object(w);
    respond_end(rs);
    return OK;
}

const struct route transfer_routes[] = {
    {POST, "/api/import", import, ACCESS_EDITOR, .body = import_fields, .query = platform_query},
    {POST, "/api/export", export, ACCESS_VIEWER, .body = export_fields, .query = platform_query,
     .flags = ROUTE_READ_ONLY},
    {0},
};
