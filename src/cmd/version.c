/* version: prints the version. */
#include <stdio.h>

#include "build_info.h"
#include "command.h"

static int version_run(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "usage: ccr-ui-backend %s\n", command_version.usage);
        return EX_USAGE;
    }
    printf("ccr-ui-backend %s\n", build_version);
    return EX_OK;
}

const struct command command_version = {
    .name = "version",
    .usage = "version",
    .summary = "print the version",
    .help = "",
    .run = version_run,
};
