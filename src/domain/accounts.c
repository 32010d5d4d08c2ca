/* Accounts: creating one, its password, disabling it. */
#include "accounts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "audit.h"
#include "lookalike.h"
#include "password.h"
#include "sessions.h"
#include "util.h"

enum { SLUG_MAX = 40, SLUG_COUNTED = 9, SLUG_TRIES = 12 };

/* The ways in which a name is written, decomposed; and what lookalike_skeleton makes of four such, to be stored and compared. */
#define NAME_FORMS(name)                                                                                               \
    "normalize(" name ", NFKD), normalize(lower(" name "), NFKD), normalize(upper(" name "), NFKD),"                   \
    " normalize(initcap(lower(" name ")), NFKD)"
#define SKELETONS(a, b, c, d)                                                                                          \
    "ARRAY[normalize(" a "::text, NFKD), normalize(" b "::text, NFKD), normalize(" c "::text, NFKD), normalize(" d     \
    "::text, NFKD)]"
enum { FORMS = 4 };

static const struct statement
    account_insert = {"account_insert",
                      "INSERT INTO users (username, password_hash, display_name, site_role, skeletons, password_given)"
                      " VALUES ($1, $2, $3, $4, " SKELETONS("$5", "$6", "$7", "$8") ", NOT $9::boolean) RETURNING id"},
    /* One new name at a time, so that two that look alike do not miss each other. */
    account_names_lock = {"account_names_lock", "SELECT pg_advisory_xact_lock(hashtext('ccr.user-names'))"},
    account_forms = {"account_forms", "SELECT " NAME_FORMS("$1::text")},
    account_unseen = {"account_unseen",
                      "SELECT id, " NAME_FORMS("username") " FROM users WHERE skeletons IS NULL LIMIT 1000"},
    account_see = {"account_see", "UPDATE users SET skeletons = " SKELETONS("$2", "$3", "$4", "$5") " WHERE id = $1"},
    account_lookalike = {"account_lookalike", "SELECT username FROM users WHERE lower(username) <> lower($1)"
                                              " AND skeletons && " SKELETONS("$2", "$3", "$4", "$5") " LIMIT 1"},
    account_workspace =
        {"account_workspace",
         "INSERT INTO workspaces (id, slug, name, personal_user_id)"
         " VALUES ($1, $2, $3, $4) ON CONFLICT (slug) WHERE personal_user_id IS NOT NULL DO NOTHING RETURNING id"},
    account_owner = {"account_owner", "INSERT INTO memberships (workspace_id, user_id, role) VALUES ($1, $2, 'owner')"},
    account_current = {"account_current", "UPDATE users SET current_workspace_id = $2 WHERE id = $1"},
    account_password = {"account_password",
                        "UPDATE users SET password_hash = $2, password_changed_at = now(), revision = revision + 1,"
                        " password_given = ccr_user() IS DISTINCT FROM $1 WHERE id = $1"},
    account_disable = {"account_disable", "UPDATE users SET disabled_at = CASE WHEN $2::boolean"
                                          " THEN coalesce(disabled_at, now()) END, revision = revision + 1"
                                          " WHERE id = $1"},
    /* No row locks: whoever takes an administrator away takes this one lock first. */
    account_admins_lock = {"account_admins_lock", "SELECT pg_advisory_xact_lock(hashtext('ccr.site-admins'))"},
    account_admins = {"account_admins",
                      "SELECT id FROM users WHERE site_role = 'admin' AND disabled_at IS NULL LIMIT 2"},
    account_tokens = {"account_tokens", "SELECT id, name FROM access_tokens WHERE user_id = $1"
                                        " AND (expires_at IS NULL OR expires_at > now()) ORDER BY created_at, id"},
    account_tokens_end = {"account_tokens_end", "DELETE FROM access_tokens WHERE user_id = $1"},
    account_owned = {"account_owned",
                     "SELECT w.id, w.slug FROM memberships m JOIN workspaces w ON w.id = m.workspace_id"
                     " WHERE m.user_id = $1 AND m.role = 'owner' AND w.personal_user_id IS NULL"
                     " ORDER BY w.id FOR NO KEY UPDATE OF w"},
    account_fellows = {"account_fellows", "SELECT count(*), count(*) FILTER (WHERE role = 'owner')"
                                          " FROM memberships WHERE workspace_id = $1 AND user_id <> $2"},
    account_workspace_delete = {"account_workspace_delete", "DELETE FROM workspaces WHERE id = $1"};

