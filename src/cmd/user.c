/* user {add|passwd|list|disable|enable}: accounts, for whoever can read the env file. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "audit.h"
#include "command.h"
#include "json.h"
#include "login_throttle.h"
#include "password_input.h"
#include "util.h"

enum { ARENA_MAX = 64 * MIB, LIST_MAX = 16 * MIB };

struct options {
    const char *name;
    const char *password_file;
    const char *display_name;
    bool site_admin, json, keep_tokens;
    const char *note; /* what an action adds to its line; NULL = nothing */
    char password[PASSWORD_INPUT_MAX];
};

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

static enum error user_named(struct actor *actor, const struct options *options, struct user *user)
{
    struct row row;
    enum error error = db_one(actor->db, &user_find, &row, DB_ARGS(options->name));
    if (error)
        return fail_as(actor, error, ERR_NOT_FOUND, MSG_USER_UNKNOWN, options->name);
    *user = (struct user){row_text(&row, 0), row_text(&row, 1)};
    return ERR_NONE;
}

static enum error add_user(struct actor *actor, struct options *options)
{
    char id[UUID_TEXT];
    struct account account = {options->name, options->password, options->display_name, options->site_admin};
    enum error error = account_create(actor, &account, id);
    return error ? error : audit_site(actor, "user.create", options->name);
}

static enum error change_password(struct actor *actor, struct options *options)
{
    struct user user = {0};
    enum error error = user_named(actor, options, &user);
    if (!error)
        error = throttle_forget(actor, user.id);
    struct password_change change = {
        .user_id = user.id,
        .username = user.name,
        .password = options->password,
        .field = "password",
        .keep_tokens = options->keep_tokens,
    };
    if (!error)
        error = account_set_password(actor, &change);
    if (!error)
        error = password_change_audit(actor, "user.password", &change);
    if (!error && change.tokens.count > 0)
        options->note = arena_printf(actor->arena, "; personal access tokens %s: %d",
                                     change.keep_tokens ? "kept" : "ended", change.tokens.count);
    return error;
}

static enum error set_disabled(struct actor *actor, struct options *options, bool disabled)
{
    struct user user;
    enum error error = user_named(actor, options, &user);
    if (!error && disabled)
        error = account_spare_admin(actor, user.id);
    if (!error)
        error = account_set_disabled(actor, user.id, disabled);
    return error ? error : audit_site(actor, disabled ? "user.disable" : "user.enable", user.name);
}

static enum error disable_user(struct actor *actor, struct options *options)
{
    return set_disabled(actor, options, true);
}

static enum error enable_user(struct actor *actor, struct options *options)
{
    return set_disabled(actor, options, false);
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
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, LIST_MAX);
    json_begin(&w, &out);
    json_open_array(&w);
    for (int i = 0; i < rows->count; i++) {
        struct row row = rows_at(rows, i);
        json_open_object(&w);
        row_write(&row, &w);
        json_close_object(&w);
    }
    json_close_array(&w);
    bool whole = !out.overflow;
    if (whole)
        puts(buffer_string(&out));
    buffer_free(&out);
    return whole ? ERR_NONE : ERR_INTERNAL;
}

static enum error list_users(struct actor *actor, struct options *options)
{
    struct rows rows;
    enum error error = db_all(actor->db, &user_list, &rows, DB_NO_ARGS);
    if (error || options->json)
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
    enum error (*run)(struct actor *actor, struct options *options);
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

static int report_action(const struct actor *actor, enum error error, const struct action *action,
                         const struct options *options)
{
    if (!error) {
        if (action->done)
            printf("user '%s' %s%s\n", options->name, action->done, options->note ? options->note : "");
        return EX_OK;
    }
    const char *said = failure_said(actor, error);
    fprintf(stderr, "user %s: %s\n", action->name, said ? said : db_message(actor->db));
    return exit_statuses[error] ? exit_statuses[error] : EX_SOFTWARE;
}

static int run_action(const struct settings *settings, const struct action *action, struct options *options)
{
    struct db *db = db_new(settings);
    int status = EX_UNAVAILABLE;
    if (db_ready(db, settings->connection_timeout * 1000)) {
        struct actor actor = {.arena = arena_new(ARENA_MAX),
                              .db = db,
                              .settings = settings,
                              .who.username = "console",
                              .address = "console"};
        random_uuid(actor.request_id);
        db_begin(db);
        enum error error = action->run(&actor, options);
        if (!error)
            error = db_commit(db);
        else
            db_rollback(db);
        status = report_action(&actor, error, action, options);
        arena_free(actor.arena);
    } else {
        fprintf(stderr, "user %s: cannot connect to the database: %s\n", action->name, db_failure(db));
    }
    db_free(db);
    return status;
}

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(actions); i++)
        if (strcmp(name, actions[i].name) == 0)
            return &actions[i];
    return NULL;
}

/* NULL when the command line makes no sense. */
static const struct action *user_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"site-admin", no_argument, NULL, 'a'},
                                          {"password", required_argument, NULL, '?'}, /* no short form of the next */
                                          {"password-file", required_argument, NULL, 'p'},
                                          {"display-name", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"keep-tokens", no_argument, NULL, 'k'},
                                          {"env-file", required_argument, NULL, 'e'},
                                          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'a')
            options->site_admin = true;
        else if (c == 'p')
            options->password_file = optarg;
        else if (c == 'd')
            options->display_name = optarg;
        else if (c == 'j')
            options->json = true;
        else if (c == 'k')
            options->keep_tokens = true;
        else if (c != 'e') /* that one is command_settings_load's */
            return NULL;
    }
    const struct action *action = find_action(optind < argc ? argv[optind] : NULL);
    if (!action || argc - optind != (action->takes_name ? 2 : 1))
        return NULL;
    options->name = action->takes_name ? argv[optind + 1] : NULL;
    return action;
}

static int user_run(int argc, char **argv)
{
    struct options options = {0};
    struct settings settings;
    const struct action *action = user_options(argc, argv, &options);
    if (!action) {
        fprintf(stderr, "usage: ccr-ui-backend %s\n", command_user.usage);
        return EX_USAGE;
    }
    int status = command_settings_load(&argc, argv, &settings);
    if (status)
        return status;
    if (action->takes_password && !password_input(options.password, options.password_file))
        status = EX_NOINPUT;
    else
        status = run_action(&settings, action, &options);
    wipe(options.password, sizeof options.password);
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
    .run = user_run,
};
