/* Native import: files of a coding CLI become resources, in one transaction, and stay as they are for the export. */
#include <string.h>

#include "audit.h"
#include "file_path.h"
#include "mask.h"
#include "native_files.h"
#include "plan.h"
#include "tarball.h"
#include "util.h"

static const struct field import_fields[] = {
    {"platform", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"files", FIELD_OBJECTS, .max = NATIVE_FILES_MAX},
    {"archive", FIELD_TEXT, .max = 11 * MIB},
    {"prune", FIELD_BOOL},
    {"dry_run", FIELD_BOOL},
    {0},
};
static const struct field path_field = {"path", FIELD_TEXT, FIELD_REQUIRED, .max = FILE_PATH_BYTES};

/* One of the files. */
struct source {
    struct native_file file;
    json_t *content;                  /* a text, or {"base64": …} of what is none; null = it is forgotten */
    struct native_document *document; /* of a text */
    const struct source *skill;       /* in whose folder it is; NULL = in none */
    size_t *planned;                  /* by item: its place in the plan; SIZE_MAX = none */
    const char *within;
    json_t *reasons; /* where an item stands -> why it is no resource */
    json_t *inside;  /* paths that such items stand below */
    json_t *left;    /* paths */
    bool kept;
};

struct import {
    struct actor *actor;
    const char *platform;
    struct plan plan;
    struct source *sources;
    size_t count;
    json_t *going; /* id of a resource -> the place of the source that had it and has it no more */
    bool dry_run;
};

/* ---- what was sent ---------------------------------------------------------------------------------------------- */

/* The file that a skill is named by says nothing of the others, when it comes without them. */
static bool names_column(const void *source, const char *column)
{
    const struct native_item *item = source;
    return native_says(item->place, column) && (item->place->shape != NATIVE_FOLDER || strcmp(column, "files") != 0 ||
                                                json_object_get(item->values, column));
}

static void refuse_item(struct actor *actor, struct source *source, const struct native_item *item, const char *reason)
{
    json_object_set_new(source->reasons, item->where, json_string(reason));
    for (const char *dot = strchr(item->where, '.'); dot; dot = strchr(dot + 1, '.'))
        json_object_set_new(source->inside, arena_strndup(actor->arena, item->where, (size_t)(dot - item->where)),
                            json_true());
}

static void plan_items(struct import *import, struct source *source)
{
    struct actor *actor = import->actor;
    struct place place;
    for (size_t i = 0; i < source->document->count; i++) {
        const struct native_item *item = &source->document->items[i];
        struct plan_item *planned = NULL;
        place.name = item->name;
        if (plan_place(actor, import->platform, item->place->kind, &place))
            planned = plan_add(&import->plan, &place, json_copy(item->values), item->enabled, source->within);
        source->planned[i] = planned ? import->plan.count - 1 : SIZE_MAX;
        if (planned) {
            planned->optional = true;
            planned->names = names_column;
            planned->source = item;
        } else {
            refuse_item(actor, source, item, plan_take_failure(actor));
        }
    }
}

static void open_text(struct import *import, struct source *source)
{
    struct edit_error wrong;
    struct actor *actor = import->actor;
    const char *text = source->file.text = json_string_value(source->content);
    source->document =
        native_open(actor->arena, platform_bit(import->platform), source->file.path, text, strlen(text), &wrong);
    if (!source->document) {
        fail_field(actor, "content", MSG_NATIVE_SYNTAX, wrong.message, number_text(actor, wrong.line),
                   number_text(actor, wrong.column), NULL);
        return;
    }
    source->planned = arena_array(actor->arena, source->document->count + 1, sizeof *source->planned);
    for (size_t i = 0; i < source->document->count; i++)
        source->planned[i] = SIZE_MAX;
}

