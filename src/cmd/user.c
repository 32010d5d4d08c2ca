/* user {add|passwd|list|disable|enable}: accounts, for whoever can read the env file. */
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "audit.h"
#include "command.h"
#include "json.h"
#include "login_throttle.h"
#include "password_input.h"
#include "util.h"

enum { ARENA_MAX = 64 * MIB };

enum { ACTION, NAME, WORDS };
static const char *words[WORDS];
static struct {
    const char *password_file, *display_name;
    bool site_admin, json, keep_tokens;
} given;
static char password[PASSWORD_INPUT_MAX];
static const char *note = ""; /* what an action adds to its line */

#define LAST_LOGIN SQL_TIME("last_login_at") " AS last_login_at"

static const struct statement
    user_find = {"user_find", "SELECT id, username FROM users WHERE lower(username) = lower($1)"},
    user_list = {"user_list",
                 "SELECT username, display_name, site_role, disabled_at IS NOT NULL AS disabled, created_at,"
                 " " LAST_LOGIN " FROM users ORDER BY lower(username), id"};

/* ---- actions, each inside one transaction ----------------------------------------------------------------------- */

struct user {
    const char *id, *name;
};

static enum error user_named(struct actor *actor, struct user *user)
{
    struct row row;
    enum error error = db_one(actor->db, &user_find, &row, DB_ARGS(words[NAME]));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_USER_UNKNOWN, words[NAME]);
    *user = (struct user){row_text(&row, 0), row_text(&row, 1)};
    return ERR_NONE;
}

static enum error add_user(struct actor *actor)
{
    char id[UUID_TEXT];
    struct account account = {words[NAME], password, given.display_name, given.site_admin, false};
    enum error error = account_create(actor, &account, id);
    return error ? error : audit_site(actor, "user.create", words[NAME]);
}

static enum error change_password(struct actor *actor)
{
    struct user user = {0};
    enum error error = user_named(actor, &user);
    if (!error)
        error = throttle_forget(actor, user.id);
    struct password_change change = {
        .user_id = user.id,
        .username = user.name,
        .password = password,
        .field = "password",
        .keep_tokens = given.keep_tokens,
    };
    if (!error)
        error = account_set_password(actor, &change);
    if (!error)
        error = password_change_audit(actor, "user.password", &change);
    if (!error && change.tokens.count > 0)
        note = arena_printf(actor->arena, "; personal access tokens %s: %d", change.keep_tokens ? "kept" : "ended",
                            change.tokens.count);
    return error;
}

static enum error set_disabled(struct actor *actor, bool disabled)
{
    struct user user;
    enum error error = user_named(actor, &user);
    if (!error && disabled)
        error = account_spare_admin(actor, user.id);
    if (!error)
        error = account_set_disabled(actor, user.id, disabled);
    return error ? error : audit_site(actor, disabled ? "user.disable" : "user.enable", user.name);
}

static enum error disable_user(struct actor *actor)
{
    return set_disabled(actor, true);
}

static enum error enable_user(struct actor *actor)
{
    return set_disabled(actor, false);
}

static void print_user(const struct row *row)
{
    const char *state = row_bool(row, 3) ? "disabled" : "active";
    const char *seen = row_text(row, 5);
    printf("%-24s %-6s %-9s %-25s %s\n", row_string(row, 0), row_string(row, 2), state, seen ? seen : "never",
           row_string(row, 1));
}

static enum error list_as_json(const struct rows *rows)
{
    rows_write(rows, command_json());
    return command_json_print() ? ERR_NONE : ERR_INTERNAL;
}

static enum error list_users(struct actor *actor)
{
    struct rows rows;
    enum error error = db_all(actor->db, &user_list, &rows, DB_NO_ARGS);
    if (error || given.json)
        return error ? error : list_as_json(&rows);
    printf("%-24s %-6s %-9s %-25s %s\n", "username", "role", "state", "last login", "name");
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        print_user(&row);
    }
    return ERR_NONE;
}

