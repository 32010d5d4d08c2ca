/* What every subcommand begins with: its command line, settings, log, connection. */
#include "command.h"

#include <getopt.h>
#include <stdio.h>

#include "crypto.h"
#include "db.h"
#include "json.h"
#include "log.h"
#include "settings.h"
#include "util.h"

enum { OPTIONS_MAX = 8, JSON_MAX = 16 * MIB };

const char *command_env_file;

/* ---- the command line ------------------------------------------------------------------------------------------- */

/* getopt_long says itself what is wrong with an option. */
static bool take_options(const struct command_option *options, int argc, char **argv)
{
    struct option known[OPTIONS_MAX + 1] = {{0}};
    for (size_t i = 0; i < OPTIONS_MAX && options[i].name; i++)
        known[i] = (struct option){options[i].name, options[i].text ? required_argument : no_argument, NULL, 0};
    int c, i;
    while ((c = getopt_long(argc, argv, "", known, &i)) == 0) {
        if (options[i].text)
            *options[i].text = optarg;
        else if (options[i].flag)
            *options[i].flag = true;
        else
            return false;
    }
    return c == -1;
}

static bool take_words(const struct command *command, int argc, char **argv)
{
    size_t count = (size_t)(argc - optind);
    for (size_t i = 0; i < count && i < command->words_max; i++)
        command->words[i] = argv[optind + (int)i];
    return count <= command->words_max;
}

int command_start(const struct command *command, int argc, char **argv)
{
    bool sound = take_options(command->options, argc, argv) && take_words(command, argc, argv);
    int status = sound ? command->run() : COMMAND_MISUSED;
    if (status != COMMAND_MISUSED)
        return status;
    fprintf(stderr, "usage: ccr-ui-backend %s\n", command->usage);
    return EX_USAGE;
}

int command_refuse(int status, const char *line)
{
    fprintf(stderr, "ccr-ui-backend: %s\n", line);
    return status;
}

/* ---- settings, database, keys ----------------------------------------------------------------------------------- */

bool command_settings_read(struct settings *settings, char *problem, size_t size)
{
    char wrong[256];
    if (!settings_load(settings, command_env_file, problem, size))
        return false;
    if (db_url_valid(settings->database_url, wrong, sizeof wrong))
        return true;
    snprintf(problem, size, "DATABASE_URL: %s", wrong);
    settings_free(settings);
    return false;
}

int command_settings_load(struct settings *settings)
{
    char problem[512];
    if (!command_settings_read(settings, problem, sizeof problem))
        return command_refuse(EX_CONFIG, problem);
    log_configure((enum log_level)settings->log_level, (enum log_format)settings->log_format);
    return 0;
}

struct db *command_database(const struct settings *settings)
{
    struct db *db = db_new(settings);
    if (db_ready(db, settings->connection_timeout * 1000))
        return db;
    fprintf(stderr, "ccr-ui-backend: cannot connect to the database: %s\n", db_failure(db));
    db_free(db);
    return NULL;
}

struct keyring *command_keyring(const struct settings *settings)
{
    char problem[256];
    struct keyring *ring = keyring_new(settings->secrets_key, problem, sizeof problem);
    if (!ring)
        fprintf(stderr, "ccr-ui-backend: SECRETS_KEY %s\n", problem);
    return ring;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static struct buffer text;

struct json_writer *command_json(void)
{
    static struct json_writer writer;
    buffer_init(&text, JSON_MAX);
    json_begin(&writer, &text);
    return &writer;
}

bool command_json_print(void)
{
    bool whole = !text.overflow;
    if (whole)
        puts(buffer_string(&text));
    buffer_free(&text);
    return whole;
}
