/* Native places: where each kind stands in the files of each coding CLI, and under which keys its columns do. A new kind, column or file
 * is a row here. The files are described by their makers: code.claude.com/docs, developers.openai.com/codex, the docs folders of
 * google-gemini/gemini-cli and QwenLM/qwen-code, and docs.factory.ai. */
#include "native.h"

/* ---- MCP servers ------------------------------------------------------------------------------------------------ */

#define MCP_STDIO                                                                                                      \
    {"command", "command", FORM_SAME, "transport=stdio", 0},                                                           \
    {                                                                                                                  \
        "args", "args", FORM_SAME, NULL, 0                                                                             \
    }

/* An address without a type is an error in Claude Code; it is no server here either. */
static const struct native_member mcp_typed[] = {
    {"transport", "type", FORM_TRANSPORT, NULL, 0},
    MCP_STDIO,
    {"env", "env", FORM_SAME, NULL, 0},
    {"url", "url", FORM_SAME, NULL, 0},
    {"headers", "headers", FORM_SAME, NULL, 0},
    {"timeout_ms", "timeout", FORM_SAME, NULL, ON_CLAUDE},
    {"timeout_ms", "timeoutMs", FORM_SAME, NULL, ON_DROID},
    {"enabled", "disabled", FORM_NOT, NULL, ON_DROID},
    {"enabled_tools", "enabledTools", FORM_SAME, NULL, ON_DROID},
    {"disabled_tools", "disabledTools", FORM_SAME, NULL, ON_DROID},
    {0},
};

static const struct native_member mcp_codex[] = {
    MCP_STDIO,
    {"env", "env", FORM_ENV, NULL, 0},
    {"cwd", "cwd", FORM_SAME, NULL, 0},
    {"url", "url", FORM_SAME, "transport=http", 0},
    {"headers", "http_headers", FORM_HEADERS, NULL, 0},
    {"timeout_ms", "tool_timeout_sec", FORM_SECONDS, NULL, 0},
    {"startup_timeout_ms", "startup_timeout_sec", FORM_SECONDS, NULL, 0},
    {"startup_timeout_ms", "startup_timeout_ms", FORM_SAME, NULL, 0},
    {"enabled_tools", "enabled_tools", FORM_SAME, NULL, 0},
    {"disabled_tools", "disabled_tools", FORM_SAME, NULL, 0},
    {"enabled", "enabled", FORM_SAME, NULL, 0},
    {0},
};

/* Which address is there says how it is spoken to: httpUrl before url before command. */
static const struct native_member mcp_untyped[] = {
    {"transport", "type", FORM_IF_THERE, NULL, 0},
    {"url", "httpUrl", FORM_SAME, "transport=http", 0},
    {"url", "url", FORM_SAME, "transport=sse", 0},
    {"url", "url", FORM_SAME, "transport=http", 0},
    MCP_STDIO,
    {"env", "env", FORM_SAME, NULL, 0},
    {"cwd", "cwd", FORM_SAME, NULL, 0},
    {"headers", "headers", FORM_SAME, NULL, 0},
    {"timeout_ms", "timeout", FORM_SAME, NULL, 0},
    {"startup_timeout_ms", "discoveryTimeoutMs", FORM_SAME, NULL, ON_QWEN},
    {"trust", "trust", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, 0},
    {"enabled_tools", "includeTools", FORM_SAME, NULL, 0},
    {"disabled_tools", "excludeTools", FORM_SAME, NULL, 0},
    {0},
};

/* ---- Markdown and the like -------------------------------------------------------------------------------------- */

static const struct native_member agent[] = {
    {"name", "name", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, 0},
    {"model", "model", FORM_SAME, NULL, 0},
    {"tools", "tools", FORM_COMMAS, NULL, ON_ALL & ~ON_CODEX},
    {"disallowed_tools", "disallowedTools", FORM_COMMAS, NULL, ON_CLAUDE | ON_QWEN},
    {"color", "color", FORM_SAME, NULL, ON_CLAUDE},
    {"system_prompt", NATIVE_BODY, FORM_BODY, NULL, ON_ALL & ~ON_CODEX},
    {"system_prompt", "developer_instructions", FORM_BODY, NULL, ON_CODEX},
    {0},
};

