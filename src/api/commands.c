/* Commands: what the CCR command-line tool would print, computed inside the worker against the store. No process is ever
 * started on the server; commands that only make sense on a developer's machine say so and end with status 2. */
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "command_line.h"
#include "handlers.h"
#include "history.h"
#include "page.h"
#include "profile.h"
#include "profile_file.h"
#include "util.h"

enum { OUTPUT_MAX = FILE_MAX + MIB, EXIT_FAILED = 1, EXIT_UNSUPPORTED = 2 };

struct invocation {
    struct actor *actor;
    const struct ccr_command *command;
    const char *platform;
    const char *args[16];
    size_t count;
    struct buffer out;
    int exit_code;
    bool found; /* the arguments name a profile that is there */
};

typedef enum error runner(struct invocation *c);

struct ccr_command {
    const char *name, *description, *usage;
    const char *examples[3];
    runner *run;    /* NULL: it works on a developer's machine only */
    enum role role; /* that it takes beyond that of the route */
};

static runner run_list, run_current, run_switch, run_set_enabled, run_validate, run_history, run_platform, run_export,
    run_version, run_help;

/* In the order in which the frontend shows them. */
static const struct ccr_command ccr_commands[] = {
    {"init", "Create the configuration file", "init [--force]", {"init"}},
    {"add", "Add a configuration step by step", "add", {"add"}},
    {"list", "List the configurations of the current platform", "list", {"list"}, run_list},
    {"current", "Show the current configuration", "current", {"current"}, run_current},
    {"switch", "Switch to a configuration", "switch <name>", {"switch anthropic"}, run_switch},
    {"enable", "Enable a configuration", "enable <name>", {"enable anthropic"}, run_set_enabled, ROLE_EDITOR},
    {"disable",
     "Disable a configuration",
     "disable <name> [--force]",
     {"disable anthropic"},
     run_set_enabled,
     ROLE_EDITOR},
    {"validate", "Check every configuration", "validate", {"validate"}, run_validate},
    {"history",
     "Show what was changed",
     "history [-l N] [-t TYPE]",
     {"history", "history -l 50", "history -t switch"},
     run_history},
    {"optimize", "Sort the configuration file", "optimize", {"optimize"}},
    {"platform",
     "Show or switch the platform",
     "platform list | current | info <platform> | switch <platform>",
     {"platform list", "platform switch codex"},
     run_platform},
    {"export", "Print the configurations as TOML, secrets masked", "export [--no-secrets]", {"export"}, run_export},
    {"import",
     "Import configurations from a file",
     "import <file> [--merge] [--backup]",
     {"import profiles.toml --merge"}},
    {"clean", "Remove old backup files", "clean [--days N] [--dry-run]", {"clean --days 30 --dry-run"}},
    {"migrate", "Move to the multi-platform layout", "migrate [--check] [--platform P]", {"migrate --check"}},
    {"temp-token", "Use another token for a while", "temp-token set <token> | show | clear", {"temp-token show"}},
    {"skills", "Manage skills", "skills list | scan <dir> | install <path>", {"skills list"}},
    {"prompts", "Manage prompts", "prompts list | add | apply <name>", {"prompts list"}},
    {"stats",
     "Show what was used and what it cost",
     "stats cost [--today | --this-month | --by-model]",
     {"stats cost --today"}},
    {"version", "Show the version", "version", {"version"}, run_version},
    {"update", "Update CCR", "update [--check] [--branch B]", {"update --check"}},
    {"check", "Look for conflicting settings", "check conflicts", {"check conflicts"}},
    {"claude", "Run Claude Code", "claude [arguments]", {"claude --version"}},
    {"qwen", "Run Qwen Code", "qwen [arguments]", {"qwen --version"}},
    {"gemini", "Run Gemini CLI", "gemini [arguments]", {"gemini --version"}},
    {"iflow", "Run iFlow CLI", "iflow [arguments]", {"iflow --version"}},
    {"help", "Explain the commands", "help [command]", {"help", "help switch"}, run_help},
    {NULL},
};

