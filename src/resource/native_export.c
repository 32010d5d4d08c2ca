/* Native export: the resources of a platform as the files of its CLI. With secrets, those that were imported come out with every byte
 * that no change of a resource touches; without, the files are made of what any reader sees, since what they hold besides is secret until
 * somebody knows better. */
#include <string.h>
#include <time.h>

#include "audit.h"
#include "authz.h"
#include "budgets.h"
#include "native_files.h"
#include "plan.h"
#include "tarball.h"
#include "util.h"

static const struct field export_fields[] = {
    {"platform", FIELD_TEXT, FIELD_REQUIRED, .max = 20},
    {"include_secrets", FIELD_BOOL},
    {"format", FIELD_TEXT, .choices = "files|tar.gz"},
    {"kind", FIELD_TEXT, .max = 40},
    {"name", FIELD_TEXT, .max = 300},
    {0},
};

struct target {
    struct native_document *document;
    const char *path;
    json_t *files; /* of a skill: the others in its folder */
    bool gone;
};

struct export
{
    struct actor *actor;
    const char *platform;
    bool secrets;
    const struct kind *kind; /* of the only one that is wanted, */
    const char *name;        /* which is told whatever its state; NULL = all */
    struct resource *resources;
    bool *placed; /* by resource */
    size_t resource_count;
    struct name_index by_id;
    struct target *targets;
    size_t count, capacity;
    const char *in_use; /* of the kind at hand, where one is; NULL = all are */
    json_t *left_out;   /* of {kind, name, message} */
};

static struct target *add_target(struct export *export, struct native_document *document)
{
    export->targets =
        arena_more(export->actor->arena, export->targets, export->count, &export->capacity, sizeof *export->targets);
    struct target *target = &export->targets[export->count++];
    *target = (struct target){.document = document, .path = document->path};
    return target;
}

static enum error open_values(struct export *export, const struct resource *r, json_t **values)
{
    *values = export->secrets ? NULL : resource_shown(r);
    return export->secrets ? resource_values(export->actor, r, values) : ERR_NONE;
}

/* A CLI without a switch is given only what is on, and where a file has room for one, that is the one in use. */
static bool is_told(const struct export *export, const struct resource *r, const struct native_place *place)
{
    if (export->name)
        return true;
    if (place->shape == NATIVE_ONE && export->in_use && strcmp(export->in_use, r->name) != 0)
        return false;
    return r->enabled || native_says(place, "enabled");
}

/* ---- what was imported ------------------------------------------------------------------------------------------ */

static enum error update_item(struct export *export, struct target *target, struct native_item *item, const char *id)
{
    size_t at;
    json_t *values;
    bool is_file = native_is_file(item->place), there = name_index_find(&export->by_id, id, &at);
    const struct resource *r = there ? &export->resources[at] : NULL;
    if (r && is_told(export, r, item->place)) {
        enum error error = open_values(export, r, &values);
        if (error)
            return error;
        export->placed[at] = native_change(target->document, item, r->name, values, r->enabled);
        if (export->placed[at] && is_file)
            target->path = native_renamed_path(export->actor->arena, target->document, r->name);
        if (item->place->shape == NATIVE_FOLDER)
            target->files = json_object_get(values, "files");
        if (export->placed[at])
            return ERR_NONE;
    }
    target->gone = is_file;
    if (!target->gone)
        native_remove(target->document, item);
    return ERR_NONE;
}

static enum error update_file(struct export *export, const struct native_file *file)
{
    struct edit_error wrong;
    struct actor *actor = export->actor;
    struct native_document *document =
        native_open(actor->arena, platform_bit(export->platform), file->path, file->text, strlen(file->text), &wrong);
    enum error error = ERR_NONE;
    if (!document)
        return fail(actor, MSG_NATIVE_UNSAFE, file->path, wrong.message, NULL);
    struct target *target = add_target(export, document);
    for (size_t i = 0; !error && i < document->count; i++) {
        json_t *id = json_object_get(file->taken, native_identity(actor->arena, &document->items[i]));
        if (id) /* else it never was a resource */
            error = update_item(export, target, &document->items[i], json_string_value(id));
    }
    return error;
}

/* ---- what was not ----------------------------------------------------------------------------------------------- */

