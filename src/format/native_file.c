/* Native files: told by keys at their top that no file of CCR has. */
#include "native_file.h"

#include <string.h>

#include "edit.h"
#include "util.h"

#define CODEX "config.toml (Codex CLI)"

/* Keys that tell a file, "a|b"; more telling ones first. */
struct mark {
    const char *keys, *file;
};

static const struct mark json_marks[] = {
    {"claudeAiOauth", ".credentials.json (Claude Code)"},
    {"oauthAccount|numStartups", ".claude.json (Claude Code)"},
    {"OPENAI_API_KEY|auth_mode", "auth.json (Codex CLI)"},
    {"modelProviders|$version", "settings.json (Qwen Code)"},
    {"customModels", "settings.json (Droid)"},
    {"custom_models", "config.json (Droid)"},
    {"autonomyMode|commandAllowlist", "settings.json (Droid)"},
    {"searchApiKey|modelName", "settings.json (iFlow)"},
    {"selectedAuthType|contextFileName", "settings.json (Gemini CLI, Qwen Code, iFlow)"},
    {"security|general|experimental", "settings.json (Gemini CLI, Qwen Code)"},
    {"excludeTools", "gemini-extension.json (Gemini CLI)"},
    {"apiKeyHelper|enabledPlugins|statusLine|permissions|env", "settings.json (Claude Code)"},
    {"mcpServers", "settings.json or .mcp.json"},
    {"hooks", "settings.json or hooks.json"},
    {"model", "settings.json"},
};

/* Values at the top. */
static const struct mark value_marks[] = {
    {"model|model_provider|model_reasoning_effort|model_reasoning_summary|model_verbosity|model_context_window|"
     "model_instructions_file|review_model|approval_policy|approvals_reviewer|sandbox_mode|preferred_auth_method|"
     "forced_login_method|cli_auth_credentials_store|disable_response_storage|openai_base_url|chatgpt_base_url|"
     "developer_instructions|project_doc_max_bytes|hide_agent_reasoning|network_access|notify|personality|"
     "service_tier|web_search|profile",
     CODEX},
    {"prompt", "a command (Gemini CLI)"},
    {"rule", "a policy (Gemini CLI)"},
};

/* Tables at the top. */
static const struct mark table_marks[] = {
    {"model_providers|mcp_servers|projects|profiles|plugins|marketplaces|features|shell_environment_policy|tui|history|"
     "tools|sandbox_workspace_write|notice|otel|windows|agents|memories|skills|apps|permissions|analytics|feedback|"
     "hooks",
     CODEX},
};

static bool is_among(const char *keys, const char *key)
{
    for (size_t length; *keys; keys += length + (keys[length] == '|')) {
        length = strcspn(keys, "|");
        if (strlen(key) == length && strncmp(keys, key, length) == 0)
            return true;
    }
    return false;
}

const char *native_json(struct arena *arena, const char *text)
{
    struct edit_error error;
    const struct edit_document *document = edit_open(arena, EDIT_JSONC, text, strlen(text), &error);
    const char *key;
    json_t *value, *top = document ? json_deep_copy(edit_value(document)) : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(json_marks); i++)
        json_object_foreach(top, key, value) if (is_among(json_marks[i].keys, key)) return json_marks[i].file;
    return NULL;
}

static const char *marked(const struct mark *marks, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (is_among(marks[i].keys, key))
            return marks[i].file;
    return NULL;
}

/* The official login has neither address nor token. */
static bool is_native_profile(const struct toml *node)
{
    return node->type == TOML_TABLE &&
           (toml_get(node, "base_url") || toml_get(node, "auth_token") || toml_get(node, "usage_count"));
}

static bool is_ccrs(const struct toml *root)
{
    for (const struct toml *node = root->first; node; node = node->next)
        if (strcmp(node->key, "default_config") == 0 || strcmp(node->key, "current_config") == 0 ||
            is_native_profile(node))
            return true;
    return false;
}

const char *native_toml(const struct toml *root)
{
    const char *file = NULL;
    for (const struct toml *node = root->first; node && !file; node = node->next)
        file = node->type == TOML_TABLE ? marked(table_marks, ARRAY_SIZE(table_marks), node->key)
                                        : marked(value_marks, ARRAY_SIZE(value_marks), node->key);
    return file && !is_ccrs(root) ? file : NULL;
}