static const struct native_member command[] = {
    {"description", "description", FORM_SAME, NULL, 0},
    {"argument_hint", "argument-hint", FORM_SAME, NULL, ON_CLAUDE | ON_DROID},
    {"allowed_tools", "allowed-tools", FORM_COMMAS, NULL, ON_CLAUDE},
    {"model", "model", FORM_SAME, NULL, ON_CLAUDE},
    {"prompt", NATIVE_BODY, FORM_BODY, NULL, 0},
    {0},
};

static const struct native_member command_toml[] = {
    {"description", "description", FORM_SAME, NULL, 0},
    {"prompt", "prompt", FORM_BODY, NULL, 0},
    {0},
};

static const struct native_member output_style[] = {
    {"name", "name", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, 0},
    {"keep_coding_instructions", "keep-coding-instructions", FORM_SAME, NULL, ON_CLAUDE},
    {"text", NATIVE_BODY, FORM_BODY, NULL, 0},
    {0},
};

static const struct native_member text[] = {{"text", NATIVE_BODY, FORM_BODY, NULL, 0}, {0}};

static const struct native_member skill[] = {
    {"name", "name", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, 0},
    {"when_to_use", "when_to_use", FORM_SAME, NULL, ON_CLAUDE},
    {"argument_hint", "argument-hint", FORM_SAME, NULL, ON_CLAUDE},
    {"allowed_tools", "allowed-tools", FORM_COMMAS, NULL, ON_CLAUDE},
    {"disallowed_tools", "disallowed-tools", FORM_COMMAS, NULL, ON_CLAUDE},
    {"model", "model", FORM_SAME, NULL, ON_CLAUDE},
    {"effort", "effort", FORM_SAME, NULL, ON_CLAUDE},
    {"context", "context", FORM_SAME, NULL, ON_CLAUDE},
    {"agent", "agent", FORM_SAME, NULL, ON_CLAUDE},
    {"paths", "paths", FORM_COMMAS, NULL, ON_CLAUDE},
    {"disable_model_invocation", "disable-model-invocation", FORM_SAME, NULL, ON_CLAUDE | ON_DROID},
    {"user_invocable", "user-invocable", FORM_SAME, NULL, ON_CLAUDE | ON_DROID},
    {"license", "license", FORM_SAME, NULL, 0},
    {"compatibility", "compatibility", FORM_SAME, NULL, 0},
    {"metadata", "metadata", FORM_SAME, NULL, 0},
    {"text", NATIVE_BODY, FORM_BODY, NULL, 0},
    {"files", NATIVE_FILES, FORM_SAME, NULL, 0},
    {0},
};

/* ---- hooks ------------------------------------------------------------------------------------------------------ */

static const struct native_member hook[] = {
    {"event", "*", FORM_SAME, NULL, 0},
    {"matcher", "^matcher", FORM_SAME, NULL, 0},
    {"type", "type", FORM_SAME, NULL, 0},
    {"command", "command", FORM_SAME, NULL, 0},
    {"url", "url", FORM_SAME, NULL, 0},
    {"headers", "headers", FORM_SAME, NULL, 0},
    {"prompt", "prompt", FORM_SAME, NULL, 0},
    {"timeout_ms", "timeout", FORM_SAME, NULL, ON_GEMINI},
    {"timeout_ms", "timeout", FORM_SAME, "type=command", ON_QWEN},
    {"timeout_ms", "timeout", FORM_SECONDS, "type=http", ON_QWEN},
    {"timeout_ms", "timeout", FORM_SECONDS, NULL, ON_ALL & ~(ON_GEMINI | ON_QWEN)},
    {"status_message", "statusMessage", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, ON_GEMINI},
    {"description", "^description", FORM_SAME, NULL, ON_ALL & ~ON_GEMINI},
    {0},
};

/* ---- one value each --------------------------------------------------------------------------------------------- */

static const struct native_member rule[] = {{"rule", "", FORM_SAME, NULL, 0}, {0}};

static const struct native_member plugin[] = {
    {"marketplace", "#", FORM_AFTER_AT, NULL, 0},
    {"enabled", "", FORM_SAME, NULL, ON_ALL & ~ON_CODEX},
    {"enabled", "enabled", FORM_SAME, NULL, ON_CODEX},
    {0},
};

