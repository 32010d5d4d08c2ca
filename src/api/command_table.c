/* The CCR commands, in the order in which the frontend shows them. */
#include "command_table.h"

#include <stddef.h>
#include <string.h>

#include "platform.h"
#include "util.h"

#define ELSEWHERE RUNS_ON_DEVELOPER_MACHINE

const struct ccr_command ccr_commands[] = {
    {"init", "Create the configuration file", "init [--force]", {"init"}, ELSEWHERE},
    {"add", "Add a configuration step by step", "add", {"add"}, ELSEWHERE},
    {"list", "List the configurations of the current platform", "list", {"list"}, RUNS_HERE},
    {"current", "Show the current configuration", "current", {"current"}, RUNS_HERE},
    {"switch", "Switch to a configuration", "switch <name>", {"switch anthropic"}, RUNS_HERE},
    {"enable", "Enable a configuration", "enable <name>", {"enable anthropic"}, RUNS_HERE},
    {"disable", "Disable a configuration", "disable <name> [--force]", {"disable anthropic"}, RUNS_HERE},
    {"validate", "Check every configuration", "validate", {"validate"}, RUNS_HERE},
    {"history",
     "Show what was changed",
     "history [-l N] [-t TYPE]",
     {"history", "history -l 50", "history -t switch"},
     RUNS_HERE},
    {"optimize", "Sort the configuration file", "optimize", {"optimize"}, ELSEWHERE},
    {"platform",
     "Show or switch the platform",
     "platform list | current | info <platform> | switch <platform>",
     {"platform list", "platform switch codex"},
     RUNS_HERE},
    {"export", "Print the configurations as TOML, secrets masked", "export [--no-secrets]", {"export"}, RUNS_HERE},
    {"import",
     "Import configurations from a file",
     "import <file> [--merge] [--backup]",
     {"import profiles.toml --merge"},
     ELSEWHERE},
    {"clean", "Remove old backup files", "clean [--days N] [--dry-run]", {"clean --days 30 --dry-run"}, ELSEWHERE},
    {"migrate",
     "Move to the multi-platform layout",
     "migrate [--check] [--platform P]",
     {"migrate --check"},
     ELSEWHERE},
    {"temp-token",
     "Use another token for a while",
     "temp-token set <token> | show | clear",
     {"temp-token show"},
     ELSEWHERE},
    {"skills", "Manage skills", "skills list | scan <dir> | install <path>", {"skills list"}, ELSEWHERE},
    {"prompts", "Manage prompts", "prompts list | add | apply <name>", {"prompts list"}, ELSEWHERE},
    {"stats",
     "Show what was used and what it cost",
     "stats cost [--today | --this-month | --by-model]",
     {"stats cost --today"},
     ELSEWHERE},
    {"version", "Show the version", "version", {"version"}, RUNS_HERE},
    {"update", "Update CCR", "update [--check] [--branch B]", {"update --check"}, ELSEWHERE},
    {"check", "Look for conflicting settings", "check conflicts", {"check conflicts"}, ELSEWHERE},
    {"claude", "Run Claude Code", "claude [arguments]", {"claude --version"}, ELSEWHERE},
    {"qwen", "Run Qwen Code", "qwen [arguments]", {"qwen --version"}, ELSEWHERE},
    {"gemini", "Run Gemini CLI", "gemini [arguments]", {"gemini --version"}, ELSEWHERE},
    {"iflow", "Run iFlow CLI", "iflow [arguments]", {"iflow --version"}, ELSEWHERE},
    {"help", "Explain the commands", "help [command]", {"help", "help switch"}, RUNS_HERE},
    {NULL, NULL, NULL, {NULL}, RUNS_HERE},
};

const struct ccr_command *ccr_command_find(const char *name)
{
    for (const struct ccr_command *c = ccr_commands; c->name; c++)
        if (name && strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool ccr_argument_known(const char *text)
{
    static const char *const words[] = {/* flags */
                                        "--all", "--backup", "--by-model", "--check", "--days", "--dry-run",
                                        "--filter-type", "--force", "--help", "--limit", "--merge", "--no-secrets",
                                        "--output", "--platform", "--this-month", "--today", "-h", "-l", "-o", "-t",
                                        /* what stands behind `platform`, `history -t` and the like */
                                        "clean", "clear", "conflicts", "cost", "create", "current", "delete", "disable",
                                        "enable", "export", "import", "info", "init", "list", "restore", "reveal",
                                        "rollback", "show", "switch", "update", "validate"};
    long long number;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return parse_int(text, 0, 9999, &number) || platform_find(text) || ccr_command_find(text);
}