static const struct ccr_command *ccr_command_find(const char *name)
{
    for (const struct ccr_command *c = ccr_commands; c->name; c++)
        if (name && strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* An argument that every command line may have and that tells nothing: a flag, a word that some command knows, a small number, a
 * platform. */
static bool ccr_argument_known(const char *text)
{
    static const char *const words[] = {/* flags */
                                        "--all", "--backup", "--by-model", "--check", "--days", "--dry-run",
                                        "--filter-type", "--force", "--help", "--limit", "--merge", "--no-secrets",
                                        "--output", "--platform", "--this-month", "--today", "-h", "-l", "-o", "-t",
                                        /* what stands behind `platform`, `history -t` and the like */
                                        "clean", "clear", "conflicts", "cost", "create", "current", "delete", "disable",
                                        "enable", "export", "import", "info", "init", "list", "restore", "reveal",
                                        "rollback", "show", "switch", "update", "validate"};
    long long number;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return parse_int(text, 0, 9999, &number) || platform_find(text) || ccr_command_find(text);
}

static const char *arg(const struct invocation *c, size_t i)
{
    return i < c->count ? c->args[i] : NULL;
}

static bool has_flag(const struct invocation *c, const char *flag)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->args[i], flag) == 0)
            return true;
    return false;
}

/* Ends the command with a message of its own; NULL = how it is used. */
static enum error end_with(struct invocation *c, const char *text)
{
    c->exit_code = EXIT_UNSUPPORTED;
    c->actor->failure.text = text ? text : arena_printf(c->actor->arena, "usage: %s", c->command->usage);
    return ERR_VALIDATION;
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static const char *shown_text(const json_t *shown, const char *name)
{
    return or_dash(json_string_value(json_object_get(shown, name)));
}

static void print_profile(struct invocation *c, const struct resource *r)
{
    json_t *shown = resource_shown(r);
    buffer_printf(&c->out, "Name: %s\n", r->name);
    for (const struct column *column = kind_profile.columns; column->field.type; column++)
        if (column->field.type <= FIELD_KEY)
            buffer_printf(&c->out, "%s: %s\n", column->label.en, shown_text(shown, column->field.name));
    buffer_printf(&c->out, "Enabled: %s\nUsed: %lld times\n", r->enabled ? "yes" : "no", r->uses);
}

static enum error run_list(struct invocation *c)
{
    struct pointers pointers;
    struct resource *profiles;
    size_t count;
    enum error error = profile_pointers(c->actor, c->platform, &pointers);
    if (!error)
        error = resources_all(c->actor, &kind_profile, c->platform, false, &profiles, &count);
    if (error)
        return error;
    buffer_printf(&c->out, "Platform: %s\n", c->platform);
    for (size_t i = 0; i < count; i++) {
        const struct resource *r = &profiles[i];
        struct arena_mark mark = arena_mark(c->actor->arena);
        json_t *shown = resource_shown(r);
        buffer_printf(&c->out, "%c %-24s %-40s %s%s\n", strcmp(r->name, pointers.current) == 0 ? '*' : ' ', r->name,
                      shown_text(shown, "base_url"), shown_text(shown, "model"), r->enabled ? "" : " (disabled)");
        arena_release(c->actor->arena, mark);
    }
    buffer_printf(&c->out, "%zu configuration%s\n", count, count == 1 ? "" : "s");
    return ERR_NONE;
}

static enum error run_current(struct invocation *c)
{
    struct profile profile;
    enum error error = profile_current(c->actor, c->platform, &profile);
    if (!error)
        print_profile(c, &profile.r);
    return error;
}

/* Clients split what was typed at blanks, so a name that holds some comes in pieces, perhaps with its quotes. NULL = none. */
static const char *profile_name_arg(struct invocation *c)
{
    const char *name = NULL;
    size_t pieces = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->count > 1 && strcmp(c->args[i], "--force") == 0)
            continue;
        name = name ? arena_printf(c->actor->arena, "%s %s", name, c->args[i]) : c->args[i];
        pieces++;
    }
    size_t length = name ? strlen(name) : 0;
    bool quoted = name && pieces > 1 && (*name == '"' || *name == '\'') && name[length - 1] == *name;
    return quoted ? arena_strndup(c->actor->arena, name + 1, length - 2) : name;
}

static enum error run_switch(struct invocation *c)
{
    const char *name = profile_name_arg(c);
    if (!name)
        return end_with(c, NULL);
    enum error error = profile_switch(c->actor, c->platform, name);
    c->found = !error;
    if (!error)
        buffer_printf(&c->out, "Switched to '%s' (%s)\n", name, c->platform);
    return error;
}

