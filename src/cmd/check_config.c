/* check-config: everything `serve` would need, one line each. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "database_check.h"
#include "listener.h"
#include "router.h"
#include "settings.h"

enum { CONNECT_WAIT_MS = 5000 };

/* Prints a line and passes `good` on. */
static bool report_finding(const char *what, bool good, const char *line)
{
    printf("%-9s %s%s%s\n", what, good ? "ok" : "WRONG", *line ? ": " : "", line);
    return good;
}

static bool check_socket(const struct settings *settings)
{
    char line[PATH_MAX + 256];
    const struct listener_wish wish = {
        .socket_path = settings->socket_path,
        .socket_mode = settings->socket_mode,
        .host = settings->host,
        .port = settings->port,
    };
    bool good = listener_check(&wish, line, sizeof line);
    return report_finding("socket", good, line);
}

static bool check_events(const struct settings *settings)
{
    char line[PATH_MAX + 256];
    const struct listener_wish wish = {.socket_path = settings->events_socket, .socket_mode = settings->socket_mode};
    if (!settings->events_socket)
        return true;
    bool good = listener_check(&wish, line, sizeof line);
    return report_finding("events", good, line);
}

/* Nothing is made: whoever runs this may not be whom the file is to belong to. */
static bool check_log(const struct settings *settings)
{
    char line[PATH_MAX + 128];
    const char *path = settings->log_file;
    if (!path)
        return report_finding("log", true, "standard error");
    size_t folder = (size_t)(strrchr(path, '/') - path);
    snprintf(line, sizeof line, "%.*s", folder ? (int)folder : 1, path);
    bool exists = access(path, F_OK) == 0;
    bool good = exists ? access(path, W_OK) == 0 : access(line, W_OK | X_OK) == 0;
    if (good)
        return report_finding("log", true, path);
    snprintf(line, sizeof line, "LOG_FILE: %s cannot be %s: %s", path, exists ? "written" : "made", strerror(errno));
    return report_finding("log", false, line);
}

static bool check_database_and_schema(const struct settings *settings)
{
    struct database_findings found;
    int status = database_check(settings, CONNECT_WAIT_MS, &found);
    bool good = report_finding("database", found.schema[0] || status == EX_OK, found.database);
    if (found.schema[0])
        good = report_finding("schema", status == EX_OK, found.schema);
    return good;
}

static int check_config_run(void)
{
    struct settings settings;
    int status = command_settings_load(&settings);
    if (status)
        return status;
    bool good = report_finding("settings", true, "");
    report_finding("keys", true, "SECRETS_KEY can be used"); /* or the settings would be wrong */
    good &= check_socket(&settings);
    good &= check_events(&settings);
    good &= check_log(&settings);
    good &= check_database_and_schema(&settings);
    settings_free(&settings);
    return good ? EX_OK : EX_CONFIG;
}

const struct command command_check_config = {
    .name = "check-config",
    .usage = "check-config [--env-file FILE]",
    .summary = "check settings, socket path, database and schema without starting anything",
    .help = "  --env-file FILE  KEY=VALUE lines; what is set in the environment wins\n"
            "\n"
            "Exit status: 0, or 78 when anything is wrong or the database cannot be reached.\n",
    .options = (const struct command_option[]){OPTION_ENV_FILE, {0}},
    .run = check_config_run,
};