/* ---- rules for names and passwords ------------------------------------------------------------------------------ */

static enum error check_username(struct actor *actor, const char *username)
{
    enum { BYTES_MAX = sizeof actor->who.username - 1 };
    if (!name_valid(username))
        return fail_field(actor, "username", MSG_NAME, NULL);
    if (strlen(username) > BYTES_MAX)
        return fail_field(actor, "username", MSG_BYTES, number_text(actor, BYTES_MAX), NULL);
    return ERR_NONE;
}

/* Length is the only rule, as NIST SP 800-63B section 5.1.1.2 has it, but for the one word everybody would try. */
static enum error check_password(struct actor *actor, const char *field, const char *username, const char *password)
{
    if (!utf8_valid(password, strlen(password)) || has_control(password))
        return fail_field(actor, field, MSG_CONTROL, NULL);
    if (utf8_length(password) < PASSWORD_MIN)
        return fail_field(actor, field, MSG_TOO_SHORT, number_text(actor, PASSWORD_MIN), NULL);
    if (utf8_length(password) > PASSWORD_MAX)
        return fail_field(actor, field, MSG_TOO_LONG, number_text(actor, PASSWORD_MAX), NULL);
    if (strcasecmp(password, username) == 0)
        return fail_field(actor, field, MSG_PASSWORD_NAME, NULL);
    return ERR_NONE;
}

/* ---- names that look like others' ------------------------------------------------------------------------------- */

struct looks {
    const char *skeletons[FORMS];
};

/* From the columns of NAME_FORMS, the first of which is `column`. */
static void take_looks(struct actor *actor, const struct row *row, int column, struct looks *looks)
{
    for (int i = 0; i < FORMS; i++)
        looks->skeletons[i] = lookalike_skeleton(actor->arena, row_string(row, column + i));
}

/* Accounts from before names were compared. */
static enum error look_at_older_names(struct actor *actor)
{
    struct rows rows;
    enum error error;
    do {
        error = db_all(actor->db, &account_unseen, &rows, DB_NO_ARGS);
        for (int i = 0; !error && i < rows.count; i++) {
            struct row row = rows_at(&rows, i);
            struct looks looks;
            take_looks(actor, &row, 1, &looks);
            error = db_run(actor->db, &account_see,
                           DB_ARGS(row_text(&row, 0), looks.skeletons[0], looks.skeletons[1], looks.skeletons[2],
                                   looks.skeletons[3]));
        }
    } while (!error && rows.count > 0);
    return error;
}

static enum error check_lookalike(struct actor *actor, const char *username, struct looks *looks)
{
    struct row row;
    enum error error = db_run(actor->db, &account_names_lock, DB_NO_ARGS);
    if (!error)
        error = look_at_older_names(actor);
    if (!error)
        error = db_one(actor->db, &account_forms, &row, DB_ARGS(username));
    if (error)
        return error;
    take_looks(actor, &row, 0, looks);
    if (!*looks->skeletons[0]) /* letters that cannot be seen */
        return fail_field(actor, "username", MSG_NAME, NULL);
    error =
        db_one(actor->db, &account_lookalike, &row,
               DB_ARGS(username, looks->skeletons[0], looks->skeletons[1], looks->skeletons[2], looks->skeletons[3]));
    if (error == ERR_NOT_FOUND)
        return ERR_NONE;
    return error ? error : fail(actor, MSG_USER_LOOKALIKE, username, row_string(&row, 0), NULL);
}

