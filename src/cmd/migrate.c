/* migrate {up|down|status|verify}: brings the database schema to what this program needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "migrate.h"
#include "profile_migration.h"
#include "settings.h"
#include "util.h"

static bool take_flag(int *argc, char **argv, const char *flag)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
        (*argc)--;
        return true;
    }
    return false;
}

static int up_command(struct db *db, const struct migration_steps *steps, int argc, char **argv, bool json)
{
    (void)argc, (void)argv, (void)json;
    enum error error = migrate_up(db, steps, stdout);
    return error == ERR_NONE ? EX_OK : error == ERR_CONFLICT ? EX_CONFIG : EX_UNAVAILABLE;
}

static int down_command(struct db *db, const struct migration_steps *steps, int argc, char **argv, bool json)
{
    (void)json;
    long long wanted = 1;
    if (argc > 2 && !parse_int(argv[2], 1, 10000, &wanted)) {
        fprintf(stderr, "migrate down: \"%s\" is not a number of steps\n", argv[2]);
        return EX_USAGE;
    }
    enum error error = migrate_down(db, steps, (int)wanted, stdout);
    return error == ERR_NONE ? EX_OK : error == ERR_CONFLICT ? EX_CONFIG : EX_UNAVAILABLE;
}

static int status_command(struct db *db, const struct migration_steps *steps, int argc, char **argv, bool json)
{
    (void)steps, (void)argc, (void)argv;
    return migrate_print(db, stdout, json) == ERR_NONE ? EX_OK : EX_UNAVAILABLE;
}

static int verify_command(struct db *db, const struct migration_steps *steps, int argc, char **argv, bool json)
{
    (void)steps, (void)argc, (void)argv;
    struct migration_state state;
    char line[256];
    if (migrate_state(db, &state) != ERR_NONE)
        return EX_UNAVAILABLE;
    const char *problem = migrate_problem(&state, line, sizeof line);
    if (json)
        printf("{\"ok\":%s,\"applied\":%d,\"pending\":%d,\"unknown\":%d,\"changed\":%d}\n", problem ? "false" : "true",
               state.applied, state.pending, state.unknown, state.changed);
    else
        puts(problem ? problem : "ok: the schema is what this program needs");
    return problem ? EX_CONFIG : EX_OK;
}

static const struct {
    const char *name;
    int (*run)(struct db *db, const struct migration_steps *steps, int argc, char **argv, bool json);
} actions[] = {{"up", up_command}, {"down", down_command}, {"status", status_command}, {"verify", verify_command}};

static int migrate_run(int argc, char **argv)
{
    struct settings settings;
    int failed = command_settings_load(&argc, argv, &settings);
    if (failed)
        return failed;
    bool json = take_flag(&argc, argv, "--json");
    char problem[256];
    struct keyring *keyring = keyring_new(settings.secrets_key, problem, sizeof problem);
    const struct migration_keys keys = {&settings, keyring};
    const struct migration_steps steps = {profile_migration_steps, &keys};
    int exit_status = EX_USAGE;
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(actions); i++) {
        if (strcmp(argv[1], actions[i].name) != 0)
            continue;
        struct db *db = db_new(&settings);
        if (db_ready(db, settings.connection_timeout * 1000)) {
            exit_status = actions[i].run(db, &steps, argc, argv, json);
        } else {
            fprintf(stderr, "cannot connect to the database: %s\n", db_failure(db));
            exit_status = EX_UNAVAILABLE;
        }
        db_free(db);
    }
    if (exit_status == EX_USAGE)
        fprintf(stderr, "usage: ccr-ui-backend %s\n", command_migrate.usage);
    keyring_free(keyring);
    settings_free(&settings);
    return exit_status;
}

const struct command command_migrate = {
    .name = "migrate",
    .usage = "migrate {up | down [STEPS] | status | verify} [--json] [--env-file FILE]",
    .summary = "bring the database schema to what this program needs",
    .help =
        "  up            apply every pending migration, one transaction each; safe to run on several hosts at once\n"
        "  down [STEPS]  undo the newest STEPS (default 1); what they had created is lost\n"
        "  status        list every migration: ok, pending, changed, unknown\n"
        "  verify        exit 0 when `serve` would accept the schema, else 78 and why\n"
        "  --json        machine-readable output of status and verify\n",
    .run = migrate_run,
};