static enum error run_set_enabled(struct invocation *c)
{
    const char *name = profile_name_arg(c);
    bool enabled = strcmp(c->command->name, "enable") == 0;
    if (!name)
        return end_with(c, NULL);
    struct resource r = {.name = ""};
    enum error error = resource_find(c->actor, &kind_profile, c->platform, name, true, &r);
    if (!error)
        error = resource_set_enabled(c->actor, &r, enabled);
    c->found = !error;
    if (!error)
        buffer_printf(&c->out, "Configuration '%s' %s\n", name, enabled ? "enabled" : "disabled");
    return error;
}

static enum error run_validate(struct invocation *c)
{
    struct resource *profiles;
    size_t count, broken = 0;
    enum error error = resources_all(c->actor, &kind_profile, c->platform, false, &profiles, &count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        const char *problem = profile_problem(c->actor, &profiles[i]);
        buffer_printf(&c->out, "%s %s%s%s\n", problem ? "BROKEN" : "ok    ", profiles[i].name, problem ? ": " : "",
                      problem ? problem : "");
        broken += problem != NULL;
    }
    buffer_printf(&c->out, "%zu checked, %zu broken\n", count, broken);
    c->exit_code = broken ? EXIT_FAILED : 0;
    return ERR_NONE;
}

/* history [-l N | --limit N] [-t OPERATION | --filter-type OPERATION] */
static enum error run_history(struct invocation *c)
{
    struct rows rows;
    long long limit = 20;
    const char *operation = NULL;
    for (size_t i = 0; i + 1 < c->count; i++) {
        if (strcmp(c->args[i], "-l") == 0 || strcmp(c->args[i], "--limit") == 0) {
            if (!parse_int(c->args[i + 1], 1, 1000, &limit))
                return end_with(c, "history: the limit must be between 1 and 1000");
        } else if (strcmp(c->args[i], "-t") == 0 || strcmp(c->args[i], "--filter-type") == 0) {
            operation = c->args[i + 1];
        }
    }
    enum error error = history_page(c->actor, number_text(c->actor, limit), "0", operation, &rows);
    for (int i = 0; !error && i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        const char *to = row_text(&row, HISTORY_TO);
        buffer_printf(&c->out, "%s  %-10s %-16s %s%s%s\n", row_string(&row, HISTORY_TIME),
                      row_string(&row, HISTORY_OPERATION), row_string(&row, HISTORY_ACTOR),
                      or_dash(row_text(&row, HISTORY_FROM)), to ? " -> " : "", to ? to : "");
    }
    return error;
}

static enum error run_export(struct invocation *c)
{
    const char *text;
    size_t count;
    if (has_flag(c, "-o") || has_flag(c, "--output"))
        return end_with(c, "export: the server writes no files; the export is printed here, or use POST /api/export");
    enum error error = profile_file_write(c->actor, c->platform, false, &text, &count);
    if (!error)
        buffer_text(&c->out, text);
    return error;
}

static enum error platform_info(struct invocation *c, const char *name)
{
    struct pointers pointers;
    long long count;
    if (!platform_find(name))
        return fail(c->actor, MSG_PLATFORM_UNKNOWN, name, NULL);
    enum error error = profile_pointers(c->actor, name, &pointers);
    if (!error)
        error = resources_total(c->actor, &kind_profile, name, &count);
    if (!error)
        buffer_printf(&c->out, "Platform: %s (%s)\nCurrent profile: %s\nProfiles: %lld\n", name,
                      platform_find(name)->description, pointers.current, count);
    return error;
}

static enum error run_platform(struct invocation *c)
{
    const char *action = arg(c, 0), *name = arg(c, 1);
    if (!action || strcmp(action, "list") == 0) {
        for (const struct platform *p = platforms; p->name; p++)
            buffer_printf(&c->out, "%c %-8s %s\n", strcmp(p->name, c->actor->who.platform) == 0 ? '*' : ' ', p->name,
                          p->description);
        return ERR_NONE;
    }
    if (strcmp(action, "current") == 0)
        return platform_info(c, c->actor->who.platform);
    if (name && strcmp(action, "info") == 0)
        return platform_info(c, name);
    if (!name || strcmp(action, "switch") != 0)
        return end_with(c, NULL);
    if (!platform_find(name))
        return fail(c->actor, MSG_PLATFORM_UNKNOWN, name, NULL);
    enum error error = platform_switch(c->actor, name);
    if (!error)
        buffer_printf(&c->out, "Switched to platform '%s'\n", name);
    return error;
}

