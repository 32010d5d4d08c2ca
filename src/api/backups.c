/* Backups: those of a workspace, restoring and deleting them. */
#include "backups.h"

#include "import.h"
#include "page.h"
#include "util.h"

static const struct field clean_fields[] = {
    {"days", FIELD_INT, .min = 0, .max = 36500},
    {"dry_run", FIELD_BOOL},
    {0},
};

static const struct field no_fields[] = {{0}};

#define IN_WORKSPACE " WHERE workspace_id = ccr_workspace()"

static const struct listing backups = {
    .name = "backups",
    .count = {"backups_count", "SELECT count(*) FROM backups" IN_WORKSPACE},
    .page = {"backups_page", "SELECT id, platform, profiles, size_bytes, actor, created_at FROM backups" IN_WORKSPACE
                             " ORDER BY created_at DESC, id LIMIT $1::integer OFFSET $2::integer"},
};

static enum error restore_backup(struct request *rq, struct response *rs)
{
    struct import_result result;
    enum error error = import_backup(&rq->actor, path_arg(rq, "id"), &result);
    if (error)
        return error;
    import_write(respond_begin(rs, 200), &result, false);
    return respond_end(rs);
}

static enum error delete_backup(struct request *rq, struct response *rs)
{
    enum error error = backup_delete(&rq->actor, path_arg(rq, "id"));
    return error ? error : respond_text(rs, 200, "Backup deleted successfully");
}

static enum error clean_backups(struct request *rq, struct response *rs)
{
    struct backups_cleaned cleaned;
    bool dry_run = body_bool(rq, "dry_run", false);
    enum error error = backups_clean(&rq->actor, body_int(rq, "days", 7), dry_run, &cleaned);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_int_member(w, "deleted_count", cleaned.old);
    json_int_member(w, "skipped_count", cleaned.kept);
    json_key(w, "total_size_mb");
    json_put_double(w, (double)cleaned.old_bytes / MIB, 6);
    json_bool_member(w, "dry_run", dry_run);
    return respond_end(rs);
}

const struct route backups_routes[] = {
    {METHOD_GET, "/api/backups", list_all, ACCESS_VIEWER, .query = page_query, .flags = ROUTE_CACHED, .data = &backups},
    {METHOD_POST, "/api/backups/{id}/restore", restore_backup, ACCESS_ADMIN, .body = no_fields, .flags = ROUTE_HEAVY},
    {METHOD_DELETE, "/api/backups/{id}", delete_backup, ACCESS_ADMIN},
    {METHOD_POST, "/api/clean", clean_backups, ACCESS_ADMIN, .body = clean_fields, .flags = ROUTE_HEAVY},
    {0},
};