static const struct action {
    const char *name;
    enum error (*run)(struct actor *actor);
    const char *done; /* what is printed behind the user's name */
    bool takes_name, takes_password;
} actions[] = {
    {"add", add_user, "added", true, true},
    {"passwd", change_password, "has a new password; all sessions are ended", true, true},
    {"list", list_users, NULL, false, false},
    {"disable", disable_user, "is disabled; all sessions are ended", true, false},
    {"enable", enable_user, "is enabled", true, false},
};

/* ---- running one ------------------------------------------------------------------------------------------------ */

/* What an error means to a shell (sysexits.h). */
static const int exit_statuses[ERROR_COUNT] = {
    [ERR_NONE] = EX_OK,
    [ERR_VALIDATION] = EX_DATAERR,
    [ERR_NOT_FOUND] = EX_NOUSER,
    [ERR_CONFLICT] = EX_CANTCREAT,
    [ERR_DATABASE] = EX_UNAVAILABLE,
    [ERR_BUSY] = EX_TEMPFAIL,
};

static int report_action(const struct actor *actor, enum error error, const struct action *action)
{
    if (!error) {
        if (action->done)
            printf("user '%s' %s%s\n", words[NAME], action->done, note);
        return EX_OK;
    }
    const char *said = failure_said(actor, error);
    fprintf(stderr, "user %s: %s\n", action->name, said ? said : db_message(actor->db));
    return exit_statuses[error] ? exit_statuses[error] : EX_SOFTWARE;
}

static int run_action(const struct settings *settings, const struct action *action)
{
    struct db *db = command_database(settings);
    if (!db)
        return EX_UNAVAILABLE;
    struct actor actor = {
        .arena = arena_new(ARENA_MAX), .db = db, .settings = settings, .who.username = "console", .address = "console"};
    random_uuid(actor.request_id);
    db_begin(db);
    enum error error = action->run(&actor);
    if (!error)
        error = db_commit(db);
    else
        db_rollback(db);
    int status = report_action(&actor, error, action);
    arena_free(actor.arena);
    db_free(db);
    return status;
}

static const struct action *find_action(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (text_equal(words[ACTION], actions[i].name) && actions[i].takes_name == (words[NAME] != NULL))
            return &actions[i];
    return NULL;
}

static int user_run(void)
{
    struct settings settings;
    const struct action *action = find_action();
    if (!action)
        return COMMAND_MISUSED;
    int status = command_settings_load(&settings);
    if (status)
        return status;
    if (action->takes_password && !password_input(password, given.password_file))
        status = EX_NOINPUT;
    else
        status = run_action(&settings, action);
    wipe(password, sizeof password);
    settings_free(&settings);
    return status;
}

const struct command command_user = {
    .name = "user",
    .usage = "user {add NAME | passwd NAME | disable NAME | enable NAME | list} [options] [--env-file FILE]",
    .summary = "add users, set passwords, disable and list users",
    .help =
        "  add NAME           a new user with a workspace of his own\n"
        "  passwd NAME        a new password; ends all of the user's sessions and personal access tokens\n"
        "  disable NAME       ends all sessions and lets the user log in no more; nothing is deleted\n"
        "  enable NAME        undoes disable\n"
        "  list               every user\n"
        "  --password-file F  takes the password from a file; without it, it is asked for on a terminal and read\n"
        "                     from standard input elsewhere (10 to 256 characters, the line's end is cut off)\n"
        "  --site-admin       add: the user manages users\n"
        "  --display-name S   add: the name shown to people\n"
        "  --keep-tokens      passwd: personal access tokens stay good\n"
        "  --json             list: as a JSON array\n"
        "\n"
        "Exit status: 0, 65 for a name or password that will not do, 67 for an unknown user, 69 without a database,\n"
        "73 when the name is taken or the last administrator would go, 78 when a setting is wrong.\n",
    .options = (const struct command_option[]){{"site-admin", .flag = &given.site_admin},
                                               {"password", NULL, NULL}, /* no short form of the next */
                                               {"password-file", .text = &given.password_file},
                                               {"display-name", .text = &given.display_name},
                                               {"json", .flag = &given.json},
                                               {"keep-tokens", .flag = &given.keep_tokens},
                                               OPTION_ENV_FILE,
                                               {0}},
    .words = words,
    .words_max = WORDS,
    .run = user_run,
};
