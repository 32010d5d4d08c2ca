/* Native files in the store. */
#include "native_files.h"

#include "json.h"
#include "util.h"

enum { F_PATH, F_ID, F_CONTENT, F_TAKEN };

#define OF_PLATFORM " FROM native_files WHERE workspace_id = (SELECT ccr_workspace()) AND platform = $1"

static const struct statement
    select_some = {"native_files_select", "SELECT path, id, content, taken" OF_PLATFORM
                                          " AND CASE WHEN $2::text IS NULL THEN path NOT LIKE '/%' ELSE path = $2 END"
                                          " ORDER BY path LIMIT 1000"},
    upsert =
        {"native_files_upsert",
         "INSERT INTO native_files (workspace_id, platform, path, id, content, taken)"
         " SELECT ccr_workspace(), $1, $2, $3::uuid, $4, $5::json WHERE $2 LIKE '/%' OR (SELECT count(*)" OF_PLATFORM
         " AND path <> $2) < 1000 ON CONFLICT (workspace_id, platform, path) DO UPDATE"
         " SET id = excluded.id, content = excluded.content, taken = excluded.taken, updated_at = now()"
         " RETURNING 1"},
    destroy = {"native_files_delete", "DELETE" OF_PLATFORM " AND path = $2 RETURNING 1"};

const char *native_identity(struct arena *arena, const struct native_item *item)
{
    return arena_printf(arena, "%s/%s", item->place->kind, item->name);
}

json_t *native_content(struct arena *arena, const void *bytes, size_t length)
{
    if (utf8_valid(bytes, length))
        return json_stringn(bytes, length);
    return json_pack("{s:s}", "base64", base64_text(arena, bytes, length));
}

enum error native_files_read(struct actor *actor, const char *platform, const char *path, struct native_file **files,
                             size_t *count)
{
    struct rows rows;
    enum error error = db_all(actor->db, &select_some, &rows, DB_ARGS(platform, path));
    if (error)
        return error;
    *count = (size_t)rows.count;
    *files = arena_array(actor->arena, *count + 1, sizeof **files);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        const char *context = secret_context(actor->arena, actor->who.workspace_id, row_string(&row, F_ID));
        (*files)[i] = (struct native_file){
            .path = row_text(&row, F_PATH),
            .text = secret_open(actor->keyring, actor->arena, context, row_string(&row, F_CONTENT)),
            .taken = json_stored_or(row_text(&row, F_TAKEN), json_object())};
        if (!(*files)[i].text)
            return fail(actor, MSG_SECRET_UNREADABLE, row_string(&row, F_PATH), NULL);
    }
    return ERR_NONE;
}

enum error native_file_save(struct actor *actor, const char *platform, const struct native_file *file)
{
    char id[UUID_TEXT];
    struct row row;
    random_uuid(id);
    const char *context = secret_context(actor->arena, actor->who.workspace_id, id);
    const char *sealed = secret_seal(actor->keyring, actor->arena, context, file->text);
    enum error error = db_one(actor->db, &upsert, &row,
                              DB_ARGS(platform, file->path, id, sealed, json_text(actor->arena, file->taken)));
    if (error == ERR_NOT_FOUND)
        return fail(actor, MSG_RESOURCES_MAX, number_text(actor, NATIVE_FILES_MAX), NULL);
    return error;
}

enum error native_file_forget(struct actor *actor, const char *platform, const char *path)
{
    struct row row;
    return db_one(actor->db, &destroy, &row, DB_ARGS(platform, path));
}