static enum error run_version(struct invocation *c)
{
    buffer_printf(&c->out, "ccr-ui-backend %s\n", build_version);
    return ERR_NONE;
}

static void print_ccr_help(struct buffer *out, const struct ccr_command *command)
{
    buffer_printf(out, "%s\n\nUsage: ccr %s\n", command->description, command->usage);
    for (size_t i = 0; i < ARRAY_SIZE(command->examples) && command->examples[i]; i++)
        buffer_printf(out, "%s  ccr %s\n", i ? "" : "\nExamples:\n", command->examples[i]);
    if (!command->run)
        buffer_text(out, "\nThis command works on a developer's machine only; the server does not run it.\n");
}

static enum error run_help(struct invocation *c)
{
    const struct ccr_command *command = arg(c, 0) ? ccr_command_find(arg(c, 0)) : NULL;
    if (arg(c, 0) && !command)
        return fail(c->actor, MSG_COMMAND_UNKNOWN, arg(c, 0), NULL);
    if (command)
        print_ccr_help(&c->out, command);
    for (const struct ccr_command *each = ccr_commands; !command && each->name; each++)
        buffer_printf(&c->out, "%-12s %s\n", each->name, each->description);
    return ERR_NONE;
}

static enum error run_command(struct invocation *c)
{
    const struct ccr_command *command = c->command;
    if (has_flag(c, "--help") || has_flag(c, "-h")) {
        print_ccr_help(&c->out, command);
        return ERR_NONE;
    }
    if (command->run && c->actor->who.role < command->role)
        return fail(c->actor, MSG_ROLE, role_names[command->role], NULL);
    if (command->run)
        return command->run(c);
    return end_with(c, arena_printf(c->actor->arena,
                                    "'%s' changes files or programs of one machine; the server does not run it."
                                    " Run `ccr %s` on that machine.",
                                    command->name, command->name));
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static const struct field execute_fields[] = {
    {"command", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 50},
    {"args", FIELD_STRINGS, .max = 16},
    {0},
};

/* A short word, such as a name that was mistyped: tokens have more to them. */
static bool is_short_word(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    return length <= 16 && !text[length];
}

/* People type secrets into the wrong place. Kept is what the commands know, the name of a profile that was there, and a word where
 * such a name was meant. Nothing is kept of commands that do not run here (temp-token set ...). */
static const char *kept_args(const struct invocation *c, json_t *args)
{
    json_t *kept = json_array(), *item;
    bool takes_name = strstr(c->command->usage, "<name>") != NULL;
    size_t i;
    json_array_foreach(c->command->run ? args : NULL, i, item)
    {
        const char *text = json_string_value(item);
        bool keep = c->found || (takes_name && is_short_word(text)) || ccr_argument_known(text);
        json_array_append_new(kept, json_string(keep ? text : "***"));
    }
    return json_text(c->actor->arena, kept);
}

static void take_args(struct invocation *c, json_t *args)
{
    size_t i;
    json_t *item;
    json_array_foreach(args, i, item)
    {
        if (c->count < ARRAY_SIZE(c->args))
            c->args[c->count++] = json_string_value(item);
    }
}

/* The command of a line whose other words tell nothing; NULL = one of them may. */
static const struct ccr_command *command_of_line(struct arena *arena, const char *line)
{
    const char *word = line;
    const struct ccr_command *command = NULL;
    for (size_t length; *word; word += length + (word[length] == ' ')) {
        length = strcspn(word, " ");
        const char *text = arena_strndup(arena, word, length);
        if (word == line)
            command = ccr_command_find(text);
        else if (!is_short_word(text) && !ccr_argument_known(text))
            command = NULL;
        if (!command)
            return NULL;
    }
    return command;
}

enum error command_line_keep(struct actor *actor, const char *command, json_t *args, const char **kept)
{
    struct resource r;
    struct invocation c = {.actor = actor, .command = command_of_line(actor->arena, command)};
    if (!c.command)
        return fail_field(actor, "command", MSG_COMMAND_UNKNOWN, command, NULL);
    take_args(&c, args);
    const char *name = strstr(c.command->usage, "<name>") ? profile_name_arg(&c) : NULL;
    enum error error = name ? resource_find(actor, &kind_profile, actor->who.platform, name, false, &r) : ERR_NOT_FOUND;
    if (error && error != ERR_NOT_FOUND)
        return error;
    actor->failure = (struct failure){0};
    c.found = !error;
    *kept = kept_args(&c, args);
    return ERR_NONE;
}

static enum error record_run(struct request *rq, const struct invocation *c, long long duration_ms)
{
    static const struct statement insert = {
        "command_runs_insert", "INSERT INTO command_runs (workspace_id, user_id, command, args, exit_code, duration_ms)"
                               " VALUES (ccr_workspace(), ccr_user(), $1, $2::json, $3::integer, $4::integer)"};
    return db_run(rq->actor.db, &insert,
                  DB_ARGS(c->command->name, kept_args(c, body_value(rq, "args")), number_text(&rq->actor, c->exit_code),
                          number_text(&rq->actor, duration_ms)));
}

typedef void tell(struct response *rs, const struct invocation *c, const char *failure, long long duration_ms);

static void tell_outcome(struct response *rs, const struct invocation *c, const char *failure, long long duration_ms)
{
    struct json_writer *w = respond_object(rs, 200);
    json_bool_member(w, "success", c->exit_code == 0);
    json_string_member(w, "output", buffer_string(&c->out));
    json_string_member(w, "error", failure ? failure : "");
    json_int_member(w, "exit_code", c->exit_code);
    json_int_member(w, "duration_ms", duration_ms);
    respond_end(rs);
}

/* Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each one line of JSON: opens one, to which
 * end_event() follows. */
static struct json_writer *begin_event(struct response *rs, const char *type)
{
    buffer_text(&rs->body, "data: ");
    json_begin(&rs->json, &rs->body);
    json_open_object(&rs->json);
    json_string_member(&rs->json, "type", type);
    return &rs->json;
}

static void end_event(struct response *rs)
{
    json_close_object(&rs->json);
    buffer_text(&rs->body, "\n\n");
}

static void put_lines(struct actor *actor, struct response *rs, const char *type, const char *text)
{
    while (*text) {
        struct arena_mark mark = arena_mark(actor->arena);
        size_t length = strcspn(text, "\n");
        struct json_writer *w = begin_event(rs, type);
        json_string_member(w, "data", arena_strndup(actor->arena, text, length));
        end_event(rs);
        arena_release(actor->arena, mark);
        text += length + (text[length] == '\n');
    }
}

static void begin_events(struct response *rs)
{
    respond_begin_bare(rs, 200);
    response_header(rs, "Content-Type", "text/event-stream");
}

static void tell_events(struct response *rs, const struct invocation *c, const char *failure, long long duration_ms)
{
    begin_events(rs);
    put_lines(c->actor, rs, "stdout", buffer_string(&c->out));
    put_lines(c->actor, rs, "stderr", failure ? failure : "");
    struct json_writer *w = begin_event(rs, "completion");
    json_int_member(w, "exit_code", c->exit_code);
    json_int_member(w, "duration_ms", duration_ms);
    end_event(rs);
}

static enum error execute(struct request *rq, struct response *rs, tell *say)
{
    const struct ccr_command *command = ccr_command_find(body_text(rq, "command"));
    struct invocation c = {.actor = &rq->actor, .command = command};
    int64_t started = monotonic_ms();
    struct place place;
    enum error error = resource_place(rq, &place);
    if (error)
        return error;
    c.platform = place.platform;
    if (!command)
        return fail(&rq->actor, MSG_COMMAND_UNKNOWN, body_text(rq, "command"), NULL);
    take_args(&c, body_value(rq, "args"));
    buffer_init(&c.out, OUTPUT_MAX); /* not the arena's, from which each line gives its memory back */
    error = run_command(&c);
    const char *failure = NULL;
    /* What a person did wrong is the command's own result; what broke, or may be tried again, is the request's. Nothing that
     * such a command did stays, and nothing can follow in a transaction in which a statement failed: a new one begins. */
    if (error && error_status(error) < 500 && error != ERR_BUSY) {
        db_rollback(rq->actor.db);
        db_begin_brief(rq->actor.db);
        failure = arena_printf(rq->actor.arena, "%s\n", rq->actor.failure.text ? rq->actor.failure.text : "failed");
        c.exit_code = c.exit_code ? c.exit_code : EXIT_FAILED;
        rq->actor.failure.message = MSG_NONE;
        error = ERR_NONE;
    }
    if (c.out.overflow) {
        buffer_reset(&c.out); /* a part of it would be taken for the whole */
        failure = arena_printf(rq->actor.arena, "%s: the output has more than %d bytes\n", command->name, OUTPUT_MAX);
        c.exit_code = EXIT_FAILED;
    }
    long long duration_ms = monotonic_ms() - started;
    if (!error)
        error = record_run(rq, &c, duration_ms);
    if (!error)
        say(rs, &c, failure, duration_ms);
    buffer_free(&c.out);
    return error;
}

static enum error execute_command(struct request *rq, struct response *rs)
{
    return execute(rq, rs, tell_outcome);
}

/* Whoever reads events learns from one of them that there is no such command. */
static enum error stream_command(struct request *rq, struct response *rs)
{
    const char *name = body_text(rq, "command");
    if (ccr_command_find(name))
        return execute(rq, rs, tell_events);
    begin_events(rs);
    struct json_writer *w = begin_event(rs, "error");
    json_string_member(w, "message", translate(&rq->actor, MSG_COMMAND_UNKNOWN, name, NULL));
    end_event(rs);
    return ERR_NONE;
}

static enum error list_commands(struct request *rq, struct response *rs)
{
    (void)rq;
    struct json_writer *w = respond_object(rs, 200);
    json_key(w, "commands");
    json_open_array(w);
    for (const struct ccr_command *command = ccr_commands; command->name; command++) {
        json_open_object(w);
        json_string_member(w, "name", command->name);
        json_string_member(w, "description", command->description);
        json_string_member(w, "usage", arena_printf(rq->actor.arena, "ccr %s", command->usage));
        json_key(w, "examples");
        json_open_array(w);
        for (size_t i = 0; i < ARRAY_SIZE(command->examples) && command->examples[i]; i++)
            json_put_string(w, arena_printf(rq->actor.arena, "ccr %s", command->examples[i]));
        json_close_array(w);
        json_close_object(w);
    }
    json_close_array(w);
    return respond_end(rs);
}

static enum error help_command(struct request *rq, struct response *rs)
{
    const struct ccr_command *command = ccr_command_find(path_arg(rq, "command"));
    struct buffer text;
    if (!command)
        return fail(&rq->actor, MSG_COMMAND_UNKNOWN, path_arg(rq, "command"), NULL);
    buffer_init(&text, 64 * KIB);
    print_ccr_help(&text, command);
    respond_text(rs, 200, buffer_string(&text));
    buffer_free(&text);
    return ERR_NONE;
}

#define OWN_RUNS " FROM command_runs WHERE workspace_id = ccr_workspace() AND user_id = ccr_user()"

static const struct listing runs = {
    .name = "commands",
    .count = {"command_runs_count", "SELECT count(*)" OWN_RUNS},
    .page = {"command_runs_page", "SELECT id, command, args, exit_code = 0 AS success, exit_code, duration_ms,"
                                  " created_at AS executed_at" OWN_RUNS
                                  " ORDER BY created_at DESC, id LIMIT $1::integer OFFSET $2::integer"},
};

const struct route commands_routes[] = {
    {METHOD_GET, "/api/command/list", list_commands, ACCESS_USER},
    {METHOD_GET, "/api/command/help/{command}", help_command, ACCESS_USER},
    {METHOD_POST, "/api/command/execute", execute_command, ACCESS_VIEWER, .body = execute_fields,
     .query = resource_platform_query, .data = &kind_profile, .flags = ROUTE_HEAVY},
    {METHOD_POST, "/api/command/execute/stream", stream_command, ACCESS_VIEWER, .body = execute_fields,
     .query = resource_platform_query, .data = &kind_profile, .flags = ROUTE_HEAVY},
    {METHOD_POST, "/api/commands/execute", execute_command, ACCESS_VIEWER, .body = execute_fields,
     .query = resource_platform_query, .data = &kind_profile, .flags = ROUTE_HEAVY},
    {METHOD_GET, "/api/commands/history", list_all, ACCESS_VIEWER, .query = page_query, .flags = ROUTE_CACHED,
     .data = &runs},
    {0},
};
