/* migrate {up|down|status|verify}: brings the database schema to what this program needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "migrate.h"
#include "prices.h"
#include "profile_migration.h"
#include "settings.h"
#include "util.h"

enum { ACTION, STEPS, WORDS, ARENA_MAX = 16 * MIB };
static const char *words[WORDS];
static bool json;

/* The prices that come with this version; those that are known stay. Each time, as an update may bring newer ones. */
static enum error seed_prices(struct db *db)
{
    struct prices_counts counts;
    struct arena *arena = arena_new(ARENA_MAX);
    db_maintenance(db, true);
    db_begin(db);
    enum error error = prices_seed(db, arena, &counts);
    if (!error)
        error = db_commit(db);
    else
        db_rollback(db);
    db_maintenance(db, false);
    arena_free(arena);
    return error;
}

static int up_command(struct db *db, const struct migration_steps *steps)
{
    enum error error = migrate_up(db, steps, stdout);
    if (!error)
        error = seed_prices(db);
    return error == ERR_NONE ? EX_OK : error == ERR_CONFLICT ? EX_CONFIG : EX_UNAVAILABLE;
}

static int down_command(struct db *db, const struct migration_steps *steps)
{
    long long wanted = 1;
    if (words[STEPS] && !parse_int(words[STEPS], 1, 10000, &wanted)) {
        fprintf(stderr, "migrate down: \"%s\" is not a number of steps\n", words[STEPS]);
        return EX_USAGE;
    }
    enum error error = migrate_down(db, steps, (int)wanted, stdout);
    return error == ERR_NONE ? EX_OK : error == ERR_CONFLICT ? EX_CONFIG : EX_UNAVAILABLE;
}

static int status_command(struct db *db, const struct migration_steps *steps)
{
    (void)steps;
    return migrate_print(db, stdout, json) == ERR_NONE ? EX_OK : EX_UNAVAILABLE;
}

static int verify_command(struct db *db, const struct migration_steps *steps)
{
    (void)steps;
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
    int (*run)(struct db *db, const struct migration_steps *steps);
} actions[] = {{"up", up_command}, {"down", down_command}, {"status", status_command}, {"verify", verify_command}};

static int migrate_run(void)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(actions) && !text_equal(words[ACTION], actions[i].name))
        i++;
    if (i == ARRAY_SIZE(actions))
        return COMMAND_MISUSED;
    struct settings settings;
    int status = command_settings_load(&settings);
    if (status)
        return status;
    struct keyring *keyring = command_keyring(&settings);
    const struct migration_keys keys = {&settings, keyring};
    const struct migration_steps steps = {profile_migration_steps, &keys};
    struct db *db = command_database(&settings);
    status = db ? actions[i].run(db, &steps) : EX_UNAVAILABLE;
    db_free(db);
    keyring_free(keyring);
    settings_free(&settings);
    return status;
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
    .options = (const struct command_option[]){{"json", .flag = &json}, OPTION_ENV_FILE, {0}},
    .words = words,
    .words_max = WORDS,
    .run = migrate_run,
};
