/* routes: prints the route table. */
#include <stdio.h>

#include "command.h"
#include "router.h"
#include "ui_page.h"

static bool json, pages;

static int routes_run(void)
{
    char problem[256];
    if (!router_init(problem, sizeof problem))
        return command_refuse(EX_SOFTWARE, problem);
    if (json || pages) {
        if (pages)
            ui_pages_write(command_json());
        else
            router_write(command_json());
        return command_json_print() ? EX_OK : EX_SOFTWARE;
    }
    const struct route *route;
    for (size_t i = 1; (route = router_at(i)); i++)
        printf("%-7s %-52s %s\n", method_names[route->method], route->pattern, access_names[route->access]);
    return EX_OK;
}

const struct command command_routes = {
    .name = "routes",
    .usage = "routes [--json | --pages]",
    .summary = "print every route and who may call it",
    .help = "  --json   machine-readable\n"
            "  --pages  what CCR UI's pages are made of, machine-readable\n",
    .options = (const struct command_option[]){{"json", .flag = &json}, {"pages", .flag = &pages}, {0}},
    .run = routes_run,
};
