/* Backups: the sealed file that a replacing import replaced; restoring one is an import of it. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "import.h"
#include "page.h"
#include "profile_pointers.h"
#include "util.h"

static const struct field clean_fields[] = {
    {"days", FIELD_INT, .min = 0, .max = 36500},
    {"dry_run", FIELD_BOOL},
    {0},
};

static const struct field no_fields[] = {{0}};

#define IN_WORKSPACE " WHERE workspace_id = ccr_workspace()"
#define OLDER        " AND created_at < now() - make_interval(days => $1::integer)"

static const struct statement
    insert = {"backups_insert",
              "INSERT INTO backups (id, workspace_id, platform, content, profiles, size_bytes, actor, pointers)"
              " VALUES ($1::uuid, ccr_workspace(), $2, $3, $4::integer, $5::bigint, $6, $7::json)"},
    select_one = {"backups_select_one",
                  "SELECT platform, content, pointers FROM backups" IN_WORKSPACE " AND id = $1::uuid"},
    delete_one = {"backups_delete_one", "DELETE FROM backups" IN_WORKSPACE " AND id = $1::uuid RETURNING platform"},
    count_old = {"backups_count_old",
                 "SELECT count(*) FILTER (WHERE created_at < now() - make_interval(days => $1::integer)),"
                 " count(*) FILTER (WHERE created_at >= now() - make_interval(days => $1::integer)),"
                 " coalesce(sum(size_bytes) FILTER (WHERE created_at < now() - make_interval(days =>"
                 " $1::integer)), 0)::bigint FROM backups" IN_WORKSPACE},
    delete_old = {"backups_delete_old", "DELETE FROM backups" IN_WORKSPACE OLDER};

enum error backup_create(struct request *rq, const char *platform, const char **id)
{
    const char *text, *pointers;
    char uuid[UUID_TEXT];
    size_t profiles;
    *id = NULL;
    enum error error = profile_file_write(rq, platform, true, &text, &profiles);
    if (error || !profiles)
        return error;
    error = pointers_remember(rq, platform, &pointers);
    if (error)
        return error;
    random_uuid(uuid);
    const char *context = secret_context(rq->actor.arena, rq->actor.who.workspace_id, uuid);
    const char *sealed = secret_seal(rq->actor.keyring, rq->actor.arena, context, text);
    error = db_run(rq->actor.db, &insert,
                   DB_ARGS(uuid, platform, sealed, arena_printf(rq->actor.arena, "%zu", profiles),
                           arena_printf(rq->actor.arena, "%zu", strlen(text)), rq->actor.who.username, pointers));
    *id = arena_strdup(rq->actor.arena, uuid);
    return error;
}

static void write_backup(struct request *rq, struct json_writer *w, const struct row *row)
{
    (void)rq;
    json_open_object(w);
    json_string_member(w, "id", row_text(row, 0));
    json_string_member(w, "platform", row_text(row, 1));
    json_int_member(w, "profiles", row_int(row, 2));
    json_int_member(w, "size_bytes", row_int(row, 3));
    json_string_member(w, "actor", row_text(row, 4));
    json_string_member(w, "created_at", row_text(row, 5));
    json_close_object(w);
}

static const struct listing backups = {
    .name = "backups",
    .count = {"backups_count", "SELECT count(*) FROM backups" IN_WORKSPACE},
    .page = {"backups_page", "SELECT id, platform, profiles, size_bytes, actor, " SQL_TIME(
                                 "created_at") " FROM backups" IN_WORKSPACE
                                               " ORDER BY created_at DESC, id LIMIT $1::integer OFFSET $2::integer"},
    .write = write_backup,
};

static enum error list_backups(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, &backups, DB_NO_ARGS);
}

static enum error restore_backup(struct request *rq, struct response *rs)
{
    struct row row;
    struct import_result result;
    const char *id = path_arg(rq, "id");
    const struct import_options options = {.replace = true, .backup = true, .on_invalid = INVALID_TAKEN};
    enum error error = uuid_valid(id) ? db_one(rq->actor.db, &select_one, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_BACKUP_UNKNOWN, id);
    const char *context = secret_context(rq->actor.arena, rq->actor.who.workspace_id, id);
    const char *text = secret_open(rq->actor.keyring, rq->actor.arena, context, row_string(&row, 1));
    if (!text)
        return fail(&rq->actor, MSG_SECRET_UNREADABLE, id, NULL);
    error = import_text(rq, text, row_string(&row, 0), &options, &result);
    if (!error)
        error = pointers_recall(rq, row_string(&row, 0), row_string(&row, 2));
    const struct audit entry = {.action = "profile.restore", .platform = row_string(&row, 0), .target = id};
    if (!error)
        error = audit_write(&rq->actor, &entry);
    if (error)
        return error;
    import_write(respond_begin(rs, 200), &result, false);
    respond_end(rs);
    return ERR_NONE;
}

static enum error delete_backup(struct request *rq, struct response *rs)
{
    struct row row;
    const char *id = path_arg(rq, "id");
    enum error error = uuid_valid(id) ? db_one(rq->actor.db, &delete_one, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(&rq->actor, error, ERR_NOT_FOUND, MSG_BACKUP_UNKNOWN, id);
    const struct audit entry = {.action = "profile.backup_delete", .platform = row_string(&row, 0), .target = id};
    error = audit_write(&rq->actor, &entry);
    if (!error)
        respond_text(rs, 200, "Backup deleted successfully");
    return error;
}

static enum error clean_backups(struct request *rq, struct response *rs)
{
    struct row row;
    bool dry_run = body_bool(rq, "dry_run", false);
    const char *days = arena_printf(rq->actor.arena, "%lld", body_int(rq, "days", 7));
    enum error error = db_one(rq->actor.db, &count_old, &row, DB_ARGS(days));
    if (!error && !dry_run && row_int(&row, 0)) {
        const struct audit entry = {.action = "profile.clean"};
        error = db_run(rq->actor.db, &delete_old, DB_ARGS(days));
        if (!error)
            error = audit_write(&rq->actor, &entry);
    }
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_int_member(w, "deleted_count", row_int(&row, 0));
    json_int_member(w, "skipped_count", row_int(&row, 1));
    json_key(w, "total_size_mb");
    json_put_double(w, (double)row_int(&row, 2) / MIB, 6);
    json_bool_member(w, "dry_run", dry_run);
    json_close_object(w);
    respond_end(rs);
    return ERR_NONE;
}

const struct route backups_routes[] = {
    {METHOD_GET, "/api/backups", list_backups, ACCESS_VIEWER, .query = page_query, .flags = ROUTE_CACHED},
    {METHOD_POST, "/api/backups/{id}/restore", restore_backup, ACCESS_ADMIN, .body = no_fields, .flags = ROUTE_HEAVY},
    {METHOD_DELETE, "/api/backups/{id}", delete_backup, ACCESS_ADMIN},
    {METHOD_POST, "/api/clean", clean_backups, ACCESS_ADMIN, .body = clean_fields, .flags = ROUTE_HEAVY},
    {0},
};
