/* Native files: told by keys at their top that no file of CCR has. */
#include "native_file.h"

#include <string.h>

#include "util.h"

#define CODEX "config.toml (Codex CLI)"

/* Keys that tell a file, more telling ones first. */
static const struct mark {
    const char *key, *file;
} json_marks[] = {
    {"claudeAiOauth", ".credentials.json (Claude Code)"},
    {"oauthAccount", ".claude.json (Claude Code)"},
    {"numStartups", ".claude.json (Claude Code)"},
    {"OPENAI_API_KEY", "auth.json (Codex CLI)"},
    {"auth_mode", "auth.json (Codex CLI)"},
    {"modelProviders", "settings.json (Qwen Code)"},
    {"customModels", "settings.json (Droid)"},
    {"custom_models", "config.json (Droid)"},
    {"ANTHROPIC_BASE_URL", "settings.json (Claude Code)"},
    {"ANTHROPIC_AUTH_TOKEN", "settings.json (Claude Code)"},
    {"ANTHROPIC_API_KEY", "settings.json (Claude Code)"},
    {"apiKeyHelper", "settings.json (Claude Code)"},
    {"enabledPlugins", "settings.json (Claude Code)"},
    {"statusLine", "settings.json (Claude Code)"},
    {"permissions", "settings.json (Claude Code)"},
    {"env", "settings.json (Claude Code)"},
    {"hooks", "settings.json (Claude Code)"},
    {"selectedAuthType", "settings.json (Gemini CLI, Qwen Code, iFlow)"},
    {"contextFileName", "settings.json (Gemini CLI, Qwen Code, iFlow)"},
    {"security", "settings.json (Gemini CLI, Qwen Code)"},
    {"general", "settings.json (Gemini CLI, Qwen Code)"},
    {"experimental", "settings.json (Gemini CLI, Qwen Code)"},
    {"mcpServers", "settings.json or .mcp.json"},
    {"model", "settings.json"},
};

/* Values at the top. */
static const struct mark value_marks[] = {
    {"model", CODEX},
    {"model_provider", CODEX},
    {"model_reasoning_effort", CODEX},
    {"model_reasoning_summary", CODEX},
    {"model_verbosity", CODEX},
    {"model_context_window", CODEX},
    {"model_instructions_file", CODEX},
    {"review_model", CODEX},
    {"approval_policy", CODEX},
    {"approvals_reviewer", CODEX},
    {"sandbox_mode", CODEX},
    {"preferred_auth_method", CODEX},
    {"forced_login_method", CODEX},
    {"cli_auth_credentials_store", CODEX},
    {"disable_response_storage", CODEX},
    {"openai_base_url", CODEX},
    {"chatgpt_base_url", CODEX},
    {"developer_instructions", CODEX},
    {"project_doc_max_bytes", CODEX},
    {"hide_agent_reasoning", CODEX},
    {"network_access", CODEX},
    {"notify", CODEX},
    {"personality", CODEX},
    {"service_tier", CODEX},
    {"web_search", CODEX},
    {"profile", CODEX},
    {"prompt", "a command (Gemini CLI)"},
    {"rule", "a policy (Gemini CLI)"},
};

/* Tables at the top. */
static const struct mark table_marks[] = {
    {"model_providers", CODEX},
    {"mcp_servers", CODEX},
    {"projects", CODEX},
    {"profiles", CODEX},
    {"plugins", CODEX},
    {"marketplaces", CODEX},
    {"features", CODEX},
    {"shell_environment_policy", CODEX},
    {"tui", CODEX},
    {"history", CODEX},
    {"tools", CODEX},
    {"sandbox_workspace_write", CODEX},
    {"notice", CODEX},
    {"otel", CODEX},
    {"windows", CODEX},
    {"agents", CODEX},
    {"memories", CODEX},
    {"skills", CODEX},
    {"apps", CODEX},
    {"permissions", CODEX},
    {"analytics", CODEX},
    {"feedback", CODEX},
    {"hooks", CODEX},
};

static const char *marked(const struct mark *marks, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(marks[i].key, key) == 0)
            return marks[i].file;
    return NULL;
}

/* Whether "key" and a colon stand in the text. */
static bool has_json_key(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
        const char *behind = at + length;
        if (at == text || at[-1] != '"' || *behind != '"')
            continue;
        behind++;
        behind += strspn(behind, " \t\r\n");
        if (*behind == ':')
            return true;
    }
    return false;
}

const char *native_json(const char *text)
{
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* a byte-order mark */
        text += 3;
    trim_white_space(&text);
    if (*text != '{' && strncmp(text, "//", 2) != 0 && strncmp(text, "/*", 2) != 0)
        return NULL;
    for (size_t i = 0; i < COUNT(json_marks); i++)
        if (has_json_key(text, json_marks[i].key))
            return json_marks[i].file;
    return NULL;
}

static bool is_ccrs(const struct toml *root)
{
    for (const struct toml *node = root->first; node; node = node->next)
        if (strcmp(node->key, "default_config") == 0 || strcmp(node->key, "current_config") == 0 ||
            (node->type == TOML_TABLE && (toml_get(node, "base_url") || toml_get(node, "auth_token"))))
            return true;
    return false;
}

const char *native_toml(const struct toml *root)
{
    const char *file = NULL;
    for (const struct toml *node = root->first; node && !file; node = node->next)
        file = node->type == TOML_TABLE ? marked(table_marks, COUNT(table_marks), node->key)
                                        : marked(value_marks, COUNT(value_marks), node->key);
    return file && !is_ccrs(root) ? file : NULL;
}
