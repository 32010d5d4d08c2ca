/* Backups: the sealed file that a replacing import replaced. */
#include "backups.h"

#include <string.h>

#include "audit.h"
#include "profile_file.h"
#include "profile_pointers.h"
#include "util.h"

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

enum error backup_create(struct actor *actor, const char *platform, const char **id)
{
    const char *text, *pointers;
    char uuid[UUID_TEXT];
    size_t profiles;
    *id = NULL;
    enum error error = profile_file_write(actor, platform, true, &text, &profiles);
    if (error || !profiles)
        return error;
    error = pointers_remember(actor, platform, &pointers);
    if (error)
        return error;
    random_uuid(uuid);
    const char *context = secret_context(actor->arena, actor->who.workspace_id, uuid);
    const char *sealed = secret_seal(actor->keyring, actor->arena, context, text);
    error = db_run(actor->db, &insert,
                   DB_ARGS(uuid, platform, sealed, arena_printf(actor->arena, "%zu", profiles),
                           arena_printf(actor->arena, "%zu", strlen(text)), actor->who.username, pointers));
    *id = arena_strdup(actor->arena, uuid);
    return error;
}

enum error backup_open(struct actor *actor, const char *id, struct backup *backup)
{
    struct row row;
    enum error error = uuid_valid(id) ? db_one(actor->db, &select_one, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    *backup = (struct backup){0};
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_BACKUP_UNKNOWN, id);
    const char *context = secret_context(actor->arena, actor->who.workspace_id, id);
    backup->platform = row_string(&row, 0);
    backup->text = secret_open(actor->keyring, actor->arena, context, row_string(&row, 1));
    backup->pointers = row_string(&row, 2);
    return backup->text ? ERR_NONE : fail(actor, MSG_SECRET_UNREADABLE, id, NULL);
}

enum error backup_delete(struct actor *actor, const char *id)
{
    struct row row;
    enum error error = uuid_valid(id) ? db_one(actor->db, &delete_one, &row, DB_ARGS(id)) : ERR_NOT_FOUND;
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_BACKUP_UNKNOWN, id);
    const struct audit entry = {.action = "profile.backup_delete", .platform = row_string(&row, 0), .target = id};
    return audit_write(actor, &entry);
}

enum error backups_clean(struct actor *actor, long long days, bool dry_run, struct backups_cleaned *cleaned)
{
    struct row row;
    const char *age = number_text(actor, days);
    enum error error = db_one(actor->db, &count_old, &row, DB_ARGS(age));
    if (error)
        return error;
    *cleaned = (struct backups_cleaned){row_int(&row, 0), row_int(&row, 1), row_int(&row, 2)};
    if (dry_run || !cleaned->old)
        return ERR_NONE;
    error = db_run(actor->db, &delete_old, DB_ARGS(age));
    return error ? error : audit_write(actor, &(struct audit){.action = "profile.clean"});
}