static const struct native_member marketplace[] = {
    {"source", "source.source", FORM_SAME, NULL, 0},
    {"location", "source.repo", FORM_SAME, "source=github", 0},
    {"location", "source.url", FORM_SAME, "source=git", 0},
    {"location", "source.url", FORM_SAME, "source=url", 0},
    {"location", "source.path", FORM_SAME, "source=directory", 0},
    {"location", "source.path", FORM_SAME, "source=file", 0},
    {"ref", "source.ref", FORM_SAME, NULL, 0},
    {"headers", "source.headers", FORM_SAME, NULL, 0},
    {"auto_update", "autoUpdate", FORM_SAME, NULL, ON_CLAUDE},
    {0},
};

static const struct native_member marketplace_codex[] = {
    {"source", "source_type", FORM_SAME, NULL, 0},
    {"location", "source", FORM_SAME, NULL, 0},
    {"ref", "ref", FORM_SAME, NULL, 0},
    {0},
};

static const struct native_member statusline[] = {
    {NULL, "type", FORM_CONSTANT, "command", ON_CLAUDE | ON_QWEN},
    {"command", "command", FORM_SAME, NULL, 0},
    {"padding", "padding", FORM_SAME, NULL, ON_CLAUDE | ON_DROID},
    {"refresh_interval_s", "refreshInterval", FORM_SAME, NULL, ON_CLAUDE},
    {0},
};

static const struct native_member setting[] = {{"value", "", FORM_SAME, NULL, 0}, {0}};

/* ---- profiles --------------------------------------------------------------------------------------------------- */

static const struct native_member profile_claude[] = {
    {"base_url", "env.ANTHROPIC_BASE_URL", FORM_SAME, NULL, 0},
    {"auth_token", "env.ANTHROPIC_AUTH_TOKEN", FORM_SAME, NULL, 0},
    {"auth_token", "env.ANTHROPIC_API_KEY", FORM_SAME, NULL, 0},
    {"model", "env.ANTHROPIC_MODEL", FORM_SAME, NULL, 0},
    {"small_fast_model", "env.ANTHROPIC_SMALL_FAST_MODEL", FORM_SAME, NULL, 0},
    {"small_fast_model", "env.ANTHROPIC_DEFAULT_HAIKU_MODEL", FORM_SAME, NULL, 0},
    {0},
};

/* Which provider and model are used are settings. Its token stands in the file only where no variable is named instead. */
static const struct native_member profile_codex[] = {
    {"name", "name", FORM_SAME, NULL, 0},
    {"base_url", "base_url", FORM_SAME, NULL, 0},
    {"auth_token", "experimental_bearer_token", FORM_SAME, NULL, 0},
    {0},
};

static const struct native_member profile_auth[] = {{"auth_token", "OPENAI_API_KEY", FORM_SAME, NULL, 0}, {0}};

static const struct native_member profile_qwen[] = {
    {"base_url", "env.OPENAI_BASE_URL", FORM_SAME, NULL, 0},
    {"auth_token", "env.OPENAI_API_KEY", FORM_SAME, NULL, 0},
    {"model", "env.OPENAI_MODEL", FORM_SAME, NULL, 0},
    {0},
};

static const struct native_member profile_iflow[] = {
    {"base_url", "baseUrl", FORM_SAME, NULL, 0},
    {"auth_token", "apiKey", FORM_SAME, NULL, 0},
    {"model", "modelName", FORM_SAME, NULL, 0},
    {0},
};

/* ---- custom models ---------------------------------------------------------------------------------------------- */

static const struct native_member model_droid[] = {
    {"name", "displayName", FORM_SAME, NULL, 0},
    {"model", "model", FORM_SAME, NULL, 0},
    {"base_url", "baseUrl", FORM_SAME, NULL, 0},
    {"api_key", "apiKey", FORM_SAME, NULL, 0},
    {"provider", "provider", FORM_SAME, NULL, 0},
    {"max_output_tokens", "maxOutputTokens", FORM_SAME, NULL, 0},
    {"extra_headers", "extraHeaders", FORM_SAME, NULL, 0},
    {"extra_args", "extraArgs", FORM_SAME, NULL, 0},
    {0},
};

static const struct native_member model_qwen[] = {
    {"provider", "*", FORM_SAME, NULL, 0},
    {"name", "name", FORM_SAME, NULL, 0},
    {"model", "id", FORM_SAME, NULL, 0},
    {"description", "description", FORM_SAME, NULL, 0},
    {"env_key", "envKey", FORM_SAME, NULL, 0},
    {"base_url", "baseUrl", FORM_SAME, NULL, 0},
    {"extra_headers", "generationConfig.customHeaders", FORM_SAME, NULL, 0},
    {"extra_args", "generationConfig.extra_body", FORM_SAME, NULL, 0},
    {0},
};

