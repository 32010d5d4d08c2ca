/* Logins of Codex: read from the text of an auth.json, kept sealed. */
#include "codex_logins.h"

#include <string.h>

#include "audit.h"
#include "field.h"
#include "json.h"
#include "mask.h"
#include "util.h"

enum { SAVED_MAX = 50, TOKEN_MAX = 16 * KIB, EMAIL_MAX = 320, EMAIL_SHOWN = 3 };

/* ---- an auth.json ----------------------------------------------------------------------------------------------- */

/* What is shown of one. */
struct codex_auth {
    const char *account_id, *email, *last_refresh;
};

#define TOKEN(token)                                                                                                   \
    {                                                                                                                  \
        .name = (token), .type = FIELD_KEY, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = TOKEN_MAX                   \
    }

/* What Codex writes there, as far as it is known; anything else is kept as it is. */
static const struct field auth_fields[] =
    {{.name = "OPENAI_API_KEY", .type = FIELD_KEY, .flags = FIELD_SECRET, .max = TOKEN_MAX},
     {.name = "tokens", .type = FIELD_OBJECT},
     {.name = "last_refresh", .type = FIELD_TEXT, .max = 40},
     {0}},
                          token_fields[] = {TOKEN("id_token"),
                                            TOKEN("access_token"),
                                            TOKEN("refresh_token"),
                                            {.name = "account_id", .type = FIELD_TEXT, .max = 200},
                                            {0}};

static void check_fields(struct actor *actor, json_t *object, const struct field *fields, const char *within)
{
    actor->failure.within = within;
    for (const struct field *f = fields; f->type; f++)
        field_check(actor, object, f);
    actor->failure.within = NULL;
}

/* The address in an id token (a JWT whose signature nobody checks: it is only shown), all but the first characters before the '@'
 * masked. NULL when there is none. */
static const char *email_shown(struct arena *arena, const char *id_token)
{
    struct json_failure failure;
    size_t size;
    const char *dot = id_token ? strchr(id_token, '.') : NULL, *end = dot ? strchr(dot + 1, '.') : NULL;
    const unsigned char *payload = end ? base64url_bytes(arena, dot + 1, (size_t)(end - dot - 1), &size) : NULL;
    const char *email = payload ? json_text_at(json_parse((const char *)payload, size, &failure), "email") : NULL;
    const char *at = email ? strrchr(email, '@') : NULL, *cut = email;
    if (!at || strlen(email) > EMAIL_MAX || has_control(email))
        return NULL;
    for (int shown = 0; shown < EMAIL_SHOWN && cut < at; shown++)
        utf8_next(&cut);
    return arena_printf(arena, "%.*s***%s", (int)(cut - email), email, at);
}