/* ---- creating --------------------------------------------------------------------------------------------------- */

/* What a header can carry of a name: "Ada.Lovelace" becomes "ada-lovelace", a name in Chinese "user". */
static void slug_from_name(char out[SLUG_MAX + 1], const char *name)
{
    size_t n = 0;
    for (; *name && n < SLUG_MAX; name++) {
        unsigned char c = (unsigned char)*name;
        if (c < 0x80 && isalnum(c))
            out[n++] = (char)tolower(c);
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (n == 0)
        memcpy(out, "user", sizeof "user");
}

/* The nth slug to try: ada, ada-2 … ada-9, then ada-1f3a9c. */
static char *slug_candidate(struct actor *actor, const char *base, int n)
{
    if (n == 0)
        return arena_strdup(actor->arena, base);
    if (n < SLUG_COUNTED)
        return arena_printf(actor->arena, "%s-%d", base, n + 1);
    unsigned char dice[3];
    random_bytes(dice, sizeof dice);
    return arena_printf(actor->arena, "%s-%02x%02x%02x", base, dice[0], dice[1], dice[2]);
}

/* Under the tenant that the new user and his workspace will be, for row-level security. */
static enum error create_personal_workspace(struct actor *actor, const struct account *account, const char *user_id)
{
    char workspace_id[UUID_TEXT], base[SLUG_MAX + 1];
    const char *name = account->display_name ? account->display_name : account->username;
    random_uuid(workspace_id);
    slug_from_name(base, account->username);
    db_tenant(actor->db, workspace_id, user_id);

    struct row row;
    enum error error = ERR_NOT_FOUND;
    for (int n = 0; n < SLUG_TRIES && error == ERR_NOT_FOUND; n++)
        error = db_one(actor->db, &account_workspace, &row,
                       DB_ARGS(workspace_id, slug_candidate(actor, base, n), name, user_id));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_INTERNAL : error;
    error = db_run(actor->db, &account_owner, DB_ARGS(workspace_id, user_id));
    if (error)
        return error;
    return db_run(actor->db, &account_current, DB_ARGS(user_id, workspace_id));
}

enum error account_create(struct actor *actor, const struct account *account, char user_id[UUID_TEXT])
{
    char hash[PASSWORD_TEXT];
    enum error error = check_username(actor, account->username);
    enum error password_error = check_password(actor, "password", account->username, account->password);
    if (error || password_error)
        return ERR_VALIDATION;
    if (!password_hash(hash, account->password))
        return ERR_INTERNAL;

    struct row row;
    struct looks looks;
    error = check_lookalike(actor, account->username, &looks);
    if (error)
        return error;
    error = db_one(actor->db, &account_insert, &row,
                   DB_ARGS(account->username, hash, account->display_name, account->site_admin ? "admin" : "user",
                           looks.skeletons[0], looks.skeletons[1], looks.skeletons[2], looks.skeletons[3],
                           account->own_password ? "true" : "false"));
    if (error)
        return fail_as(actor, error, ERR_CONFLICT, MSG_USER_EXISTS, account->username);
    memcpy(user_id, row_string(&row, 0), UUID_TEXT);

    error = create_personal_workspace(actor, account, user_id);
    db_tenant(actor->db, actor->who.workspace_id, actor->who.user_id);
    return error;
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

enum error account_set_password(struct actor *actor, struct password_change *change)
{
    char hash[PASSWORD_TEXT];
    enum error error = check_password(actor, change->field, change->username, change->password);
    if (error)
        return error;
    if (!password_hash(hash, change->password))
        return ERR_INTERNAL;
    error = db_run(actor->db, &account_password, DB_ARGS(change->user_id, hash));
    if (!error)
        error = sessions_revoke(actor, change->user_id, change->keep_session, &change->sessions_ended);
    if (!error)
        error = db_all(actor->db, &account_tokens, &change->tokens, DB_ARGS(change->user_id));
    if (!error && !change->keep_tokens)
        error = db_run(actor->db, &account_tokens_end, DB_ARGS(change->user_id));
    return error;
}

static void write_tokens(struct json_writer *w, const char *key, const struct rows *tokens)
{
    json_key(w, key);
    json_open_array(w);
    for (int i = 0; tokens && i < tokens->count; i++) {
        struct row token = rows_at(tokens, i);
        json_open_object(w);
        json_string_member(w, "id", row_text(&token, 0));
        json_string_member(w, "name", row_text(&token, 1));
        json_close_object(w);
    }
    json_close_array(w);
}

void password_change_write(struct json_writer *w, const struct password_change *change)
{
    json_int_member(w, "sessions_ended", change->sessions_ended);
    write_tokens(w, "tokens_ended", change->keep_tokens ? NULL : &change->tokens);
    write_tokens(w, "tokens_kept", change->keep_tokens ? &change->tokens : NULL);
}

/* A row for each token that ended, as if it had been revoked alone. */
enum error password_change_audit(struct actor *actor, const char *action, const struct password_change *change)
{
    enum error error = audit_site(actor, action, change->username);
    for (int i = 0; !error && !change->keep_tokens && i < change->tokens.count; i++) {
        struct row token = rows_at(&change->tokens, i);
        error = audit_site(actor, "token.revoke", row_text(&token, 1));
    }
    return error;
}

enum error account_set_disabled(struct actor *actor, const char *user_id, bool disabled)
{
    long long ended;
    actor->identity_changed = true;
    enum error error = db_run(actor->db, &account_disable, DB_ARGS(user_id, disabled ? "true" : "false"));
    if (error || !disabled)
        return error;
    return sessions_revoke(actor, user_id, NULL, &ended);
}

enum error account_spare_admin(struct actor *actor, const char *user_id)
{
    struct rows admins;
    enum error error = db_run(actor->db, &account_admins_lock, DB_NO_ARGS);
    if (!error)
        error = db_all(actor->db, &account_admins, &admins, DB_NO_ARGS);
    if (error || admins.count != 1)
        return error;
    struct row only = rows_at(&admins, 0);
    return strcmp(row_string(&only, 0), user_id) == 0 ? fail(actor, MSG_LAST_ADMIN, NULL) : ERR_NONE;
}

/* ---- leaving ---------------------------------------------------------------------------------------------------- */

/* A shared workspace must not be left without an owner; one that nobody else is in goes with its owner. */
static enum error leave_workspace(struct actor *actor, const char *user_id, const char *username,
                                  const struct row *workspace)
{
    struct row fellows;
    const char *id = row_string(workspace, 0);
    db_tenant(actor->db, id, user_id);
    enum error error = db_one(actor->db, &account_fellows, &fellows, DB_ARGS(id, user_id));
    if (error || row_int(&fellows, 1) > 0)
        return error;
    if (row_int(&fellows, 0) > 0)
        return fail(actor, MSG_SOLE_OWNER, username, row_string(workspace, 1), NULL);
    return db_run(actor->db, &account_workspace_delete, DB_ARGS(id));
}

/* Row-level security shows a user's memberships to that user only, so this acts as him for a moment. */
enum error account_leave_workspaces(struct actor *actor, const char *user_id, const char *username)
{
    struct rows owned;
    db_tenant(actor->db, "", user_id);
    enum error error = db_all(actor->db, &account_owned, &owned, DB_ARGS(user_id));
    for (int i = 0; !error && i < owned.count; i++) {
        struct row workspace = rows_at(&owned, i);
        error = leave_workspace(actor, user_id, username, &workspace);
    }
    db_tenant(actor->db, actor->who.workspace_id, actor->who.user_id);
    return error;
}