/* ---- files ------------------------------------------------------------------------------------------------------ */

#define CLAUDE_SETTINGS                                                                                                \
    ".claude/settings.json|.claude/settings.local.json|.claude/managed-settings.json|.claude/config.json"
#define DROID_SETTINGS       ".factory/settings.json|.factory/settings.local.json"
#define QWEN_SETTINGS        ".qwen/settings.json|.qwen/settings.jsonc"
#define MCP(members)         "mcp_server", NATIVE_MAP, "mcpServers", NULL, NULL, members
#define FILES(kind, members) kind, NATIVE_FILE, "", NULL, NULL, members
#define HOOKS                "hook", NATIVE_GROUPS, "hooks.*", NULL, NULL, hook
#define RULES(effect, path)  "permission", NATIVE_LIST, path, "rule", "effect=" effect, rule
#define PLUGINS              "plugin", NATIVE_MAP, "enabledPlugins", NULL, NULL, plugin
#define MARKETPLACES         "marketplace", NATIVE_MAP, "extraKnownMarketplaces", NULL, NULL, marketplace
#define STATUSLINE(path)     "statusline", NATIVE_ONE, path, "statusline", NULL, statusline
#define MODELS(path, of)     "custom_model", NATIVE_LIST, path, "model", NULL, of
#define PROFILE(given, of)   "profile", NATIVE_ONE, "", "imported", given, of
#define SETTINGS             "settings", NATIVE_KEYS, "", NULL, NULL, setting
#define SKILLS               "skill", NATIVE_FOLDER, "", NULL, NULL, skill
#define TEXT                 "instructions", NATIVE_TEXT, "", NULL, NULL, text