static bool add_to_known(struct export *export, const struct resource *r, json_t *values)
{
    unsigned platform = platform_bit(export->platform);
    for (size_t i = 0; i < export->count; i++) {
        const struct target *target = &export->targets[i];
        const struct native_place *place =
            target->gone ? NULL : native_place_for(target->document, platform, r->kind->name, values);
        if (place && is_told(export, r, place) && native_add(target->document, place, r->name, values, r->enabled))
            return true;
    }
    return false;
}

static bool path_is_taken(const struct export *export, const char *path)
{
    for (size_t i = 0; i < export->count; i++)
        if (!export->targets[i].gone && strcmp(export->targets[i].path, path) == 0)
            return true;
    return false;
}

static enum message add_to_new(struct export *export, const struct resource *r, json_t *values)
{
    struct edit_error wrong;
    struct arena *arena = export->actor->arena;
    unsigned platform = platform_bit(export->platform);
    const struct native_place *place = native_place_for(NULL, platform, r->kind->name, values);
    if (!place)
        return MSG_NATIVE_NO_PLACE;
    if (!is_told(export, r, place))
        return MSG_NONE;
    const char *path = native_default_path(arena, place, r->name);
    if (path_is_taken(export, path))
        return MSG_NATIVE_TAKEN;
    struct native_document *document = native_open(arena, platform, path, "", 0, &wrong);
    if (!document || !native_add(document, place, r->name, values, r->enabled))
        return MSG_NATIVE_NO_PLACE;
    struct target *target = add_target(export, document);
    target->files = place->shape == NATIVE_FOLDER ? json_object_get(values, "files") : NULL;
    return MSG_NONE;
}

/* Without a message there is nothing to tell. */
static void leave_out(struct export *export, const struct resource *r, const char *name, enum message message)
{
    if (message)
        json_array_append_new(export->left_out,
                              json_pack("{s:s, s:s, s:s}", "kind", r->kind->name, "name", name, "message",
                                        translate(export->actor, message, export->platform, NULL)));
}

static enum error add_others(struct export *export)
{
    json_t *values;
    const struct kind *kind = NULL;
    bool known = false;
    for (size_t i = 0; i < export->resource_count; i++) {
        const struct resource *r = &export->resources[i];
        if (r->kind != kind) {
            kind = r->kind;
            known = native_place_of(platform_bit(export->platform), kind->name);
            export->in_use = kind->in_use ? kind->in_use(export->actor, export->platform) : NULL;
            leave_out(export, r, "*", known ? MSG_NONE : MSG_NATIVE_NO_PLACE); /* all of a kind at once */
        }
        if (export->placed[i] || !known)
            continue;
        enum error error = open_values(export, r, &values);
        if (error)
            return error;
        if (!add_to_known(export, r, values))
            leave_out(export, r, r->name, add_to_new(export, r, values));
    }
    return ERR_NONE;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static enum error take_resources(struct export *export)
{
    if (!export->name)
        return resources_on(export->actor, export->platform, &export->resources, &export->resource_count);
    export->resources = arena_array(export->actor->arena, 1, sizeof *export->resources);
    export->resource_count = 1;
    return resource_find(export->actor, export->kind, export->platform, export->name, false, export->resources);
}

static enum error make_files(struct export *export)
{
    struct native_file *files = NULL;
    size_t count = 0;
    struct actor *actor = export->actor;
    enum error error = take_resources(export);
    export->placed = arena_array(actor->arena, export->resource_count + 1, sizeof *export->placed);
    for (size_t i = 0; !error && i < export->resource_count; i++)
        name_index_add(&export->by_id, export->resources[i].id, i);
    if (!error && export->secrets)
        error = native_files_read(actor, export->platform, NULL, &files, &count);
    for (size_t i = 0; !error && i < count; i++)
        error = update_file(export, &files[i]);
    return error ? error : add_others(export);
}

/* The other files of a skill: paths that another file has are that one's. */
static void take_folder(struct export *export, const struct target *target, struct tarball_file *files, size_t *count)
{
    const char *name, *last = find_last(target->path, strlen(target->path), '/');
    json_t *content;
    json_object_foreach(target->files, name, content)
    {
        struct tarball_file *file = &files[*count];
        const char *base64 = json_string_value(json_object_get(content, "base64"));
        file->path = arena_printf(export->actor->arena, "%.*s%s", (int)(last + 1 - target->path), target->path, name);
        file->length = json_string_length(content);
        file->bytes = base64 ? (const char *)base64_bytes(export->actor->arena, base64, &file->length)
                             : json_string_value(content);
        *count += file->bytes && !path_is_taken(export, file->path);
    }
}

/* The files' texts, in the arena. */
static enum error take_texts(struct export *export, struct tarball_file **files, size_t *count)
{
    struct edit_error wrong;
    size_t most = export->count + 1;
    for (size_t i = 0; i < export->count; i++)
        most += json_object_size(export->targets[i].files);
    *files = arena_array(export->actor->arena, most, sizeof **files);
    *count = 0;
    for (size_t i = 0; i < export->count; i++) {
        const struct target *target = &export->targets[i];
        struct tarball_file *file = &(*files)[*count];
        if (target->gone)
            continue;
        file->path = target->path;
        file->bytes = native_text(target->document, &file->length, &wrong);
        if (!file->bytes)
            return fail(export->actor, MSG_NATIVE_UNSAFE, target->path, wrong.message, NULL);
        ++*count;
        take_folder(export, target, *files, count);
    }
    return ERR_NONE;
}

static void write_files(struct arena *arena, struct json_writer *w, const struct tarball_file *files, size_t count)
{
    json_literal_key(w, "files");
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(w);
        json_string_member(w, "path", files[i].path);
        json_raw_member(w, "content", json_text(arena, native_content(arena, files[i].bytes, files[i].length)));
        json_close_object(w);
    }
    json_close_array(w);
}

