/* Logins of Codex, as CCR UI reads and changes them, and our own way in for one: a server has no ~/.codex of which it could take it. */
#include <string.h>

#include "codex_logins.h"
#include "json.h"
#include "ui_page.h"

static const struct {
    const char *name, *icon;
    enum message description;
} freshness[] = {
    [LOGIN_FRESH] = {"Fresh", "🟢", MSG_FRESH},
    [LOGIN_STALE] = {"Stale", "🟡", MSG_STALE},
    [LOGIN_OLD] = {"Old", "🔴", MSG_OLD},
    [LOGIN_UNKNOWN] = {"Unknown", "⚪", MSG_FRESHNESS_UNKNOWN},
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool is_unsaved(const struct row *login)
{
    return strcmp(row_string(login, LOGIN_NAME), CODEX_LOGIN_UNSAVED) == 0;
}

/* False when there is none. */
static bool find_current(const struct rows *logins, struct row *current)
{
    for (int i = 0; i < logins->count; i++) {
        *current = rows_at(logins, i);
        if (row_bool(current, LOGIN_CURRENT))
            return true;
    }
    return false;
}

static void write_login_state(struct json_writer *w, const struct row *current)
{
    json_literal_key(w, "login_state");
    json_open_object(w);
    json_string_member(w, "type", !current ? "NotLoggedIn" : is_unsaved(current) ? "LoggedInUnsaved" : "LoggedInSaved");
    if (current && !is_unsaved(current))
        json_string_member(w, "account_name", row_text(current, LOGIN_NAME));
    json_close_object(w);
}

/* What the list and the current one have in common. */
static void write_members(struct actor *actor, struct json_writer *w, const struct row *login)
{
    long long fresh = row_int(login, LOGIN_FRESHNESS);
    json_string_member(w, "email", row_text(login, LOGIN_EMAIL));
    json_string_member(w, "last_refresh", row_text(login, LOGIN_LAST_REFRESH));
    json_string_member(w, "freshness", freshness[fresh].name);
    json_string_member(w, "freshness_icon", freshness[fresh].icon);
    json_string_member(w, "freshness_description", translate(actor, freshness[fresh].description, NULL));
    if (row_text(login, LOGIN_EXPIRES_AT))
        json_string_member(w, "expires_at", row_text(login, LOGIN_EXPIRES_AT));
    json_bool_member(w, "is_expired", row_bool(login, LOGIN_EXPIRED));
}

static void write_account(struct actor *actor, struct json_writer *w, const struct row *login)
{
    json_open_object(w);
    json_string_member(w, "name", row_text(login, LOGIN_NAME));
    json_string_member(w, "description", row_text(login, LOGIN_DESCRIPTION));
    json_bool_member(w, "is_current", row_bool(login, LOGIN_CURRENT));
    json_bool_member(w, "is_virtual", is_unsaved(login));
    json_string_member(w, "last_used", row_text(login, LOGIN_LAST_USED));
    write_members(actor, w, login);
    json_close_object(w);
}

static enum error list_accounts(struct request *rq, struct response *rs)
{
    struct rows logins;
    struct row current;
    enum error error = codex_logins_read(&rq->actor, &logins);
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "accounts");
    json_open_array(w);
    for (int i = 0; i < logins.count; i++) {
        struct row login = rows_at(&logins, i);
        write_account(&rq->actor, w, &login);
    }
    json_close_array(w);
    write_login_state(w, find_current(&logins, &current) ? &current : NULL);
    return respond_end(rs);
}

static enum error show_current(struct request *rq, struct response *rs)
{
    struct rows logins;
    struct row current;
    enum error error = codex_logins_read(&rq->actor, &logins);
    if (error)
        return error;
    bool there = find_current(&logins, &current);
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "logged_in", there);
    json_literal_key(w, "info");
    if (there) {
        json_open_object(w);
        json_string_member(w, "account_id", row_string(&current, LOGIN_ACCOUNT_ID));
        write_members(&rq->actor, w, &current);
        json_close_object(w);
    } else {
        json_put_null(w);
    }
    write_login_state(w, there ? &current : NULL);
    return respond_end(rs);
}

/* Processes are on somebody's machine: none is known of, and that is said. */
static enum error show_processes(struct request *rq, struct response *rs)
{
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "has_running_process", false);
    json_raw_member(w, "pids", "[]");
    json_string_member(w, "warning", translate(&rq->actor, MSG_NO_PROCESSES, NULL));
    return respond_end(rs);
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

static enum error bring(struct request *rq, struct response *rs)
{
    enum error error = codex_login_bring(&rq->actor, body_text(rq, "auth"));
    return error ? error : ui_say(rs, "Login taken; save it under a name to keep it beside others");
}

static enum error save(struct request *rq, struct response *rs)
{
    struct codex_login wanted = {.name = body_text(rq, "name"),
                                 .description = body_text(rq, "description"),
                                 .force = body_bool(rq, "force", false)};
    enum error error = field_time(&rq->actor, "expires_at", body_text(rq, "expires_at"), &wanted.expires_at);
    if (!error)
        error = codex_login_save(&rq->actor, &wanted);
    return error ? error : ui_say(rs, arena_printf(rq->actor.arena, "Account '%s' saved", wanted.name));
}

static enum error switch_to(struct request *rq, struct response *rs)
{
    const char *name = path_arg(rq, "name");
    enum error error = codex_login_switch(&rq->actor, name);
    return error ? error : ui_say(rs, arena_printf(rq->actor.arena, "Switched to account '%s'", name));
}

static enum error delete (struct request *rq, struct response *rs) {
    const char *name = path_arg(rq, "name"); enum error error = codex_login_delete(&rq->actor, name);
    return error ? error : ui_say(rs, arena_printf(rq->actor.arena, "Account '%s' deleted", name));
}

static const struct field bring_fields[] =
    {{.name = "auth", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_SECRET, .max = CODEX_AUTH_MAX}, {0}},
                          save_fields[] = {{.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .max = 32},
                                           {.name = "description", .type = FIELD_TEXT, .flags = FIELD_TRIM},
                                           {.name = "expires_at", .type = FIELD_TEXT, .flags = FIELD_TRIM, .max = 40},
                                           {.name = "force", .type = FIELD_BOOL},
                                           {0}};

const struct route ui_login_routes[] = {
    {METHOD_GET, "/api/codex/auth/accounts", list_accounts, ACCESS_USER, .flags = ROUTE_PERSONAL},
    {METHOD_GET, "/api/codex/auth/current", show_current, ACCESS_USER, .flags = ROUTE_PERSONAL},
    {METHOD_GET, "/api/codex/auth/process", show_processes, ACCESS_USER},
    {METHOD_PUT, "/api/codex/auth/login", bring, ACCESS_USER, .body = bring_fields, .flags = ROUTE_PERSONAL},
    {METHOD_POST, "/api/codex/auth/save", save, ACCESS_USER, .body = save_fields, .flags = ROUTE_PERSONAL},
    {METHOD_POST, "/api/codex/auth/switch/{name}", switch_to, ACCESS_USER, .flags = ROUTE_PERSONAL},
    {METHOD_DELETE, "/api/codex/auth/{name}", delete, ACCESS_USER, .flags = ROUTE_PERSONAL},
    {0},
};
