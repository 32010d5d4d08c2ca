/* The pages of CCR UI that are lists of things. A new one is a line. */
#include "ui_shapes.h"

extern const struct kind kind_mcp_server, kind_agent, kind_slash_command, kind_plugin, kind_hook, kind_output_style,
    kind_skill, kind_profile, kind_prompt, kind_custom_model;

#define TOGGLED .on = " toggled to enabled", .off = " toggled to disabled"

/* clang-format off */
const struct ui_page ui_pages[] = {
    {"/api/mcp", "claude", &kind_mcp_server, &ui_mcp_server, UI_EDITS | UI_TOGGLES, "servers",
     .noun = "MCP server", .added = "added", .on = " enabled {}", .off = " disabled {}"},
    {"/api/agents", "claude", &kind_agent, &ui_agent, UI_EDITS | UI_READS | UI_TOGGLES, "agents",
     .folders = true, .renames = true, .noun = "Agent", .added = "added", TOGGLED},
    {"/api/slash-commands", "claude", &kind_slash_command, &ui_slash_command, UI_EDITS | UI_TOGGLES, "commands",
     .folders = true, .renames = true, .noun = "Slash command", .added = "added", TOGGLED},
    {"/api/plugins", "claude", &kind_plugin, &ui_plugin, UI_EDITS | UI_TOGGLES, "plugins", .renames = true, .before_at = true,
     .noun = "Plugin", .added = "added", TOGGLED},
    {"/api/hooks", "claude", &kind_hook, &ui_hook, UI_EDITS | UI_TOGGLES | UI_PATCHES | UI_PATCHES_TOGGLE, "hooks",
     .noun = "Hook", .added = "added", TOGGLED},
    {"/api/output-styles", "claude", &kind_output_style, &ui_output_style, UI_EDITS | UI_READS, NULL,
     .noun = "Output style", .added = "created"},
    {"/api/skills", "claude", &kind_skill, &ui_skill, UI_EDITS | UI_READS, NULL,
     .noun = "Skill", .added = "created"},

#define COMMANDS_OF(platform_path, platform)                                                                           \
    {platform_path "/slash-commands", platform, &kind_slash_command, &ui_slash_command, UI_EDITS | UI_TOGGLES,             \
     "commands", .folders = true, .renames = true, .noun = "Slash command", .added = "added", TOGGLED, .envelope = UI_MESSAGE}
#define SERVERS_OF(platform_path, platform, shape, ...)                                                                \
    {platform_path "/mcp", platform, &kind_mcp_server, &shape, UI_EDITS, .called_after = "command",                              \
     .noun = "MCP server", .added = "added", .envelope = UI_MESSAGE, __VA_ARGS__}
#define DROID_AGENTS "droid", &kind_agent

    SERVERS_OF("/api/codex", "codex", ui_mcp_codex, .key = "servers"),
    {"/api/codex/slash-commands", "codex", &kind_prompt, &ui_prompt, UI_EDITS | UI_TOGGLES, "commands", .folders = true,
     .renames = true, .noun = "Slash command", .added = "added", TOGGLED, .envelope = UI_MESSAGE},
    {"/api/codex/profiles", "codex", &kind_profile, &ui_profile_codex, UI_EDITS | UI_READS | UI_CHOOSES, "profiles",
     .one = "profile", .current = true, .verb = "apply", .noun = "Profile", .added = "added", .envelope = UI_MESSAGE},
    SERVERS_OF("/api/gemini", "gemini", ui_mcp_gemini, .key = "servers"),
    COMMANDS_OF("/api/gemini", "gemini"),
    SERVERS_OF("/api/qwen", "qwen", ui_mcp_qwen, .key = "servers"),
    COMMANDS_OF("/api/qwen", "qwen"),
    SERVERS_OF("/api/iflow", "iflow", ui_mcp_iflow, .known_by = "command"),
    COMMANDS_OF("/api/iflow", "iflow"),
    {"/api/iflow/agents", "iflow", &kind_agent, &ui_agent, UI_LISTS | UI_TOGGLES, "agents", .folders = true,
     .noun = "Agent", TOGGLED, .envelope = UI_MESSAGE},
    {"/api/iflow/plugins", "iflow", &kind_plugin, &ui_plugin, UI_LISTS, NULL, .noun = "Plugin"},
    SERVERS_OF("/api/droid", "droid", ui_mcp_qwen, .bare = true),
    {"/api/droid/agents", DROID_AGENTS, &ui_agent, UI_EDITS | UI_READS, "agents",
     .folders = true, .renames = true, .bare = true, .noun = "Agent", .added = "added", .envelope = UI_MESSAGE},
    {"/api/droid/slash-commands", "droid", &kind_slash_command, &ui_slash_command, UI_EDITS, "commands", .folders = true,
     .renames = true, .bare = true, .noun = "Slash command", .added = "added", .envelope = UI_MESSAGE},
    {"/api/droid/droids", DROID_AGENTS, &ui_droid, UI_EDITS, NULL, .renames = true,
     .noun = "Droid", .added = "added"},
    {"/api/droid/models", "droid", &kind_custom_model, &ui_model, UI_EDITS | UI_CHANGES_DEEP | UI_DELETES_DEEP,
     NULL, .renames = true, .called_after = "model", .known_by = "model", .one_each = true, .noun = "Model", .added = "added"},
    {"/api/droid/profiles", "droid", &kind_profile, &ui_profile_droid, UI_EDITS | UI_CHOOSES, NULL, .verb = "switch",
     .noun = "Profile", .added = "added"},
    {"/api/droid/plugins", "droid", &kind_plugin, &ui_plugin_droid, UI_EDITS, NULL, .bare = true, .before_at = true,
     .noun = "Plugin", .added = "added", .envelope = UI_MESSAGE},
    {0},
};
