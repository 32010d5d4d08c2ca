/* settings: prints the effective settings, or the documentation of all of them. */
#include <getopt.h>
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

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (strcmp(name, formats[i].name) == 0)
            return &formats[i];
    fprintf(stderr, "ccr-ui-backend: --format must be table, json, markdown or env\n");
    return NULL;
}

static const struct format *settings_format(int argc, char **argv)
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"env-file", required_argument, NULL, 'e'},
                                          {0}};
    const struct format *format = &formats[0];
    int c;
    while (format && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'j')
            format = find_format("json");
        else if (c == 'f')
            format = find_format(optarg);
        else if (c != 'e') /* that one is command_settings_load's */
            format = NULL;
    }
    if (format && optind < argc) {
        fprintf(stderr, "ccr-ui-backend: settings takes options only; see ccr-ui-backend settings --help\n");
        return NULL;
    }
    return format;
}

static int settings_run(int argc, char **argv)
{
    struct settings settings;
    const struct format *format = settings_format(argc, argv);
    if (!format)
        return EX_USAGE;
    if (!format->effective) {
        format->print(NULL);
        return EX_OK;
    }
    int status = command_settings_load(&argc, argv, &settings);
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
    .run = settings_run,
};
