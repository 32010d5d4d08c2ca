/* Subcommands: one file each in src/cmd, each exporting one row of the table in src/main.c. */
#ifndef CCR_COMMAND_H
#define CCR_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

struct command {
    const char *name;
    const char *usage;                 /* "user {add|passwd|list|disable} ..." */
    const char *summary;               /* one line for --help */
    const char *help;                  /* the rest of `NAME --help`: options, examples, exit statuses */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};

extern const struct command command_serve, command_migrate, command_user, command_secrets, command_settings,
    command_routes, command_kinds, command_housekeeping, command_check_config, command_healthcheck, command_version;

/* For every subcommand: takes `--env-file FILE` out of argc/argv, loads the settings, sets the log up. Prints one line
 * and returns EX_CONFIG when they are wrong, else 0. */
struct settings;
int command_settings_load(int *argc, char **argv, struct settings *settings);

/* The same without options: what a reload does. false and one line in problem. */
bool command_settings_read(struct settings *settings, const char *env_file, char *problem, size_t size);

/* Says on standard error, in one line, what keeps a subcommand from its work; returns the exit status it is given. */
int command_refuse(int status, const char *line);

#endif