/* Where several places of a kind fit, a new resource goes to the first. */
const struct native_place native_places[] = {
    {ON_CLAUDE, ".claude.json|.mcp.json|.claude/managed-mcp.json", MCP(mcp_typed)},
    {ON_CLAUDE, CLAUDE_SETTINGS, RULES("allow", "permissions.allow")},
    {ON_CLAUDE, CLAUDE_SETTINGS, RULES("ask", "permissions.ask")},
    {ON_CLAUDE, CLAUDE_SETTINGS, RULES("deny", "permissions.deny")},
    {ON_CLAUDE, CLAUDE_SETTINGS, HOOKS},
    {ON_CLAUDE, CLAUDE_SETTINGS, PLUGINS},
    {ON_CLAUDE, CLAUDE_SETTINGS, MARKETPLACES},
    {ON_CLAUDE, CLAUDE_SETTINGS, STATUSLINE("statusLine")},
    {ON_CLAUDE, CLAUDE_SETTINGS, PROFILE(NULL, profile_claude)},
    {ON_CLAUDE, CLAUDE_SETTINGS, SETTINGS},
    {ON_CLAUDE, ".claude/skills/*/SKILL.md", SKILLS},
    {ON_CLAUDE, ".claude/agents/*.md", FILES("agent", agent)},
    {ON_CLAUDE, ".claude/commands/*.md", FILES("slash_command", command)},
    {ON_CLAUDE, ".claude/output-styles/*.md", FILES("output_style", output_style)},
    {ON_CLAUDE, ".claude/CLAUDE.md|CLAUDE.md|CLAUDE.local.md", TEXT},

    {ON_CODEX, ".codex/config.toml", "mcp_server", NATIVE_MAP, "mcp_servers", NULL, NULL, mcp_codex},
    {ON_CODEX, ".codex/config.toml", "plugin", NATIVE_MAP, "plugins", NULL, NULL, plugin},
    {ON_CODEX, ".codex/config.toml", "marketplace", NATIVE_MAP, "marketplaces", NULL, NULL, marketplace_codex},
    {ON_CODEX, ".codex/hooks.json", HOOKS},
    {ON_CODEX, ".codex/auth.json", PROFILE("base_url=", profile_auth)},
    {ON_CODEX, ".codex/config.toml", "profile", NATIVE_MAP, "model_providers", NULL, NULL, profile_codex},
    {ON_CODEX, ".codex/config.toml", SETTINGS},
    {ON_CODEX, ".agents/skills/*/SKILL.md|.codex/skills/*/SKILL.md", SKILLS},
    {ON_CODEX, ".codex/agents/*.toml", FILES("agent", agent)},
    {ON_CODEX, ".codex/AGENTS.md|AGENTS.md|AGENTS.override.md", TEXT},

    {ON_GEMINI, ".gemini/settings.json", MCP(mcp_untyped)},
    {ON_GEMINI, ".gemini/settings.json", RULES("allow", "tools.allowed")},
    {ON_GEMINI, ".gemini/settings.json", RULES("deny", "tools.exclude")},
    {ON_GEMINI, ".gemini/settings.json", HOOKS},
    {ON_GEMINI, ".gemini/settings.json", SETTINGS},
    {ON_GEMINI, ".gemini/skills/*/SKILL.md|.agents/skills/*/SKILL.md", SKILLS},
    {ON_GEMINI, ".gemini/agents/*.md", FILES("agent", agent)},
    {ON_GEMINI, ".gemini/commands/*.toml", FILES("slash_command", command_toml)},
    {ON_GEMINI, ".gemini/GEMINI.md|GEMINI.md", TEXT},

    {ON_QWEN, QWEN_SETTINGS, MCP(mcp_untyped)},
    {ON_QWEN, QWEN_SETTINGS, MODELS("modelProviders.*", model_qwen)},
    {ON_QWEN, QWEN_SETTINGS, RULES("allow", "permissions.allow")},
    {ON_QWEN, QWEN_SETTINGS, RULES("ask", "permissions.ask")},
    {ON_QWEN, QWEN_SETTINGS, RULES("deny", "permissions.deny")},
    {ON_QWEN, QWEN_SETTINGS, HOOKS},
    {ON_QWEN, QWEN_SETTINGS, STATUSLINE("ui.statusLine")},
    {ON_QWEN, QWEN_SETTINGS, PROFILE(NULL, profile_qwen)},
    {ON_QWEN, QWEN_SETTINGS, SETTINGS},
    {ON_QWEN, ".qwen/skills/*/SKILL.md", SKILLS},
    {ON_QWEN, ".qwen/agents/*.md", FILES("agent", agent)},
    {ON_QWEN, ".qwen/commands/*.md", FILES("slash_command", command)},
    {ON_QWEN, ".qwen/commands/*.toml", FILES("slash_command", command_toml)},
    {ON_QWEN, ".qwen/output-styles/*.md", FILES("output_style", output_style)},
    {ON_QWEN, ".qwen/QWEN.md|QWEN.md", TEXT},

    {ON_IFLOW, ".iflow/settings.json", MCP(mcp_untyped)},
    {ON_IFLOW, ".iflow/settings.json", HOOKS},
    {ON_IFLOW, ".iflow/settings.json", PROFILE(NULL, profile_iflow)},
    {ON_IFLOW, ".iflow/settings.json", SETTINGS},
    {ON_IFLOW, ".iflow/skills/*/SKILL.md", SKILLS},
    {ON_IFLOW, ".iflow/agents/*.md", FILES("agent", agent)},
    {ON_IFLOW, ".iflow/commands/*.md", FILES("slash_command", command)},
    {ON_IFLOW, ".iflow/commands/*.toml", FILES("slash_command", command_toml)},
    {ON_IFLOW, ".iflow/output-styles/*.md", FILES("output_style", output_style)},
    {ON_IFLOW, ".iflow/IFLOW.md|IFLOW.md", TEXT},

    {ON_DROID, ".factory/mcp.json", MCP(mcp_typed)},
    {ON_DROID, ".factory/hooks.json|" DROID_SETTINGS, HOOKS},
    {ON_DROID, DROID_SETTINGS, MODELS("customModels", model_droid)},
    {ON_DROID, DROID_SETTINGS, RULES("allow", "commandAllowlist")},
    {ON_DROID, DROID_SETTINGS, RULES("deny", "commandDenylist")},
    {ON_DROID, DROID_SETTINGS, PLUGINS},
    {ON_DROID, DROID_SETTINGS, MARKETPLACES},
    {ON_DROID, DROID_SETTINGS, STATUSLINE("statusLine")},
    {ON_DROID, DROID_SETTINGS, SETTINGS},
    {ON_DROID, ".factory/skills/*/SKILL.md|.agent/skills/*/SKILL.md", SKILLS},
    {ON_DROID, ".factory/droids/*.md", FILES("agent", agent)},
    {ON_DROID, ".factory/commands/*.md", FILES("slash_command", command)},
    {ON_DROID, ".factory/AGENTS.md|AGENTS.md", TEXT},
    {0},
};