/* NULL, with what is wrong said, when it is none of the three. */
static json_t *take_content(struct actor *actor, json_t *content)
{
    size_t length = json_string_length(content);
    const char *base64 = json_string_value(json_object_get(content, "base64"));
    const void *bytes = base64 ? base64_bytes(actor->arena, base64, &length) : NULL;
    if (length > NATIVE_FILE_BYTES)
        fail_field(actor, "content", MSG_BYTES, number_text(actor, NATIVE_FILE_BYTES), NULL);
    else if (content && !bytes && !json_is_string(content) && !json_is_null(content))
        fail_field(actor, "content", MSG_TYPE, "a string, {\"base64\": \"…\"}", NULL);
    else
        return bytes ? native_content(actor->arena, bytes, length) : content ? content : json_null();
    return NULL;
}

static void take_file(struct import *import, json_t *entry, const char *within)
{
    struct actor *actor = import->actor;
    struct source *source = &import->sources[import->count];
    actor->failure.within = within;
    if (field_check(actor, entry, &path_field))
        return;
    const char *path = json_string_value(json_object_get(entry, "path"));
    *source = (struct source){.file = {.path = path, .taken = json_object()},
                              .content = take_content(actor, json_object_get(entry, "content")),
                              .within = within,
                              .reasons = json_object(),
                              .inside = json_object()};
    if (!file_path_valid(path))
        fail_field(actor, "path", MSG_FILE_PATH, NULL);
    else if (!name_index_note(&import->plan.seen, path)) /* no identity of a resource is such a path */
        fail_field(actor, "path", MSG_TWICE, path, NULL);
    else
        import->count++;
    if (json_is_string(source->content))
        open_text(import, source);
}

/* Files of an archive become what they are in `files`. */
static enum error take_archive(struct import *import, const char *base64)
{
    struct tarball_file *files = NULL;
    size_t size, count = 0;
    const char *path = NULL;
    struct actor *actor = import->actor;
    const unsigned char *bytes = base64_bytes(actor->arena, base64, &size);
    enum message problem = bytes ? tarball_read(actor->arena, bytes, size, &files, &count, &path) : MSG_ARCHIVE;
    if (problem)
        return fail_field(actor, path ? arena_printf(actor->arena, "archive.%s", path) : "archive", problem, NULL);
    for (size_t i = 0; i < count; i++)
        take_file(import,
                  json_pack("{s:s, s:o}", "path", files[i].path, "content",
                            native_content(actor->arena, files[i].bytes, files[i].length)),
                  arena_printf(actor->arena, "archive.%s", files[i].path));
    return ERR_NONE;
}

/* What else is in the folder of a skill is the skill's. */
static void fill_folder(struct import *import, struct source *skill)
{
    json_t *files = json_object();
    const char *folder = skill->document ? native_folder(import->actor->arena, skill->document) : NULL;
    size_t length = folder ? strlen(folder) : 0;
    for (size_t i = 0; folder && i < import->count; i++) {
        struct source *source = &import->sources[i];
        if (source == skill || strncmp(source->file.path, folder, length) != 0 || json_is_null(source->content))
            continue;
        json_object_set(files, source->file.path + length, source->content);
        source->skill = skill;
    }
    if (json_object_size(files))
        native_put_files(skill->document, files);
}

static struct source *source_of(struct import *import, const char *path)
{
    for (size_t i = 0; i < import->count; i++)
        if (strcmp(import->sources[i].file.path, path) == 0)
            return &import->sources[i];
    return NULL;
}

