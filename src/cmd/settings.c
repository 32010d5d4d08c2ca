/* settings: prints the effective settings, or the documentation of all of them. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "settings.h"
#include "util.h"

static void print_as_table(const struct settings *settings)
{
    settings_print(settings, stdout, false);
}

static void print_as_json(const struct settings *settings)
{
    settings_print(settings, stdout, true);
}

static void print_as_markdown(const struct settings *settings)
{
    (void)settings;
    settings_print_markdown(stdout);
}

static void print_as_env(const struct settings *settings)
{
    (void)settings;
    settings_print_env_example(stdout);
}

static const char *wanted = "table";
static bool json;

static const struct format {
    const char *name;
    bool effective; /* needs settings that are right */
    void (*print)(const struct settings *settings);
} formats[] = {
    {"table", true, print_as_table},
    {"json", true, print_as_json},
    {"markdown", false, print_as_markdown},
    {"env", false, print_as_env},
};

static int settings_run(void)
{
    struct settings settings;
    const struct format *format = formats, *end = formats + ARRAY_SIZE(formats);
    while (format < end && strcmp(format->name, json ? "json" : wanted) != 0)
        format++;
    if (format == end)
        return command_refuse(EX_USAGE, "--format must be table, json, markdown or env");
    if (!format->effective) {
        format->print(NULL);
        return EX_OK;
    }
    int status = command_settings_load(&settings);
    if (status)
        return status;
    format->print(&settings);
    settings_free(&settings);
    return EX_OK;
}

const struct command command_settings = {
    .name = "settings",
    .usage = "settings [--json | --format table|json|markdown|env] [--env-file FILE]",
    .summary = "print the effective settings, secrets hidden",
    .help = "  --json             the same as --format json\n"
            "  --format FORMAT    table, json: the effective values and where each came from\n"
            "                     markdown, env: every setting that exists, as documentation or as a file to fill in\n"
            "  --env-file FILE    KEY=VALUE lines; what is set in the environment wins\n"
            "\n"
            "Exit status: 0, or 78 when a setting is wrong (one line says which).\n",
    .options =
        (const struct command_option[]){{"json", .flag = &json}, {"format", .text = &wanted}, OPTION_ENV_FILE, {0}},
    .run = settings_run,
};
