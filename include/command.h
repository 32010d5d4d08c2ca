/* Subcommands: one file each in src/cmd, each exporting one row of the table in src/main.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

struct command_option {
    const char *name;  /* "env-file" */
    const char **text; /* where its value goes; NULL = it takes none, and */
    bool *flag;        /* is set by it; NULL = it is refused, instead of being taken for the beginning of another */
};

struct command {
    const char *name;
    const char *usage;                    /* "user {add|passwd|list|disable} ..." */
    const char *summary;                  /* one line for --help */
    const char *help;                     /* the rest of `NAME --help`: options, examples, exit statuses */
    const struct command_option *options; /* ends with a row without a name */
    const char **words;                   /* where what is no option goes: `words_max` at most */
    size_t words_max;
    int (*run)(void); /* returns the exit status, or COMMAND_MISUSED */
};

enum { COMMAND_MISUSED = -1 }; /* what was said makes no sense: prints the usage */

extern const struct command command_serve, command_migrate, command_user, command_secrets, command_settings,
    command_routes, command_kinds, command_housekeeping, command_events, command_check_config, command_healthcheck,
    command_prices, command_version;

/* Takes the command line apart (argv[0] is the subcommand's name) and runs it. Returns the exit status. */
int command_start(const struct command *command, int argc, char **argv);

/* The row of every subcommand that has settings, and what it was given. */
#define OPTION_ENV_FILE                                                                                                \
    {                                                                                                                  \
        "env-file", .text = &command_env_file                                                                          \
    }
extern const char *command_env_file;

/* Loads the settings, sets the log up. Prints one line and returns EX_CONFIG when they are wrong, else 0. */
struct settings;
int command_settings_load(struct settings *settings);
/* The same without the log: what a reload does. false and one line in problem. */
bool command_settings_read(struct settings *settings, char *problem, size_t size);

/* A connection; NULL, and said why, when there is none within CONNECTION_TIMEOUT. db_free() it. */
struct db *command_database(const struct settings *settings);
/* The key ring of SECRETS_KEY; NULL, and said why. keyring_free() it. */
struct keyring *command_keyring(const struct settings *settings);

/* A JSON document for standard output: write it, then have it printed. False when it is larger than anybody would read. */
struct json_writer *command_json(void);
bool command_json_print(void);

/* Says on standard error, in one line, what keeps a subcommand from its work; returns the exit status it is given. */
int command_refuse(int status, const char *line);