/* What the files had when they were imported before, no other file has, and the plan does not name, is to go. */
static enum error prune(struct import *import)
{
    struct native_file *files = NULL;
    size_t count = 0;
    const char *identity;
    json_t *id, *elsewhere = json_object();
    struct place place = {0};
    struct actor *actor = import->actor;
    enum error error = native_files_read(actor, import->platform, NULL, &files, &count);
    actor->failure.within = "prune";
    for (size_t i = 0; i < count; i++) {
        const struct source *source = source_of(import, files[i].path);
        json_object_foreach(files[i].taken, identity, id)
        {
            json_object_set_new(source ? import->going : elsewhere, json_string_value(id),
                                json_integer(source ? source - import->sources : 0));
            const char *kind = arena_strndup(actor->arena, identity, strcspn(identity, "/"));
            if (source && plan_place(actor, import->platform, kind, &place))
                plan_prune(&import->plan, &place, import->going);
        }
    }
    json_object_foreach(elsewhere, identity, id) json_object_del(import->going, identity);
    actor->failure.within = NULL;
    return error ? error : actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

static enum error take_files(struct request *rq, struct import *import)
{
    size_t i;
    json_t *entry, *files = body_value(rq, "files");
    const char *archive = body_text(rq, "archive");
    import->platform = body_text(rq, "platform");
    import->dry_run = body_bool(rq, "dry_run", false);
    import->sources = arena_array(rq->actor.arena, json_array_size(files) + TARBALL_FILES_MAX, sizeof *import->sources);
    if (!platform_find(import->platform))
        return fail_field(&rq->actor, "platform", MSG_PLATFORM_UNKNOWN, import->platform, NULL);
    if (!archive && !json_is_array(files))
        return fail_field(&rq->actor, "files", MSG_REQUIRED, NULL);
    if (archive)
        take_archive(import, archive);
    json_array_foreach(files, i, entry) take_file(import, entry, arena_printf(rq->actor.arena, "files[%zu]", i));
    rq->actor.failure.within = NULL;
    if (rq->actor.failure.fields)
        return ERR_VALIDATION;
    for (i = 0; i < import->count; i++)
        fill_folder(import, &import->sources[i]);
    for (i = 0; i < import->count; i++)
        if (import->sources[i].document && !import->sources[i].skill)
            plan_items(import, &import->sources[i]);
    return body_bool(rq, "prune", false) ? prune(import) : ERR_NONE;
}

/* ---- what is left ----------------------------------------------------------------------------------------------- */

static const struct plan_item *planned_one(const struct import *import, const struct source *source, size_t item)
{
    size_t at = source->planned[item];
    return at == SIZE_MAX ? NULL : &import->plan.items[at];
}

/* Whether it has become a part of a skill. */
static bool is_part(const struct import *import, const struct source *source)
{
    const struct plan_item *skill = source->skill ? planned_one(import, source->skill, 0) : NULL;
    return skill && !skill->refused;
}

/* A mask that no resource has is none of something stored: it would come out as if it were the secret. */
static void refuse_masks(struct import *import, const struct source *source)
{
    struct unmask u = {.arena = import->actor->arena, .whole = true};
    mask_undo(&u, source->document->value, NULL, NULL, "content");
    import->actor->failure.within = source->within;
    if (u.found)
        fail_field(import->actor, u.found, MSG_MASK, NULL);
    import->actor->failure.within = NULL;
}

/* What only an administrator may put on everybody's machine is not to come there in a file of somebody else's: of a file that says more
 * than its resources do, theirs alone is kept. */
static void see_what_is_left(struct import *import, struct source *source)
{
    struct native_document *document = source->document;
    for (size_t i = 0; i < document->count; i++) {
        const struct native_item *item = &document->items[i];
        const struct plan_item *planned = planned_one(import, source, i);
        if (planned && planned->refused)
            refuse_item(import->actor, source, item, planned->refused);
        if (!planned || planned->refused)
            continue;
        const char *id = planned->exists ? planned->before.id : planned->after.id;
        json_object_set_new(source->file.taken, native_identity(import->actor->arena, item), json_string(id));
        native_take(document, item);
    }
    json_object_del(document->value, NATIVE_FILES);
    source->left = document->known ? native_left(document, source->inside) : json_pack("[s]", "");
    source->kept = import->actor->who.role >= ROLE_ADMIN || json_array_size(source->left) == 0;
    refuse_masks(import, source);
}

static enum error work_out(struct import *import)
{
    enum error error = plan_work_out(&import->plan);
    for (size_t i = 0; !error && i < import->count; i++) {
        struct source *source = &import->sources[i];
        source->kept = is_part(import, source);
        if (source->document && !source->kept)
            see_what_is_left(import, source);
        else if (!source->kept && !json_is_null(source->content))
            source->left = json_pack("[s]", "");
    }
    return error ? error : import->actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* ---- carrying out ----------------------------------------------------------------------------------------------- */

static enum error save_file(struct import *import, const struct source *source)
{
    const struct native_file *file = &source->file;
    bool part = is_part(import, source), gone = json_is_null(source->content);
    const struct audit entry = {
        .action = gone ? "file.forget" : "file.import", .platform = import->platform, .target = file->path};
    enum error error = ERR_NONE;
    if (part || gone)
        error = native_file_forget(import->actor, import->platform, file->path);
    if (part || (!gone && !source->document))
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    if (!error)
        error = audit_write(import->actor, &entry);
    if (!error && source->kept)
        error = native_file_save(import->actor, import->platform, file);
    return fail_as(import->actor, error, ERR_NOT_FOUND, MSG_RESOURCE_UNKNOWN, file->path);
}

static enum error carry_out(struct import *import)
{
    enum error error = plan_carry_out(&import->plan, "import");
    for (size_t i = 0; !error && i < import->count; i++)
        error = save_file(import, &import->sources[i]);
    return error;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static const char *reason_of(struct import *import, const struct source *source, const char *path)
{
    const char *reason = json_string_value(json_object_get(source->reasons, path));
    reason = reason ? reason : json_string_value(json_object_get(source->reasons, "")); /* of the whole file */
    if (!source->document)
        return translate(import->actor, MSG_NATIVE_BINARY, NULL);
    enum message message = source->document->known ? MSG_NATIVE_LEFT : MSG_NATIVE_UNKNOWN;
    return reason ? reason : translate(import->actor, message, import->platform, NULL);
}

static void write_source(struct import *import, struct json_writer *w, const struct source *source)
{
    size_t i;
    json_t *path;
    json_open_object(w);
    json_string_member(w, "path", source->file.path);
    json_bool_member(w, "kept", source->kept);
    json_literal_key(w, "resources");
    json_open_array(w);
    for (i = 0; source->document && i < source->document->count; i++) {
        const struct plan_item *planned = planned_one(import, source, i);
        if (planned && !planned->refused)
            plan_write_item(&import->plan, w, planned);
    }
    for (i = 0; json_object_size(import->going) && i < import->plan.count; i++) {
        const struct plan_item *item = &import->plan.items[i];
        json_t *from = item->goes ? json_object_get(import->going, item->before.id) : NULL;
        if (from && json_integer_value(from) == source - import->sources)
            plan_write_item(&import->plan, w, item);
    }
    json_close_array(w);
    json_literal_key(w, "left");
    json_open_array(w);
    json_array_foreach(source->left, i, path)
    {
        json_open_object(w);
        json_string_member(w, "path", json_string_value(path));
        json_string_member(w, "reason", reason_of(import, source, json_string_value(path)));
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static enum error import_files(struct request *rq, struct response *rs)
{
    struct import import = {.actor = &rq->actor, .going = json_object()};
    plan_begin(&import.plan, &rq->actor);
    enum error error = take_files(rq, &import);
    if (!error)
        error = work_out(&import);
    if (!error && !import.dry_run)
        error = carry_out(&import);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_bool_member(w, "dry_run", import.dry_run);
    json_literal_key(w, "files");
    json_open_array(w);
    for (size_t i = 0; i < import.count; i++)
        write_source(&import, w, &import.sources[i]);
    json_close_array(w);
    plan_write_counts(&import.plan, w);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

const struct route native_import_routes[] = {
    {METHOD_POST, "/api/resources/import", import_files, ACCESS_EDITOR, .body = import_fields,
     .body_max = BODY_MAX_FILE, .flags = ROUTE_HEAVY},
    {0},
};
