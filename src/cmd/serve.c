/* serve: checks what can be checked, opens the socket, becomes the master. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "command.h"
#include "crypto.h"
#include "database_check.h"
#include "generation.h"
#include "listener.h"
#include "log.h"
#include "lookup.h"
#include "master.h"
#include "metrics.h"
#include "pool.h"
#include "router.h"
#include "scoreboard.h"
#include "settings.h"
#include "util.h"

static const char *given_socket, *given_mode;

static bool parse_mode(const char *text, int *mode)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 8);
    if (errno || end == text || *end || value < 0 || value > 0777)
        return false;
    *mode = (int)value;
    return true;
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

/* Requests wait for the end of it: a host or name server that says nothing must not hold up a start for longer. Workers go on
 * trying, and refuse a role that row-level security does not hold. */
enum { CONNECT_WAIT_MS = 1000 };

static int look_at_database(const struct settings *settings)
{
    struct database_findings findings;
    int status = database_check(settings, CONNECT_WAIT_MS, &findings);
    const char *line = findings.schema[0] ? findings.schema : findings.database;
    if (status == EX_CONFIG)
        return command_refuse(status, line);
    if (status != EX_OK)
        log_warn("starting without the database: requests get 503 until it is there", LOG_STR("reason", line));
    return status;
}

/* In a process of its own: a connection made before the workers are forked would be shared by all of them. */
static int check_database_in_child(const struct settings *settings, bool *away)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(look_at_database(settings));
    if (child < 0)
        return command_refuse(EX_OSERR, "cannot fork");
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return command_refuse(EX_OSERR, "the database check got lost");
    if (!WIFEXITED(status))
        return command_refuse(EX_SOFTWARE, "the database check crashed");
    *away = WEXITSTATUS(status) == EX_UNAVAILABLE;
    return *away ? EX_OK : WEXITSTATUS(status);
}

static int open_log(const struct settings *settings)
{
    char line[PATH_MAX + 128];
    if (log_open(settings->log_file))
        return EX_OK;
    snprintf(line, sizeof line, "LOG_FILE: %s cannot be opened: %s", settings->log_file, strerror(errno));
    return command_refuse(EX_CONFIG, line);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static int run_master(struct settings *settings, const struct listener *listener, bool database_away)
{
    struct scoreboard *board = scoreboard_new(POOL_SEATS);
    if (!board)
        return command_refuse(EX_OSERR, "no memory for the scoreboard");
    if (!metrics_init())
        return command_refuse(EX_OSERR, "no memory for the metrics");
    if (!generation_init() || !cache_init(settings->cache_size))
        return command_refuse(EX_OSERR, "no memory for the cache: lower CACHE_SIZE");
    lookup_init();
    if (database_away) /* the workers need not find it out each by itself before they serve */
        breaker_failed(&board->database, monotonic_ms(), 0);
    const struct master_setup setup = {
        .listen_fd = listener->fd,
        .origin = listener->origin,
        .address = listener->address,
        .board = board,
        .load = command_settings_read,
    };
    int status = master_run(&setup, settings);
    scoreboard_free(board);
    return status;
}

/* Takes the settings over. */
static int serve_requests(struct settings *settings, int socket_mode)
{
    char problem[PATH_MAX + 256];
    bool database_away = false;
    struct listener listener;
    const struct listener_wish wish = {
        .socket_path = given_socket ? given_socket : settings->socket_path,
        .socket_mode = socket_mode >= 0 ? socket_mode : settings->socket_mode,
        .host = settings->host,
        .port = settings->port,
    };
    int status = listener_open(&listener, &wish, problem, sizeof problem);
    if (status)
        command_refuse(status, problem);
    else
        status = check_database_in_child(settings, &database_away);
    if (status)
        settings_free(settings);
    else
        status = run_master(settings, &listener, database_away);
    listener_close(&listener);
    return status;
}

static int serve_run(void)
{
    int socket_mode = -1; /* SOCKET_MODE */
    struct settings settings;
    char problem[256];
    if (given_mode && !parse_mode(given_mode, &socket_mode))
        return command_refuse(EX_USAGE, "--mode must be octal, 0000 to 0777");
    master_block_signals();
    int status = command_settings_load(&settings);
    if (status)
        return status;
    settings_hide_environment(&settings);
    status = router_init(problem, sizeof problem) ? open_log(&settings) : command_refuse(EX_SOFTWARE, problem);
    if (!status)
        return serve_requests(&settings, socket_mode);
    settings_free(&settings);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .usage = "serve [--socket PATH [--mode 0660]] [--env-file FILE]",
    .summary = "run the server: a master and its workers",
    .help =
        "  --socket PATH   listen on this Unix socket (or set SOCKET). A file left behind by a server that is gone is\n"
        "                  replaced, one in use never\n"
        "  --mode 0660     its permissions (or set SOCKET_MODE)\n"
        "  --env-file FILE KEY=VALUE lines; what is set in the environment wins. Read again at a reload\n"
        "\n"
        "A socket handed over by systemd (LISTEN_FDS) or spawn-fcgi -n (descriptor 0) is used before --socket, and\n"
        "--socket before HOST and PORT.\n"
        "\n"
        "Signals to the master: TERM, QUIT or INT finish the requests in progress, then stop (a second one stops at\n"
        "once); HUP reads the settings again and replaces the workers one by one, losing no request; USR1 opens\n"
        "LOG_FILE anew, after it was renamed.\n"
        "\n"
        "Exit status: 0 stopped as told, 64 wrong usage or no socket, 73 the socket cannot be made, 78 a wrong "
        "setting,\n"
        "an old or newer schema (`migrate up`), or a database role that row-level security does not hold.\n"
        "\n"
        "Examples:\n"
        "  ccr-ui-backend serve --socket /run/ccr-ui-backend/fastcgi.sock --env-file /etc/ccr-ui/ccr-ui.env\n"
        "  spawn-fcgi -n -s /run/ccr.sock -M 0660 -b 4096 -- ccr-ui-backend serve --env-file /etc/ccr-ui/ccr-ui.env\n",
    .options =
        (const struct command_option[]){
            {"socket", .text = &given_socket}, {"mode", .text = &given_mode}, OPTION_ENV_FILE, {0}},
    .run = serve_run,
};
