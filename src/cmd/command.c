/* What every subcommand begins with: --env-file, settings, log. */
#include "command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "db.h"
#include "log.h"
#include "settings.h"

/* Takes the option's value out of argv: "--env-file FILE" or "--env-file=FILE". False when FILE is missing. */
static bool take_env_file(int *argc, char **argv, const char **file)
{
    static const char option[] = "--env-file";
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], option) == 0) {
            if (++i == *argc)
                return false;
            *file = argv[i];
        } else if (strncmp(argv[i], option, sizeof option - 1) == 0 && argv[i][sizeof option - 1] == '=') {
            *file = argv[i] + sizeof option;
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return true;
}

int command_refuse(int status, const char *line)
{
    fprintf(stderr, "ccr-ui-backend: %s\n", line);
    return status;
}

bool command_settings_read(struct settings *settings, const char *file, char *problem, size_t size)
{
    char wrong[256];
    if (!settings_load(settings, file, problem, size))
        return false;
    if (db_url_valid(settings->database_url, wrong, sizeof wrong))
        return true;
    snprintf(problem, size, "DATABASE_URL: %s", wrong);
    settings_free(settings);
    return false;
}

int command_settings_load(int *argc, char **argv, struct settings *settings)
{
    const char *file = NULL;
    char problem[512];
    if (!take_env_file(argc, argv, &file)) {
        return command_refuse(EX_USAGE, "--env-file needs a file");
    }
    if (!command_settings_read(settings, file, problem, sizeof problem)) {
        return command_refuse(EX_CONFIG, problem);
    }
    log_configure((enum log_level)settings->log_level, (enum log_format)settings->log_format);
    return 0;
}
