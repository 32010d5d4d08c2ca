/* ccr-ui-backend: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "command.h"
#include "crypto.h"
#include "json.h"
#include "memory.h"
#include "util.h"

static const struct command *const commands[] = {
    &command_serve,        &command_migrate,     &command_user,         &command_secrets, &command_settings,
    &command_routes,       &command_kinds,       &command_housekeeping, &command_events,  &command_prices,
    &command_check_config, &command_healthcheck, &command_version,
};

static void print_commands(void)
{
    printf("ccr-ui-backend %s: backend of CCR UI, a FastCGI server behind Nginx and in front of PostgreSQL\n\n"
           "usage: ccr-ui-backend COMMAND [options]\n\n",
           build_version);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        printf("  %-13s %s\n", commands[i]->name, commands[i]->summary);
    printf("\nccr-ui-backend COMMAND --help says more about one. Settings are environment variables, or KEY=VALUE "
           "lines in\n"
           "a file named by --env-file; ccr-ui-backend settings --format env lists them all.\n");
}

static void print_command_help(const struct command *command)
{
    printf("ccr-ui-backend %s: %s\n\nusage: ccr-ui-backend %s\n%s%s", command->name, command->summary, command->usage,
           *command->help ? "\n" : "", command->help);
}

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    return NULL;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) {
        print_commands();
        return EX_OK;
    }
    const struct command *command = NULL;
    if (argc > 1)
        command = command_named(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!command) {
        if (argc > 1)
            fprintf(stderr, "ccr-ui-backend: unknown command '%s'; see ccr-ui-backend --help\n", argv[1]);
        else
            fprintf(stderr, "ccr-ui-backend: which command? see ccr-ui-backend --help\n");
        return EX_USAGE;
    }
    for (int i = 2; i < argc; i++) {
        if (is_help(argv[i])) {
            print_command_help(command);
            return EX_OK;
        }
    }
    memory_protect();
    if (!crypto_init()) {
        fprintf(stderr, "ccr-ui-backend: libsodium cannot start\n");
        return EX_SOFTWARE;
    }
    json_object_seed(0); /* once, before any fork: hash tables of all workers then need no seeding of their own */
    return command_start(command, argc - 1, argv + 1);
}