static bool write_archive(const struct export *export, struct json_writer *w, const struct tarball_file *files,
                          size_t count)
{
    size_t length;
    struct arena *arena = export->actor->arena;
    const void *bytes = tarball_write(arena, files, count, (long long)time(NULL), &length);
    json_string_member(w, "archive", bytes ? base64_text(arena, bytes, length) : NULL);
    json_string_member(w, "filename", arena_printf(arena, "%s.tar.gz", export->platform));
    return bytes;
}

static enum error may_export(struct request *rq, const struct export *export)
{
    if (!platform_find(export->platform))
        return fail_field(&rq->actor, "platform", MSG_PLATFORM_UNKNOWN, export->platform, NULL);
    if (export->name && !export->kind)
        return fail_field(&rq->actor, "kind", MSG_KIND_UNKNOWN, body_text(rq, "kind"), NULL);
    enum error error = authorize_export(rq, export->secrets);
    bool profiles = !export->kind || strcmp(export->kind->name, "profile") == 0;
    if (!error && export->secrets && profiles)
        error = budgets_allow_secrets(&rq->actor, export->platform, export->name);
    return error;
}

static enum error export_files(struct request *rq, struct response *rs)
{
    struct export export = {.actor = &rq->actor,
                            .platform = body_text(rq, "platform"),
                            .secrets = body_bool(rq, "include_secrets", false),
                            .kind = body_has(rq, "kind") ? kind_find(body_text(rq, "kind")) : NULL,
                            .name = body_text(rq, "name"),
                            .by_id = name_index_new(),
                            .left_out = json_array()};
    const struct audit entry = {.action = export.secrets ? "file.export_secrets" : "file.export",
                                .platform = export.platform,
                                .target = export.name};
    const char *format = body_text(rq, "format");
    struct tarball_file *files = NULL;
    size_t count = 0;
    enum error error = may_export(rq, &export);
    if (!error)
        error = make_files(&export);
    if (!error)
        error = take_texts(&export, &files, &count);
    if (!error)
        error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    if (text_equal(format, "files") || !format)
        write_files(rq->actor.arena, w, files, count);
    else if (!write_archive(&export, w, files, count))
        return ERR_INTERNAL;
    json_raw_member(w, "left_out", json_text(rq->actor.arena, export.left_out));
    return respond_end(rs);
}

const struct route native_export_routes[] = {
    {METHOD_POST, "/api/resources/export", export_files, ACCESS_VIEWER, .body = export_fields,
     .flags = ROUTE_HEAVY | ROUTE_READ_ONLY},
    {0},
};
