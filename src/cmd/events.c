/* events: live events by themselves, where they are to be a service of their own and no process of `serve`. */
#include <stdio.h>

#include "background.h"
#include "command.h"
#include "generation.h"
#include "lookup.h"
#include "master.h"
#include "settings.h"

static const char *given_socket;

static int run_with(const struct settings *settings)
{
    struct scoreboard *board = scoreboard_new(1);
    if (!board || !generation_init())
        return command_refuse(EX_OSERR, "no memory");
    lookup_init();
    const struct background_setup setup = {.settings = settings, .board = board, .slot = &board->slot[0]};
    int status = events_run(&setup);
    scoreboard_free(board);
    return status;
}

static int events_command_run(void)
{
    struct settings settings;
    master_block_signals();
    int status = command_settings_load(&settings);
    if (status)
        return status;
    settings_hide_environment(&settings);
    if (given_socket)
        settings.events_socket = given_socket;
    status = run_with(&settings);
    settings_free(&settings);
    return status;
}

const struct command command_events = {
    .name = "events",
    .usage = "events [--socket PATH] [--env-file FILE]",
    .summary = "run live events alone: WebSockets that tell what others change",
    .help =
        "  --socket PATH   listen on this Unix socket (or set EVENTS_SOCKET); one that systemd hands over is used before it\n"
        "\n"
        "For a service of its own, on any host that reaches the database: `serve` has none while EVENTS_SOCKET is not set.\n"
        "Nginx passes /ws to the socket. Signals: TERM, QUIT or INT end it, and HUP, so that the service starts it anew with\n"
        "changed settings; clients come back by themselves. The log goes to standard error.\n"
        "\n"
        "Exit status: 0 stopped as told, 64 no socket, 73 the socket cannot be made, 78 a wrong setting.\n",
    .options = (const struct command_option[]){{"socket", .text = &given_socket}, OPTION_ENV_FILE, {0}},
    .run = events_command_run,
};
