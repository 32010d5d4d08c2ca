/* version: prints the version. */
#include <stdio.h>

#include "build_info.h"
#include "command.h"

static int version_run(void)
{
    printf("ccr-ui-backend %s\n", build_version);
    return EX_OK;
}

const struct command command_version = {
    .name = "version",
    .usage = "version",
    .summary = "print the version",
    .help = "",
    .options = (const struct command_option[]){{0}},
    .run = version_run,
};
