/* Audit: who did what, written in the transaction of what was done. */
#include "audit.h"

#include "util.h"

static const struct statement insert = {
    "audit_insert",
    "INSERT INTO audit_log (workspace_id, user_id, actor, action, platform, target, from_config, to_config,"
    " changes, address, request_id, token)"
    " VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7, $8, coalesce($9::json, '[]'), $10, $11,"
    " (SELECT name FROM access_tokens WHERE id = $12::uuid))"};

/* The same rows, many at once; each is a moment later than the one before, so that they stay in order. */
static const struct statement insert_all = {
    "audit_insert_all",
    "INSERT INTO audit_log (workspace_id, user_id, actor, action, platform, target, from_config, to_config,"
    " changes, address, request_id, token)"
    " SELECT $1::uuid, $2::uuid, $3, r.action, r.platform, r.target, r.from_config, r.to_config, coalesce(r.changes, '[]'), $4, $5,"
    " (SELECT name FROM access_tokens WHERE id = $7::uuid)"
    " FROM json_to_recordset($6::json) AS r (action text, platform text, target text, from_config text,"
    " to_config text, changes json)"};

enum error audit_write(struct actor *actor, const struct audit *entry)
{
    const struct identity *who = &actor->who;
    return db_run(actor->db, &insert,
                  DB_ARGS(entry->site ? NULL : who->workspace_id, text_or_null(who->user_id), who->username,
                          entry->action, entry->platform, entry->target, entry->from_config, entry->to_config,
                          entry->changes, actor->address, actor->request_id, text_or_null(who->token_id)));
}

enum error audit_write_all(struct actor *actor, const char *rows)
{
    const struct identity *who = &actor->who;
    return db_run(actor->db, &insert_all,
                  DB_ARGS(who->workspace_id, text_or_null(who->user_id), who->username, actor->address,
                          actor->request_id, rows, text_or_null(who->token_id)));
}

enum error audit_site(struct actor *actor, const char *action, const char *target)
{
    return audit_write(actor, &(struct audit){.site = true, .action = action, .target = target});
}