static enum error read_auth(struct actor *actor, const char *text, struct codex_auth *auth)
{
    struct json_failure failure;
    struct unmask u = {.arena = actor->arena, .whole = true};
    json_t *file = json_parse(text, strlen(text), &failure), *tokens = json_object_get(file, "tokens");
    if (!json_is_object(file))
        return fail_field(actor, "auth", MSG_CODEX_AUTH, NULL);
    mask_undo(&u, file, NULL, NULL, "auth");
    if (u.found)
        fail_field(actor, u.found, MSG_MASK, NULL);
    check_fields(actor, file, auth_fields, "auth");
    if (json_is_object(tokens))
        check_fields(actor, tokens, token_fields, "auth.tokens");
    else if (!actor->failure.fields && is_blank(json_text_at(file, "OPENAI_API_KEY")))
        fail_field(actor, "auth", MSG_CODEX_AUTH, NULL);
    auth->account_id = json_text_at(tokens, "account_id");
    auth->email = email_shown(actor->arena, json_text_at(tokens, "id_token"));
    field_time(actor, "auth.last_refresh", json_text_at(file, "last_refresh"), &auth->last_refresh);
    return actor->failure.fields ? ERR_VALIDATION : ERR_NONE;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define OWN     "user_id = (SELECT ccr_user())"
#define EXPIRED "coalesce(expires_at <= now(), false)"

#define TIMES SQL_TIME("last_used_at") ", " SQL_TIME("last_refresh") ", " SQL_TIME("expires_at")
#define FRESHNESS                                                                                                      \
    "CASE WHEN last_refresh > now() - interval '1 day' THEN 0 WHEN last_refresh >= now() - interval '7 days' THEN 1"   \
    " WHEN last_refresh IS NOT NULL THEN 2 ELSE 3 END"

static const struct statement
    select_all = {"codex_logins_select",
                  "SELECT name, description, account_id, email, " TIMES ", is_current, " EXPIRED ", " FRESHNESS
                  " FROM codex_logins WHERE " OWN " ORDER BY name <> '" CODEX_LOGIN_UNSAVED "', name"},
    clear_current = {"codex_logins_clear", "UPDATE codex_logins SET is_current = false WHERE " OWN " AND is_current"},
    upsert = {"codex_logins_upsert",
              "INSERT INTO codex_logins (user_id, name, id, content, account_id, email, last_refresh, is_current)"
              " SELECT ccr_user(), '" CODEX_LOGIN_UNSAVED "', $1::uuid, $2, $3, $4, $5::timestamptz, true"
              " WHERE (SELECT count(*) FROM codex_logins WHERE " OWN " AND name <> '" CODEX_LOGIN_UNSAVED
              "') < $6::int ON CONFLICT (user_id, name) DO UPDATE SET id = excluded.id, content = excluded.content,"
              " account_id = excluded.account_id, email = excluded.email, last_refresh = excluded.last_refresh,"
              " is_current = true, last_used_at = NULL, created_at = now() RETURNING 1"},
    give_name = {"codex_logins_name",
                 "UPDATE codex_logins SET name = $1, description = $2, expires_at = $3::timestamptz, is_current = true"
                 " WHERE " OWN " AND name = '" CODEX_LOGIN_UNSAVED "' RETURNING 1"},
    choose = {"codex_logins_choose", "UPDATE codex_logins SET is_current = true, last_used_at = now()"
                                     " WHERE " OWN " AND name = $1 RETURNING " EXPIRED},
    destroy = {"codex_logins_delete", "DELETE FROM codex_logins WHERE " OWN " AND name = $1 RETURNING 1"};

enum error codex_logins_read(struct actor *actor, struct rows *rows)
{
    return db_all(actor->db, &select_all, rows, DB_NO_ARGS);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

/* Another one becomes the current one: a user's changes take turns. */
static enum error leave_current(struct actor *actor)
{
    enum error error =
        db_lock_name(actor->db, arena_printf(actor->arena, "ccr.codex_logins/%s", actor->who.user_id), 0);
    return error ? error : db_run(actor->db, &clear_current, DB_NO_ARGS);
}

enum error codex_login_bring(struct actor *actor, const char *auth)
{
    struct codex_auth read;
    struct row kept;
    char id[UUID_TEXT];
    enum error error = read_auth(actor, auth, &read);
    if (!error)
        error = leave_current(actor);
    if (error)
        return error;
    random_uuid(id);
    const char *sealed =
        secret_seal(actor->keyring, actor->arena, secret_context(actor->arena, actor->who.user_id, id), auth);
    const char *most = number_text(actor, SAVED_MAX);
    error =
        db_one(actor->db, &upsert, &kept, DB_ARGS(id, sealed, read.account_id, read.email, read.last_refresh, most));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_LOGINS_MAX, most);
    return audit_site(actor, "codex_login.bring", CODEX_LOGIN_UNSAVED);
}

/* The others are addresses of CCR UI's where a name would stand. */
static enum error check_name(struct actor *actor, const char *name)
{
    if (!text_matches(name, "^[A-Za-z0-9_-]{1,32}$", NULL, 0))
        return fail_field(actor, "name", MSG_LOGIN_NAME, NULL);
    if (field_choice(CODEX_LOGIN_UNSAVED "|accounts|current|process|save|login", name) >= 0)
        return fail_field(actor, "name", MSG_RESERVED, name, NULL);
    return ERR_NONE;
}

enum error codex_login_save(struct actor *actor, const struct codex_login *wanted)
{
    struct row changed;
    enum error error = check_name(actor, wanted->name);
    if (!error)
        error = leave_current(actor);
    if (!error && wanted->force)
        error = db_run(actor->db, &destroy, DB_ARGS(wanted->name));
    if (error)
        return error;
    error = db_one(actor->db, &give_name, &changed, DB_ARGS(wanted->name, wanted->description, wanted->expires_at));
    if (error == ERR_CONFLICT)
        return fail(actor, MSG_LOGIN_EXISTS, wanted->name, NULL);
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_NO_LOGIN, NULL);
    return audit_site(actor, "codex_login.save", wanted->name);
}

enum error codex_login_switch(struct actor *actor, const char *name)
{
    struct row chosen;
    enum error error = leave_current(actor);
    if (!error)
        error = db_one(actor->db, &choose, &chosen, DB_ARGS(name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_RESOURCE_UNKNOWN, name);
    if (row_bool(&chosen, 0))
        return fail(actor, MSG_LOGIN_EXPIRED, name, NULL);
    return audit_site(actor, "codex_login.switch", name);
}

enum error codex_login_delete(struct actor *actor, const char *name)
{
    struct row gone;
    enum error error = db_one(actor->db, &destroy, &gone, DB_ARGS(name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_RESOURCE_UNKNOWN, name);
    return audit_site(actor, "codex_login.delete", name);
}
