/* routes: prints the route table. */
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "router.h"

static int routes_run(int argc, char **argv)
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {0}};
    char problem[256];
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c != 'j')
            return EX_USAGE;
        json = true;
    }
    if (optind < argc)
        return command_refuse(EX_USAGE, "routes takes options only; see ccr-ui-backend routes --help");
    if (!router_init(problem, sizeof problem))
        return command_refuse(EX_SOFTWARE, problem);
    router_print(stdout, json);
    return EX_OK;
}

const struct command command_routes = {
    .name = "routes",
    .usage = "routes [--json]",
    .summary = "print every route and who may call it",
    .help = "  --json  machine-readable\n",
    .run = routes_run,
};
